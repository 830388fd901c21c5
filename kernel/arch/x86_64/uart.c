/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/uart.h"

#include "arch/x86_64/asm.h"
#include "lock.h"

#define COM1               0x3f8
#define UART_DATA          (COM1 + 0) /* DLAB = 0 */
#define UART_INTERRUPTS    (COM1 + 1) /* DLAB = 0 */
#define UART_DIVISOR_LOW   (COM1 + 0) /* DLAB = 1 */
#define UART_DIVISOR_HIGH  (COM1 + 1) /* DLAB = 1 */
#define UART_FIFO          (COM1 + 2)
#define UART_LINE          (COM1 + 3)
#define UART_MODEM         (COM1 + 4)
#define UART_LINE_STATUS   (COM1 + 5)

#define LINE_8N1           0x03
#define LINE_DLAB          0x80
#define FIFO_ENABLE_CLEAR  0x07
#define MODEM_DTR_RTS_OUT2 0x0b
#define INTERRUPT_RECEIVED 0x01
#define STATUS_RECEIVED    0x01
#define STATUS_SEND_EMPTY  0x20
#define STATUS_NOBODY      0xff
#define FIFO_DEPTH         16u

/* A character takes 87 us at 115200 baud; a line that takes a thousand times as long is not there,
 * and then characters are dropped instead of hanging the machine. */
#define SEND_POLL_LIMIT 100000u

static struct spinlock uart_lock = SPINLOCK_INIT(LOCK_RANK_UART);
static uint32_t fifo_room; /* by uart_lock: bytes that fit without asking again */
static bool stuck;         /* by uart_lock */

void uart_init(void)
{
    outb(UART_INTERRUPTS, 0);
    outb(UART_LINE, LINE_DLAB);
    outb(UART_DIVISOR_LOW, 1);
    outb(UART_DIVISOR_HIGH, 0);
    outb(UART_LINE, LINE_8N1);
    outb(UART_FIFO, FIFO_ENABLE_CLEAR);
    outb(UART_MODEM, MODEM_DTR_RTS_OUT2);
}

void uart_enable_input(void)
{
    outb(UART_INTERRUPTS, INTERRUPT_RECEIVED);
}

void uart_renew_input(void)
{
    /* The line to the I/O APIC falls and rises: an edge, if there is still something to read. */
    outb(UART_INTERRUPTS, 0);
    outb(UART_INTERRUPTS, INTERRUPT_RECEIVED);
}

static void send(uint8_t byte)
{
    if (fifo_room == 0) {
        const uint32_t limit = stuck ? 1 : SEND_POLL_LIMIT;

        for (uint32_t i = 0; (inb(UART_LINE_STATUS) & STATUS_SEND_EMPTY) == 0; i++) {
            if (i >= limit) {
                stuck = true;
                return;
            }
            cpu_relax();
        }
        stuck = false;
        fifo_room = FIFO_DEPTH;
    }
    outb(UART_DATA, byte);
    fifo_room--;
}

void uart_write_unlocked(const void *bytes, size_t length)
{
    const uint8_t *text = bytes;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            send('\r');
        }
        send(text[i]);
    }
}

void uart_write(const void *bytes, size_t length)
{
    spin_lock(&uart_lock);
    uart_write_unlocked(bytes, length);
    spin_unlock(&uart_lock);
}

size_t uart_write_some(const void *bytes, size_t length)
{
    const uint8_t *text = bytes;
    size_t done = 0;

    spin_lock(&uart_lock);
    while (done < length) {
        const uint32_t needed = text[done] == '\n' ? 2 : 1;

        if (fifo_room < needed) {
            if ((inb(UART_LINE_STATUS) & STATUS_SEND_EMPTY) == 0) {
                break;
            }
            stuck = false;
            fifo_room = FIFO_DEPTH;
        }
        uart_write_unlocked(&text[done], 1);
        done++;
    }
    spin_unlock(&uart_lock);
    return done;
}

bool uart_read(uint8_t *byte)
{
    if ((inb(UART_LINE_STATUS) & STATUS_RECEIVED) == 0) {
        return false;
    }
    *byte = inb(UART_DATA);
    return true;
}

bool uart_is_present(void)
{
    return inb(UART_LINE_STATUS) != STATUS_NOBODY;
}
