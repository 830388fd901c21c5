/* SPDX-License-Identifier: MIT */
#include "emit.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

void emit_upper(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc(toupper((unsigned char)*text), out);
    }
}

/** The file's name without directory and extension. */
static char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *start = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(start, '.');

    return strndup(start, dot == NULL ? strlen(start) : (size_t)(dot - start));
}

/** The schema's comment, as a C comment. */
static void emit_comment(FILE *out, const struct node *node)
{
    fprintf(out, "\n/**\n * %s\n", node->camel);
    if (node->comment != NULL) {
        fputs(" *\n * ", out);
        for (const char *at = node->comment; *at != '\0'; at++) {
            if (at[0] == '\n') {
                fputs(at[1] == '\0' ? "" : at[1] == '\n' ? "\n *" : "\n * ", out);
            } else if (at[0] == '*' && at[1] == '/') {
                fputs("* ", out);
            } else {
                fputc(*at, out);
            }
        }
        fputc('\n', out);
    }
    fputs(" */\n", out);
}

static void emit_enum(FILE *out, const struct node *node)
{
    emit_comment(out, node);
    fprintf(out, "enum %s {\n", node->snake);
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        fputs("    ", out);
        emit_upper(out, node->snake);
        fputc('_', out);
        emit_upper(out, node->enumerants[i].snake);
        fprintf(out, " = %u,\n", i);
    }
    fputs("    ", out);
    emit_upper(out, node->snake);
    fprintf(out, "_COUNT = %u\n};\n\n", node->enumerant_count);

    fprintf(out, "/** The name in the schema; \"?\" for a value that has none. */\n");
    fprintf(out, "static inline const char *%s_name(enum %s value)\n{\n", node->snake, node->snake);
    fprintf(out, "    static const char *const names[] = {\n");
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        fprintf(out, "        \"%s\",\n", node->enumerants[i].camel);
    }
    fprintf(out, "    };\n\n    return (uint32_t)value < %uu ? names[value] : \"?\";\n}\n",
            node->enumerant_count);
}

static void emit_text_literal(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\') {
            fprintf(out, "\\%c", byte);
        } else if (isprint(byte)) {
            fputc(byte, out);
        } else {
            fprintf(out, "\\%03o", byte);
        }
    }
    fputc('"', out);
}

static void emit_const(FILE *out, const struct node *node, const char *file_base)
{
    fputs("#define ", out);
    if (strchr(node->camel, '.') == NULL) {
        emit_upper(out, file_base);
        fputc('_', out);
    }
    emit_upper(out, node->snake);
    fputc(' ', out);
    switch (node->type.kind) {
    case TYPE_BOOL:
    case TYPE_UINT8:
    case TYPE_UINT16:
    case TYPE_UINT32:
    case TYPE_ENUM:
        fprintf(out, "%" PRIu64 "u", node->value_bits);
        break;
    case TYPE_UINT64:
        fprintf(out, "UINT64_C(%" PRIu64 ")", node->value_bits);
        break;
    case TYPE_INT8:
        fprintf(out, "(%d)", (int8_t)node->value_bits);
        break;
    case TYPE_INT16:
        fprintf(out, "(%d)", (int16_t)node->value_bits);
        break;
    case TYPE_INT32:
        fprintf(out, "((int32_t)UINT32_C(0x%" PRIx64 "))", node->value_bits);
        break;
    case TYPE_INT64:
        fprintf(out, "((int64_t)UINT64_C(0x%" PRIx64 "))", node->value_bits);
        break;
    case TYPE_TEXT:
        emit_text_literal(out, node->value_text);
        break;
    case TYPE_VOID:
    case TYPE_FLOAT32:
    case TYPE_FLOAT64:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_INTERFACE:
    case TYPE_ANY_POINTER:
        die("%s: constants of this type are not supported", node->camel);
    }
    fputc('\n', out);
}

static void emit_interface(FILE *out, const struct node *node)
{
    emit_comment(out, node);
    fputs("#define ", out);
    emit_upper(out, node->snake);
    fprintf(out, "_INTERFACE_ID UINT64_C(0x%016" PRIx64 ")\n", node->id);
    fprintf(out, "enum %s_method {\n", node->snake);
    for (uint32_t i = 0; i < node->method_count; i++) {
        fputs("    ", out);
        emit_upper(out, node->snake);
        fputc('_', out);
        emit_upper(out, node->methods[i].name);
        fprintf(out, " = %u,\n", i);
    }
    fputs("    ", out);
    emit_upper(out, node->snake);
    fprintf(out, "_METHOD_COUNT = %u\n};\n", node->method_count);
}

/* ------------------------------------------------------------------------------------------
 * The walk: in the schema's order, once per kind of output. C wants enums and sizes before use.
 * ------------------------------------------------------------------------------------------ */

enum pass { PASS_NAMES, PASS_SIZES, PASS_NATIVE, PASS_ACCESSORS };

static void emit_struct(FILE *out, const struct node *node, enum pass pass)
{
    switch (pass) {
    case PASS_NAMES:
        break;
    case PASS_SIZES:
        emit_struct_sizes(out, node);
        break;
    case PASS_NATIVE:
        emit_struct_native(out, node);
        break;
    case PASS_ACCESSORS:
        if (node->field_count != 0) {
            emit_comment(out, node);
        }
        emit_struct_accessors(out, node);
        break;
    }
}

#define MAX_DEPTH 32u /* of declarations inside declarations */

static void walk(FILE *out, const struct node *node, enum pass pass, const char *file_base,
                 uint32_t depth)
{
    if (depth == MAX_DEPTH) {
        die("%s: nested too deep", node->camel);
    }
    switch (node->kind) {
    case NODE_STRUCT:
        emit_struct(out, node, pass);
        break;
    case NODE_INTERFACE:
        if (pass == PASS_NAMES) {
            emit_interface(out, node);
        }
        /* Parameters and results declared in the method itself belong to no scope. */
        for (uint32_t i = 0; i < node->method_count; i++) {
            if (node->methods[i].params->scope_id == 0) {
                emit_struct(out, node->methods[i].params, pass);
            }
            if (node->methods[i].results->scope_id == 0) {
                emit_struct(out, node->methods[i].results, pass);
            }
        }
        break;
    case NODE_ENUM:
        if (pass == PASS_NAMES) {
            emit_enum(out, node);
        }
        break;
    case NODE_CONST:
        if (pass == PASS_NAMES) {
            emit_const(out, node, file_base);
        }
        break;
    case NODE_FILE:
    case NODE_ANNOTATION:
        break;
    }
    for (uint32_t i = 0; i < node->nested_count; i++) {
        walk(out, node->nested[i], pass, file_base, depth + 1);
    }
}

static void emit_import(void *context, const char *name)
{
    /* capnp's own files carry annotations for other languages. */
    if (strncmp(name, "/capnp/", 7) != 0) {
        char *base = base_name(name);

        fprintf((FILE *)context, "#include \"%s.h\"\n", base);
    }
}

void emit_file(FILE *out, const struct schema *schema, uint32_t index)
{
    const struct node *file = schema_find(schema, schema->requested[index]);
    char *file_base = base_name(file->file_name);

    fprintf(out, "/* SPDX-License-Identifier: MIT */\n#pragma once\n\n");
    fprintf(out, "/*\n * Generated by schemac from %s.capnp. Changes belong there.\n", file_base);
    fprintf(out,
            " *\n * x_get_field() reads, x_set_field() and x_init_field() build. Ask x_which() "
            "before reading a\n * member of a union; setting a member selects it. An enum "
            "value that this schema does not know\n * reads as X_COUNT. A struct x exists for "
            "every message that can be the inline payload of a\n * ring entry as it is.\n"
            " */\n\n");
    fprintf(out, "#include \"wire/build.h\"\n#include \"wire/read.h\"\n\n"
                 "#include <assert.h>\n#include <stdbool.h>\n#include <stddef.h>\n"
                 "#include <stdint.h>\n");
    schema_each_import(schema, index, emit_import, out);
    fputc('\n', out);
    walk(out, file, PASS_NAMES, file_base, 0);
    fprintf(out, "\n/* Sizes of the data and pointer sections. */\n");
    walk(out, file, PASS_SIZES, file_base, 0);
    walk(out, file, PASS_NATIVE, file_base, 0);
    walk(out, file, PASS_ACCESSORS, file_base, 0);
}
