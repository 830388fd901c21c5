/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What may be loaded as a program: a statically linked ELF64 executable for x86-64, described
 * from bytes that nobody trusts. The kernel's process loader and the host tools ask here; mapping
 * and copying are theirs.
 *
 * A description that elf_open() has returned keeps these promises, so that a loader needs no
 * checks of its own:
 *
 *   E1  segments lie in the file: file_offset + file_bytes <= limits.file_length
 *   E2  segments ascend and no two share a page
 *   E3  all their pages are inside [limits.low, limits.high), at most limits.page_count_max in all
 *   E4  file_bytes <= memory_bytes, memory_bytes > 0
 *   E5  address and file_offset are equal modulo the page size
 *   E6  nothing is writable and executable; everything is readable
 *   E7  the entry point is inside an executable segment
 *   E8  the initial bytes of thread-local storage are inside a segment's memory
 *
 * Pages are filled from the file exactly in [address, address + file_bytes); everything else in
 * a segment's pages must be zero, or it would carry somebody's bytes.
 *
 * Formats: System V ABI (gABI 4.1, chapters 4 and 5), AMD64 psABI 1.0 §4. Section headers are
 * never looked at.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_PAGE_BYTES          4096u
#define ELF_SEGMENTS_MAX        8u
#define ELF_PROGRAM_HEADERS_MAX 32u

/** What the loader allows. */
struct elf_limits {
    uint64_t file_length;    /* bytes of the whole file */
    uint64_t low;            /* first user address, page-aligned */
    uint64_t high;           /* behind the last user address, page-aligned */
    uint64_t page_count_max; /* most pages that all segments may need */
};

enum elf_access {
    ELF_READ = 0, /* numbered like Access in the schema */
    ELF_READ_WRITE = 1,
    ELF_READ_EXECUTE = 2
};

/** A piece of the file to be mapped. */
struct elf_segment {
    uint64_t address;
    uint64_t memory_bytes; /* what exceeds file_bytes is zero */
    uint64_t file_offset;
    uint64_t file_bytes;
    enum elf_access access;
};

/** The template of a thread's local storage: file_bytes at address, zeros up to memory_bytes. */
struct elf_tls {
    uint64_t address; /* in one of the segments */
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t alignment; /* a power of two, at most a page */
};

struct elf_image {
    uint64_t entry;
    uint64_t page_count; /* of all segments together */
    uint32_t segment_count;
    bool has_tls;
    struct elf_tls tls;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

enum elf_error {
    ELF_OK = 0,
    ELF_TRUNCATED,               /* shorter than an ELF header */
    ELF_BAD_MAGIC,               /* no ELF file */
    ELF_BAD_CLASS,               /* not 64-bit */
    ELF_BAD_BYTE_ORDER,          /* not little-endian */
    ELF_BAD_VERSION,             /* of the identification or of the file */
    ELF_BAD_OS_ABI,              /* neither System V nor GNU */
    ELF_BAD_TYPE,                /* not ET_EXEC */
    ELF_BAD_MACHINE,             /* not x86-64 */
    ELF_BAD_HEADER_SIZE,         /* of the ELF header or of a program header */
    ELF_TOO_MANY_HEADERS,        /* more than ELF_PROGRAM_HEADERS_MAX */
    ELF_HEADERS_OUTSIDE_FILE,    /* the program headers are not in the file */
    ELF_HEADERS_OUT_OF_REACH,    /* ... but not in the bytes given */
    ELF_INTERPRETER,             /* wants a dynamic loader */
    ELF_DYNAMIC,                 /* wants dynamic linking */
    ELF_EXECUTABLE_STACK,        /* PT_GNU_STACK with PF_X */
    ELF_FILE_SIZE_TOO_LARGE,     /* p_filesz > p_memsz */
    ELF_SEGMENT_OUTSIDE_FILE,    /* offset and size leave the file */
    ELF_BAD_ALIGNMENT,           /* no power of two; or address and offset not congruent */
    ELF_UNREADABLE,              /* a segment without PF_R */
    ELF_WRITABLE_AND_EXECUTABLE, /* a segment with PF_W and PF_X */
    ELF_ADDRESS_OUT_OF_RANGE,    /* a segment leaves the user range */
    ELF_NOT_ASCENDING,           /* a segment starts below its predecessor */
    ELF_OVERLAP,                 /* a segment starts in a page of its predecessor */
    ELF_TOO_MANY_SEGMENTS,       /* more than ELF_SEGMENTS_MAX */
    ELF_TOO_MANY_PAGES,          /* more than limits.page_count_max */
    ELF_NO_SEGMENT,              /* nothing to load */
    ELF_BAD_ENTRY,               /* the entry point is in no executable segment */
    ELF_SECOND_TLS,              /* more than one PT_TLS */
    ELF_BAD_TLS                  /* thread-local storage: not in a segment, too large, misaligned */
};

/** What was refused, and the offset in the file of the field that says so. */
struct elf_fault {
    enum elf_error error;
    uint64_t offset;
};

/** The error's name in camelCase, "?" for a number that is none. */
const char *elf_error_name(enum elf_error error);

/**
 * Check and describe an executable.
 *
 * `bytes` are the first `length` bytes of the file, of which limits->file_length says how long it
 * is altogether: the headers must be among them, the contents of segments need not. They must not
 * change during the call (from another process's memory, copy the first page).
 *
 * Returns: ELF_OK, and `*image` is written; otherwise the error, and `*fault` is written.
 */
MUST_CHECK enum elf_error elf_open(const uint8_t *bytes, size_t length,
                                   const struct elf_limits *limits, struct elf_image *image,
                                   struct elf_fault *fault);

/** Address of the first page of a segment. */
static inline uint64_t elf_segment_page_base(const struct elf_segment *segment)
{
    return segment->address & ~(uint64_t)(ELF_PAGE_BYTES - 1);
}

/** Number of pages of a segment (of an image that elf_open() has returned). */
static inline uint64_t elf_segment_page_count(const struct elf_segment *segment)
{
    const uint64_t end = segment->address + segment->memory_bytes + (ELF_PAGE_BYTES - 1);

    return (end - elf_segment_page_base(segment)) / ELF_PAGE_BYTES;
}
