/* SPDX-License-Identifier: MIT */

/*
 * lib/elf: one good image, and a table of what is changed in it: still accepted, or refused with
 * which error at which offset. Images are exact copies on the heap, so that ASan sees a read
 * beyond them.
 */

#include "elf/elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PATCHES_MAX = 8,
    HEADERS_PLACE = 64,
    HEADER_BYTES = 56,
    FILE_LENGTH = 0x3100,
    TEXT = HEADERS_PLACE + HEADER_BYTES, /* program header 1 */
    DATA = TEXT + HEADER_BYTES,
    TLS = DATA + HEADER_BYTES,
    STACK = TLS + HEADER_BYTES,
    RODATA = HEADERS_PLACE,
    /* offsets in a program header */
    P_TYPE = 0,
    P_FLAGS = 4,
    P_OFFSET = 8,
    P_VADDR = 16,
    P_FILESZ = 32,
    P_MEMSZ = 40,
    P_ALIGN = 48,
};

static const struct elf_limits limits = {
    .file_length = FILE_LENGTH,
    .low = 0x10000,
    .high = 0x7fffffff0000,
    .page_count_max = 16,
};

static void put(uint8_t *image, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        image[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_header(uint8_t *image, size_t place, uint32_t type, uint32_t flags, uint64_t offset,
                       uint64_t address, uint64_t file_bytes, uint64_t memory_bytes,
                       uint64_t alignment)
{
    put(image, place + P_TYPE, 4, type);
    put(image, place + P_FLAGS, 4, flags);
    put(image, place + P_OFFSET, 8, offset);
    put(image, place + P_VADDR, 8, address);
    put(image, place + P_VADDR + 8, 8, address);
    put(image, place + P_FILESZ, 8, file_bytes);
    put(image, place + P_MEMSZ, 8, memory_bytes);
    put(image, place + P_ALIGN, 8, alignment);
}

/* Three segments of 1 + 2 + 3 pages, thread-local storage at the start of the data, a stack. */
static uint8_t *make_image(void)
{
    uint8_t *image = calloc(1, FILE_LENGTH);

    assert_non_null(image);
    memcpy(image,
           "\x7f"
           "ELF\2\1\1",
           7);
    put(image, 16, 2, 2);
    put(image, 18, 2, 62);
    put(image, 20, 4, 1);
    put(image, 24, 8, 0x401100);
    put(image, 32, 8, HEADERS_PLACE);
    put(image, 52, 2, 64);
    put(image, 54, 2, 56);
    put(image, 56, 2, 5);
    put_header(image, RODATA, 1, 4, 0, 0x400000, 0x200, 0x200, 0x1000);
    put_header(image, TEXT, 1, 5, 0x1000, 0x401000, 0x1800, 0x1800, 0x1000);
    put_header(image, DATA, 1, 6, 0x2ff0, 0x403ff0, 0x110, 0x1100, 0x1000);
    put_header(image, TLS, 7, 4, 0x2ff0, 0x403ff0, 0x20, 0x60, 32);
    put_header(image, STACK, 0x6474e551, 6, 0, 0, 0, 0, 16);
    return image;
}

struct patch {
    size_t offset;
    size_t width;
    uint64_t value;
};

struct elf_case {
    const char *what;
    struct patch patches[PATCHES_MAX];
    enum elf_error error;
    uint64_t fault_offset;
};

#define MAX64 UINT64_MAX

static const struct elf_case cases[] = {
    {"as it is", {{0}}, ELF_OK, 0},
    {"GNU ABI", {{7, 1, 3}}, ELF_OK, 0},
    {"section headers are ignored", {{40, 8, MAX64}, {58, 6, MAX64}}, ELF_OK, 0},
    {"an unknown header is ignored",
     {{STACK + P_TYPE, 4, 0x6fffffff}, {STACK + P_FLAGS, 4, 7}, {STACK + P_OFFSET, 8, MAX64}},
     ELF_OK,
     0},
    {"no alignment", {{DATA + P_ALIGN, 8, 0}, {TLS + P_ALIGN, 8, 0}}, ELF_OK, 0},
    {"an empty segment is skipped", {{STACK + P_TYPE, 4, 1}, {STACK + P_VADDR, 8, 5}}, ELF_OK, 0},
    {"the file may end with a segment", {{DATA + P_FILESZ, 8, FILE_LENGTH - 0x2ff0}}, ELF_OK, 0},
    {"entry is the first byte", {{24, 8, 0x401000}}, ELF_OK, 0},
    {"entry is the last byte", {{24, 8, 0x4027ff}}, ELF_OK, 0},
    {"exactly the pages allowed", {{DATA + P_MEMSZ, 8, 0xd000 - 0xff0}}, ELF_OK, 0},
    {"first user address", {{RODATA + P_VADDR, 8, 0x10000}}, ELF_OK, 0},
    {"last user address",
     {{DATA + P_VADDR, 8, 0x7ffffffeeff0},
      {TLS + P_VADDR, 8, 0x7ffffffeeff0},
      {DATA + P_MEMSZ, 8, 0x1010}},
     ELF_OK,
     0},
    {"thread-local storage of zeros only",
     {{TLS + P_FILESZ, 8, 0}, {TLS + P_VADDR, 8, 0}},
     ELF_OK,
     0},

    {"magic 0", {{0, 1, 0x7e}}, ELF_BAD_MAGIC, 0},
    {"magic 1", {{1, 1, 'e'}}, ELF_BAD_MAGIC, 0},
    {"magic 2", {{2, 1, 'l'}}, ELF_BAD_MAGIC, 0},
    {"magic 3", {{3, 1, 'f'}}, ELF_BAD_MAGIC, 0},
    {"32-bit", {{4, 1, 1}}, ELF_BAD_CLASS, 4},
    {"big-endian", {{5, 1, 2}}, ELF_BAD_BYTE_ORDER, 5},
    {"identification version", {{6, 1, 2}}, ELF_BAD_VERSION, 6},
    {"FreeBSD", {{7, 1, 9}}, ELF_BAD_OS_ABI, 7},
    {"a shared object", {{16, 2, 3}}, ELF_BAD_TYPE, 16},
    {"an i386 program", {{18, 2, 3}}, ELF_BAD_MACHINE, 18},
    {"file version", {{20, 4, 0}}, ELF_BAD_VERSION, 20},
    {"ELF header size", {{52, 2, 52}}, ELF_BAD_HEADER_SIZE, 52},
    {"program header size", {{54, 2, 32}}, ELF_BAD_HEADER_SIZE, 54},
    {"no program headers", {{56, 2, 0}, {54, 2, 0}}, ELF_NO_SEGMENT, 56},
    {"33 program headers", {{56, 2, 33}}, ELF_TOO_MANY_HEADERS, 56},
    {"65535 program headers", {{56, 2, 65535}}, ELF_TOO_MANY_HEADERS, 56},
    {"headers behind the file", {{32, 8, FILE_LENGTH}}, ELF_HEADERS_OUTSIDE_FILE, 32},
    {"last header leaves the file",
     {{32, 8, FILE_LENGTH - 5 * HEADER_BYTES + 1}},
     ELF_HEADERS_OUTSIDE_FILE,
     32},
    {"header offset wraps", {{32, 8, MAX64 - 10}}, ELF_HEADERS_OUTSIDE_FILE, 32},

    {"interpreter", {{STACK + P_TYPE, 4, 3}}, ELF_INTERPRETER, STACK},
    {"dynamic", {{STACK + P_TYPE, 4, 2}}, ELF_DYNAMIC, STACK},
    {"executable stack", {{STACK + P_FLAGS, 4, 7}}, ELF_EXECUTABLE_STACK, STACK + P_FLAGS},
    {"file size above memory size",
     {{TEXT + P_FILESZ, 8, 0x1801}},
     ELF_FILE_SIZE_TOO_LARGE,
     TEXT + P_FILESZ},
    {"offset behind the file",
     {{DATA + P_OFFSET, 8, 0x3ff0}},
     ELF_SEGMENT_OUTSIDE_FILE,
     DATA + P_OFFSET},
    {"one byte behind the file",
     {{DATA + P_FILESZ, 8, FILE_LENGTH - 0x2ff0 + 1}},
     ELF_SEGMENT_OUTSIDE_FILE,
     DATA + P_OFFSET},
    {"offset and size wrap",
     {{DATA + P_OFFSET, 8, MAX64 - 0xf}},
     ELF_SEGMENT_OUTSIDE_FILE,
     DATA + P_OFFSET},
    {"alignment of three", {{TEXT + P_ALIGN, 8, 3}}, ELF_BAD_ALIGNMENT, TEXT + P_ALIGN},
    {"not congruent to the alignment",
     {{TEXT + P_ALIGN, 8, 0x800000}},
     ELF_BAD_ALIGNMENT,
     TEXT + P_ALIGN},
    {"not congruent to the page",
     {{TEXT + P_OFFSET, 8, 0x1010}, {TEXT + P_ALIGN, 8, 1}},
     ELF_BAD_ALIGNMENT,
     TEXT + P_OFFSET},
    {"no access", {{TEXT + P_FLAGS, 4, 0}}, ELF_UNREADABLE, TEXT + P_FLAGS},
    {"execute only", {{TEXT + P_FLAGS, 4, 1}}, ELF_UNREADABLE, TEXT + P_FLAGS},
    {"write only", {{DATA + P_FLAGS, 4, 2}}, ELF_UNREADABLE, DATA + P_FLAGS},
    {"writable and executable",
     {{TEXT + P_FLAGS, 4, 7}},
     ELF_WRITABLE_AND_EXECUTABLE,
     TEXT + P_FLAGS},
    {"writable and executable, unreadable",
     {{TEXT + P_FLAGS, 4, 3}},
     ELF_WRITABLE_AND_EXECUTABLE,
     TEXT + P_FLAGS},
    {"below the user range",
     {{RODATA + P_VADDR, 8, 0xf000}},
     ELF_ADDRESS_OUT_OF_RANGE,
     RODATA + P_VADDR},
    {"address zero", {{RODATA + P_VADDR, 8, 0}}, ELF_ADDRESS_OUT_OF_RANGE, RODATA + P_VADDR},
    {"one byte above the user range",
     {{DATA + P_VADDR, 8, 0x7ffffffeeff0}, {DATA + P_MEMSZ, 8, 0x1011}},
     ELF_ADDRESS_OUT_OF_RANGE,
     DATA + P_VADDR},
    {"in the kernel's half",
     {{DATA + P_VADDR, 8, 0xffffffff80000ff0}},
     ELF_ADDRESS_OUT_OF_RANGE,
     DATA + P_VADDR},
    {"memory size wraps", {{DATA + P_MEMSZ, 8, MAX64}}, ELF_ADDRESS_OUT_OF_RANGE, DATA + P_VADDR},
    {"not ascending", {{DATA + P_VADDR, 8, 0x3f0ff0}}, ELF_NOT_ASCENDING, DATA + P_VADDR},
    {"overlap", {{RODATA + P_MEMSZ, 8, 0x1001}}, ELF_OVERLAP, TEXT + P_VADDR},
    {"two segments in one page",
     {{DATA + P_VADDR, 8, 0x402ff0}, {TLS + P_VADDR, 8, 0x402ff0}},
     ELF_OVERLAP,
     DATA + P_VADDR},
    {"the same address twice", {{TEXT + P_VADDR, 8, 0x400000}}, ELF_OVERLAP, TEXT + P_VADDR},
    {"one page too many",
     {{DATA + P_MEMSZ, 8, 0xd000 - 0xff0 + 1}},
     ELF_TOO_MANY_PAGES,
     DATA + P_MEMSZ},
    {"far too many pages",
     {{DATA + P_MEMSZ, 8, 0x7fff00000000}},
     ELF_TOO_MANY_PAGES,
     DATA + P_MEMSZ},
    {"nothing to load",
     {{RODATA + P_TYPE, 4, 0}, {TEXT + P_TYPE, 4, 0}, {DATA + P_TYPE, 4, 0}},
     ELF_NO_SEGMENT,
     56},
    {"entry zero", {{24, 8, 0}}, ELF_BAD_ENTRY, 24},
    {"entry before the text", {{24, 8, 0x400fff}}, ELF_BAD_ENTRY, 24},
    {"entry behind the text", {{24, 8, 0x402800}}, ELF_BAD_ENTRY, 24},
    {"entry in the data", {{24, 8, 0x403ff0}}, ELF_BAD_ENTRY, 24},
    {"entry in constants", {{24, 8, 0x400000}}, ELF_BAD_ENTRY, 24},
    {"two templates", {{STACK + P_TYPE, 4, 7}}, ELF_SECOND_TLS, STACK},
    {"template file size", {{TLS + P_FILESZ, 8, 0x61}}, ELF_FILE_SIZE_TOO_LARGE, TLS + P_FILESZ},
    {"template outside the file",
     {{TLS + P_OFFSET, 8, FILE_LENGTH - 0x1f}},
     ELF_SEGMENT_OUTSIDE_FILE,
     TLS + P_OFFSET},
    {"template alignment of 24", {{TLS + P_ALIGN, 8, 24}}, ELF_BAD_ALIGNMENT, TLS + P_ALIGN},
    {"template aligned beyond a page", {{TLS + P_ALIGN, 8, 8192}}, ELF_BAD_TLS, TLS + P_ALIGN},
    {"template too large", {{TLS + P_MEMSZ, 8, 0x10000}}, ELF_BAD_TLS, TLS + P_MEMSZ},
    {"template huge", {{TLS + P_MEMSZ, 8, MAX64}}, ELF_BAD_TLS, TLS + P_MEMSZ},
    {"template before its segment", {{TLS + P_VADDR, 8, 0x403fef}}, ELF_BAD_TLS, TLS + P_VADDR},
    {"template behind its segment", {{TLS + P_VADDR, 8, 0x4050e0}}, ELF_BAD_TLS, TLS + P_VADDR},
    {"template at a wild address", {{TLS + P_VADDR, 8, MAX64}}, ELF_BAD_TLS, TLS + P_VADDR},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t *bytes = make_image();
        struct elf_image image;
        struct elf_fault fault = {ELF_OK, 0};
        enum elf_error error;

        for (size_t k = 0; k < PATCHES_MAX && cases[i].patches[k].width != 0; k++) {
            put(bytes, cases[i].patches[k].offset, cases[i].patches[k].width,
                cases[i].patches[k].value);
        }
        memset(&image, 0x55, sizeof(image));
        error = elf_open(bytes, FILE_LENGTH, &limits, &image, &fault);
        if (error != cases[i].error || fault.error != error ||
            fault.offset != cases[i].fault_offset) {
            fail_msg("%s: %s at %#llx", cases[i].what, elf_error_name(error),
                     (unsigned long long)fault.offset);
        }
        if (error != ELF_OK) {
            assert_int_equal(image.segment_count, 0x55555555); /* untouched */
        }
        free(bytes);
    }
}

static void test_description(void **state)
{
    uint8_t *bytes = make_image();
    struct elf_image image;
    struct elf_fault fault;

    (void)state;
    assert_int_equal(elf_open(bytes, FILE_LENGTH, &limits, &image, &fault), ELF_OK);
    assert_int_equal(image.entry, 0x401100);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.page_count, 6);

    assert_int_equal(image.segments[0].access, ELF_READ);
    assert_int_equal(image.segments[1].access, ELF_READ_EXECUTE);
    assert_int_equal(image.segments[2].access, ELF_READ_WRITE);
    assert_int_equal(image.segments[2].address, 0x403ff0);
    assert_int_equal(image.segments[2].memory_bytes, 0x1100);
    assert_int_equal(image.segments[2].file_offset, 0x2ff0);
    assert_int_equal(image.segments[2].file_bytes, 0x110);
    assert_int_equal(elf_segment_page_base(&image.segments[2]), 0x403000);
    assert_int_equal(elf_segment_page_count(&image.segments[0]), 1);
    assert_int_equal(elf_segment_page_count(&image.segments[1]), 2);
    assert_int_equal(elf_segment_page_count(&image.segments[2]), 3);

    assert_true(image.has_tls);
    assert_int_equal(image.tls.address, 0x403ff0);
    assert_int_equal(image.tls.file_bytes, 0x20);
    assert_int_equal(image.tls.memory_bytes, 0x60);
    assert_int_equal(image.tls.alignment, 32);

    put(bytes, TLS + P_ALIGN, 8, 0);
    assert_int_equal(elf_open(bytes, FILE_LENGTH, &limits, &image, &fault), ELF_OK);
    assert_int_equal(image.tls.alignment, 1);
    put(bytes, TLS + P_TYPE, 4, 0);
    assert_int_equal(elf_open(bytes, FILE_LENGTH, &limits, &image, &fault), ELF_OK);
    assert_false(image.has_tls);
    free(bytes);
}

/* Only the beginning is at hand, or the file itself ends early. */
static void test_every_length(void **state)
{
    uint8_t *whole = make_image();
    const size_t headers_end = HEADERS_PLACE + 5 * HEADER_BYTES;

    (void)state;
    for (size_t length = 0; length <= headers_end + 1; length++) {
        struct elf_limits short_limits = limits;
        uint8_t *bytes = malloc(length + (length == 0));
        struct elf_image image;
        struct elf_fault fault;
        enum elf_error error;

        assert_non_null(bytes);
        memcpy(bytes, whole, length);
        error = elf_open(bytes, length, &limits, &image, &fault);
        if (length < 64) {
            assert_int_equal(error, ELF_TRUNCATED);
            assert_int_equal(fault.offset, length);
        } else {
            assert_int_equal(error, length < headers_end ? ELF_HEADERS_OUT_OF_REACH : ELF_OK);
        }
        short_limits.file_length = length;
        error = elf_open(bytes, length, &short_limits, &image, &fault);
        assert_int_equal(error, length < 64            ? ELF_TRUNCATED
                                : length < headers_end ? ELF_HEADERS_OUTSIDE_FILE
                                                       : ELF_SEGMENT_OUTSIDE_FILE);
        free(bytes);
    }
    free(whole);
}

/* Eight segments fit, the ninth is refused. */
static void test_segment_count(void **state)
{
    uint8_t *bytes = make_image();
    struct elf_image image;
    struct elf_fault fault;

    (void)state;
    for (size_t i = 0; i <= ELF_SEGMENTS_MAX; i++) {
        put_header(bytes, HEADERS_PLACE + i * HEADER_BYTES, 1, 5, 0, 0x401000 + i * 0x1000, 0x200,
                   0x200, 0x1000);
    }
    put(bytes, 56, 2, ELF_SEGMENTS_MAX);
    assert_int_equal(elf_open(bytes, FILE_LENGTH, &limits, &image, &fault), ELF_OK);
    assert_int_equal(image.segment_count, ELF_SEGMENTS_MAX);
    put(bytes, 56, 2, ELF_SEGMENTS_MAX + 1);
    assert_int_equal(elf_open(bytes, FILE_LENGTH, &limits, &image, &fault), ELF_TOO_MANY_SEGMENTS);
    assert_int_equal(fault.offset, HEADERS_PLACE + ELF_SEGMENTS_MAX * HEADER_BYTES);
    free(bytes);
}

static void test_error_names(void **state)
{
    (void)state;
    for (int error = ELF_OK; error <= ELF_BAD_TLS; error++) {
        assert_string_not_equal(elf_error_name((enum elf_error)error), "?");
    }
    assert_string_equal(elf_error_name((enum elf_error)(ELF_BAD_TLS + 1)), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_description),
        cmocka_unit_test(test_every_length), cmocka_unit_test(test_segment_count),
        cmocka_unit_test(test_error_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
