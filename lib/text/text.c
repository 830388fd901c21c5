/* SPDX-License-Identifier: MIT */
#include "text/text.h"

#include <stdbool.h>

/* 64 bits in decimal are 20 digits. */
#define DIGITS_MAX 20u

/* Output in progress. */
struct printer {
    struct text_sink *sink;
    size_t length;
};

/* The directive in hand. */
struct directive {
    uint32_t width;
    uint32_t precision;
    bool has_precision;
    bool left;
    bool zero;
    bool alternate;
    uint8_t size; /* bytes of the integer argument */
};

static void put(struct printer *printer, const char *bytes, size_t length)
{
    if (length != 0) {
        printer->length += length;
        printer->sink->write(printer->sink, bytes, length);
    }
}

static void pad(struct printer *printer, char with, size_t count)
{
    static const char spaces[16] = "                ";
    static const char zeros[16] = "0000000000000000";
    const char *from = with == '0' ? zeros : spaces;

    while (count > 0) {
        const size_t piece = count < sizeof(spaces) ? count : sizeof(spaces);

        put(printer, from, piece);
        count -= piece;
    }
}

static void put_string(struct printer *printer, const struct directive *directive,
                       const char *string, size_t length)
{
    const size_t fill = directive->width > length ? directive->width - length : 0;

    if (!directive->left) {
        pad(printer, ' ', fill);
    }
    put(printer, string, length);
    if (directive->left) {
        pad(printer, ' ', fill);
    }
}

/* An integer: [spaces] prefix [zeros] digits [spaces]. */
static void put_integer(struct printer *printer, const struct directive *directive, uint64_t value,
                        const char *digit_set, uint32_t base, const char *prefix)
{
    char digits[DIGITS_MAX];
    uint32_t first = DIGITS_MAX;
    uint32_t prefix_length = 0;
    uint32_t zeros = 0;
    uint32_t body;

    if (base == 16) {
        for (; value != 0; value >>= 4) {
            digits[--first] = digit_set[value & 15];
        }
    } else {
        for (; value != 0; value /= 10) {
            digits[--first] = digit_set[value % 10];
        }
    }
    while (prefix[prefix_length] != '\0') {
        prefix_length++;
    }
    body = DIGITS_MAX - first;
    if (directive->has_precision) {
        zeros = directive->precision > body ? directive->precision - body : 0;
    } else if (body == 0) {
        zeros = 1;
    }
    body += prefix_length + zeros;
    if (directive->zero && !directive->left && !directive->has_precision &&
        directive->width > body) {
        zeros += directive->width - body;
        body = directive->width;
    }

    if (!directive->left && directive->width > body) {
        pad(printer, ' ', directive->width - body);
    }
    put(printer, prefix, prefix_length);
    pad(printer, '0', zeros);
    put(printer, &digits[first], DIGITS_MAX - first);
    if (directive->left && directive->width > body) {
        pad(printer, ' ', directive->width - body);
    }
}

static uint32_t parse_field(const char **at)
{
    uint32_t value = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (uint32_t)(**at - '0');
        if (value > TEXT_FIELD_MAX) {
            value = TEXT_FIELD_MAX;
        }
    }
    return value;
}

static uint32_t limit_field(uint32_t value)
{
    return value < TEXT_FIELD_MAX ? value : TEXT_FIELD_MAX;
}

static void parse_flags(const char **at, struct directive *directive)
{
    for (;; (*at)++) {
        switch (**at) {
        case '-':
            directive->left = true;
            break;
        case '0':
            directive->zero = true;
            break;
        case '#':
            directive->alternate = true;
            break;
        default:
            return;
        }
    }
}

static void parse_size(const char **at, struct directive *directive)
{
    directive->size = sizeof(int);
    switch (**at) {
    case 'h':
        (*at)++;
        directive->size = sizeof(short);
        if (**at == 'h') {
            (*at)++;
            directive->size = sizeof(char);
        }
        break;
    case 'l':
        (*at)++;
        directive->size = sizeof(long);
        if (**at == 'l') {
            (*at)++;
            directive->size = sizeof(long long);
        }
        break;
    case 'z':
    case 'j':
    case 't':
        (*at)++;
        directive->size = sizeof(size_t);
        break;
    default:
        break;
    }
}

static int64_t narrow_signed(int64_t value, uint8_t size)
{
    return size == 1 ? (int8_t)value : size == 2 ? (int16_t)value : value;
}

static uint64_t narrow_unsigned(uint64_t value, uint8_t size)
{
    return size == 1 ? (uint8_t)value : size == 2 ? (uint16_t)value : value;
}

/* Bytes of a string argument, which a precision frees from needing its zero byte. */
static size_t string_length(const struct directive *directive, const char *string)
{
    size_t length = 0;

    while ((!directive->has_precision || length < directive->precision) && string[length] != '\0') {
        length++;
    }
    return length;
}

size_t text_vprint(struct text_sink *sink, const char *format, va_list arguments)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    struct printer printer = {.sink = sink};
    va_list list;

    va_copy(list, arguments);
    for (;;) {
        const char *start = format;
        struct directive directive = {0};

        while (*format != '\0' && *format != '%') {
            format++;
        }
        put(&printer, start, (size_t)(format - start));
        if (*format == '\0') {
            break;
        }

        start = format++;
        parse_flags(&format, &directive);
        if (*format == '*') {
            const int width = va_arg(list, int);

            format++;
            directive.left = directive.left || width < 0;
            directive.width = limit_field(width < 0 ? 0u - (uint32_t)width : (uint32_t)width);
        } else {
            directive.width = parse_field(&format);
        }
        if (*format == '.') {
            format++;
            directive.has_precision = true;
            if (*format == '*') {
                const int precision = va_arg(list, int);

                format++;
                directive.has_precision = precision >= 0;
                directive.precision = (uint32_t)precision;
            } else {
                directive.precision = parse_field(&format);
            }
        }
        parse_size(&format, &directive);

        switch (*format++) {
        case 'd':
        case 'i': {
            const int64_t wide =
                directive.size == sizeof(int64_t) ? va_arg(list, int64_t) : va_arg(list, int);
            const int64_t value = narrow_signed(wide, directive.size);

            directive.precision = limit_field(directive.precision);
            put_integer(&printer, &directive, value < 0 ? 0 - (uint64_t)value : (uint64_t)value,
                        lower, 10, value < 0 ? "-" : "");
            continue;
        }
        case 'u':
        case 'x':
        case 'X': {
            const char kind = format[-1];
            const uint64_t wide = directive.size == sizeof(uint64_t) ? va_arg(list, uint64_t)
                                                                     : va_arg(list, unsigned int);
            const uint64_t value = narrow_unsigned(wide, directive.size);
            const char *prefix = "";

            if (directive.alternate && kind != 'u' && value != 0) {
                prefix = kind == 'x' ? "0x" : "0X";
            }
            directive.precision = limit_field(directive.precision);
            put_integer(&printer, &directive, value, kind == 'X' ? upper : lower,
                        kind == 'u' ? 10 : 16, prefix);
            continue;
        }
        case 'p':
            directive.precision = limit_field(directive.precision);
            put_integer(&printer, &directive, (uint64_t)(uintptr_t)va_arg(list, void *), lower, 16,
                        "0x");
            continue;
        case 'c': {
            const char byte = (char)va_arg(list, int);

            put_string(&printer, &directive, &byte, 1);
            continue;
        }
        case 's': {
            const char *string = va_arg(list, const char *);

            string = string != NULL ? string : "(null)";
            put_string(&printer, &directive, string, string_length(&directive, string));
            continue;
        }
        case '%':
            put(&printer, "%", 1);
            continue;
        default:
            break;
        }
        /* Not a directive of ours: see the header. */
        for (format = start; *format != '\0'; format++) {
        }
        put(&printer, start, (size_t)(format - start));
        break;
    }
    va_end(list);
    return printer.length;
}

size_t text_print(struct text_sink *sink, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = text_vprint(sink, format, arguments);
    va_end(arguments);
    return length;
}

/* A sink that fills memory and drops what does not fit. */
struct memory_sink {
    struct text_sink sink;
    char *out;
    size_t length;
    size_t limit; /* most bytes, the zero byte already set aside */
};

static void memory_sink_write(struct text_sink *sink, const char *bytes, size_t length)
{
    struct memory_sink *memory = CONTAINER_OF(sink, struct memory_sink, sink);

    for (size_t i = 0; i < length && memory->length < memory->limit; i++) {
        memory->out[memory->length++] = bytes[i];
    }
}

size_t text_vformat(char *out, size_t capacity, const char *format, va_list arguments)
{
    struct memory_sink memory = {
        .sink = {.write = memory_sink_write},
        .out = out,
        .limit = capacity != 0 ? capacity - 1 : 0,
    };
    const size_t length = text_vprint(&memory.sink, format, arguments);

    if (capacity != 0) {
        out[memory.length] = '\0';
    }
    return length;
}

size_t text_format(char *out, size_t capacity, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = text_vformat(out, capacity, format, arguments);
    va_end(arguments);
    return length;
}

void text_hex(char *out, uint64_t value, size_t digits)
{
    while (digits-- > 0) {
        out[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

const char *text_error_name(enum text_error error)
{
    switch (error) {
    case TEXT_OK:
        return "ok";
    case TEXT_EMPTY:
        return "empty";
    case TEXT_BAD_DIGIT:
        return "badDigit";
    case TEXT_OUT_OF_RANGE:
        return "outOfRange";
    }
    return "?";
}

/* The value of a digit, or 255. */
static uint8_t digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint8_t)(digit - 'a' + 10);
    }
    if (digit >= 'A' && digit <= 'F') {
        return (uint8_t)(digit - 'A' + 10);
    }
    return 255;
}

enum text_error text_parse_u64(const char *bytes, size_t length, uint64_t *value)
{
    const bool hex = length >= 2 && bytes[0] == '0' && (bytes[1] == 'x' || bytes[1] == 'X');
    const uint64_t base = hex ? 16 : 10;
    bool overflow = false;
    uint64_t sum = 0;

    if (length == (hex ? 2u : 0u)) {
        return TEXT_EMPTY;
    }
    for (size_t i = hex ? 2 : 0; i < length; i++) {
        const uint8_t digit = digit_value(bytes[i]);

        if (digit >= base) {
            return TEXT_BAD_DIGIT;
        }
        overflow = overflow || sum > (UINT64_MAX - digit) / base;
        sum = sum * base + digit;
    }
    if (overflow) {
        return TEXT_OUT_OF_RANGE;
    }
    *value = sum;
    return TEXT_OK;
}
