/* SPDX-License-Identifier: MIT */
#include "diag/log.h"

#include "arch/x86_64/uart.h"
#include "lock.h"
#include "sched/timer.h"
#include "text/text.h"

#include <stdarg.h>

#define LOG_BYTES  (32u * 1024)
#define LINE_BYTES 256u

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_RANK_LOG);
static uint8_t ring[LOG_BYTES]; /* by log_lock */
static uint64_t written;        /* by log_lock: bytes since boot */

void log_info(const char *area, const char *format, ...)
{
    char line[LINE_BYTES];
    const uint64_t micros = clock_ns() / 1000;
    va_list arguments;
    size_t length =
        text_format(line, sizeof(line) - 1, "[%3lu.%06lu] %s: ", (unsigned long)(micros / 1000000),
                    (unsigned long)(micros % 1000000), area);

    va_start(arguments, format);
    length += text_vformat(line + length, sizeof(line) - 1 - length, format, arguments);
    va_end(arguments);
    if (length > sizeof(line) - 2) {
        length = sizeof(line) - 2;
        memcpy(line + length - 3, "...", 3);
    }
    line[length++] = '\n';

    spin_lock(&log_lock);
    for (size_t i = 0; i < length; i++) {
        ring[written++ % LOG_BYTES] = (uint8_t)line[i];
    }
    uart_write(line, length);
    spin_unlock(&log_lock);
}

size_t log_read(uint64_t sequence, void *out, size_t capacity, uint64_t *next, uint64_t *lost)
{
    uint8_t *bytes = out;
    size_t count = 0;

    spin_lock(&log_lock);
    const uint64_t oldest = written > LOG_BYTES ? written - LOG_BYTES : 0;

    *lost = sequence < oldest ? oldest - sequence : 0;
    sequence = sequence < oldest ? oldest : sequence;
    while (count < capacity && sequence < written) {
        bytes[count++] = ring[sequence++ % LOG_BYTES];
    }
    spin_unlock(&log_lock);
    *next = sequence;
    return count;
}

void log_emergency(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    const size_t length = text_vformat(line, sizeof(line), format, arguments);

    va_end(arguments);
    uart_write_unlocked(line, length < sizeof(line) ? length : sizeof(line) - 1);
}
