/* SPDX-License-Identifier: MIT */

/*
 * Framed messages from standard input, one after the other.
 */

#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 65536u
#define MAX_INPUT    (64u << 20)

void check(enum wire_error error)
{
    if (error != WIRE_OK) {
        printf("\nERROR %s\n", wire_error_text(error));
        exit(2);
    }
}

int main(int argument_count, char **arguments)
{
    static struct wire_segment segments[MAX_SEGMENTS];
    static uint64_t input[MAX_INPUT / 8];
    const char *command = argument_count > 1 ? arguments[1] : "";
    const char *type = argument_count > 2 ? arguments[2] : "shape";
    const bool copy = strcmp(command, "copy") == 0;
    const size_t length = fread(input, 1, sizeof(input), stdin);
    size_t at = 0;

    if (!copy && strcmp(command, "dump") != 0) {
        fprintf(stderr, "usage: wire_exchange dump shape|old|new | copy\n");
        return 1;
    }
    while (at < length) {
        struct wire_message message;
        struct wire_struct root;
        size_t used = 0;

        check(wire_message_init_framed(&message, (const uint8_t *)input + at, length - at, segments,
                                       MAX_SEGMENTS, &used));
        check(wire_read_root(&message, &root));
        at += used;
        if (copy) {
            write_copy(root);
            continue;
        }
        if (strcmp(type, "old") == 0) {
            put_old(root);
        } else if (strcmp(type, "new") == 0) {
            put_new(root);
        } else {
            put_shape(root);
        }
        putchar('\n');
    }
    return 0;
}
