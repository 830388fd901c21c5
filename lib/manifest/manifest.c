/* SPDX-License-Identifier: MIT */
#include "manifest/manifest.h"

#include "base/memory.h"
#include "manifest/reading.h"
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
    [MANIFEST_NO_DEVICE] = "starts with its devices, and no grant names one",
    [MANIFEST_ABOVE_BUDGET] = "above the program's budget",
    [MANIFEST_TOO_MANY_CAPABILITIES] = "more capabilities than a new process can be given",
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

bool manifest_bytes_equal(struct wire_bytes a, struct wire_bytes b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

enum manifest_error manifest_fail(struct manifest_fault *fault, enum manifest_error error,
                                  const char *field, ...)
{
    va_list arguments;

    fault->error = error;
    va_start(arguments, field);
    text_vformat(fault->field, sizeof(fault->field), field, arguments);
    va_end(arguments);
    return error;
}

enum manifest_error manifest_fail_wire(const struct boot_package *package,
                                       struct manifest_fault *fault, const char *field)
{
    fault->wire = package->message.fault;
    return manifest_fail(fault, MANIFEST_BAD_WIRE, "%s", field);
}

void manifest_rewind(struct boot_package *package)
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
        return manifest_fail(fault, MANIFEST_BAD_WIRE, "%s", "");
    }
    package->words_limit = package->message.words_left;
    if (wire_read_root(&package->message, &root) != WIRE_OK) {
        return manifest_fail_wire(package, fault, "");
    }
    level = boot_package_get_abi_level(root);
    if (level != CAPOS_ABI_LEVEL) {
        text_format(fault->value, sizeof(fault->value), "%u, not %u", level, CAPOS_ABI_LEVEL);
        return manifest_fail(fault, MANIFEST_BAD_ABI_LEVEL, "abiLevel");
    }
    if (boot_package_get_manifest(root, &manifest) != WIRE_OK) {
        return manifest_fail_wire(package, fault, "manifest");
    }
    if (manifest_get_programs(manifest, &package->programs) != WIRE_OK) {
        return manifest_fail_wire(package, fault, "manifest.programs");
    }
    if (boot_package_get_images(root, &package->images) != WIRE_OK) {
        return manifest_fail_wire(package, fault, "images");
    }
    if (package->programs.count == 0) {
        return manifest_fail(fault, MANIFEST_NO_PROGRAMS, "manifest.programs");
    }
    if (package->programs.count > MANIFEST_PROGRAMS_MAX) {
        return manifest_fail(fault, MANIFEST_TOO_MANY_PROGRAMS, "manifest.programs");
    }
    return MANIFEST_OK;
}

const char *manifest_read_program(struct boot_package *package, uint32_t index,
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
    program->dma_pages = budget_get_dma_pages(budget);
    program->mmio_pages = budget_get_mmio_pages(budget);
    program->interrupts = budget_get_interrupts(budget);
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
    manifest_rewind(package);
    return manifest_read_program(package, index, program) == NULL;
}

/** Read a device grant. Ids beyond those that fit are counted and not kept. */
static bool device_read(struct wire_struct fields, struct manifest_device *device)
{
    struct wire_list ids;

    if (device_grant_get_devices(fields, &ids) != WIRE_OK) {
        return false;
    }
    device->vendor = device_grant_get_vendor(fields);
    device->nth = device_grant_get_nth(fields);
    device->pool_pages = device_grant_get_pool_pages(fields);
    device->interrupts = device_grant_get_interrupts(fields);
    device->address_bits = device_grant_get_address_bits(fields);
    device->by_pin = device_grant_get_by_pin(fields);
    device->device_count = ids.count;
    for (uint32_t i = 0; i < ids.count && i < MANIFEST_DEVICE_IDS_MAX; i++) {
        device->devices[i] = wire_list_get_u16(&ids, i);
    }
    return true;
}

bool manifest_read_grant(const struct manifest_program *program, uint32_t index,
                         struct manifest_grant *grant)
{
    struct wire_struct fields, device;

    if (wire_list_get_struct(&program->grants, index, &fields) != WIRE_OK ||
        grant_get_name(fields, &grant->name) != WIRE_OK) {
        return false;
    }
    grant->source = grant_source_which(fields);
    grant->service = (struct wire_bytes){.bytes = (const uint8_t *)""};
    grant->device = (struct manifest_device){0};
    switch (grant->source) {
    case GRANT_SOURCE_WHICH_SERVES:
        return grant_source_get_serves(fields, &grant->service) == WIRE_OK;
    case GRANT_SOURCE_WHICH_USES:
        return grant_source_get_uses(fields, &grant->service) == WIRE_OK;
    case GRANT_SOURCE_WHICH_DEVICE:
        return grant_source_get_device(fields, &device) == WIRE_OK &&
               device_read(device, &grant->device);
    case GRANT_SOURCE_WHICH_CONSOLE:
    case GRANT_SOURCE_WHICH_DIAGNOSTICS:
    case GRANT_SOURCE_WHICH_POWER:
    case GRANT_SOURCE_WHICH_SPAWNER:
    case GRANT_SOURCE_WHICH_BOOT_PACKAGE:
    case GRANT_SOURCE_WHICH_TIMER:
    case GRANT_SOURCE_WHICH_DEVICE_MANAGER:
    case GRANT_SOURCE_WHICH_AUDIT_LOG:
    case GRANT_SOURCE_WHICH_INTERRUPT_ROUTING:
    case GRANT_SOURCE_WHICH_ACPI_FIRMWARE:
    case GRANT_SOURCE_WHICH_COUNT:
        break;
    }
    return true;
}

bool manifest_get_grant(struct boot_package *package, const struct manifest_program *program,
                        uint32_t index, struct manifest_grant *grant)
{
    manifest_rewind(package);
    return manifest_read_grant(program, index, grant);
}

uint32_t manifest_grant_capabilities(const struct manifest_grant *grant)
{
    return grant->source == GRANT_SOURCE_WHICH_DEVICE
               ? MANIFEST_DEVICE_INTERRUPT + (uint32_t)grant->device.interrupts
               : 1;
}

size_t manifest_grant_name(const struct manifest_grant *grant, uint32_t number, char *out,
                           size_t capacity)
{
    const int length =
        (int)(grant->name.length <= MANIFEST_NAME_MAX ? grant->name.length : MANIFEST_NAME_MAX);
    const char *const name = (const char *)grant->name.bytes;

    if (grant->source != GRANT_SOURCE_WHICH_DEVICE) {
        return text_format(out, capacity, "%.*s", length, name);
    }
    switch (number) {
    case MANIFEST_DEVICE_MMIO:
        return text_format(out, capacity, "%.*s.mmio", length, name);
    case MANIFEST_DEVICE_POOL:
        return text_format(out, capacity, "%.*s.pool", length, name);
    case MANIFEST_DEVICE_INTERRUPT:
        return text_format(out, capacity, "%.*s.interrupt", length, name);
    default:
        return text_format(out, capacity, "%.*s.interrupt%u", length, name,
                           number - MANIFEST_DEVICE_INTERRUPT);
    }
}

bool manifest_find_program(struct boot_package *package, struct wire_bytes name, uint32_t *index)
{
    struct manifest_program program;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        if (manifest_get_program(package, i, &program) &&
            manifest_bytes_equal(program.name, name)) {
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
            if (manifest_read_grant(&program, g, &grant) &&
                grant.source == GRANT_SOURCE_WHICH_SERVES &&
                manifest_bytes_equal(grant.service, service)) {
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
        manifest_rewind(package);
        if (wire_list_get_struct(&package->images, i, &image) == WIRE_OK &&
            image_get_name(image, &image_name) == WIRE_OK &&
            manifest_bytes_equal(image_name, name) && image_get_elf(image, &bytes) == WIRE_OK) {
            *elf = bytes;
            return true;
        }
    }
    return false;
}
