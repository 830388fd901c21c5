/* SPDX-License-Identifier: MIT */
/*
 * Whether a manifest makes sense: one program, and its relations to all others.
 */
#include "manifest/manifest.h"

#include "base/memory.h"
#include "manifest/reading.h"
#include "text/text.h"

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
        return manifest_fail(fault, error, "%s", field);
    }
    return manifest_fail(fault, error, "grants[%u].%s", index, field);
}

static enum manifest_error fail_number(struct manifest_fault *fault, enum manifest_error error,
                                       const char *field, uint32_t number)
{
    text_format(fault->value, sizeof(fault->value), "%u", number);
    return manifest_fail(fault, error, "%s", field);
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
        return manifest_fail(fault, MANIFEST_UNKNOWN_VALUE, "start");
    }
    if (program->max_priority > MANIFEST_PRIORITY_MAX) {
        return fail_number(fault, MANIFEST_OUT_OF_RANGE, "maxPriority", program->max_priority);
    }
    if (program->priority > program->max_priority) {
        return fail_number(fault, MANIFEST_ABOVE_MAXIMUM, "priority", program->priority);
    }
    if (program->cpu_budget_us != 0 && program->cpu_period_us == 0) {
        return manifest_fail(fault, MANIFEST_ZERO, "cpuPeriodMicros");
    }
    if (program->cpu_budget_us > program->cpu_period_us) {
        return fail_number(fault, MANIFEST_ABOVE_MAXIMUM, "cpuBudgetMicros",
                           program->cpu_budget_us);
    }
    for (size_t i = 0; i < ARRAY_COUNT(positive); i++) {
        if (positive[i].value == 0) {
            return manifest_fail(fault, MANIFEST_ZERO, "%s", positive[i].field);
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
            return manifest_fail_wire(package, fault, "arguments");
        }
        total += argument.length + 1;
        if (total > MANIFEST_ARGUMENT_BYTES) {
            return manifest_fail(fault, MANIFEST_OUT_OF_RANGE, "arguments");
        }
    }
    return MANIFEST_OK;
}

/** Check what a device grant asks for, and that the names it makes fit. */
static enum manifest_error check_device(const struct manifest_grant *grant, uint32_t number,
                                        struct manifest_fault *fault)
{
    const struct manifest_device *const device = &grant->device;
    char name[MANIFEST_GRANT_NAME_BYTES];

    if (device->vendor == 0) {
        return manifest_fail(fault, MANIFEST_ZERO, "grants[%u].source.device.vendor", number);
    }
    if (device->device_count == 0) {
        return manifest_fail(fault, MANIFEST_EMPTY, "grants[%u].source.device.devices", number);
    }
    if (device->device_count > MANIFEST_DEVICE_IDS_MAX) {
        text_format(fault->value, sizeof(fault->value), "%u", device->device_count);
        return manifest_fail(fault, MANIFEST_TOO_MANY, "grants[%u].source.device.devices", number);
    }
    if (device->interrupts > MANIFEST_DEVICE_INTERRUPTS_MAX) {
        text_format(fault->value, sizeof(fault->value), "%u", device->interrupts);
        return manifest_fail(fault, MANIFEST_OUT_OF_RANGE, "grants[%u].source.device.interrupts",
                             number);
    }
    if (device->address_bits < MANIFEST_ADDRESS_BITS_MIN ||
        device->address_bits > MANIFEST_ADDRESS_BITS_MAX) {
        text_format(fault->value, sizeof(fault->value), "%u", device->address_bits);
        return manifest_fail(fault, MANIFEST_OUT_OF_RANGE, "grants[%u].source.device.addressBits",
                             number);
    }
    for (uint32_t i = 0; i < manifest_grant_capabilities(grant); i++) {
        if (manifest_grant_name(grant, i, name, sizeof(name)) > MANIFEST_NAME_MAX) {
            return fail_name(fault, MANIFEST_TOO_LONG, "name", number,
                             (struct wire_bytes){(const uint8_t *)name, strlen(name)});
        }
    }
    return MANIFEST_OK;
}

/** Check that grant number `number` makes no name that `before` makes, or bears its name. */
static enum manifest_error check_names_differ(const struct manifest_grant *before,
                                              const struct manifest_grant *grant, uint32_t number,
                                              struct manifest_fault *fault)
{
    char name[MANIFEST_GRANT_NAME_BYTES], other[MANIFEST_GRANT_NAME_BYTES];

    if (manifest_bytes_equal(before->name, grant->name)) {
        return fail_name(fault, MANIFEST_DUPLICATE, "name", number, grant->name);
    }
    for (uint32_t i = 0; i < manifest_grant_capabilities(grant); i++) {
        const size_t length = manifest_grant_name(grant, i, name, sizeof(name));

        for (uint32_t j = 0; j < manifest_grant_capabilities(before); j++) {
            if (manifest_grant_name(before, j, other, sizeof(other)) == length &&
                memcmp(name, other, length) == 0) {
                return fail_name(fault, MANIFEST_DUPLICATE, "name", number,
                                 (struct wire_bytes){(const uint8_t *)name, length});
            }
        }
    }
    return MANIFEST_OK;
}

/** Check what all grants together ask for; each of them has passed check_grant(). */
static enum manifest_error check_totals(const struct manifest_program *program,
                                        struct manifest_fault *fault)
{
    uint32_t capabilities = 0, interrupts = 0, devices = 0;
    uint64_t pool_pages = 0;
    struct manifest_grant grant;

    for (uint32_t i = 0; i < program->grants.count; i++) {
        if (!manifest_read_grant(program, i, &grant)) {
            continue;
        }
        capabilities += manifest_grant_capabilities(&grant);
        if (grant.source == GRANT_SOURCE_WHICH_DEVICE) {
            devices++;
            pool_pages += grant.device.pool_pages;
            interrupts += grant.device.interrupts;
        }
    }
    if (capabilities > MANIFEST_GRANTS_MAX) {
        return fail_number(fault, MANIFEST_TOO_MANY_CAPABILITIES, "grants", capabilities);
    }
    if (program->start == START_DEVICE && devices == 0) {
        return manifest_fail(fault, MANIFEST_NO_DEVICE, "start");
    }
    if (pool_pages > program->dma_pages) {
        text_format(fault->value, sizeof(fault->value), "%llu", (unsigned long long)pool_pages);
        return manifest_fail(fault, MANIFEST_ABOVE_BUDGET, "grants: poolPages");
    }
    if (interrupts > program->interrupts) {
        return fail_number(fault, MANIFEST_ABOVE_BUDGET, "grants: interrupts", interrupts);
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
        return manifest_fail_wire(package, fault, "grants");
    }
    error = name_check(grant.name);
    if (error != MANIFEST_OK) {
        return fail_name(fault, error, "name", number, grant.name);
    }
    if (grant.source >= GRANT_SOURCE_WHICH_COUNT) {
        return manifest_fail(fault, MANIFEST_UNKNOWN_VALUE, "grants[%u].source", number);
    }
    if (grant.source == GRANT_SOURCE_WHICH_DEVICE) {
        error = check_device(&grant, number, fault);
        if (error != MANIFEST_OK) {
            return error;
        }
    }
    for (uint32_t i = 0; i < number; i++) {
        if (manifest_read_grant(program, i, &other)) {
            error = check_names_differ(&other, &grant, number, fault);
            if (error != MANIFEST_OK) {
                return error;
            }
        }
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

/* The kernel checks init's entry from a function with a large frame of its own. */
NOINLINE enum manifest_error manifest_check_program(struct boot_package *package, uint32_t index,
                                                    struct manifest_fault *fault)
{
    struct manifest_program program;
    struct wire_bytes elf;
    enum manifest_error error;
    const char *unreadable;
    uint32_t first;

    memset(fault, 0, sizeof(*fault));
    text_format(fault->program, sizeof(fault->program), "#%u", index);
    manifest_rewind(package);
    unreadable = manifest_read_program(package, index, &program);
    if (unreadable != NULL) {
        return manifest_fail_wire(package, fault, unreadable);
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
    manifest_rewind(package);
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
    if (error == MANIFEST_OK) {
        manifest_rewind(package);
        error = check_totals(&program, fault);
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
