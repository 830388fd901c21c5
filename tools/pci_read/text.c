/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>

struct cursor {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct cursor line_trim(const char *line, size_t length)
{
    struct cursor cursor = {.at = line, .end = line + length};

    while (cursor.at < cursor.end && is_blank(*cursor.at)) {
        cursor.at++;
    }
    while (cursor.at < cursor.end && is_blank(cursor.end[-1])) {
        cursor.end--;
    }
    return cursor;
}

/* Hexadecimal digits, `least` to `most` of them and no more. */
static bool take_hex(struct cursor *cursor, uint32_t least, uint32_t most, uint32_t *value)
{
    uint32_t digits = 0;
    uint32_t number = 0;

    for (; cursor->at < cursor->end; cursor->at++, digits++) {
        const char c = *cursor->at;
        uint32_t digit;

        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            break;
        }
        if (digits == most) {
            return false;
        }
        number = number << 4 | digit;
    }
    *value = number;
    return digits >= least;
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c) {
        return false;
    }
    cursor->at++;
    return true;
}

static bool take_address(struct cursor *cursor, struct pci_address *address)
{
    struct cursor at = *cursor;
    uint32_t segment = 0;
    uint32_t bus, device, function;

    if (!take_hex(&at, 4, 8, &segment) || !take_char(&at, ':')) {
        at = *cursor;
        segment = 0;
    }
    if (!take_hex(&at, 2, 2, &bus) || !take_char(&at, ':') || !take_hex(&at, 2, 2, &device) ||
        !take_char(&at, '.') || !take_hex(&at, 1, 1, &function) || device >= PCI_DEVICES ||
        function >= PCI_FUNCTIONS) {
        return false;
    }
    *address = (struct pci_address){.segment = segment,
                                    .bus = (uint8_t)bus,
                                    .device = (uint8_t)device,
                                    .function = (uint8_t)function};
    *cursor = at;
    return true;
}

bool text_address_parse(const char *line, size_t length, struct text_address *out)
{
    static const char *const labels[] = {"Slot:", "Device:"}; /* lspci -vmm, -vm */
    struct cursor cursor = line_trim(line, length);

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        const size_t label = strlen(labels[i]);

        if ((size_t)(cursor.end - cursor.at) > label && memcmp(cursor.at, labels[i], label) == 0) {
            cursor = line_trim(cursor.at + label, (size_t)(cursor.end - cursor.at) - label);
            break;
        }
    }
    if (!take_address(&cursor, &out->address) ||
        (cursor.at < cursor.end && !is_blank(*cursor.at))) {
        return false;
    }
    cursor = line_trim(cursor.at, (size_t)(cursor.end - cursor.at));
    out->name = cursor.at;
    out->name_length = (size_t)(cursor.end - cursor.at);
    return true;
}

bool text_bytes_parse(const char *line, size_t length, struct text_bytes *out)
{
    struct cursor cursor = line_trim(line, length);

    if (!take_hex(&cursor, 2, 3, &out->offset) || !take_char(&cursor, ':') ||
        out->offset % 16 != 0) {
        return false;
    }
    out->count = 0;
    while (cursor.at < cursor.end) {
        uint32_t byte;

        if (!is_blank(*cursor.at)) {
            return false;
        }
        while (is_blank(*cursor.at)) {
            cursor.at++;
        }
        if (out->count == sizeof(out->bytes) || !take_hex(&cursor, 2, 2, &byte)) {
            return false;
        }
        out->bytes[out->count++] = (uint8_t)byte;
    }
    return out->count > 0;
}
