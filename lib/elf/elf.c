/* SPDX-License-Identifier: MIT */
#include "elf/elf.h"

#include "bytes/bytes.h"

/* gABI 4.1 figure 4-3: offsets in the ELF header. */
#define EHDR_CLASS      4u
#define EHDR_DATA       5u
#define EHDR_ID_VERSION 6u
#define EHDR_OS_ABI     7u
#define EHDR_TYPE       16u
#define EHDR_MACHINE    18u
#define EHDR_VERSION    20u
#define EHDR_ENTRY      24u
#define EHDR_PHOFF      32u
#define EHDR_EHSIZE     52u
#define EHDR_PHENTSIZE  54u
#define EHDR_PHNUM      56u
#define EHDR_BYTES      64u

/* gABI 4.1 figure 5-1: offsets in a program header. */
#define PHDR_TYPE         0u
#define PHDR_FLAGS        4u
#define PHDR_OFFSET       8u
#define PHDR_VADDR        16u
#define PHDR_FILESZ       32u
#define PHDR_MEMSZ        40u
#define PHDR_ALIGN        48u
#define PHDR_BYTES        56u

#define CLASS_64          2u
#define DATA_LITTLE       1u
#define VERSION_CURRENT   1u
#define OS_ABI_SYSTEM_V   0u
#define OS_ABI_GNU        3u
#define TYPE_EXECUTABLE   2u
#define MACHINE_X86_64    62u

#define PT_LOAD           1u
#define PT_DYNAMIC        2u
#define PT_INTERP         3u
#define PT_TLS            7u
#define PT_GNU_STACK      0x6474e551u

#define PF_X              1u
#define PF_W              2u
#define PF_R              4u

#define NO_PROGRAM_HEADER UINT64_MAX

/* One program header, read once. */
struct program_header {
    uint64_t place; /* offset in the file, for faults */
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t address;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t alignment;
};

/* Everything that the steps of elf_open() share. */
struct opening {
    const uint8_t *bytes;
    uint64_t length;
    const struct elf_limits *limits;
    struct elf_image *image;
    struct elf_fault fault;
    uint64_t next_page; /* address behind the last page of the previous segment */
};

/* Refuse, naming the field at `offset`. False, so that a check can end with it. */
static bool refuse(struct opening *opening, enum elf_error error, uint64_t offset)
{
    opening->fault.error = error;
    opening->fault.offset = offset;
    return false;
}

/* Whether [start, start + length) ends at `limit` or below, without overflowing. */
static bool range_fits(uint64_t start, uint64_t length, uint64_t limit)
{
    return start <= limit && length <= limit - start;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static bool check_header(struct opening *opening)
{
    const uint8_t *bytes = opening->bytes;

    if (opening->length < EHDR_BYTES) {
        return refuse(opening, ELF_TRUNCATED, opening->length);
    }
    if (bytes[0] != 0x7f || bytes[1] != 'E' || bytes[2] != 'L' || bytes[3] != 'F') {
        return refuse(opening, ELF_BAD_MAGIC, 0);
    }
    if (bytes[EHDR_CLASS] != CLASS_64) {
        return refuse(opening, ELF_BAD_CLASS, EHDR_CLASS);
    }
    if (bytes[EHDR_DATA] != DATA_LITTLE) {
        return refuse(opening, ELF_BAD_BYTE_ORDER, EHDR_DATA);
    }
    if (bytes[EHDR_ID_VERSION] != VERSION_CURRENT) {
        return refuse(opening, ELF_BAD_VERSION, EHDR_ID_VERSION);
    }
    if (bytes[EHDR_OS_ABI] != OS_ABI_SYSTEM_V && bytes[EHDR_OS_ABI] != OS_ABI_GNU) {
        return refuse(opening, ELF_BAD_OS_ABI, EHDR_OS_ABI);
    }
    if (bytes_u16(bytes + EHDR_TYPE) != TYPE_EXECUTABLE) {
        return refuse(opening, ELF_BAD_TYPE, EHDR_TYPE);
    }
    if (bytes_u16(bytes + EHDR_MACHINE) != MACHINE_X86_64) {
        return refuse(opening, ELF_BAD_MACHINE, EHDR_MACHINE);
    }
    if (bytes_u32(bytes + EHDR_VERSION) != VERSION_CURRENT) {
        return refuse(opening, ELF_BAD_VERSION, EHDR_VERSION);
    }
    if (bytes_u16(bytes + EHDR_EHSIZE) != EHDR_BYTES) {
        return refuse(opening, ELF_BAD_HEADER_SIZE, EHDR_EHSIZE);
    }
    return true;
}

/* Find the program headers. Their size is only checked if there are any. */
static bool check_program_headers(struct opening *opening, uint64_t *start, uint32_t *count)
{
    const uint8_t *bytes = opening->bytes;

    *start = bytes_u64(bytes + EHDR_PHOFF);
    *count = bytes_u16(bytes + EHDR_PHNUM);
    if (*count == 0) {
        return refuse(opening, ELF_NO_SEGMENT, EHDR_PHNUM);
    }
    if (*count > ELF_PROGRAM_HEADERS_MAX) {
        return refuse(opening, ELF_TOO_MANY_HEADERS, EHDR_PHNUM);
    }
    if (bytes_u16(bytes + EHDR_PHENTSIZE) != PHDR_BYTES) {
        return refuse(opening, ELF_BAD_HEADER_SIZE, EHDR_PHENTSIZE);
    }
    if (!range_fits(*start, (uint64_t)*count * PHDR_BYTES, opening->limits->file_length)) {
        return refuse(opening, ELF_HEADERS_OUTSIDE_FILE, EHDR_PHOFF);
    }
    if (!range_fits(*start, (uint64_t)*count * PHDR_BYTES, opening->length)) {
        return refuse(opening, ELF_HEADERS_OUT_OF_REACH, EHDR_PHOFF);
    }
    return true;
}

static void read_program_header(const struct opening *opening, uint64_t place,
                                struct program_header *header)
{
    const uint8_t *bytes = opening->bytes + place;

    header->place = place;
    header->type = bytes_u32(bytes + PHDR_TYPE);
    header->flags = bytes_u32(bytes + PHDR_FLAGS);
    header->offset = bytes_u64(bytes + PHDR_OFFSET);
    header->address = bytes_u64(bytes + PHDR_VADDR);
    header->file_bytes = bytes_u64(bytes + PHDR_FILESZ);
    header->memory_bytes = bytes_u64(bytes + PHDR_MEMSZ);
    header->alignment = bytes_u64(bytes + PHDR_ALIGN);
}

/* What PT_LOAD and PT_TLS have in common. An alignment of 0 means 1. */
static bool check_sizes(struct opening *opening, const struct program_header *header)
{
    if (header->file_bytes > header->memory_bytes) {
        return refuse(opening, ELF_FILE_SIZE_TOO_LARGE, header->place + PHDR_FILESZ);
    }
    if (!range_fits(header->offset, header->file_bytes, opening->limits->file_length)) {
        return refuse(opening, ELF_SEGMENT_OUTSIDE_FILE, header->place + PHDR_OFFSET);
    }
    if (header->alignment != 0 && !is_power_of_two(header->alignment)) {
        return refuse(opening, ELF_BAD_ALIGNMENT, header->place + PHDR_ALIGN);
    }
    return true;
}

static bool check_access(struct opening *opening, const struct program_header *header,
                         enum elf_access *access)
{
    const uint64_t place = header->place + PHDR_FLAGS;

    if ((header->flags & PF_W) != 0 && (header->flags & PF_X) != 0) {
        return refuse(opening, ELF_WRITABLE_AND_EXECUTABLE, place);
    }
    if ((header->flags & PF_R) == 0) {
        return refuse(opening, ELF_UNREADABLE, place);
    }
    *access = (header->flags & PF_W) != 0   ? ELF_READ_WRITE
              : (header->flags & PF_X) != 0 ? ELF_READ_EXECUTE
                                            : ELF_READ;
    return true;
}

static bool add_segment(struct opening *opening, const struct program_header *header)
{
    const struct elf_limits *limits = opening->limits;
    struct elf_image *image = opening->image;
    struct elf_segment segment = {
        .address = header->address,
        .memory_bytes = header->memory_bytes,
        .file_offset = header->offset,
        .file_bytes = header->file_bytes,
    };
    uint64_t page_count;

    if (!check_sizes(opening, header) || !check_access(opening, header, &segment.access)) {
        return false;
    }
    if (header->memory_bytes == 0) {
        return true; /* linkers leave such behind: nothing to load */
    }
    /* Congruence modulo the page size is what a loader needs, modulo p_align what gABI says. */
    if (((header->address ^ header->offset) & (ELF_PAGE_BYTES - 1)) != 0) {
        return refuse(opening, ELF_BAD_ALIGNMENT, header->place + PHDR_OFFSET);
    }
    if (header->alignment != 0 &&
        ((header->address - header->offset) & (header->alignment - 1)) != 0) {
        return refuse(opening, ELF_BAD_ALIGNMENT, header->place + PHDR_ALIGN);
    }
    /* Both ends of the range are page-aligned, so rounding to pages cannot leave it. */
    if (header->address < limits->low) {
        return refuse(opening, ELF_ADDRESS_OUT_OF_RANGE, header->place + PHDR_VADDR);
    }
    if (!range_fits(header->address, header->memory_bytes, limits->high)) {
        return refuse(opening, ELF_ADDRESS_OUT_OF_RANGE, header->place + PHDR_VADDR);
    }
    if (image->segment_count > 0) {
        if (header->address < image->segments[image->segment_count - 1].address) {
            return refuse(opening, ELF_NOT_ASCENDING, header->place + PHDR_VADDR);
        }
        if (header->address < opening->next_page) {
            return refuse(opening, ELF_OVERLAP, header->place + PHDR_VADDR);
        }
    }
    if (image->segment_count == ELF_SEGMENTS_MAX) {
        return refuse(opening, ELF_TOO_MANY_SEGMENTS, header->place);
    }
    page_count = elf_segment_page_count(&segment);
    if (page_count > limits->page_count_max - image->page_count) {
        return refuse(opening, ELF_TOO_MANY_PAGES, header->place + PHDR_MEMSZ);
    }

    opening->next_page = elf_segment_page_base(&segment) + page_count * ELF_PAGE_BYTES;
    image->page_count += page_count;
    image->segments[image->segment_count++] = segment;
    return true;
}

/* The segment whose memory holds all of [address, address + length), or NULL. */
static const struct elf_segment *find_segment(const struct elf_image *image, uint64_t address,
                                              uint64_t length)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (address >= segment->address &&
            range_fits(address - segment->address, length, segment->memory_bytes)) {
            return segment;
        }
    }
    return NULL;
}

/* After all segments: the template must be in one of them, and small enough to be allocated. */
static bool add_tls(struct opening *opening, const struct program_header *header)
{
    const uint64_t limit = opening->limits->page_count_max;

    if (!check_sizes(opening, header)) {
        return false;
    }
    if (header->alignment > ELF_PAGE_BYTES) {
        return refuse(opening, ELF_BAD_TLS, header->place + PHDR_ALIGN);
    }
    if (header->memory_bytes / ELF_PAGE_BYTES >= limit) {
        return refuse(opening, ELF_BAD_TLS, header->place + PHDR_MEMSZ);
    }
    if (header->file_bytes != 0 &&
        find_segment(opening->image, header->address, header->file_bytes) == NULL) {
        return refuse(opening, ELF_BAD_TLS, header->place + PHDR_VADDR);
    }
    opening->image->has_tls = true;
    opening->image->tls = (struct elf_tls){
        .address = header->address,
        .file_bytes = header->file_bytes,
        .memory_bytes = header->memory_bytes,
        .alignment = header->alignment != 0 ? header->alignment : 1,
    };
    return true;
}

static bool check_entry(struct opening *opening)
{
    const uint64_t entry = bytes_u64(opening->bytes + EHDR_ENTRY);
    const struct elf_segment *segment = find_segment(opening->image, entry, 1);

    if (segment == NULL || segment->access != ELF_READ_EXECUTE) {
        return refuse(opening, ELF_BAD_ENTRY, EHDR_ENTRY);
    }
    opening->image->entry = entry;
    return true;
}

static bool open_image(struct opening *opening)
{
    uint64_t tls_place = NO_PROGRAM_HEADER;
    struct program_header header;
    uint64_t place;
    uint32_t count;

    if (!check_header(opening) || !check_program_headers(opening, &place, &count)) {
        return false;
    }
    for (; count > 0; count--, place += PHDR_BYTES) {
        read_program_header(opening, place, &header);
        switch (header.type) {
        case PT_LOAD:
            if (!add_segment(opening, &header)) {
                return false;
            }
            break;
        case PT_DYNAMIC:
            return refuse(opening, ELF_DYNAMIC, place + PHDR_TYPE);
        case PT_INTERP:
            return refuse(opening, ELF_INTERPRETER, place + PHDR_TYPE);
        case PT_TLS:
            if (tls_place != NO_PROGRAM_HEADER) {
                return refuse(opening, ELF_SECOND_TLS, place + PHDR_TYPE);
            }
            tls_place = place;
            break;
        case PT_GNU_STACK:
            if ((header.flags & PF_X) != 0) {
                return refuse(opening, ELF_EXECUTABLE_STACK, place + PHDR_FLAGS);
            }
            break;
        default: /* notes, unwind tables, what others invented: gABI says to ignore them */
            break;
        }
    }
    if (opening->image->segment_count == 0) {
        return refuse(opening, ELF_NO_SEGMENT, EHDR_PHNUM);
    }
    if (tls_place != NO_PROGRAM_HEADER) {
        read_program_header(opening, tls_place, &header);
        if (!add_tls(opening, &header)) {
            return false;
        }
    }
    return check_entry(opening);
}

enum elf_error elf_open(const uint8_t *bytes, size_t length, const struct elf_limits *limits,
                        struct elf_image *image, struct elf_fault *fault)
{
    struct elf_image described = {0};
    struct opening opening = {
        .bytes = bytes,
        .length = length,
        .limits = limits,
        .image = &described,
    };

    if (!open_image(&opening)) {
        *fault = opening.fault;
        return opening.fault.error;
    }
    *image = described;
    return ELF_OK;
}

const char *elf_error_name(enum elf_error error)
{
    switch (error) {
    case ELF_OK:
        return "ok";
    case ELF_TRUNCATED:
        return "truncated";
    case ELF_BAD_MAGIC:
        return "badMagic";
    case ELF_BAD_CLASS:
        return "badClass";
    case ELF_BAD_BYTE_ORDER:
        return "badByteOrder";
    case ELF_BAD_VERSION:
        return "badVersion";
    case ELF_BAD_OS_ABI:
        return "badOsAbi";
    case ELF_BAD_TYPE:
        return "badType";
    case ELF_BAD_MACHINE:
        return "badMachine";
    case ELF_BAD_HEADER_SIZE:
        return "badHeaderSize";
    case ELF_TOO_MANY_HEADERS:
        return "tooManyHeaders";
    case ELF_HEADERS_OUTSIDE_FILE:
        return "headersOutsideFile";
    case ELF_HEADERS_OUT_OF_REACH:
        return "headersOutOfReach";
    case ELF_INTERPRETER:
        return "interpreter";
    case ELF_DYNAMIC:
        return "dynamic";
    case ELF_EXECUTABLE_STACK:
        return "executableStack";
    case ELF_FILE_SIZE_TOO_LARGE:
        return "fileSizeTooLarge";
    case ELF_SEGMENT_OUTSIDE_FILE:
        return "segmentOutsideFile";
    case ELF_BAD_ALIGNMENT:
        return "badAlignment";
    case ELF_UNREADABLE:
        return "unreadable";
    case ELF_WRITABLE_AND_EXECUTABLE:
        return "writableAndExecutable";
    case ELF_ADDRESS_OUT_OF_RANGE:
        return "addressOutOfRange";
    case ELF_NOT_ASCENDING:
        return "notAscending";
    case ELF_OVERLAP:
        return "overlap";
    case ELF_TOO_MANY_SEGMENTS:
        return "tooManySegments";
    case ELF_TOO_MANY_PAGES:
        return "tooManyPages";
    case ELF_NO_SEGMENT:
        return "noSegment";
    case ELF_BAD_ENTRY:
        return "badEntry";
    case ELF_SECOND_TLS:
        return "secondTls";
    case ELF_BAD_TLS:
        return "badTls";
    }
    return "?";
}
