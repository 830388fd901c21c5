/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as an executable: elf_open() must return, and what it accepts must keep the promises
 * E1 to E8 of elf/elf.h, checked here in wider arithmetic.
 */

#include "elf/elf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__extension__ typedef unsigned __int128 wide;

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_image(const struct elf_image *image, const struct elf_limits *limits)
{
    wide behind = limits->low;
    wide page_count = 0;
    bool entry_found = false;
    bool tls_found = !image->has_tls || image->tls.file_bytes == 0;

    check(image->segment_count > 0 && image->segment_count <= ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        const wide start = segment->address / ELF_PAGE_BYTES * (wide)ELF_PAGE_BYTES;
        const wide end = (wide)segment->address + segment->memory_bytes;
        const wide end_page = (end + ELF_PAGE_BYTES - 1) / ELF_PAGE_BYTES * ELF_PAGE_BYTES;

        check((wide)segment->file_offset + segment->file_bytes <= limits->file_length); /* E1 */
        check(start >= behind);                                                         /* E2 */
        check(end_page <= limits->high);                                                /* E3 */
        check(segment->memory_bytes > 0 && segment->file_bytes <= segment->memory_bytes);
        check(segment->address % ELF_PAGE_BYTES == segment->file_offset % ELF_PAGE_BYTES); /* E5 */
        check(start == elf_segment_page_base(segment));
        check((end_page - start) / ELF_PAGE_BYTES == elf_segment_page_count(segment));
        behind = end_page;
        page_count += (end_page - start) / ELF_PAGE_BYTES;
        entry_found = entry_found || (segment->access == ELF_READ_EXECUTE &&
                                      image->entry >= segment->address && image->entry < end);
        tls_found = tls_found || (image->tls.address >= segment->address &&
                                  (wide)image->tls.address + image->tls.file_bytes <= end);
    }
    check(page_count == image->page_count && page_count <= limits->page_count_max); /* E3 */
    check(entry_found);                                                             /* E7 */
    check(tls_found);                                                               /* E8 */
    if (image->has_tls) {
        check(image->tls.file_bytes <= image->tls.memory_bytes);
        check(image->tls.memory_bytes <= limits->page_count_max * ELF_PAGE_BYTES);
        check(image->tls.alignment > 0 && image->tls.alignment <= ELF_PAGE_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_limits limits = {
        .file_length = size,
        .low = 0x10000,
        .high = 0x7fffffff0000,
        .page_count_max = 1024,
    };
    struct elf_image image;
    struct elf_fault fault;

    for (int round = 0; round < 2; round++) {
        if (elf_open(data, size, &limits, &image, &fault) == ELF_OK) {
            check_image(&image, &limits);
        } else {
            check(fault.error != ELF_OK);
            check(elf_error_name(fault.error)[0] != '?');
            check(fault.offset <= size);
        }
        limits.file_length = 1u << 20; /* the bytes as the beginning of a longer file */
    }
    return 0;
}
