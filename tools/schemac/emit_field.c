/* SPDX-License-Identifier: MIT */
#include "emit_field.h"

#include <inttypes.h>

uint32_t scalar_bytes(enum type_kind kind)
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

const char *scalar_name(enum type_kind kind)
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

const char *bits_suffix(enum type_kind kind)
{
    return kind == TYPE_FLOAT32 || kind == TYPE_FLOAT64 ? "_bits" : "";
}

const char *element_name(const struct type *list)
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

void emit_default(const struct place *p)
{
    if (p->field->default_bits != 0) {
        fprintf(p->out, " ^ 0x%" PRIx64 "u%s", p->field->default_bits,
                scalar_bytes(p->field->type.kind) == 8 ? "ll" : "");
    }
}

void emit_section_sizes(FILE *out, const struct node *node)
{
    emit_upper(out, node->snake);
    fputs("_DATA_WORDS, ", out);
    emit_upper(out, node->snake);
    fputs("_POINTERS", out);
}
