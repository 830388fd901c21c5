/* SPDX-License-Identifier: MIT */
#include "emit_field.h"

static void emit_bool_getter(const struct place *p)
{
    fprintf(p->out,
            "static inline bool %s_get_%s(struct wire_struct s)\n{\n"
            "    return %swire_get_bit(&s, %u);\n}\n",
            p->node->snake, p->field->name, p->field->default_bits != 0 ? "!" : "",
            p->field->offset);
}

static void emit_enum_getter(const struct place *p)
{
    const char *type = p->field->type.node->snake;

    fprintf(p->out,
            "static inline enum %s %s_get_%s(struct wire_struct s)\n{\n"
            "    const uint32_t value = wire_get_u16(&s, %u)",
            type, p->node->snake, p->field->name, p->field->offset * 2);
    emit_default(p);
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
    emit_default(p);
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

void emit_getter(const struct place *p)
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
