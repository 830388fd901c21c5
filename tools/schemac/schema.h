/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `capnp compile` tells a code generator: the CodeGeneratorRequest, as declarations that the
 * emitters walk. Its encoding is defined by capnp/schema.capnp of Cap'n Proto 0.9; the offsets in
 * schema.c are those that `capnp compile -ocapnp` prints for that file.
 *
 * A host tool: everything is allocated once and lives until exit, any error ends the program
 * with a message that names the declaration.
 */

#include "base/compiler.h"
#include "wire/read.h"

#define NO_DISCRIMINANT 0xffffu

enum node_kind {
    NODE_FILE = 0,
    NODE_STRUCT = 1,
    NODE_ENUM = 2,
    NODE_INTERFACE = 3,
    NODE_CONST = 4,
    NODE_ANNOTATION = 5
};

enum type_kind {
    TYPE_VOID = 0,
    TYPE_BOOL = 1,
    TYPE_INT8 = 2,
    TYPE_INT16 = 3,
    TYPE_INT32 = 4,
    TYPE_INT64 = 5,
    TYPE_UINT8 = 6,
    TYPE_UINT16 = 7,
    TYPE_UINT32 = 8,
    TYPE_UINT64 = 9,
    TYPE_FLOAT32 = 10,
    TYPE_FLOAT64 = 11,
    TYPE_TEXT = 12,
    TYPE_DATA = 13,
    TYPE_LIST = 14,
    TYPE_ENUM = 15,
    TYPE_STRUCT = 16,
    TYPE_INTERFACE = 17,
    TYPE_ANY_POINTER = 18
};

struct node;

struct type {
    enum type_kind kind;
    const struct node *node;    /* of an enum or struct */
    const struct type *element; /* of a list */
};

struct field {
    char *name;               /* snake_case */
    uint16_t discriminant;    /* NO_DISCRIMINANT: not in a union */
    const struct node *group; /* NULL: a slot, described by the rest */
    struct type type;
    uint32_t offset;       /* in units of the type's size */
    uint64_t default_bits; /* of a scalar: what zero stands for */
};

struct method {
    char *name; /* snake_case */
    const struct node *params;
    const struct node *results;
};

struct name {
    char *camel; /* as in the schema */
    char *snake;
};

struct node {
    uint64_t id;
    uint64_t scope_id; /* 0: none, as the parameter structs of methods */
    enum node_kind kind;
    char *camel;         /* path inside the file, as in the schema: "Grant.source" */
    char *snake;         /* "grant_source" */
    char *file_name;     /* of the file it stands in */
    const char *comment; /* NULL: none */
    const struct node **nested;
    uint32_t nested_count;

    /* struct */
    uint16_t data_words;
    uint16_t pointer_count;
    bool is_group;
    uint16_t union_count;         /* members of its unnamed union */
    uint32_t discriminant_offset; /* bytes */
    struct field *fields;
    uint32_t field_count;

    /* enum */
    struct name *enumerants;
    uint32_t enumerant_count;

    /* interface */
    struct method *methods;
    uint32_t method_count;

    /* const */
    struct type type;
    uint64_t value_bits;
    char *value_text; /* of a text */
};

struct schema {
    struct node *nodes;
    uint32_t node_count;
    uint64_t *requested; /* ids of the files to generate for */
    uint32_t requested_count;
    struct wire_list request_files;
};

/** Parse a request. Exits with a message if it is malformed or uses what is not supported. */
void schema_load(struct schema *schema, struct wire_message *message);

const struct node *schema_find(const struct schema *schema, uint64_t id);

/** Files imported by requested file `index`: calls `visit` with each name as written. */
void schema_each_import(const struct schema *schema, uint32_t index,
                        void (*visit)(void *context, const char *name), void *context);

/** End the program with a message. */
NORETURN void die(const char *format, ...) PRINTF_LIKE(1, 2);

void *allocate_zeroed(size_t count, size_t size);

/** "SpawnRequest" → "spawn_request", "Grant.source" → "grant_source", "CPUInfo" → "cpu_info". */
char *snake_case(const char *camel);
