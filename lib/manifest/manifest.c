/* SPDX-License-Identifier: MIT */
#include "manifest/manifest.h"

#include "base/memory.h"
#include "text/text.h"

static const char *const error_text[MANIFEST_ERROR_COUNT] = {
    [MANIFEST_OK] = "ok",
    [MANIFEST_BAD_WIRE] = "the message is damaged",
    [MANIFEST_BAD_ABI_LEVEL] = "made for another ABI level",
    [MANIFEST_NO_PROGRAMS] = "no programs, not even init",
    [MANIFEST_TOO_MANY_PROGRAMS] = "too many programs",
    [MANIFEST_EMPTY] = "must not be empty",
    [MANIFEST_TOO_LONG] = "longer than 31 bytes",
    [MANIFEST_BAD_CHARACTER] = "has characters other than letters, digits and . _ -",
    [MANIFEST_DUPLICATE] = "given twice",
    [MANIFEST_MISSING_IMAGE] = "no such image in the package",
    [MANIFEST_EMPTY_IMAGE] = "the image is empty",
    [MANIFEST_UNKNOWN_VALUE] = "not a value of this ABI level",
    [MANIFEST_OUT_OF_RANGE] = "out of range",
    [MANIFEST_ABOVE_MAXIMUM] = "above its maximum",
    [MANIFEST_ZERO] = "must not be zero",
    [MANIFEST_TOO_MANY] = "too many",
    [MANIFEST_UNKNOWN_SERVICE] = "no program serves this service",
    [MANIFEST_SERVED_TWICE] = "another program serves this service",
};

const char *manifest_error_text(enum manifest_error error)
{
    return (unsigned)error < MANIFEST_ERROR_COUNT ? error_text[error] : "?";
}

void manifest_fault_format(const struct manifest_fault *fault, char *out, size_t capacity)
{
    size_t length = 0;

    if (capacity == 0) {
        return;
    }
    if (fault->program[0] != '\0') {
        length = text_format(out, capacity, "program \"%s\": ", fault->program);
    }
    if (length < capacity && fault->field[0] != '\0') {
        length += text_format(out + length, capacity - length, "%s: ", fault->field);
    }
    if (length < capacity) {
        length +=
            text_format(out + length, capacity - length, "%s", manifest_error_text(fault->error));
    }
    if (length < capacity && fault->value[0] != '\0') {
        length += text_format(out + length, capacity - length, ": \"%s\"", fault->value);
    }
    if (length < capacity && fault->error == MANIFEST_BAD_WIRE) {
        text_format(out + length, capacity - length, ": %s, segment %u, word %u",
                    wire_error_text(fault->wire.error), fault->wire.segment, fault->wire.word);
    }
}

/* ------------------------------------------------------------------------------------------
 * Faults
 * ------------------------------------------------------------------------------------------ */

static bool name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/** Copy a name for people: cut to what fits, other characters replaced. */
static void name_print(char out[MANIFEST_NAME_MAX + 1], struct wire_bytes name)
{
    size_t length = name.length < MANIFEST_NAME_MAX ? name.length : MANIFEST_NAME_MAX;

    for (size_t i = 0; i < length; i++) {
        out[i] = (char)(name_character(name.bytes[i]) ? name.bytes[i] : '?');
    }
    out[length] = '\0';
}

static bool bytes_equal(struct wire_bytes a, struct wire_bytes b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/** Record an error. `field` may be a format with one index in it. */
static PRINTF_LIKE(3, 4) enum manifest_error
    fail(struct manifest_fault *fault, enum manifest_error error, const char *field, ...)
{
    va_list arguments;

    fault->error = error;
    va_start(arguments, field);
    text_vformat(fault->field, sizeof(fault->field), field, arguments);
    va_end(arguments);
    return error;
}

static enum manifest_error fail_wire(const struct boot_package *package,
                                     struct manifest_fault *fault, const char *field)
{
    fault->wire = package->message.fault;
    return fail(fault, MANIFEST_BAD_WIRE, "%s", field);
}

/** Renew the traversal limit: each function below is a walk of its own. */
static void package_rewind(struct boot_package *package)
{
    package->message.words_left = package->words_limit;
}

/* ------------------------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------------------------ */

enum manifest_error boot_package_open(struct boot_package *package, const void *bytes,
                                      size_t length, struct manifest_fault *fault)
{
    struct wire_struct root, manifest;
    enum wire_error error;
    uint32_t level;

    memset(fault, 0, sizeof(*fault));
    memset(package, 0, sizeof(*package));
    package->bytes = bytes;
    error = wire_message_init_framed(&package->message, bytes, length, package->segments,
                                     BOOT_PACKAGE_SEGMENTS, &package->length);
    if (error != WIRE_OK) {
        fault->wire.error = error;
        return fail(fault, MANIFEST_BAD_WIRE, "boot package");
    }
    package->words_limit = package->message.words_left;
    if (wire_read_root(&package->message, &root) != WIRE_OK) {
        return fail_wire(package, fault, "boot package");
    }
    level = boot_package_get_abi_level(root);
    if (level != CAPOS_ABI_LEVEL) {
        text_format(fault->value, sizeof(fault->value), "%u, not %u", level, CAPOS_ABI_LEVEL);
        return fail(fault, MANIFEST_BAD_ABI_LEVEL, "abiLevel");
    }
    if (boot_package_get_manifest(root, &manifest) != WIRE_OK) {
        return fail_wire(package, fault, "manifest");
    }
    if (manifest_get_programs(manifest, &package->programs) != WIRE_OK) {
        return fail_wire(package, fault, "manifest.programs");
    }
    if (boot_package_get_images(root, &package->images) != WIRE_OK) {
        return fail_wire(package, fault, "images");
    }
    if (package->programs.count == 0) {
        return fail(fault, MANIFEST_NO_PROGRAMS, "manifest.programs");
    }
    if (package->programs.count > MANIFEST_PROGRAMS_MAX) {
        return fail(fault, MANIFEST_TOO_MANY_PROGRAMS, "manifest.programs");
    }
    return MANIFEST_OK;
}

/** Read a program. Returns the name of the first field that cannot be read, NULL if all can. */
static const char *program_read(struct boot_package *package, uint32_t index,
                                struct manifest_program *program)
{
    struct wire_struct fields, budget;

    if (wire_list_get_struct(&package->programs, index, &fields) != WIRE_OK) {
        return "programs";
    }
    if (program_get_name(fields, &program->name) != WIRE_OK) {
        return "name";
    }
    if (program_get_image(fields, &program->image) != WIRE_OK) {
        return "image";
    }
    program->start = program_get_start(fields);
    program->priority = program_get_priority(fields);
    program->max_priority = program_get_max_priority(fields);
    program->cpu_budget_us = program_get_cpu_budget_micros(fields);
    program->cpu_period_us = program_get_cpu_period_micros(fields);
    if (program_get_budget(fields, &budget) != WIRE_OK) {
        return "budget";
    }
    program->frames = budget_get_frames(budget);
    program->cap_slots = budget_get_cap_slots(budget);
    program->objects = budget_get_objects(budget);
    program->threads = budget_get_threads(budget);
    if (program_get_arguments(fields, &program->arguments) != WIRE_OK) {
        return "arguments";
    }
    if (program_get_grants(fields, &program->grants) != WIRE_OK) {
        return "grants";
    }
    return NULL;
}

bool manifest_get_program(struct boot_package *package, uint32_t index,
                          struct manifest_program *program)
{
    package_rewind(package);
    return program_read(package, index, program) == NULL;
}

static bool grant_read(const struct manifest_program *program, uint32_t index,
                       struct manifest_grant *grant)
{
    struct wire_struct fields;

    if (wire_list_get_struct(&program->grants, index, &fields) != WIRE_OK ||
        grant_get_name(fields, &grant->name) != WIRE_OK) {
        return false;
    }
    grant->source = grant_source_which(fields);
    grant->service = (struct wire_bytes){.bytes = (const uint8_t *)""};
    if (grant->source == GRANT_SOURCE_WHICH_SERVES) {
        return grant_source_get_serves(fields, &grant->service) == WIRE_OK;
    }
    if (grant->source == GRANT_SOURCE_WHICH_USES) {
        return grant_source_get_uses(fields, &grant->service) == WIRE_OK;
    }
    return true;
}

bool manifest_get_grant(struct boot_package *package, const struct manifest_program *program,
                        uint32_t index, struct manifest_grant *grant)
{
    package_rewind(package);
    return grant_read(program, index, grant);
}

bool manifest_find_program(struct boot_package *package, struct wire_bytes name, uint32_t *index)
{
    struct manifest_program program;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        if (manifest_get_program(package, i, &program) && bytes_equal(program.name, name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool manifest_find_server(struct boot_package *package, struct wire_bytes service, uint32_t *index)
{
    struct manifest_program program;
    struct manifest_grant grant;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        if (!manifest_get_program(package, i, &program)) {
            continue;
        }
        for (uint32_t g = 0; g < program.grants.count && g < MANIFEST_GRANTS_MAX; g++) {
            if (grant_read(&program, g, &grant) && grant.source == GRANT_SOURCE_WHICH_SERVES &&
                bytes_equal(grant.service, service)) {
                *index = i;
                return true;
            }
        }
    }
    return false;
}

bool manifest_find_image(struct boot_package *package, struct wire_bytes name,
                         struct wire_bytes *elf)
{
    struct wire_struct image;
    struct wire_bytes image_name, bytes;

    for (uint32_t i = 0; i < package->images.count; i++) {
        package_rewind(package);
        if (wire_list_get_struct(&package->images, i, &image) == WIRE_OK &&
            image_get_name(image, &image_name) == WIRE_OK && bytes_equal(image_name, name) &&
            image_get_elf(image, &bytes) == WIRE_OK) {
            *elf = bytes;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------------
 * Checks
 * ------------------------------------------------------------------------------------------ */

/** What is wrong with a name. */
static enum manifest_error name_check(struct wire_bytes name)
{
    if (name.length == 0) {
        return MANIFEST_EMPTY;
    }
    if (name.length > MANIFEST_NAME_MAX) {
        return MANIFEST_TOO_LONG;
    }
    for (size_t i = 0; i < name.length; i++) {
        if (!name_character(name.bytes[i])) {
            return MANIFEST_BAD_CHARACTER;
        }
    }
    return MANIFEST_OK;
}

/** Check one name and record it as the value found. */
static enum manifest_error fail_name(struct manifest_fault *fault, enum manifest_error error,
                                     const char *field, uint32_t index, struct wire_bytes name)
{
    name_print(fault->value, name);
    fault->error = error;
    /* A field of a program itself has no index. */
    if (index == UINT32_MAX) {
        return fail(fault, error, "%s", field);
    }
    return fail(fault, error, "grants[%u].%s", index, field);
}

static enum manifest_error fail_number(struct manifest_fault *fault, enum manifest_error error,
                                       const char *field, uint32_t number)
{
    text_format(fault->value, sizeof(fault->value), "%u", number);
    return fail(fault, error, "%s", field);
}

static enum manifest_error check_numbers(const struct manifest_program *program,
                                         struct manifest_fault *fault)
{
    const struct {
        const char *field;
        uint32_t value;
    } positive[] = {
        {"budget.frames", program->frames},
        {"budget.capSlots", program->cap_slots},
        {"budget.objects", program->objects},
        {"budget.threads", program->threads},
    };

    if (program->start == START_COUNT) {
        return fail(fault, MANIFEST_UNKNOWN_VALUE, "start");
    }
    if (program->max_priority > MANIFEST_PRIORITY_MAX) {
        return fail_number(fault, MANIFEST_OUT_OF_RANGE, "maxPriority", program->max_priority);
    }
    if (program->priority > program->max_priority) {
        return fail_number(fault, MANIFEST_ABOVE_MAXIMUM, "priority", program->priority);
    }
    if (program->cpu_budget_us != 0 && program->cpu_period_us == 0) {
        return fail(fault, MANIFEST_ZERO, "cpuPeriodMicros");
    }
    if (program->cpu_budget_us > program->cpu_period_us) {
        return fail_number(fault, MANIFEST_ABOVE_MAXIMUM, "cpuBudgetMicros",
                           program->cpu_budget_us);
    }
    for (size_t i = 0; i < ARRAY_COUNT(positive); i++) {
        if (positive[i].value == 0) {
            return fail(fault, MANIFEST_ZERO, "%s", positive[i].field);
        }
    }
    return MANIFEST_OK;
}

static enum manifest_error check_arguments(const struct boot_package *package,
                                           const struct manifest_program *program,
                                           struct manifest_fault *fault)
{
    struct wire_bytes argument;
    size_t total = 0;

    if (program->arguments.count > MANIFEST_ARGUMENTS_MAX) {
        return fail_number(fault, MANIFEST_TOO_MANY, "arguments", program->arguments.count);
    }
    for (uint32_t i = 0; i < program->arguments.count; i++) {
        if (wire_list_get_text(&program->arguments, i, &argument) != WIRE_OK) {
            return fail_wire(package, fault, "arguments");
        }
        total += argument.length + 1;
        if (total > MANIFEST_ARGUMENT_BYTES) {
            return fail(fault, MANIFEST_OUT_OF_RANGE, "arguments");
        }
    }
    return MANIFEST_OK;
}

/** Check one grant of program number `index`. */
static enum manifest_error check_grant(struct boot_package *package, uint32_t index,
                                       const struct manifest_program *program, uint32_t number,
                                       struct manifest_fault *fault)
{
    struct manifest_grant grant, other;
    enum manifest_error error;
    const char *service_field;
    uint32_t server;

    if (!manifest_get_grant(package, program, number, &grant)) {
        return fail_wire(package, fault, "grants");
    }
    error = name_check(grant.name);
    if (error != MANIFEST_OK) {
        return fail_name(fault, error, "name", number, grant.name);
    }
    for (uint32_t i = 0; i < number; i++) {
        if (grant_read(program, i, &other) && bytes_equal(other.name, grant.name)) {
            return fail_name(fault, MANIFEST_DUPLICATE, "name", number, grant.name);
        }
    }
    if (grant.source >= GRANT_SOURCE_WHICH_COUNT) {
        return fail(fault, MANIFEST_UNKNOWN_VALUE, "grants[%u].source", number);
    }
    if (grant.source != GRANT_SOURCE_WHICH_SERVES && grant.source != GRANT_SOURCE_WHICH_USES) {
        return MANIFEST_OK;
    }
    service_field = grant.source == GRANT_SOURCE_WHICH_SERVES ? "source.serves" : "source.uses";
    error = name_check(grant.service);
    if (error == MANIFEST_OK && !manifest_find_server(package, grant.service, &server)) {
        error = MANIFEST_UNKNOWN_SERVICE;
    }
    if (error == MANIFEST_OK && grant.source == GRANT_SOURCE_WHICH_SERVES && server != index) {
        error = MANIFEST_SERVED_TWICE;
    }
    return error == MANIFEST_OK ? MANIFEST_OK
                                : fail_name(fault, error, service_field, number, grant.service);
}

enum manifest_error manifest_check_program(struct boot_package *package, uint32_t index,
                                           struct manifest_fault *fault)
{
    struct manifest_program program;
    struct wire_bytes elf;
    enum manifest_error error;
    const char *unreadable;
    uint32_t first;

    memset(fault, 0, sizeof(*fault));
    text_format(fault->program, sizeof(fault->program), "#%u", index);
    package_rewind(package);
    unreadable = program_read(package, index, &program);
    if (unreadable != NULL) {
        return fail_wire(package, fault, unreadable);
    }
    error = name_check(program.name);
    if (error != MANIFEST_OK) {
        return fail_name(fault, error, "name", UINT32_MAX, program.name);
    }
    name_print(fault->program, program.name);
    if (manifest_find_program(package, program.name, &first) && first != index) {
        return fail_name(fault, MANIFEST_DUPLICATE, "name", UINT32_MAX, program.name);
    }
    error = name_check(program.image);
    if (error != MANIFEST_OK) {
        return fail_name(fault, error, "image", UINT32_MAX, program.image);
    }
    if (!manifest_find_image(package, program.image, &elf)) {
        return fail_name(fault, MANIFEST_MISSING_IMAGE, "image", UINT32_MAX, program.image);
    }
    if (elf.length == 0) {
        return fail_name(fault, MANIFEST_EMPTY_IMAGE, "image", UINT32_MAX, program.image);
    }
    package_rewind(package);
    error = check_numbers(&program, fault);
    if (error == MANIFEST_OK) {
        error = check_arguments(package, &program, fault);
    }
    if (error == MANIFEST_OK && program.grants.count > MANIFEST_GRANTS_MAX) {
        error = fail_number(fault, MANIFEST_TOO_MANY, "grants", program.grants.count);
    }
    for (uint32_t i = 0; error == MANIFEST_OK && i < program.grants.count; i++) {
        error = check_grant(package, index, &program, i, fault);
    }
    return error;
}

enum manifest_error manifest_check(struct boot_package *package, struct manifest_fault *fault)
{
    for (uint32_t i = 0; i < package->programs.count; i++) {
        const enum manifest_error error = manifest_check_program(package, i, fault);

        if (error != MANIFEST_OK) {
            return error;
        }
    }
    return MANIFEST_OK;
}
