/* SPDX-License-Identifier: MIT */

/*
 * schemac: the C code generator behind `capnp compile -o path/to/schemac file.capnp`.
 *
 * Reads a CodeGeneratorRequest from standard input and writes, for each requested x.capnp, x.h
 * into the current directory.
 */

#include "emit.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 512u /* what capnp itself accepts */

/** All of standard input, in memory aligned for any type. */
static uint8_t *read_input(size_t *length)
{
    size_t capacity = 1u << 16;
    uint8_t *bytes = allocate_zeroed(capacity, 1);

    *length = 0;
    for (;;) {
        const size_t count = fread(bytes + *length, 1, capacity - *length, stdin);

        if (count == 0) {
            break;
        }
        *length += count;
        if (*length == capacity) {
            capacity *= 2;
            bytes = realloc(bytes, capacity);
            if (bytes == NULL) {
                die("out of memory");
            }
        }
    }
    if (ferror(stdin)) {
        die("cannot read the request");
    }
    return bytes;
}

/** "schema/capos.capnp" → "capos.h". */
static char *output_name(const char *schema_path)
{
    const char *slash = strrchr(schema_path, '/');
    const char *start = slash == NULL ? schema_path : slash + 1;
    const char *dot = strrchr(start, '.');
    const size_t length = dot == NULL ? strlen(start) : (size_t)(dot - start);
    char *name = allocate_zeroed(length + 3, 1);

    memcpy(name, start, length);
    memcpy(name + length, ".h", 3);
    return name;
}

int main(void)
{
    static struct wire_segment segments[MAX_SEGMENTS];
    struct wire_message message;
    struct schema schema = {0};
    size_t length;
    const uint8_t *bytes = read_input(&length);
    const enum wire_error error =
        wire_message_init_framed(&message, bytes, length, segments, MAX_SEGMENTS, NULL);

    if (error != WIRE_OK) {
        die("standard input is no request: %s", wire_error_text(error));
    }
    schema_load(&schema, &message);
    for (uint32_t i = 0; i < schema.requested_count; i++) {
        char *name = output_name(schema_find(&schema, schema.requested[i])->file_name);
        FILE *out = fopen(name, "w");

        if (out == NULL) {
            die("cannot create %s", name);
        }
        emit_file(out, &schema, i);
        if (ferror(out) || fclose(out) != 0) {
            die("cannot write %s", name);
        }
    }
    return 0;
}
