/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files that hold configuration spaces: text as `lspci -xxx` or `-xxxx` writes it, with any of its
 * other options, and the bare 256 or 4096 bytes of one function. Reading never fails as a whole:
 * what cannot be used has an error and a place.
 *
 * In text, a line that starts with an address begins a function, lines of the form
 * `10: 00 1f ...` are its bytes, sixteen a line from 00 on without gaps, and all other lines are
 * for people. 64 bytes are what lspci shows to users without privileges, 128 of a CardBus bridge.
 */

#include "pci/config.h"

#include <stddef.h>

enum dump_error {
    DUMP_OK = 0,
    DUMP_UNREADABLE, /* the file cannot be opened or read; place: errno */
    DUMP_NOT_A_FILE, /* something else: a device, a socket */
    DUMP_TOO_LARGE,  /* place: bytes */
    DUMP_EMPTY,      /* a file of no bytes, a folder of no files */
    DUMP_NO_DUMP,    /* text without bytes of any function */
    DUMP_BAD_SIZE,   /* bytes that are no configuration space; place: how many, or the line */
    DUMP_GAP         /* lines are missing, repeated or out of order; place: the line */
};

const char *dump_error_name(enum dump_error error);

#define DUMP_FILE_MAX (64u << 20)

struct dump {
    enum dump_error error;
    uint64_t place;
    bool has_address; /* text gives it; a bare dump has none */
    bool is_repeated; /* the file has this address before */
    struct pci_address address;
    const char *name; /* what lspci says behind the address; not terminated */
    size_t name_length;
    size_t line;          /* where it starts, from 1; 0 in a bare dump */
    const uint8_t *bytes; /* `length` of them, at the end of a block of their own */
    uint32_t length;
};

struct dump_file {
    enum dump_error error; /* of the file as a whole: then there are no dumps */
    uint64_t place;
    struct dump *dumps; /* in the order of the file */
    size_t count;
    uint8_t *content;
};

/** Read a file. dump_close() frees what it holds, in any case. */
void dump_open(struct dump_file *file, const char *path);
void dump_close(struct dump_file *file);
