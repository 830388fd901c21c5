/* SPDX-License-Identifier: MIT */
/*
 * The functions of a C library that ACPICA calls and the runtime does not have. Compiled without
 * built-ins, like lib/base/memory.c.
 */
#include <acpi/platform/aclinux.h>

char *strcpy(char *to, const char *from)
{
    return memcpy(to, from, strlen(from) + 1);
}

char *strncpy(char *to, const char *from, size_t count)
{
    size_t i = 0;

    for (; i < count && from[i] != '\0'; i++) {
        to[i] = from[i];
    }
    memset(to + i, 0, count - i);
    return to;
}

char *strcat(char *to, const char *from)
{
    strcpy(to + strlen(to), from);
    return to;
}

int strncmp(const char *a, const char *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i] || a[i] == '\0') {
            return (int)(uint8_t)a[i] - (int)(uint8_t)b[i];
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

static bool is_between(int byte, char first, char last)
{
    return byte >= first && byte <= last;
}

int isxdigit(int byte)
{
    return is_between(byte, '0', '9') || is_between(byte, 'a', 'f') || is_between(byte, 'A', 'F');
}

int isspace(int byte)
{
    return byte == ' ' || is_between(byte, '\t', '\r');
}

int isprint(int byte)
{
    return is_between(byte, ' ', '~');
}

int toupper(int byte)
{
    return is_between(byte, 'a', 'z') ? byte - 'a' + 'A' : byte;
}

int tolower(int byte)
{
    return is_between(byte, 'A', 'Z') ? byte - 'A' + 'a' : byte;
}
