/* SPDX-License-Identifier: MIT */

#include "text.h"

#include <math.h>
#include <string.h>

void put_quoted(struct wire_bytes text, bool is_text)
{
    static const char escaped[] = "\a\b\f\n\r\t\v'\"\\";
    static const char letters[] = "abfnrtv'\"\\";

    putchar('"');
    for (size_t i = 0; i < text.length; i++) {
        const uint8_t byte = text.bytes[i];
        const char *place = byte == 0 ? NULL : strchr(escaped, byte);

        if (place != NULL) {
            printf("\\%c", letters[place - escaped]);
        } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_text)) {
            printf("\\%03o", byte);
        } else {
            putchar(byte);
        }
    }
    putchar('"');
}

void put_float(double value)
{
    char digits[32];
    char *plus;

    snprintf(digits, sizeof(digits), "%g", value);
    plus = strchr(digits, '+');
    if (plus != NULL) {
        memmove(plus, plus + 1, strlen(plus));
    }
    fputs(isnan(value) ? "nan" : digits, stdout);
}

double float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

void put_name(bool *first, const char *name)
{
    printf("%s%s = ", *first ? "(" : ", ", name);
    *first = false;
}

void put_end(bool first)
{
    fputs(first ? "()" : ")", stdout);
}

/* ------------------------------------------------------------------------------------------
 * Lists: one function prints element `i`
 * ------------------------------------------------------------------------------------------ */

void put_list(const struct wire_list *list, void (*put)(const struct wire_list *, uint32_t))
{
    putchar('[');
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        put(list, i);
    }
    putchar(']');
}

void put_void_element(const struct wire_list *list, uint32_t i)
{
    (void)list;
    (void)i;
    fputs("void", stdout);
}

void put_bool_element(const struct wire_list *list, uint32_t i)
{
    fputs(wire_list_get_bit(list, i) ? "true" : "false", stdout);
}

void put_int8_element(const struct wire_list *list, uint32_t i)
{
    printf("%d", (int8_t)wire_list_get_u8(list, i));
}

void put_uint16_element(const struct wire_list *list, uint32_t i)
{
    printf("%u", wire_list_get_u16(list, i));
}

void put_int32_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRId32, (int32_t)wire_list_get_u32(list, i));
}

void put_uint32_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRIu32, wire_list_get_u32(list, i));
}

void put_uint64_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRIu64, wire_list_get_u64(list, i));
}

void put_float32_element(const struct wire_list *list, uint32_t i)
{
    put_float(float_of(wire_list_get_u32(list, i)));
}

void put_colour_element(const struct wire_list *list, uint32_t i)
{
    fputs(colour_name((enum colour)wire_list_get_u16(list, i)), stdout);
}

void put_text_element(const struct wire_list *list, uint32_t i)
{
    struct wire_bytes text;

    check(wire_list_get_text(list, i, &text));
    put_quoted(text, true);
}

void put_data_element(const struct wire_list *list, uint32_t i)
{
    struct wire_bytes data;

    check(wire_list_get_data(list, i, &data));
    put_quoted(data, false);
}

struct wire_struct element(const struct wire_list *list, uint32_t i)
{
    struct wire_struct s;

    check(wire_list_get_struct(list, i, &s));
    return s;
}
