/* SPDX-License-Identifier: MIT */

/*
 * The entry points that -fsanitize=thread makes the compiler call before every plain access of
 * the protocol source. The compiler's own run time is not linked; the machine takes its place.
 */

#include "machine.h"

#include <string.h>

#define INSTRUMENT(bytes)                                                                          \
    void __tsan_read##bytes(void *address);                                                        \
    void __tsan_write##bytes(void *address);                                                       \
    void __tsan_unaligned_read##bytes(void *address);                                              \
    void __tsan_unaligned_write##bytes(void *address);                                             \
    void __tsan_volatile_read##bytes(void *address);                                               \
    void __tsan_volatile_write##bytes(void *address);                                              \
    void __tsan_read##bytes(void *address)                                                         \
    {                                                                                              \
        machine_access(address, bytes, false);                                                     \
    }                                                                                              \
    void __tsan_write##bytes(void *address)                                                        \
    {                                                                                              \
        machine_access(address, bytes, true);                                                      \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(void *address)                                               \
    {                                                                                              \
        machine_access(address, bytes, false);                                                     \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(void *address)                                              \
    {                                                                                              \
        machine_access(address, bytes, true);                                                      \
    }                                                                                              \
    void __tsan_volatile_read##bytes(void *address)                                                \
    {                                                                                              \
        machine_access(address, bytes, false);                                                     \
    }                                                                                              \
    void __tsan_volatile_write##bytes(void *address)                                               \
    {                                                                                              \
        machine_access(address, bytes, true);                                                      \
    }

INSTRUMENT(1)
INSTRUMENT(2)
INSTRUMENT(4)
INSTRUMENT(8)
INSTRUMENT(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *address, size_t bytes);
void __tsan_write_range(void *address, size_t bytes);
void *__tsan_memcpy(void *to, const void *from, size_t bytes);
void *__tsan_memset(void *to, int value, size_t bytes);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *address, size_t bytes)
{
    machine_access(address, bytes, false);
}

void __tsan_write_range(void *address, size_t bytes)
{
    machine_access(address, bytes, true);
}

void *__tsan_memcpy(void *to, const void *from, size_t bytes)
{
    machine_access(from, bytes, false);
    machine_access(to, bytes, true);
    return memcpy(to, from, bytes);
}

void *__tsan_memset(void *to, int value, size_t bytes)
{
    machine_access(to, bytes, true);
    return memset(to, value, bytes);
}
