/* SPDX-License-Identifier: MIT */

/*
 * pci-read: put configuration spaces from files through the code with which the kernel reads its
 * own machine's, and say what it would believe of them.
 */

#include "describe.h"
#include "memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum exit_status { EXIT_ALL_READ = 0, EXIT_SOME_REFUSED = 1, EXIT_USAGE = 2 };

/* Deeper folders are refused; their paths would be beyond what can be opened. */
#define FOLDER_DEPTH 64u

static const char usage[] =
    "usage: pci-read [-j] FILE|FOLDER...\n"
    "\n"
    "Decode PCI configuration space as the kernel does. A file is the output of\n"
    "`lspci -xxx` or `lspci -xxxx` with any other options, or the bare 256 or 4096 bytes\n"
    "of one function. A folder means all files in it and in its folders.\n"
    "\n"
    "For each function: status `read` and what the kernel would believe of it, or `refused`,\n"
    "the error and its place. `faults` are what is wrong with a function that is accepted\n"
    "all the same: the capability, BAR or bridge is not used, the rest of it is.\n"
    "\n"
    "  -j, --json   one JSON object a line, for each function or refused file\n"
    "  -h, --help   this\n"
    "\n"
    "Ends with 0 if everything was read, 1 if anything was refused, 2 for wrong usage.\n";

static bool file_describe(struct emit *emit, const char *path)
{
    struct machine_place *places;
    struct dump_file file;
    bool good = true;

    dump_open(&file, path);
    if (file.error != DUMP_OK) {
        describe_refused_file(emit, path, file.error, file.place);
        dump_close(&file);
        return false;
    }
    places = machine_enumerate(&file);
    for (size_t i = 0; i < file.count; i++) {
        good = describe_dump(emit, path, &file.dumps[i], &places[i]) && good;
    }
    free(places);
    dump_close(&file);
    return good;
}

static char *path_join(const char *folder, const char *name)
{
    const size_t length = strlen(folder);
    const size_t size = length + strlen(name) + 2;
    const bool slash = length > 0 && folder[length - 1] == '/';
    char *path = memory_get(size);

    snprintf(path, size, "%s%s%s", folder, slash ? "" : "/", name);
    return path;
}

static bool path_describe(struct emit *emit, const char *path, uint32_t depth);

static int name_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int name_wanted(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool folder_describe(struct emit *emit, const char *path, uint32_t depth)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, name_wanted, name_compare);
    bool good = true;

    if (count < 0) {
        describe_refused_file(emit, path, DUMP_UNREADABLE, (uint64_t)errno);
        return false;
    }
    if (count == 0) {
        describe_refused_file(emit, path, DUMP_EMPTY, 0);
        good = false;
    }
    for (int i = 0; i < count; i++) {
        char *inside = path_join(path, entries[i]->d_name);

        good = path_describe(emit, inside, depth + 1) && good;
        free(inside);
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool path_describe(struct emit *emit, const char *path, uint32_t depth)
{
    struct stat info;

    /* Links are followed where a person named them; inside folders they could lead in a circle. */
    if ((depth == 0 ? stat(path, &info) : lstat(path, &info)) == 0) {
        if (S_ISDIR(info.st_mode)) {
            if (depth == FOLDER_DEPTH) {
                describe_refused_file(emit, path, DUMP_UNREADABLE, ELOOP);
                return false;
            }
            return folder_describe(emit, path, depth);
        }
    }
    return file_describe(emit, path);
}

int main(int argc, char **argv)
{
    struct emit emit = {.out = stdout};
    bool good = true;
    int first = 1;

    for (; first < argc && argv[first][0] == '-' && argv[first][1] != '\0'; first++) {
        if (strcmp(argv[first], "--") == 0) {
            first++;
            break;
        }
        if (strcmp(argv[first], "-h") == 0 || strcmp(argv[first], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_ALL_READ;
        }
        if (strcmp(argv[first], "-j") != 0 && strcmp(argv[first], "--json") != 0) {
            fprintf(stderr, "pci-read: no such option: %s\n%s", argv[first], usage);
            return EXIT_USAGE;
        }
        emit.json = true;
    }
    if (first == argc) {
        fprintf(stderr, "pci-read: no file\n%s", usage);
        return EXIT_USAGE;
    }
    for (int i = first; i < argc; i++) {
        good = path_describe(&emit, argv[i], 0) && good;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "pci-read: cannot write: %s\n", strerror(errno));
        return EXIT_SOME_REFUSED;
    }
    return good ? EXIT_ALL_READ : EXIT_SOME_REFUSED;
}
