/* SPDX-License-Identifier: MIT */
#include "dump.h"

#include "memory.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *dump_error_name(enum dump_error error)
{
    switch (error) {
    case DUMP_OK:
        return "ok";
    case DUMP_UNREADABLE:
        return "unreadable";
    case DUMP_NOT_A_FILE:
        return "notAFile";
    case DUMP_TOO_LARGE:
        return "tooLarge";
    case DUMP_EMPTY:
        return "empty";
    case DUMP_NO_DUMP:
        return "noDump";
    case DUMP_BAD_SIZE:
        return "badSize";
    case DUMP_GAP:
        return "gap";
    }
    return "?";
}

static void refuse_file(struct dump_file *file, enum dump_error error, uint64_t place)
{
    file->error = error;
    file->place = place;
}

/* All bytes of a regular file; one that grows meanwhile is read as long as it was at first. */
static size_t content_read(struct dump_file *file, const char *path)
{
    /* Without waiting, should it be a pipe that nobody writes to. */
    const int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    size_t length = 0;
    struct stat info;

    if (descriptor < 0) {
        refuse_file(file, DUMP_UNREADABLE, (uint64_t)errno);
        return 0;
    }
    if (fstat(descriptor, &info) != 0) {
        refuse_file(file, DUMP_UNREADABLE, (uint64_t)errno);
    } else if (!S_ISREG(info.st_mode)) {
        refuse_file(file, DUMP_NOT_A_FILE, 0);
    } else if (info.st_size > DUMP_FILE_MAX) {
        refuse_file(file, DUMP_TOO_LARGE, (uint64_t)info.st_size);
    } else {
        const size_t size = (size_t)info.st_size;

        file->content = memory_get(size + 1);
        while (length < size) {
            const ssize_t got = read(descriptor, file->content + length, size - length);

            if (got < 0) {
                refuse_file(file, DUMP_UNREADABLE, (uint64_t)errno);
                break;
            }
            if (got == 0) {
                break;
            }
            length += (size_t)got;
        }
        if (length == 0 && file->error == DUMP_OK) {
            refuse_file(file, DUMP_EMPTY, 0);
        }
    }
    close(descriptor);
    return length;
}

static struct dump *dump_add(struct dump_file *file)
{
    if ((file->count & (file->count - 1)) == 0) {
        file->dumps = memory_resize(file->dumps,
                                    (file->count == 0 ? 1 : 2 * file->count) * sizeof(struct dump));
    }
    file->dumps[file->count] = (struct dump){.error = DUMP_OK};
    return &file->dumps[file->count++];
}

/*
 * Give a dump a copy of its bytes, a block that ends where they end: a decoder that read on would
 * be seen by AddressSanitizer.
 */
static void bytes_set(struct dump *dump, const uint8_t *bytes, uint32_t length)
{
    uint8_t *copy = memory_get(length + (length == 0));

    memcpy(copy, bytes, length);
    dump->bytes = copy;
    dump->length = length;
}

/* ------------------------------------------------------------------------------ text */

/* A function whose bytes are being gathered. */
struct gathering {
    struct dump_file *file;
    size_t index; /* of the dump; only if is_open */
    bool is_open;
    struct text_address head; /* the address line above, not yet used up */
    bool has_head;
    size_t head_line;
    uint32_t length;
    uint8_t bytes[PCI_EXPRESS_BYTES];
};

static bool is_config_size(uint32_t length)
{
    return length == PCI_HEADER_BYTES || length == 128 || length == PCI_CONFIG_BYTES ||
           length == PCI_EXPRESS_BYTES;
}

static void gathering_end(struct gathering *gathering)
{
    struct dump *dump;

    if (!gathering->is_open) {
        return;
    }
    dump = &gathering->file->dumps[gathering->index];
    if (dump->error == DUMP_OK && !is_config_size(gathering->length)) {
        dump->error = DUMP_BAD_SIZE;
        dump->place = gathering->length;
    }
    bytes_set(dump, gathering->bytes, gathering->length);
    gathering->is_open = false;
}

static void gathering_begin(struct gathering *gathering, size_t line)
{
    struct dump *dump;

    gathering_end(gathering);
    dump = dump_add(gathering->file);
    dump->line = line;
    if (gathering->has_head) {
        dump->line = gathering->head_line;
        dump->has_address = true;
        dump->address = gathering->head.address;
        dump->name = gathering->head.name;
        dump->name_length = gathering->head.name_length;
    }
    gathering->index = gathering->file->count - 1;
    gathering->is_open = true;
    gathering->has_head = false;
    gathering->length = 0;
}

static void gathering_add(struct gathering *gathering, const struct text_bytes *row, size_t line)
{
    struct dump *dump;

    if (row->offset != 0 && !gathering->is_open && !gathering->has_head) {
        return; /* of something else, for a dump starts with an address or with offset 0 */
    }
    if (row->offset == 0 || !gathering->is_open) {
        gathering_begin(gathering, line);
    }
    dump = &gathering->file->dumps[gathering->index];
    if (dump->error != DUMP_OK) {
        return;
    }
    if (row->offset != gathering->length || gathering->length + row->count > PCI_EXPRESS_BYTES) {
        dump->error = DUMP_GAP;
        dump->place = line;
        return;
    }
    memcpy(gathering->bytes + gathering->length, row->bytes, row->count);
    gathering->length += row->count;
}

static void text_parse(struct dump_file *file, const char *text, size_t length)
{
    struct gathering *gathering = memory_get(sizeof(*gathering));
    size_t line = 0;

    gathering->file = file;
    gathering->is_open = false;
    gathering->has_head = false;
    gathering->length = 0;
    for (size_t at = 0; at < length;) {
        const char *start = text + at;
        const char *newline = memchr(start, '\n', length - at);
        const size_t bytes = newline != NULL ? (size_t)(newline - start) : length - at;
        struct text_address head;
        struct text_bytes row;

        line++;
        if (text_bytes_parse(start, bytes, &row)) {
            gathering_add(gathering, &row, line);
        } else if (text_address_parse(start, bytes, &head)) {
            gathering_end(gathering);
            gathering->head = head;
            gathering->has_head = true;
            gathering->head_line = line;
        }
        at += bytes + 1;
    }
    gathering_end(gathering);
    free(gathering);
    if (file->count == 0) {
        refuse_file(file, DUMP_NO_DUMP, line);
    }
}

/* ------------------------------------------------------------------------------ files */

static bool is_text(const uint8_t *bytes, size_t length)
{
    size_t beyond_ascii = 0;

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < ' ' && bytes[i] != '\n' && bytes[i] != '\t' && bytes[i] != '\r' &&
            bytes[i] != '\f' && bytes[i] != '\b' && bytes[i] != 0x1b) {
            return false;
        }
        beyond_ascii += bytes[i] >= 0x80;
    }
    return beyond_ascii <= length / 2; /* an absent function is all ones */
}

static int address_compare(const void *a, const void *b)
{
    const struct dump *left = *(const struct dump *const *)a;
    const struct dump *right = *(const struct dump *const *)b;
    const uint64_t left_key = (uint64_t)left->address.segment << 16 | pci_address_id(left->address);
    const uint64_t right_key =
        (uint64_t)right->address.segment << 16 | pci_address_id(right->address);

    if (left_key != right_key) {
        return left_key < right_key ? -1 : 1;
    }
    return left < right ? -1 : left > right;
}

/* A report may hold the output of lspci twice, or of two machines. */
static void repeated_mark(struct dump_file *file)
{
    struct dump **sorted = memory_get((file->count + 1) * sizeof(*sorted));
    size_t count = 0;

    for (size_t i = 0; i < file->count; i++) {
        if (file->dumps[i].has_address) {
            sorted[count++] = &file->dumps[i];
        }
    }
    qsort(sorted, count, sizeof(*sorted), address_compare);
    for (size_t i = 1; i < count; i++) {
        sorted[i]->is_repeated =
            sorted[i]->address.segment == sorted[i - 1]->address.segment &&
            pci_address_id(sorted[i]->address) == pci_address_id(sorted[i - 1]->address);
    }
    free(sorted);
}

void dump_open(struct dump_file *file, const char *path)
{
    size_t length;

    *file = (struct dump_file){.error = DUMP_OK};
    length = content_read(file, path);
    if (file->error != DUMP_OK) {
        return;
    }
    if (is_text(file->content, length)) {
        text_parse(file, (const char *)file->content, length);
        repeated_mark(file);
    } else if (length == PCI_CONFIG_BYTES || length == PCI_EXPRESS_BYTES) {
        bytes_set(dump_add(file), file->content, (uint32_t)length);
    } else {
        /* Text may have a stray byte in it. */
        text_parse(file, (const char *)file->content, length);
        repeated_mark(file);
        if (file->error == DUMP_NO_DUMP) {
            refuse_file(file, DUMP_BAD_SIZE, length);
        }
    }
}

void dump_close(struct dump_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free((void *)(uintptr_t)file->dumps[i].bytes);
    }
    free(file->dumps);
    free(file->content);
    *file = (struct dump_file){.error = DUMP_OK};
}
