/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Byte offsets and pointer indices in the structs of capnp/schema.capnp. */
enum {
    REQUEST_NODES = 0,
    REQUEST_FILES = 1,
    REQUEST_SOURCE_INFO = 3,
    FILE_ID = 0,
    FILE_IMPORTS = 1,
    IMPORT_NAME = 0,
    SOURCE_INFO_ID = 0,
    SOURCE_INFO_COMMENT = 0,
    NODE_ID = 0,
    NODE_PREFIX_LENGTH = 8,
    NODE_WHICH = 12,
    NODE_SCOPE = 16,
    NODE_NAME = 0,
    NODE_NESTED = 1,
    NODE_BODY = 3, /* fields, enumerants, methods, or the type of a constant */
    NODE_CONST_VALUE = 4,
    NESTED_ID = 0,
    STRUCT_DATA_WORDS = 14,
    STRUCT_POINTERS = 24,
    STRUCT_IS_GROUP_BIT = 224,
    STRUCT_UNION_COUNT = 30,
    STRUCT_DISCRIMINANT = 32,
    FIELD_DISCRIMINANT = 2,
    FIELD_OFFSET = 4,
    FIELD_WHICH = 8,
    FIELD_GROUP = 16,
    FIELD_EXPLICIT_DEFAULT_BIT = 128,
    FIELD_NAME = 0,
    FIELD_TYPE = 2,
    FIELD_DEFAULT = 3,
    ENUMERANT_NAME = 0,
    METHOD_NAME = 0,
    METHOD_PARAMS = 8,
    METHOD_RESULTS = 16,
    TYPE_WHICH = 0,
    TYPE_ID = 8,
    TYPE_ELEMENT = 0,
    VALUE_WHICH = 0,
    VALUE_TEXT = 0
};

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("schemac: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate_zeroed(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);

    if (memory == NULL) {
        die("out of memory");
    }
    return memory;
}

char *snake_case(const char *camel)
{
    const size_t length = strlen(camel);
    char *snake = allocate_zeroed(2 * length + 1, 1);
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        const int here = (unsigned char)camel[i];
        const int before = i == 0 ? '_' : (unsigned char)camel[i - 1];
        const int after = (unsigned char)camel[i + 1];

        if (!isalnum(here)) {
            snake[used++] = '_';
            continue;
        }
        if (isupper(here) && isalnum(before) && (!isupper(before) || islower(after))) {
            snake[used++] = '_';
        }
        snake[used++] = (char)tolower(here);
    }
    return snake;
}

/* ------------------------------------------------------------------------------------------
 * Reading that cannot fail: an error in the request is the end.
 * ------------------------------------------------------------------------------------------ */

static void check(enum wire_error error, const struct wire_message *message)
{
    if (error != WIRE_OK) {
        die("malformed request: %s (segment %u, word %u)", wire_error_text(error),
            message->fault.segment, message->fault.word);
    }
}

static struct wire_struct get_struct(const struct wire_struct *s, uint32_t index)
{
    struct wire_struct out = {0};

    check(wire_read_struct(wire_pointer_at(s, index), &out), s->message);
    return out;
}

static struct wire_list get_list(const struct wire_struct *s, uint32_t index)
{
    struct wire_list out = {0};

    check(wire_read_list(wire_pointer_at(s, index), WIRE_ELEMENT_STRUCT, &out), s->message);
    return out;
}

static struct wire_struct get_element(const struct wire_list *list, uint32_t index)
{
    struct wire_struct out = {0};

    check(wire_list_get_struct(list, index, &out), list->message);
    return out;
}

/** A text; it ends with a NUL inside the message. */
static const char *get_text(const struct wire_struct *s, uint32_t index)
{
    struct wire_bytes text = {0};

    check(wire_read_text(wire_pointer_at(s, index), &text), s->message);
    return (const char *)text.bytes;
}

/* ------------------------------------------------------------------------------------------
 * Types and values
 * ------------------------------------------------------------------------------------------ */

static struct type load_type(const struct schema *schema, const struct wire_struct *wire)
{
    const uint16_t which = wire_get_u16(wire, TYPE_WHICH);
    struct type type = {0};

    if (which > TYPE_ANY_POINTER) {
        die("unknown type %u in the request", which);
    }
    type.kind = (enum type_kind)which;
    if (type.kind == TYPE_LIST) {
        const struct wire_struct element_wire = get_struct(wire, TYPE_ELEMENT);
        struct type *element = allocate_zeroed(1, sizeof(*element));

        *element = load_type(schema, &element_wire);
        type.element = element;
    }
    if (type.kind == TYPE_ENUM || type.kind == TYPE_STRUCT) {
        type.node = schema_find(schema, wire_get_u64(wire, TYPE_ID));
    }
    return type;
}

/** The bits of a scalar Value; 0 for anything else. */
static uint64_t load_value_bits(const struct wire_struct *value)
{
    switch ((enum type_kind)wire_get_u16(value, VALUE_WHICH)) {
    case TYPE_BOOL:
        return wire_get_bit(value, 16);
    case TYPE_INT8:
    case TYPE_UINT8:
        return wire_get_u8(value, 2);
    case TYPE_INT16:
    case TYPE_UINT16:
    case TYPE_ENUM:
        return wire_get_u16(value, 2);
    case TYPE_INT32:
    case TYPE_UINT32:
    case TYPE_FLOAT32:
        return wire_get_u32(value, 4);
    case TYPE_INT64:
    case TYPE_UINT64:
    case TYPE_FLOAT64:
        return wire_get_u64(value, 8);
    case TYPE_VOID:
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

/* ------------------------------------------------------------------------------------------
 * Declarations
 * ------------------------------------------------------------------------------------------ */

static bool is_pointer_type(enum type_kind kind)
{
    return kind == TYPE_TEXT || kind == TYPE_DATA || kind == TYPE_LIST || kind == TYPE_STRUCT ||
           kind == TYPE_ANY_POINTER;
}

static void load_field(const struct schema *schema, const struct node *node, struct field *field,
                       const struct wire_struct *wire)
{
    const char *name = get_text(wire, FIELD_NAME);

    field->name = snake_case(name);
    field->discriminant = wire_get_u16(wire, FIELD_DISCRIMINANT) ^ NO_DISCRIMINANT;
    if (wire_get_u16(wire, FIELD_WHICH) == 1) {
        field->group = schema_find(schema, wire_get_u64(wire, FIELD_GROUP));
        return;
    }
    const struct wire_struct type = get_struct(wire, FIELD_TYPE);
    const struct wire_struct value = get_struct(wire, FIELD_DEFAULT);

    field->type = load_type(schema, &type);
    field->offset = wire_get_u32(wire, FIELD_OFFSET);
    field->default_bits = load_value_bits(&value);
    if (wire_get_bit(wire, FIELD_EXPLICIT_DEFAULT_BIT) && is_pointer_type(field->type.kind)) {
        die("%s.%s: defaults of texts, data, lists and structs are not supported", node->camel,
            name);
    }
}

static void load_struct(const struct schema *schema, struct node *node,
                        const struct wire_struct *wire)
{
    const struct wire_list fields = get_list(wire, NODE_BODY);

    node->data_words = wire_get_u16(wire, STRUCT_DATA_WORDS);
    node->pointer_count = wire_get_u16(wire, STRUCT_POINTERS);
    node->is_group = wire_get_bit(wire, STRUCT_IS_GROUP_BIT);
    node->union_count = wire_get_u16(wire, STRUCT_UNION_COUNT);
    node->discriminant_offset = 2 * wire_get_u32(wire, STRUCT_DISCRIMINANT);
    node->field_count = fields.count;
    node->fields = allocate_zeroed(fields.count, sizeof(*node->fields));
    for (uint32_t i = 0; i < fields.count; i++) {
        const struct wire_struct field = get_element(&fields, i);

        load_field(schema, node, &node->fields[i], &field);
    }
}

static void load_enum(struct node *node, const struct wire_struct *wire)
{
    const struct wire_list list = get_list(wire, NODE_BODY);

    node->enumerant_count = list.count;
    node->enumerants = allocate_zeroed(list.count, sizeof(*node->enumerants));
    for (uint32_t i = 0; i < list.count; i++) {
        const struct wire_struct enumerant = get_element(&list, i);

        node->enumerants[i].camel = strdup(get_text(&enumerant, ENUMERANT_NAME));
        node->enumerants[i].snake = snake_case(node->enumerants[i].camel);
    }
}

static void load_interface(const struct schema *schema, struct node *node,
                           const struct wire_struct *wire)
{
    const struct wire_list list = get_list(wire, NODE_BODY);

    node->method_count = list.count;
    node->methods = allocate_zeroed(list.count, sizeof(*node->methods));
    for (uint32_t i = 0; i < list.count; i++) {
        const struct wire_struct method = get_element(&list, i);

        node->methods[i] = (struct method){
            .name = snake_case(get_text(&method, METHOD_NAME)),
            .params = schema_find(schema, wire_get_u64(&method, METHOD_PARAMS)),
            .results = schema_find(schema, wire_get_u64(&method, METHOD_RESULTS)),
        };
    }
}

static void load_const(const struct schema *schema, struct node *node,
                       const struct wire_struct *wire)
{
    const struct wire_struct type = get_struct(wire, NODE_BODY);
    const struct wire_struct value = get_struct(wire, NODE_CONST_VALUE);

    node->type = load_type(schema, &type);
    node->value_bits = load_value_bits(&value);
    if (node->type.kind == TYPE_TEXT) {
        node->value_text = strdup(get_text(&value, VALUE_TEXT));
    } else if (is_pointer_type(node->type.kind)) {
        die("%s: constants of this type are not supported", node->camel);
    }
}

/** Identity and names: everything that others refer to. */
static void load_head(struct node *node, const struct wire_struct *wire)
{
    const char *display = get_text(wire, NODE_NAME);
    const char *colon = strrchr(display, ':');
    const uint16_t which = wire_get_u16(wire, NODE_WHICH);

    if (which > NODE_ANNOTATION) {
        die("unknown declaration %u in the request", which);
    }
    node->id = wire_get_u64(wire, NODE_ID);
    node->scope_id = wire_get_u64(wire, NODE_SCOPE);
    node->kind = (enum node_kind)which;
    node->camel = strdup(colon == NULL ? display : colon + 1);
    node->snake = snake_case(node->camel);
    node->file_name = colon == NULL ? strdup(display) : strndup(display, (size_t)(colon - display));
}

static void load_body(const struct schema *schema, struct node *node,
                      const struct wire_struct *wire)
{
    const struct wire_list nested = get_list(wire, NODE_NESTED);

    node->nested_count = nested.count;
    node->nested = allocate_zeroed(nested.count, sizeof(struct node *));
    for (uint32_t i = 0; i < nested.count; i++) {
        const struct wire_struct entry = get_element(&nested, i);

        node->nested[i] = schema_find(schema, wire_get_u64(&entry, NESTED_ID));
    }
    switch (node->kind) {
    case NODE_STRUCT:
        load_struct(schema, node, wire);
        break;
    case NODE_ENUM:
        load_enum(node, wire);
        break;
    case NODE_INTERFACE:
        load_interface(schema, node, wire);
        break;
    case NODE_CONST:
        load_const(schema, node, wire);
        break;
    case NODE_FILE:
    case NODE_ANNOTATION:
        break;
    }
}

static struct node *find_node(const struct schema *schema, uint64_t id)
{
    for (uint32_t i = 0; i < schema->node_count; i++) {
        if (schema->nodes[i].id == id) {
            return &schema->nodes[i];
        }
    }
    return NULL;
}

const struct node *schema_find(const struct schema *schema, uint64_t id)
{
    const struct node *node = find_node(schema, id);

    if (node == NULL) {
        die("the request does not contain declaration @0x%llx", (unsigned long long)id);
    }
    return node;
}

void schema_load(struct schema *schema, struct wire_message *message)
{
    struct wire_struct request = {0};

    check(wire_read_root(message, &request), message);
    const struct wire_list nodes = get_list(&request, REQUEST_NODES);
    const struct wire_list files = get_list(&request, REQUEST_FILES);
    const struct wire_list comments = get_list(&request, REQUEST_SOURCE_INFO);

    schema->node_count = nodes.count;
    schema->nodes = allocate_zeroed(nodes.count, sizeof(*schema->nodes));
    for (uint32_t i = 0; i < nodes.count; i++) {
        const struct wire_struct node = get_element(&nodes, i);

        load_head(&schema->nodes[i], &node);
    }
    for (uint32_t i = 0; i < comments.count; i++) {
        const struct wire_struct info = get_element(&comments, i);
        struct node *node = find_node(schema, wire_get_u64(&info, SOURCE_INFO_ID));
        const char *text = get_text(&info, SOURCE_INFO_COMMENT);

        if (node != NULL && text[0] != '\0') {
            node->comment = text;
        }
    }
    for (uint32_t i = 0; i < nodes.count; i++) {
        const struct wire_struct node = get_element(&nodes, i);

        load_body(schema, &schema->nodes[i], &node);
    }
    schema->request_files = files;
    schema->requested_count = files.count;
    schema->requested = allocate_zeroed(files.count, sizeof(*schema->requested));
    for (uint32_t i = 0; i < files.count; i++) {
        const struct wire_struct file = get_element(&files, i);

        schema->requested[i] = wire_get_u64(&file, FILE_ID);
    }
}

void schema_each_import(const struct schema *schema, uint32_t index,
                        void (*visit)(void *context, const char *name), void *context)
{
    const struct wire_struct file = get_element(&schema->request_files, index);
    const struct wire_list imports = get_list(&file, FILE_IMPORTS);

    for (uint32_t i = 0; i < imports.count; i++) {
        const struct wire_struct import = get_element(&imports, i);

        visit(context, get_text(&import, IMPORT_NAME));
    }
}
