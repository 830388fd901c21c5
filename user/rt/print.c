/* SPDX-License-Identifier: MIT */
#include "rt/print.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/mutex.h"
#include "rt/panic.h"
#include "rt/process.h"
#include "text/text.h"

#include <stdarg.h>

#define PRINT_BUFFER_BYTES 480u /* what one console call of one granule carries */
#define PANIC_BUFFER_BYTES 320u

static struct rt_mutex print_mutex;
static char print_buffer[PRINT_BUFFER_BYTES]; /* by print_mutex */
static size_t print_length;                   /* by print_mutex */
static bool (*print_watcher)(void);           /* by print_mutex */
static bool print_stopped;                    /* by print_mutex: by the watcher */
static bool print_inside;                     /* by print_mutex: of a line */

static void print_flush_locked(void)
{
    const size_t length = print_length;

    print_length = 0;
    if (length != 0) {
        (void)!console_write(rt_capability("console"), print_buffer, length);
    }
}

static void print_write_locked(struct text_sink *sink, const char *bytes, size_t length)
{
    (void)sink;
    for (size_t i = 0; i < length && !print_stopped; i++) {
        if (!print_inside && print_watcher != NULL && !print_watcher()) {
            print_stopped = true;
            return;
        }
        print_inside = bytes[i] != '\n';
        print_buffer[print_length++] = bytes[i];
        if (bytes[i] == '\n' || print_length == sizeof(print_buffer)) {
            print_flush_locked();
        }
    }
}

void rt_print_watch(bool (*line_begins)(void))
{
    rt_mutex_lock(&print_mutex);
    print_watcher = line_begins;
    print_stopped = false;
    print_inside = false;
    rt_mutex_unlock(&print_mutex);
}

void rt_print(const char *format, ...)
{
    struct text_sink sink = {.write = print_write_locked};
    va_list arguments;

    va_start(arguments, format);
    rt_mutex_lock(&print_mutex);
    text_vprint(&sink, format, arguments);
    rt_mutex_unlock(&print_mutex);
    va_end(arguments);
}

void rt_print_bytes(const char *bytes, size_t length)
{
    rt_mutex_lock(&print_mutex);
    print_write_locked(NULL, bytes, length);
    rt_mutex_unlock(&print_mutex);
}

void rt_print_flush(void)
{
    rt_mutex_lock(&print_mutex);
    print_flush_locked();
    rt_mutex_unlock(&print_mutex);
}

void rt_panic(const char *format, ...)
{
    /* Neither the lock nor the buffer: whoever panics may hold the one and have spoilt the
     * other. A second panic, on the way to the console, ends the process at once. */
    static uint32_t panicking;
    char text[PANIC_BUFFER_BYTES];
    size_t length;
    va_list arguments;

    if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL) == 0) {
        length = text_format(text, sizeof(text), "%s: panic: ", rt_program_name());
        va_start(arguments, format);
        length += text_vformat(text + length, sizeof(text) - length, format, arguments);
        va_end(arguments);
        if (length > sizeof(text) - 1) {
            length = sizeof(text) - 1;
        }
        text[length++] = '\n';
        (void)!console_write(rt_capability("console"), text, length);
    }
    rt_arch_exit(RT_EXIT_PROCESS, RT_EXIT_PANIC);
}
