/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two kinds of lines of lspci's text that carry something. Lines may be indented, and end
 * with a carriage return.
 */

#include "pci/config.h"

#include <stddef.h>

struct text_address {
    struct pci_address address;
    const char *name; /* the rest of the line */
    size_t name_length;
};

/** `00:1f.2 SATA controller: ...`, `0000:00:1f.2 ...`, or `Slot:` before an address alone. */
bool text_address_parse(const char *line, size_t length, struct text_address *out);

struct text_bytes {
    uint32_t offset;
    uint32_t count; /* 1 to 16 */
    uint8_t bytes[16];
};

/** `40: 86 80 10 ...`: an offset that is a multiple of 16, and bytes. */
bool text_bytes_parse(const char *line, size_t length, struct text_bytes *out);
