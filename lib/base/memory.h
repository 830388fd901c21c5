/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The few functions of <string.h> that the compiler itself calls and that freestanding code may
 * use. memory.c defines them for the kernel and for user programs; host builds take libc's.
 */

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
