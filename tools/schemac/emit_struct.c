/* SPDX-License-Identifier: MIT */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

#define INLINE_WORDS 4u /* payload words of a ring entry: lib/ring/ring.h, RING_PAYLOAD_WORDS */

/** Bytes of a scalar in a data section; 0: not a scalar of whole bytes. */
static uint32_t scalar_bytes(enum type_kind kind)
{
    switch (kind) {
    case TYPE_INT8:
    case TYPE_UINT8:
        return 1;
    case TYPE_INT16:
    case TYPE_UINT16:
    case TYPE_ENUM:
        return 2;
    case TYPE_INT32:
    case TYPE_UINT32:
    case TYPE_FLOAT32:
        return 4;
    case TYPE_INT64:
    case TYPE_UINT64:
    case TYPE_FLOAT64:
        return 8;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_INTERFACE:
    case TYPE_ANY_POINTER:
        return 0;
    }
    return 0;
}

/** Floating point travels as its bits: the kernel has no floating point. */
static const char *scalar_name(enum type_kind kind)
{
    switch (kind) {
    case TYPE_INT8:
        return "int8_t";
    case TYPE_INT16:
        return "int16_t";
    case TYPE_INT32:
        return "int32_t";
    case TYPE_INT64:
        return "int64_t";
    case TYPE_UINT8:
        return "uint8_t";
    case TYPE_UINT16:
    case TYPE_ENUM:
        return "uint16_t";
    case TYPE_UINT32:
    case TYPE_FLOAT32:
        return "uint32_t";
    case TYPE_UINT64:
    case TYPE_FLOAT64:
        return "uint64_t";
    case TYPE_BOOL:
        return "bool";
    case TYPE_VOID:
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_INTERFACE:
    case TYPE_ANY_POINTER:
        break;
    }
    return NULL;
}

static const char *bits_suffix(enum type_kind kind)
{
    return kind == TYPE_FLOAT32 || kind == TYPE_FLOAT64 ? "_bits" : "";
}

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
 * Readers
 * ------------------------------------------------------------------------------------------ */

/** A place in a struct's accessors: the struct or group, with the prefix of its functions. */
struct place {
    FILE *out;
    const struct node *node;
    const struct field *field;
};

static const char *element_name(const struct type *list)
{
    switch (list->element->kind) {
    case TYPE_VOID:
        return "WIRE_ELEMENT_VOID";
    case TYPE_BOOL:
        return "WIRE_ELEMENT_BIT";
    case TYPE_INT8:
    case TYPE_UINT8:
        return "WIRE_ELEMENT_BYTE";
    case TYPE_INT16:
    case TYPE_UINT16:
    case TYPE_ENUM:
        return "WIRE_ELEMENT_TWO_BYTES";
    case TYPE_INT32:
    case TYPE_UINT32:
    case TYPE_FLOAT32:
        return "WIRE_ELEMENT_FOUR_BYTES";
    case TYPE_INT64:
    case TYPE_UINT64:
    case TYPE_FLOAT64:
        return "WIRE_ELEMENT_EIGHT_BYTES";
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_INTERFACE:
    case TYPE_ANY_POINTER:
        return "WIRE_ELEMENT_POINTER";
    case TYPE_STRUCT:
        return "WIRE_ELEMENT_STRUCT";
    }
    return NULL;
}

static void emit_bool_getter(const struct place *p)
{
    fprintf(p->out,
            "static inline bool %s_get_%s(struct wire_struct s)\n{\n"
            "    return %swire_get_bit(&s, %u);\n}\n",
            p->node->snake, p->field->name, p->field->default_bits != 0 ? "!" : "",
            p->field->offset);
}

/** ` ^ 0x...` if zero stands for something else. */
static void emit_default(const struct place *p, const char *cast)
{
    if (p->field->default_bits != 0) {
        fprintf(p->out, " ^ %s0x%" PRIx64 "u%s", cast, p->field->default_bits,
                scalar_bytes(p->field->type.kind) == 8 ? "ll" : "");
    }
}

static void emit_enum_getter(const struct place *p)
{
    const char *type = p->field->type.node->snake;

    fprintf(p->out,
            "static inline enum %s %s_get_%s(struct wire_struct s)\n{\n"
            "    const uint32_t value = wire_get_u16(&s, %u)",
            type, p->node->snake, p->field->name, p->field->offset * 2);
    emit_default(p, "");
    fprintf(p->out,
            ";\n\n    return value < %uu ? (enum %s)value : ", p->field->type.node->enumerant_count,
            type);
    emit_upper(p->out, type);
    fputs("_COUNT;\n}\n", p->out);
}

static void emit_scalar_getter(const struct place *p)
{
    const enum type_kind kind = p->field->type.kind;
    const uint32_t bytes = scalar_bytes(kind);

    fprintf(p->out,
            "static inline %s %s_get_%s%s(struct wire_struct s)\n{\n"
            "    return (%s)(wire_get_u%u(&s, %u)",
            scalar_name(kind), p->node->snake, p->field->name, bits_suffix(kind), scalar_name(kind),
            bytes * 8, p->field->offset * bytes);
    emit_default(p, "");
    fputs(");\n}\n", p->out);
}

/** A getter of `read`(pointer, `argument` out). */
static void emit_pointer_getter(const struct place *p, const char *out_type, const char *read,
                                const char *argument)
{
    fprintf(p->out,
            "static inline MUST_CHECK enum wire_error %s_get_%s(struct wire_struct s, %s *out)\n"
            "{\n    return %s(wire_pointer_at(&s, %u), %s%sout);\n}\n",
            p->node->snake, p->field->name, out_type, read, p->field->offset, argument,
            argument[0] == '\0' ? "" : ", ");
}

static void emit_has(const struct place *p)
{
    fprintf(p->out,
            "static inline bool %s_has_%s(struct wire_struct s)\n{\n"
            "    return !wire_pointer_is_null(wire_pointer_at(&s, %u));\n}\n",
            p->node->snake, p->field->name, p->field->offset);
}

static void emit_getter(const struct place *p)
{
    switch (p->field->type.kind) {
    case TYPE_VOID:
        return;
    case TYPE_BOOL:
        emit_bool_getter(p);
        return;
    case TYPE_ENUM:
        emit_enum_getter(p);
        return;
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
    case TYPE_UINT8:
    case TYPE_UINT16:
    case TYPE_UINT32:
    case TYPE_UINT64:
    case TYPE_FLOAT32:
    case TYPE_FLOAT64:
        emit_scalar_getter(p);
        return;
    case TYPE_TEXT:
        emit_pointer_getter(p, "struct wire_bytes", "wire_read_text", "");
        break;
    case TYPE_DATA:
        emit_pointer_getter(p, "struct wire_bytes", "wire_read_data", "");
        break;
    case TYPE_LIST:
        emit_pointer_getter(p, "struct wire_list", "wire_read_list", element_name(&p->field->type));
        break;
    case TYPE_STRUCT:
        emit_pointer_getter(p, "struct wire_struct", "wire_read_struct", "");
        break;
    case TYPE_INTERFACE:
        emit_pointer_getter(p, "uint32_t", "wire_read_capability", "");
        break;
    case TYPE_ANY_POINTER:
        fprintf(p->out,
                "static inline struct wire_pointer %s_get_%s(struct wire_struct s)\n{\n"
                "    return wire_pointer_at(&s, %u);\n}\n",
                p->node->snake, p->field->name, p->field->offset);
        break;
    }
    emit_has(p);
}

/* ------------------------------------------------------------------------------------------
 * Builders
 * ------------------------------------------------------------------------------------------ */

/** Inside a builder: make the field the selected member of its union. */
static void emit_select(const struct place *p)
{
    if (p->field->discriminant != NO_DISCRIMINANT) {
        fprintf(p->out, "    wire_set_u16(s, %u, %u);\n", p->node->discriminant_offset,
                p->field->discriminant);
    }
}

/** A setter that only selects: of a Void member or a group in a union. */
static void emit_selector(const struct place *p, const char *verb)
{
    if (p->field->discriminant != NO_DISCRIMINANT) {
        fprintf(p->out, "static inline void %s_%s_%s(const struct wire_build_struct *s)\n{\n",
                p->node->snake, verb, p->field->name);
        emit_select(p);
        fputs("}\n", p->out);
    }
}

static void emit_scalar_setter(const struct place *p)
{
    const enum type_kind kind = p->field->type.kind;
    const uint32_t bytes = scalar_bytes(kind);

    fprintf(p->out, "static inline void %s_set_%s%s(const struct wire_build_struct *s, ",
            p->node->snake, p->field->name, bits_suffix(kind));
    if (kind == TYPE_ENUM) {
        fprintf(p->out, "enum %s value)\n{\n", p->field->type.node->snake);
    } else {
        fprintf(p->out, "%s value)\n{\n", scalar_name(kind));
    }
    emit_select(p);
    if (kind == TYPE_BOOL) {
        fprintf(p->out, "    wire_set_bit(s, %u, %svalue);\n}\n", p->field->offset,
                p->field->default_bits != 0 ? "!" : "");
        return;
    }
    fprintf(p->out, "    wire_set_u%u(s, %u, (uint%u_t)(", bytes * 8, p->field->offset * bytes,
            bytes * 8);
    if (p->field->default_bits != 0) {
        fprintf(p->out, "(uint%u_t)value", bytes * 8);
    } else {
        fputs("value", p->out);
    }
    emit_default(p, "");
    fputs("));\n}\n", p->out);
}

static void emit_bytes_setter(const struct place *p, const char *build)
{
    fprintf(p->out,
            "static inline enum wire_error %s_set_%s(const struct wire_build_struct *s, "
            "const void *bytes, size_t length)\n{\n",
            p->node->snake, p->field->name);
    emit_select(p);
    fprintf(p->out, "    return %s(wire_build_pointer_at(s, %u), bytes, length);\n}\n", build,
            p->field->offset);
}

static void emit_data_space(const struct place *p)
{
    fprintf(p->out,
            "static inline enum wire_error %s_init_%s(const struct wire_build_struct *s, "
            "size_t length, uint8_t **out)\n{\n",
            p->node->snake, p->field->name);
    emit_select(p);
    fprintf(p->out,
            "    return wire_build_data_space(wire_build_pointer_at(s, %u), length, out);\n}\n",
            p->field->offset);
}

static void emit_section_sizes(FILE *out, const struct node *node)
{
    emit_upper(out, node->snake);
    fputs("_DATA_WORDS, ", out);
    emit_upper(out, node->snake);
    fputs("_POINTERS", out);
}

static void emit_list_init(const struct place *p)
{
    fprintf(p->out,
            "static inline enum wire_error %s_init_%s(const struct wire_build_struct *s, "
            "uint32_t count, struct wire_build_list *out)\n{\n",
            p->node->snake, p->field->name);
    emit_select(p);
    if (p->field->type.element->kind == TYPE_STRUCT) {
        fprintf(p->out, "    return wire_build_struct_list(wire_build_pointer_at(s, %u), ",
                p->field->offset);
        emit_section_sizes(p->out, p->field->type.element->node);
        fputs(", count, out);\n}\n", p->out);
    } else {
        fprintf(p->out,
                "    return wire_build_list(wire_build_pointer_at(s, %u), %s, count, out);\n}\n",
                p->field->offset, element_name(&p->field->type));
    }
}

static void emit_struct_init(const struct place *p)
{
    fprintf(p->out,
            "static inline enum wire_error %s_init_%s(const struct wire_build_struct *s, "
            "struct wire_build_struct *out)\n{\n",
            p->node->snake, p->field->name);
    emit_select(p);
    fprintf(p->out, "    return wire_build_struct(wire_build_pointer_at(s, %u), ",
            p->field->offset);
    emit_section_sizes(p->out, p->field->type.node);
    fputs(", out);\n}\n", p->out);
}

static void emit_setter(const struct place *p)
{
    switch (p->field->type.kind) {
    case TYPE_VOID:
        emit_selector(p, "set");
        break;
    case TYPE_BOOL:
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
    case TYPE_UINT8:
    case TYPE_UINT16:
    case TYPE_UINT32:
    case TYPE_UINT64:
    case TYPE_FLOAT32:
    case TYPE_FLOAT64:
    case TYPE_ENUM:
        emit_scalar_setter(p);
        break;
    case TYPE_TEXT:
        emit_bytes_setter(p, "wire_build_text");
        break;
    case TYPE_DATA:
        emit_bytes_setter(p, "wire_build_data");
        emit_data_space(p);
        break;
    case TYPE_LIST:
        emit_list_init(p);
        break;
    case TYPE_STRUCT:
        emit_struct_init(p);
        break;
    case TYPE_INTERFACE:
        fprintf(p->out,
                "static inline enum wire_error %s_set_%s(const struct wire_build_struct *s, "
                "uint32_t index)\n{\n",
                p->node->snake, p->field->name);
        emit_select(p);
        fprintf(p->out,
                "    return wire_build_capability(wire_build_pointer_at(s, %u), index);\n}\n",
                p->field->offset);
        break;
    case TYPE_ANY_POINTER:
        fprintf(p->out,
                "static inline struct wire_build_pointer "
                "%s_init_%s(const struct wire_build_struct *s)\n{\n",
                p->node->snake, p->field->name);
        emit_select(p);
        fprintf(p->out, "    return wire_build_pointer_at(s, %u);\n}\n", p->field->offset);
        break;
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
