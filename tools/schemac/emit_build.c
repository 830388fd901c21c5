/* SPDX-License-Identifier: MIT */
#include "emit_field.h"

/** Inside a builder: make the field the selected member of its union. */
static void emit_select(const struct place *p)
{
    if (p->field->discriminant != NO_DISCRIMINANT) {
        fprintf(p->out, "    wire_set_u16(s, %u, %u);\n", p->node->discriminant_offset,
                p->field->discriminant);
    }
}

void emit_selector(const struct place *p, const char *verb)
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
    emit_default(p);
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

void emit_setter(const struct place *p)
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
