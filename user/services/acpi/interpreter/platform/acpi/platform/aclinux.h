/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What ACPICA is to know about the system that it runs in: a single-threaded process of capOS, on
 * x86-64, without a C library.
 *
 * The name is the one that ACPICA's own acenv.h includes for the copy of it that Linux carries.
 * This directory comes first on the include path, so it is this file that is found and not Linux's.
 */

#include "base/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No fixed hardware, general purpose events, or global lock: the kernel turns the machine off, and
 * nobody here waits for events. It is the part of ACPICA that would drive the chipset. */
#define ACPI_REDUCED_HARDWARE 1
#define ACPI_PCI_CONFIGURED

#define ACPI_USE_SYSTEM_CLIBRARY
#define ACPI_USE_DO_WHILE_0
/* A package that names what is not there is read without that name, as other systems do. */
#define ACPI_IGNORE_PACKAGE_RESOLUTION_ERRORS
#define ACPI_SINGLE_THREADED
#define ACPI_USE_LOCAL_CACHE
#define ACPI_DEBUGGER_EXEC(a)

#define ACPI_MACHINE_WIDTH          64
#define COMPILER_DEPENDENT_INT64    long
#define COMPILER_DEPENDENT_UINT64   unsigned long
#define ACPI_CAST_PTHREAD_T(thread) ((acpi_thread_id)(thread))

#define ACPI_MSG_ERROR              "acpi: error: "
#define ACPI_MSG_EXCEPTION          "acpi: exception: "
#define ACPI_MSG_WARNING            "acpi: warning: "
#define ACPI_MSG_INFO               "\001" /* not printed: os_layer.c */
#define ACPI_MSG_BIOS_ERROR         "acpi: firmware error: "
#define ACPI_MSG_BIOS_WARNING       "acpi: firmware warning: "

/* Words that Linux puts into the copy. */
#define __iomem
#define __init

/* The parts of a C library that ACPICA uses and the runtime does not have: strings.c. */
char *strcpy(char *to, const char *from);
char *strncpy(char *to, const char *from, size_t count);
char *strcat(char *to, const char *from);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t count);
int isxdigit(int byte);
int isspace(int byte);
int isprint(int byte);
int toupper(int byte);
int tolower(int byte);
