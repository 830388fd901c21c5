/* SPDX-License-Identifier: MIT */
/*
 * Boot packages: the one that is accepted, and every way to be refused, with the program and field
 * that the message names.
 */
#include "manifest/manifest.h"
#include "wire/build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 65536u

/** A device grant; unlike in a recipe, zero is zero. */
struct device_recipe {
    const char *name; /* NULL: no more */
    uint16_t vendor;
    uint16_t id_count;
    uint16_t interrupts;
    uint32_t pool_pages;
    uint8_t address_bits; /* 0: the schema's default */
};

/** What one program of a test package is made of; zero fields take sensible values. */
struct recipe {
    const char *name, *image;
    int priority, max_priority; /* -1: zero */
    uint32_t cpu_budget, cpu_period;
    int64_t frames, cap_slots, objects, threads; /* -1: zero */
    uint16_t start;                              /* raw */
    unsigned argument_count;
    size_t argument_length;
    const char *grants[20]; /* "name", "name>service" (serves), "name<service" (uses) */
    struct device_recipe devices[3];
    uint32_t dma_pages, interrupts; /* budget */
};

static uint64_t words[WORDS + 1];
static struct boot_package package;
static struct manifest_fault fault;
static char text[256];

static uint32_t number(int64_t value, uint32_t usual)
{
    return value == 0 ? usual : value < 0 ? 0 : (uint32_t)value;
}

static void build_grant(struct wire_build_list *list, uint32_t index, const char *description)
{
    const size_t length = strcspn(description, "<>");
    struct wire_build_struct grant;

    wire_list_build_struct(list, index, &grant);
    grant_set_name(&grant, description, length);
    if (description[length] == '>') {
        grant_source_set_serves(&grant, description + length + 1, strlen(description + length + 1));
    } else if (description[length] == '<') {
        grant_source_set_uses(&grant, description + length + 1, strlen(description + length + 1));
    } else {
        grant_source_set_console(&grant);
    }
}

static void build_device(struct wire_build_list *list, uint32_t index,
                         const struct device_recipe *recipe)
{
    struct wire_build_struct grant, device;
    struct wire_build_list ids;

    wire_list_build_struct(list, index, &grant);
    grant_set_name(&grant, recipe->name, strlen(recipe->name));
    grant_source_init_device(&grant, &device);
    device_grant_set_vendor(&device, recipe->vendor);
    device_grant_set_nth(&device, 1);
    device_grant_set_pool_pages(&device, recipe->pool_pages);
    device_grant_set_interrupts(&device, recipe->interrupts);
    if (recipe->address_bits != 0) {
        device_grant_set_address_bits(&device, recipe->address_bits);
    }
    device_grant_init_devices(&device, recipe->id_count, &ids);
    for (uint16_t i = 0; i < recipe->id_count; i++) {
        wire_list_set_u16(&ids, i, (uint16_t)(0x1000 + i));
    }
}

static void build_program(struct wire_build_struct *program, const struct recipe *recipe)
{
    static char argument[8192];
    struct wire_build_struct budget;
    struct wire_build_list list;
    uint32_t count = 0, devices = 0;

    program_set_name(program, recipe->name, strlen(recipe->name));
    program_set_image(program, recipe->image, strlen(recipe->image));
    program_set_start(program, (enum start)recipe->start);
    program_set_priority(program, (uint8_t)number(recipe->priority, 16));
    program_set_max_priority(program, (uint8_t)number(recipe->max_priority, 16));
    program_set_cpu_budget_micros(program, recipe->cpu_budget);
    program_set_cpu_period_micros(program, recipe->cpu_period);
    program_init_budget(program, &budget);
    budget_set_frames(&budget, number(recipe->frames, 10));
    budget_set_cap_slots(&budget, number(recipe->cap_slots, 10));
    budget_set_objects(&budget, number(recipe->objects, 10));
    budget_set_threads(&budget, number(recipe->threads, 1));
    budget_set_dma_pages(&budget, recipe->dma_pages);
    budget_set_mmio_pages(&budget, 77);
    budget_set_interrupts(&budget, recipe->interrupts);
    memset(argument, 'x', sizeof(argument));
    program_init_arguments(program, recipe->argument_count, &list);
    for (uint32_t i = 0; i < recipe->argument_count; i++) {
        wire_list_set_text(&list, i, argument, recipe->argument_length);
    }
    while (count < 20 && recipe->grants[count] != NULL) {
        count++;
    }
    while (devices < ARRAY_COUNT(recipe->devices) && recipe->devices[devices].name != NULL) {
        devices++;
    }
    program_init_grants(program, count + devices, &list);
    for (uint32_t i = 0; i < count; i++) {
        build_grant(&list, i, recipe->grants[i]);
    }
    for (uint32_t i = 0; i < devices; i++) {
        build_device(&list, count + i, &recipe->devices[i]);
    }
}

/** Make a framed package in `words`. Returns its length in bytes. */
static size_t build(uint32_t level, const struct recipe *recipes, uint32_t count)
{
    struct wire_builder builder;
    struct wire_build_struct root, manifest, item;
    struct wire_build_list list;
    size_t length;

    memset(words, 0, sizeof(words));
    wire_build_init(&builder, words + 1, WORDS * 8);
    boot_package_init_root(&builder, &root);
    boot_package_set_abi_level(&root, level);
    boot_package_init_manifest(&root, &manifest);
    manifest_init_programs(&manifest, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        wire_list_build_struct(&list, i, &item);
        build_program(&item, &recipes[i]);
    }
    boot_package_init_images(&root, 2, &list);
    wire_list_build_struct(&list, 0, &item);
    image_set_name(&item, "elf", 3);
    image_set_elf(&item, "\177ELF", 4);
    wire_list_build_struct(&list, 1, &item);
    image_set_name(&item, "empty", 5);
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_OK);
    words[0] = (uint64_t)(length / 8) << 32; /* one segment */
    return length + 8;
}

static enum manifest_error check(const struct recipe *recipes, uint32_t count)
{
    const size_t length = build(CAPOS_ABI_LEVEL, recipes, count);
    enum manifest_error error = boot_package_open(&package, words, length, &fault);

    if (error == MANIFEST_OK) {
        error = manifest_check(&package, &fault);
    }
    manifest_fault_format(&fault, text, sizeof(text));
    return error;
}

static const struct recipe init = {
    .name = "init", .image = "elf", .grants = {"console", "launcher>launcher"}};

static void accepted(void **state)
{
    const struct recipe recipes[] = {
        init,
        {.name = "shell", .image = "elf", .grants = {"console", "launcher<launcher"}, .start = 1},
        {.name = "a.b_c-9Z",
         .image = "elf",
         .priority = -1,
         .max_priority = 31,
         .cpu_budget = 10,
         .cpu_period = 10,
         .argument_count = MANIFEST_ARGUMENTS_MAX,
         .argument_length = MANIFEST_ARGUMENT_BYTES / MANIFEST_ARGUMENTS_MAX - 1,
         .grants = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
                    "16>own"}},
    };
    struct manifest_program program;
    struct manifest_grant grant;
    struct wire_bytes elf, name = {(const uint8_t *)"shell", 5};
    uint32_t index = 99;

    (void)state;
    assert_int_equal(check(recipes, 3), MANIFEST_OK);
    assert_true(manifest_find_program(&package, name, &index));
    assert_int_equal(index, 1);
    assert_true(manifest_get_program(&package, 1, &program));
    assert_int_equal(program.start, START_DEMAND);
    assert_int_equal(program.grants.count, 2);
    assert_true(manifest_get_grant(&package, &program, 1, &grant));
    assert_int_equal(grant.source, GRANT_SOURCE_WHICH_USES);
    assert_int_equal(grant.service.length, 8);
    assert_true(manifest_find_server(&package, grant.service, &index));
    assert_int_equal(index, 0);
    assert_true(manifest_find_image(&package, program.image, &elf));
    assert_int_equal(elf.length, 4);
    assert_false(manifest_get_program(&package, 3, &program));
    /* As often as one likes: each walk has its own traversal limit. */
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(manifest_find_image(&package, program.image, &elf));
    }
}

/** Device grants at their limits: what is read, and the names of what they make. */
static void devices_accepted(void **state)
{
    const struct recipe recipes[] = {
        init,
        {.name = "disk",
         .image = "elf",
         .start = START_DEVICE,
         .grants = {"disk.mmi", "disk.interrupt13"},
         .devices = {{"disk", 0x1af4, MANIFEST_DEVICE_IDS_MAX, 12, 40, 0}},
         .dma_pages = 40,
         .interrupts = 12},
        /* The longest names that there can be, and no interrupt: no ".interrupt" to fit. */
        {.name = "long",
         .image = "elf",
         .devices = {{"12345678901234567890123456", 1, 1, 0, 0, 12}, {"1", 1, 1, 10, 1, 28}},
         .dma_pages = 1,
         .interrupts = 10},
    };
    struct manifest_program program;
    struct manifest_grant grant;
    char name[MANIFEST_GRANT_NAME_BYTES];

    (void)state;
    assert_int_equal(check(recipes, ARRAY_COUNT(recipes)), MANIFEST_OK);
    assert_true(manifest_get_program(&package, 1, &program));
    assert_int_equal(program.start, START_DEVICE);
    assert_int_equal(program.dma_pages, 40);
    assert_int_equal(program.mmio_pages, 77);
    assert_int_equal(program.interrupts, 12);
    assert_true(manifest_get_grant(&package, &program, 2, &grant));
    assert_int_equal(grant.source, GRANT_SOURCE_WHICH_DEVICE);
    assert_int_equal(grant.device.vendor, 0x1af4);
    assert_int_equal(grant.device.nth, 1);
    assert_int_equal(grant.device.pool_pages, 40);
    assert_int_equal(grant.device.interrupts, 12);
    assert_int_equal(grant.device.address_bits, 64);
    assert_int_equal(grant.device.device_count, MANIFEST_DEVICE_IDS_MAX);
    assert_int_equal(grant.device.devices[MANIFEST_DEVICE_IDS_MAX - 1], 0x1007);
    assert_int_equal(manifest_grant_capabilities(&grant), 14);
    assert_int_equal(manifest_grant_name(&grant, 0, name, sizeof(name)), 9);
    assert_string_equal(name, "disk.mmio");
    (void)manifest_grant_name(&grant, 1, name, sizeof(name));
    assert_string_equal(name, "disk.pool");
    (void)manifest_grant_name(&grant, 2, name, sizeof(name));
    assert_string_equal(name, "disk.interrupt");
    (void)manifest_grant_name(&grant, 13, name, sizeof(name));
    assert_string_equal(name, "disk.interrupt11");
    assert_int_equal(manifest_grant_name(&grant, 13, name, 5), 16);
    assert_string_equal(name, "disk");
    assert_true(manifest_get_grant(&package, &program, 0, &grant));
    assert_int_equal(manifest_grant_capabilities(&grant), 1);
    (void)manifest_grant_name(&grant, 0, name, sizeof(name));
    assert_string_equal(name, "disk.mmi");
    assert_true(manifest_get_program(&package, 2, &program));
    assert_true(manifest_get_grant(&package, &program, 1, &grant));
    assert_int_equal(grant.device.address_bits, 28);
}

static void refused(void **state)
{
    static const struct {
        struct recipe recipe;
        enum manifest_error error;
        const char *text;
    } cases[] = {
        {{.name = "", .image = "elf"}, MANIFEST_EMPTY, "program \"#1\": name: must not be empty"},
        {{.name = "12345678901234567890123456789012", .image = "elf"},
         MANIFEST_TOO_LONG,
         "program \"#1\": name: longer than 31 bytes: \"1234567890123456789012345678901\""},
        {{.name = "a\033[2J", .image = "elf"},
         MANIFEST_BAD_CHARACTER,
         "program \"#1\": name: has characters other than letters, digits and . _ -: "
         "\"a??2J\""},
        {{.name = "init", .image = "elf"},
         MANIFEST_DUPLICATE,
         "program \"init\": name: given twice: \"init\""},
        {{.name = "p", .image = ""}, MANIFEST_EMPTY, "program \"p\": image: must not be empty"},
        {{.name = "p", .image = "elff"},
         MANIFEST_MISSING_IMAGE,
         "program \"p\": image: no such image in the package: \"elff\""},
        {{.name = "p", .image = "empty"},
         MANIFEST_EMPTY_IMAGE,
         "program \"p\": image: the image is empty: \"empty\""},
        {{.name = "p", .image = "elf", .start = START_COUNT},
         MANIFEST_UNKNOWN_VALUE,
         "program \"p\": start: not a value of this ABI level"},
        {{.name = "p", .image = "elf", .max_priority = 32},
         MANIFEST_OUT_OF_RANGE,
         "program \"p\": maxPriority: out of range: \"32\""},
        {{.name = "p", .image = "elf", .priority = 17},
         MANIFEST_ABOVE_MAXIMUM,
         "program \"p\": priority: above its maximum: \"17\""},
        {{.name = "p", .image = "elf", .cpu_budget = 1},
         MANIFEST_ZERO,
         "program \"p\": cpuPeriodMicros: must not be zero"},
        {{.name = "p", .image = "elf", .cpu_budget = 11, .cpu_period = 10},
         MANIFEST_ABOVE_MAXIMUM,
         "program \"p\": cpuBudgetMicros: above its maximum: \"11\""},
        {{.name = "p", .image = "elf", .frames = -1},
         MANIFEST_ZERO,
         "program \"p\": budget.frames: must not be zero"},
        {{.name = "p", .image = "elf", .cap_slots = -1},
         MANIFEST_ZERO,
         "program \"p\": budget.capSlots: must not be zero"},
        {{.name = "p", .image = "elf", .objects = -1},
         MANIFEST_ZERO,
         "program \"p\": budget.objects: must not be zero"},
        {{.name = "p", .image = "elf", .threads = -1},
         MANIFEST_ZERO,
         "program \"p\": budget.threads: must not be zero"},
        {{.name = "p", .image = "elf", .argument_count = 33},
         MANIFEST_TOO_MANY,
         "program \"p\": arguments: too many: \"33\""},
        {{.name = "p", .image = "elf", .argument_count = 1, .argument_length = 2048},
         MANIFEST_OUT_OF_RANGE,
         "program \"p\": arguments: out of range"},
        {{.name = "p",
          .image = "elf",
          .grants = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14",
                     "15", "16", "17"}},
         MANIFEST_TOO_MANY,
         "program \"p\": grants: too many: \"17\""},
        {{.name = "p", .image = "elf", .grants = {"ok", ""}},
         MANIFEST_EMPTY,
         "program \"p\": grants[1].name: must not be empty"},
        {{.name = "p", .image = "elf", .grants = {"a", "b", "a"}},
         MANIFEST_DUPLICATE,
         "program \"p\": grants[2].name: given twice: \"a\""},
        {{.name = "p", .image = "elf", .grants = {"a<nobody"}},
         MANIFEST_UNKNOWN_SERVICE,
         "program \"p\": grants[0].source.uses: no program serves this service: \"nobody\""},
        {{.name = "p", .image = "elf", .grants = {"a<"}},
         MANIFEST_EMPTY,
         "program \"p\": grants[0].source.uses: must not be empty"},
        {{.name = "p", .image = "elf", .grants = {"a>launcher"}},
         MANIFEST_SERVED_TWICE,
         "program \"p\": grants[0].source.serves: another program serves this service: "
         "\"launcher\""},
        {{.name = "p", .image = "elf", .start = START_DEVICE},
         MANIFEST_NO_DEVICE,
         "program \"p\": start: starts with its devices, and no grant names one"},
        {{.name = "p", .image = "elf", .devices = {{"d", 0, 1, 0, 0, 0}}},
         MANIFEST_ZERO,
         "program \"p\": grants[0].source.device.vendor: must not be zero"},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 0, 0, 0, 0}}},
         MANIFEST_EMPTY,
         "program \"p\": grants[0].source.device.devices: must not be empty"},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 9, 0, 0, 0}}},
         MANIFEST_TOO_MANY,
         "program \"p\": grants[0].source.device.devices: too many: \"9\""},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 1, 17, 0, 0}}, .interrupts = 17},
         MANIFEST_OUT_OF_RANGE,
         "program \"p\": grants[0].source.device.interrupts: out of range: \"17\""},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 1, 0, 0, 11}}},
         MANIFEST_OUT_OF_RANGE,
         "program \"p\": grants[0].source.device.addressBits: out of range: \"11\""},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 1, 0, 0, 65}}},
         MANIFEST_OUT_OF_RANGE,
         "program \"p\": grants[0].source.device.addressBits: out of range: \"65\""},
        {{.name = "p", .image = "elf", .devices = {{"d", 1, 1, 15, 0, 0}}, .interrupts = 15},
         MANIFEST_TOO_MANY_CAPABILITIES,
         "program \"p\": grants: more capabilities than a new process can be given: \"17\""},
        {{.name = "p",
          .image = "elf",
          .grants = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"},
          .devices = {{"d", 1, 1, 2, 0, 0}},
          .interrupts = 2},
         MANIFEST_TOO_MANY_CAPABILITIES,
         "program \"p\": grants: more capabilities than a new process can be given: \"17\""},
        {{.name = "p", .image = "elf", .devices = {{"123456789012345678901234567", 1, 1, 0, 0, 0}}},
         MANIFEST_TOO_LONG,
         "program \"p\": grants[0].name: longer than 31 bytes: "
         "\"123456789012345678901234567.mmi\""},
        {{.name = "p",
          .image = "elf",
          .devices = {{"123456789012345678901", 1, 1, 2, 0, 0}},
          .interrupts = 2},
         MANIFEST_TOO_LONG,
         "program \"p\": grants[0].name: longer than 31 bytes: "
         "\"123456789012345678901.interrupt\""},
        {{.name = "p", .image = "elf", .grants = {"d"}, .devices = {{"d", 1, 1, 0, 0, 0}}},
         MANIFEST_DUPLICATE,
         "program \"p\": grants[1].name: given twice: \"d\""},
        {{.name = "p",
          .image = "elf",
          .grants = {"d.interrupt"},
          .devices = {{"d", 1, 1, 1, 0, 0}},
          .interrupts = 1},
         MANIFEST_DUPLICATE,
         "program \"p\": grants[1].name: given twice: \"d.interrupt\""},
        {{.name = "p",
          .image = "elf",
          .devices = {{"a", 1, 1, 0, 0xffffffff, 0}, {"b", 1, 1, 0, 1, 0}},
          .dma_pages = 0xffffffff},
         MANIFEST_ABOVE_BUDGET,
         "program \"p\": grants: poolPages: above the program's budget: \"4294967296\""},
        {{.name = "p",
          .image = "elf",
          .devices = {{"a", 1, 1, 1, 0, 0}, {"b", 1, 1, 2, 0, 0}},
          .interrupts = 2},
         MANIFEST_ABOVE_BUDGET,
         "program \"p\": grants: interrupts: above the program's budget: \"3\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct recipe recipes[] = {init, cases[i].recipe};

        assert_int_equal(check(recipes, 2), cases[i].error);
        assert_string_equal(text, cases[i].text);
    }
}

static void refused_as_a_whole(void **state)
{
    static struct recipe many[MANIFEST_PROGRAMS_MAX + 1];
    char expected[64];
    size_t length;

    (void)state;
    length = build(CAPOS_ABI_LEVEL + 1, &init, 1);
    assert_int_equal(boot_package_open(&package, words, length, &fault), MANIFEST_BAD_ABI_LEVEL);
    manifest_fault_format(&fault, text, sizeof(text));
    snprintf(expected, sizeof(expected), "abiLevel: made for another ABI level: \"%u, not %u\"",
             CAPOS_ABI_LEVEL + 1, CAPOS_ABI_LEVEL);
    assert_string_equal(text, expected);
    length = build(CAPOS_ABI_LEVEL, NULL, 0);
    assert_int_equal(boot_package_open(&package, words, length, &fault), MANIFEST_NO_PROGRAMS);
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = init;
    }
    length = build(CAPOS_ABI_LEVEL, many, ARRAY_COUNT(many));
    assert_int_equal(boot_package_open(&package, words, length, &fault),
                     MANIFEST_TOO_MANY_PROGRAMS);
    assert_int_equal(boot_package_open(&package, words, 0, &fault), MANIFEST_BAD_WIRE);
    length = build(CAPOS_ABI_LEVEL, &init, 1);
    for (size_t cut = 0; cut < length; cut += 8) {
        assert_int_equal(boot_package_open(&package, words, cut, &fault), MANIFEST_BAD_WIRE);
        manifest_fault_format(&fault, text, sizeof(text));
        assert_memory_equal(text, "the message is damaged: ", 24);
    }
}

/** Any word of a package replaced: refused or accepted, never a fault; messages end and are text.
 */
static void damaged(void **state)
{
    static const uint64_t values[] = {0,
                                      UINT64_MAX,
                                      0x7fffffff00000001,
                                      0xfffffffd00000001,
                                      0xffffffffffffff01,
                                      0x0001000100000000,
                                      1ull << 35 | 6ull << 32 | 1};
    const struct recipe recipes[] = {
        init,
        {.name = "shell", .image = "elf", .grants = {"console", "launcher<launcher"}},
        {.name = "disk",
         .image = "elf",
         .devices = {{"disk", 1, 2, 3, 4, 0}},
         .dma_pages = 4,
         .interrupts = 3}};
    const size_t length = build(CAPOS_ABI_LEVEL, recipes, ARRAY_COUNT(recipes));
    uint64_t *const original = malloc(length);
    uint64_t *const copy = malloc(length); /* exactly as long: reads beyond are seen */

    (void)state;
    memcpy(original, words, length);
    for (size_t word = 0; word < length / 8; word++) {
        for (size_t v = 0; v < ARRAY_COUNT(values); v++) {
            memcpy(copy, original, length);
            copy[word] = values[v];
            if (boot_package_open(&package, copy, length, &fault) == MANIFEST_OK) {
                (void)!manifest_check(&package, &fault);
            }
            manifest_fault_format(&fault, text, sizeof(text));
            for (const char *c = text; *c != '\0'; c++) {
                assert_in_range(*c, ' ', '~');
            }
        }
    }
    free(original);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(devices_accepted),
        cmocka_unit_test(refused),  cmocka_unit_test(refused_as_a_whole),
        cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
