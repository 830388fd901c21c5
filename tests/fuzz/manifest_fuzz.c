/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as a boot package. Everything must return; what is refused must say what and where,
 * in text that can be printed; and what manifest_check() accepts must keep what manifest.h says of
 * a program, looked up here by other ways than the check itself took.
 *
 * The corpus begins with what `capnp eval` makes of config/default.capnp, with small images.
 */

#include "manifest/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_in(const struct boot_package *package, struct wire_bytes bytes)
{
    return bytes.bytes >= package->bytes &&
           bytes.length <= (size_t)(package->bytes + package->length - bytes.bytes);
}

static bool is_same(struct wire_bytes a, struct wire_bytes b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static void check_text(const char *text, size_t capacity)
{
    const size_t length = strnlen(text, capacity);

    check(length < capacity);
    for (size_t i = 0; i < length; i++) {
        check(text[i] >= ' ' && text[i] <= '~');
    }
}

static void check_name(const struct boot_package *package, struct wire_bytes name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    check(is_in(package, name));
    check(name.length > 0 && name.length <= MANIFEST_NAME_MAX);
    for (size_t i = 0; i < name.length; i++) {
        check(memchr(allowed, name.bytes[i], sizeof(allowed) - 1) != NULL);
    }
}

/** A refusal can be shown to a person, in a buffer of any size. */
static void check_fault(const struct manifest_fault *fault, enum manifest_error error)
{
    char whole[256];

    check(error > MANIFEST_OK && error < MANIFEST_ERROR_COUNT && fault->error == error);
    check(fault->field[0] != '\0' || error == MANIFEST_BAD_WIRE); /* of the whole */
    check_text(fault->program, sizeof(fault->program));
    check_text(fault->field, sizeof(fault->field));
    check_text(fault->value, sizeof(fault->value));
    if (error == MANIFEST_BAD_WIRE) {
        check(fault->wire.error != WIRE_OK);
    }
    manifest_fault_format(fault, whole, sizeof(whole));
    check_text(whole, sizeof(whole));
    check(strstr(whole, manifest_error_text(error)) != NULL);
    manifest_fault_format(fault, NULL, 0);
    for (size_t capacity = 1; capacity < 80; capacity += 13) {
        char *cut = malloc(capacity); /* so that the sanitizer sees its end */

        check(cut != NULL);
        manifest_fault_format(fault, cut, capacity);
        check_text(cut, capacity);
        check(strncmp(cut, whole, capacity - 1) == 0);
        free(cut);
    }
}

static uint32_t servers_of(struct boot_package *package, struct wire_bytes service)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        struct manifest_program program;
        struct manifest_grant grant;

        check(manifest_get_program(package, i, &program));
        for (uint32_t g = 0; g < program.grants.count; g++) {
            check(manifest_get_grant(package, &program, g, &grant));
            if (grant.source == GRANT_SOURCE_WHICH_SERVES && is_same(grant.service, service)) {
                count++;
                break;
            }
        }
    }
    return count;
}

/** What a device grant may say, and that what it makes can be told apart from all else. */
static void check_device(const struct manifest_grant *grant)
{
    const struct manifest_device *device = &grant->device;

    check(device->vendor != 0);
    check(device->device_count > 0 && device->device_count <= MANIFEST_DEVICE_IDS_MAX);
    check(device->interrupts <= MANIFEST_DEVICE_INTERRUPTS_MAX);
    check(device->address_bits >= MANIFEST_ADDRESS_BITS_MIN &&
          device->address_bits <= MANIFEST_ADDRESS_BITS_MAX);
    check(manifest_grant_capabilities(grant) == 2u + device->interrupts);
}

/** Every name that a program finds is one, and no two are the same. */
static void check_capabilities(struct boot_package *package, const struct manifest_program *program)
{
    char names[MANIFEST_GRANTS_MAX][MANIFEST_GRANT_NAME_BYTES];
    uint64_t pool_pages = 0, interrupts = 0;
    struct manifest_grant grant;
    uint32_t count = 0;

    for (uint32_t i = 0; i < program->grants.count; i++) {
        check(manifest_get_grant(package, program, i, &grant));
        pool_pages += grant.device.pool_pages;
        interrupts += grant.device.interrupts;
        for (uint32_t n = 0; n < manifest_grant_capabilities(&grant); n++) {
            check(count < MANIFEST_GRANTS_MAX);
            check(manifest_grant_name(&grant, n, names[count], sizeof(names[count])) <=
                  MANIFEST_NAME_MAX);
            for (uint32_t j = 0; j < count; j++) {
                check(strcmp(names[j], names[count]) != 0);
            }
            count++;
        }
    }
    check(pool_pages <= program->dma_pages && interrupts <= program->interrupts);
}

static void check_grants(struct boot_package *package, const struct manifest_program *program)
{
    struct wire_bytes names[MANIFEST_GRANTS_MAX];
    struct manifest_grant grant;

    check(program->grants.count <= MANIFEST_GRANTS_MAX);
    for (uint32_t i = 0; i < program->grants.count; i++) {
        check(manifest_get_grant(package, program, i, &grant));
        check_name(package, grant.name);
        names[i] = grant.name;
        for (uint32_t j = 0; j < i; j++) {
            check(!is_same(names[j], grant.name));
        }
        check(grant.source < GRANT_SOURCE_WHICH_COUNT);
        if (grant.source == GRANT_SOURCE_WHICH_SERVES || grant.source == GRANT_SOURCE_WHICH_USES) {
            check_name(package, grant.service);
            check(servers_of(package, grant.service) == 1);
        }
        if (grant.source == GRANT_SOURCE_WHICH_DEVICE) {
            check_device(&grant);
        }
    }
    check(!manifest_get_grant(package, program, program->grants.count, &grant));
    check_capabilities(package, program);
}

/** All that manifest.h promises of a package that was accepted. */
static void check_accepted(struct boot_package *package)
{
    struct manifest_program program;
    struct wire_bytes elf;
    uint32_t found;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        check(manifest_get_program(package, i, &program));
        check_name(package, program.name);
        check(manifest_find_program(package, program.name, &found) && found == i);
        check_name(package, program.image);
        check(manifest_find_image(package, program.image, &elf));
        check(elf.length > 0 && is_in(package, elf));
        check(program.start < START_COUNT);
        check(program.priority <= program.max_priority);
        check(program.max_priority <= MANIFEST_PRIORITY_MAX);
        check(program.cpu_budget_us <= program.cpu_period_us);
        check(program.frames > 0 && program.cap_slots > 0 && program.objects > 0 &&
              program.threads > 0);
        check(program.arguments.count <= MANIFEST_ARGUMENTS_MAX);
        check_grants(package, &program);
    }
    check(!manifest_get_program(package, package->programs.count, &program));
}

/** Each program alone, as init does it. Returns whether all are good. */
static bool check_programs(struct boot_package *package)
{
    bool good = true;

    for (uint32_t i = 0; i < package->programs.count; i++) {
        struct manifest_fault fault;
        const enum manifest_error error = manifest_check_program(package, i, &fault);

        if (error != MANIFEST_OK) {
            check_fault(&fault, error);
            check(fault.program[0] != '\0');
            good = false;
        }
    }
    return good;
}

static uint32_t abi_level(const void *bytes, size_t size)
{
    struct wire_segment segments[BOOT_PACKAGE_SEGMENTS];
    struct wire_message message;
    struct wire_struct root;
    size_t used;

    check(wire_message_init_framed(&message, bytes, size, segments, BOOT_PACKAGE_SEGMENTS, &used) ==
          WIRE_OK);
    check(wire_read_root(&message, &root) == WIRE_OK);
    return boot_package_get_abi_level(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Aligned, and exactly as long as it is. */
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    struct boot_package package;
    struct manifest_fault fault;
    enum manifest_error error;

    check(copy != NULL);
    memcpy(copy, data, size);
    error = boot_package_open(&package, copy, size, &fault);
    if (error != MANIFEST_OK) {
        check_fault(&fault, error);
        free(copy);
        return 0;
    }
    check(package.length <= size);
    check(package.programs.count > 0 && package.programs.count <= MANIFEST_PROGRAMS_MAX);
    check(abi_level(copy, size) == CAPOS_ABI_LEVEL);
    error = manifest_check(&package, &fault);
    check(check_programs(&package) == (error == MANIFEST_OK));
    if (error == MANIFEST_OK) {
        check_accepted(&package);
    } else {
        check_fault(&fault, error);
    }
    free(copy);
    return 0;
}
