/* SPDX-License-Identifier: MIT */
#include "emit_field.h"

#include <string.h>

#define INLINE_WORDS 4u /* payload words of a ring entry: lib/ring/ring.h, RING_PAYLOAD_WORDS */

void emit_struct_sizes(FILE *out, const struct node *node)
{
    fputs("#define ", out);
    emit_upper(out, node->snake);
    fprintf(out, "_DATA_WORDS %uu\n#define ", node->data_words);
    emit_upper(out, node->snake);
    fprintf(out, "_POINTERS %uu\n", node->pointer_count);
}

/* ------------------------------------------------------------------------------------------
 * C structs for inline payloads
 * ------------------------------------------------------------------------------------------ */

static bool can_be_native(const struct node *node)
{
    if (node->is_group || node->pointer_count != 0 || node->union_count != 0 ||
        node->data_words == 0 || node->data_words > INLINE_WORDS) {
        return false;
    }
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct field *field = &node->fields[i];

        if (field->group != NULL || field->default_bits != 0 ||
            (scalar_bytes(field->type.kind) == 0 && field->type.kind != TYPE_VOID)) {
            return false;
        }
    }
    return true;
}

static bool is_reserved_word(const char *name)
{
    static const char *const words[] = {
        "auto",     "bool",   "break",  "case",   "char",     "const",    "continue", "default",
        "do",       "double", "else",   "enum",   "extern",   "false",    "float",    "for",
        "goto",     "if",     "inline", "int",    "long",     "register", "restrict", "return",
        "short",    "signed", "sizeof", "static", "struct",   "switch",   "true",     "typedef",
        "unsigned", "union",  "void",   "while",  "volatile",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(name, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *member_suffix(const struct field *field)
{
    return is_reserved_word(field->name) ? "_" : "";
}

/** The field that starts at byte `offset`, or NULL. */
static const struct field *field_at(const struct node *node, uint32_t offset)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct field *field = &node->fields[i];
        const uint32_t bytes = scalar_bytes(field->type.kind);

        if (bytes != 0 && field->offset * bytes == offset) {
            return field;
        }
    }
    return NULL;
}

void emit_struct_native(FILE *out, const struct node *node)
{
    const uint32_t end = node->data_words * WIRE_WORD_BYTES;
    uint32_t offset = 0;

    if (!can_be_native(node)) {
        return;
    }
    fprintf(out, "\n/** The data section of %s. */\nstruct %s {\n", node->camel, node->snake);
    while (offset < end) {
        const struct field *field = field_at(node, offset);

        if (field != NULL) {
            fprintf(out, "    %s %s%s%s;", scalar_name(field->type.kind), field->name,
                    bits_suffix(field->type.kind), member_suffix(field));
            if (field->type.kind == TYPE_ENUM) {
                fprintf(out, " /* enum %s, unchecked */", field->type.node->snake);
            }
            fputc('\n', out);
            offset += scalar_bytes(field->type.kind);
            continue;
        }
        const uint32_t start = offset;

        while (offset < end && field_at(node, offset) == NULL) {
            offset++;
        }
        fprintf(out, "    uint8_t reserved_%u[%u]; /* zero */\n", start, offset - start);
    }
    fprintf(out, "};\nstatic_assert(sizeof(struct %s) == %u, \"data section of %s\");\n",
            node->snake, end, node->camel);
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct field *field = &node->fields[i];
        const uint32_t bytes = scalar_bytes(field->type.kind);

        if (bytes != 0) {
            fprintf(out, "static_assert(offsetof(struct %s, %s%s%s) == %u, \"%s\");\n", node->snake,
                    field->name, bits_suffix(field->type.kind), member_suffix(field),
                    field->offset * bytes, field->name);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * A struct or group
 * ------------------------------------------------------------------------------------------ */

static void emit_which(FILE *out, const struct node *node)
{
    fprintf(out, "enum %s_which {\n", node->snake);
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct field *field = &node->fields[i];

        if (field->discriminant != NO_DISCRIMINANT) {
            fputs("    ", out);
            emit_upper(out, node->snake);
            fputs("_WHICH_", out);
            emit_upper(out, field->name);
            fprintf(out, " = %u,\n", field->discriminant);
        }
    }
    fputs("    ", out);
    emit_upper(out, node->snake);
    fprintf(out, "_WHICH_COUNT = %u\n};\n", node->union_count);
    fprintf(out,
            "static inline enum %s_which %s_which(struct wire_struct s)\n{\n"
            "    const uint16_t which = wire_get_u16(&s, %u);\n\n"
            "    return which < %uu ? (enum %s_which)which : ",
            node->snake, node->snake, node->discriminant_offset, node->union_count, node->snake);
    emit_upper(out, node->snake);
    fputs("_WHICH_COUNT;\n}\n", out);
}

static void emit_root(FILE *out, const struct node *node)
{
    fprintf(out,
            "static inline enum wire_error %s_init_root(struct wire_builder *builder, "
            "struct wire_build_struct *out)\n{\n"
            "    return wire_build_struct(wire_build_root(builder), ",
            node->snake);
    emit_section_sizes(out, node);
    fputs(", out);\n}\n", out);
}

#define MAX_GROUP_DEPTH 32u

static void emit_accessors(FILE *out, const struct node *node, uint32_t depth)
{
    if (depth == MAX_GROUP_DEPTH) {
        die("%s: groups nested too deep", node->camel);
    }
    if (!node->is_group) {
        emit_root(out, node);
    }
    if (node->union_count != 0) {
        emit_which(out, node);
    }
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct place place = {.out = out, .node = node, .field = &node->fields[i]};

        if (place.field->group != NULL) {
            emit_selector(&place, "select");
            emit_accessors(out, place.field->group, depth + 1);
        } else {
            emit_getter(&place);
            emit_setter(&place);
        }
    }
}

void emit_struct_accessors(FILE *out, const struct node *node)
{
    emit_accessors(out, node, 0);
}
