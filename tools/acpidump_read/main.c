/* SPDX-License-Identifier: MIT */

/*
 * acpidump-read: what the kernel would believe of ACPI tables in files.
 *
 * The tables go through lib/acpi, the code that the kernel reads them with; this program finds
 * them in files (input.c) and says what came of it (decode.c, tables*.c, report.c).
 */

#include "decode.h"
#include "input.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)256 << 20)

enum { EXIT_READ = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: acpidump-read [-j] FILE|FOLDER...\n"
    "\n"
    "Says for each ACPI table what the kernel would believe of it, or why it would refuse it.\n"
    "\n"
    "A FILE is a table as it is in memory (or several, one behind the other), or the text that\n"
    "acpidump writes, with any number of tables. Of a FOLDER all regular files are read, and "
    "those\n"
    "of the folders in it, in the order of their names.\n"
    "\n"
    "  -j      one JSON object a line for each table: file, at (offset in the file) or line,\n"
    "          signature, status (read, refused); then what was read, or offset (in the table),\n"
    "          error and reason. Addresses and flags are strings of hexadecimal digits.\n"
    "  --help  this text\n"
    "\n"
    "Exit status: 0 if all was read, 1 if anything was refused, 2 for wrong usage. A table that "
    "the\n"
    "kernel does not know is shown by its header and counts as read; a wrong checksum is "
    "reported,\n"
    "and refuses only what it refuses in the kernel.\n";

/* One run of the program. */
struct run {
    struct input_sink sink;
    struct report report;
    const char *file; /* in hand */
    bool refused;     /* anything so far */
};

static void take_table(struct input_sink *sink, const struct input_table *table)
{
    struct run *run = (struct run *)sink;

    if (!decode_table(&run->report, run->file, table)) {
        run->refused = true;
    }
}

static void refuse_file(struct run *run, const char *path, const char *error, const char *reason)
{
    decode_refuse_file(&run->report, path, error, reason);
    run->refused = true;
}

/* All of a file. Returns: NULL if it cannot be read, with the reason. */
static uint8_t *load(const char *path, size_t *length, const char **reason)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t room = 0;

    *length = 0;
    if (file == NULL) {
        *reason = strerror(errno);
        return NULL;
    }
    do {
        uint8_t *larger;

        room = room == 0 ? 65536 : room * 2;
        larger = realloc(bytes, room);
        if (larger == NULL) {
            *reason = "out of memory";
            goto fail;
        }
        bytes = larger;
        errno = 0;
        *length += fread(bytes + *length, 1, room - *length, file);
        if (ferror(file)) {
            *reason = strerror(errno);
            goto fail;
        }
        if (*length > FILE_BYTES_MAX) {
            *reason = "larger than 256 MiB";
            goto fail;
        }
    } while (*length == room);
    fclose(file);
    return bytes;

fail:
    free(bytes);
    fclose(file);
    return NULL;
}

static void read_file(struct run *run, const char *path)
{
    const char *reason;
    size_t length;
    uint8_t *bytes = load(path, &length, &reason);

    if (bytes == NULL) {
        refuse_file(run, path, "unreadable", reason);
        return;
    }
    run->file = path;
    if (input_scan(bytes, length, &run->sink) == 0) {
        refuse_file(run, path, "notFound", length == 0 ? "the file is empty" : "no table is in it");
    }
    free(bytes);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static char *join(const char *folder, const char *name)
{
    const size_t length = strlen(folder);
    const bool slash = length > 0 && folder[length - 1] == '/';
    char *path = malloc(length + strlen(name) + 2);

    if (path != NULL) {
        sprintf(path, "%s%s%s", folder, slash ? "" : "/", name);
    }
    return path;
}

static void read_folder(struct run *run, const char *path);

/* Something in a folder. Links to folders are not followed: they can lead round in circles. */
static void read_inside(struct run *run, const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0) {
        refuse_file(run, path, "unreadable", strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        read_folder(run, path);
    } else if (stat(path, &status) != 0) {
        refuse_file(run, path, "unreadable", strerror(errno));
    } else if (S_ISREG(status.st_mode)) {
        read_file(run, path);
    }
}

static void read_folder(struct run *run, const char *path)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, is_visible, by_name);

    if (count < 0) {
        refuse_file(run, path, "unreadable", strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char *inside = join(path, entries[i]->d_name);

        if (inside == NULL) {
            refuse_file(run, path, "unreadable", "out of memory");
        } else {
            read_inside(run, inside);
        }
        free(inside);
        free(entries[i]);
    }
    free(entries);
}

static void read_argument(struct run *run, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        refuse_file(run, path, "unreadable", strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        read_folder(run, path);
    } else {
        read_file(run, path);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    struct run run = {.sink = {.take = take_table}, .report = {.to = stdout}};
    int option;

    /* Whoever reads our output may stop: then writing fails, which is noticed below. */
    signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            run.report.json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return fflush(stdout) == 0 ? EXIT_READ : EXIT_REFUSED;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    for (int i = optind; i < argc && !ferror(stdout); i++) {
        read_argument(&run, argv[i]);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("acpidump-read: the output cannot be written\n", stderr);
        return EXIT_REFUSED;
    }
    return run.refused ? EXIT_REFUSED : EXIT_READ;
}
