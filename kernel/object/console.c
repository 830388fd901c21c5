/* SPDX-License-Identifier: MIT */
#include "object/console.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/uart.h"
#include "object/object.h"
#include "object/operation.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "syscall/methods.h"
#include "wire/build.h"
#include "wire/read.h"

/* Typed ahead and not yet read; more is dropped, as a UART would. */
#define INPUT_BYTES 1024u
/* Taken from the UART before others get their turn. */
#define BYTES_PER_STEP 128u
/* Between two looks at a UART that does not interrupt: its FIFO of 16 bytes fills in 1.4 ms. */
#define POLL_NS 1000000ull

static uint8_t input[INPUT_BYTES];
static uint32_t input_head;
static uint32_t input_tail;
static struct list readers = LIST_INIT(readers); /* struct operation.link; payload[0] = limit */

/** Write an answer with up to `limit` bytes of input into a reader's buffer; its length. */
static size_t build_answer(uint8_t *buffer, uint32_t capacity, uint32_t limit)
{
    struct wire_builder builder;
    struct wire_build_struct root;
    uint8_t bytes[64];
    uint32_t count = 0;
    size_t length;

    while (count < sizeof(bytes) && count < limit && input_head + count != input_tail) {
        bytes[count] = input[(input_head + count) % INPUT_BYTES];
        count++;
    }
    wire_build_init(&builder, buffer, capacity);
    (void)console_read_results_init_root(&builder, &root);
    (void)console_read_results_set_bytes(&root, bytes, count);
    if (wire_build_finish(&builder, &length) != WIRE_OK) {
        return 0;
    }
    input_head += count;
    return length;
}

static void answer_reader(struct operation *reader)
{
    struct thread *thread = reader->thread;
    const size_t length = build_answer(thread->ring.memory->message + reader->buffer_offset,
                                       reader->buffer_length, (uint32_t)reader->payload[0]);

    if (length == 0) {
        operation_complete_exception(reader, STATUS_TOO_LONG);
    } else {
        operation_complete_area(reader, (uint32_t)length);
    }
}

void console_type(uint8_t byte)
{
    if (input_tail - input_head < INPUT_BYTES) {
        input[input_tail++ % INPUT_BYTES] = byte;
    }
}

/** Give readers what there is. */
static void answer_readers(void)
{
    while (input_head != input_tail && !list_is_empty(&readers)) {
        struct operation *reader = LIST_FIRST(&readers, struct operation, link);

        list_remove(&reader->link);
        answer_reader(reader);
    }
}

/** Take bytes from the UART; false: there may be more. A line that is flooded is not emptied. */
static bool take_bytes(void)
{
    uint8_t byte;

    for (uint32_t i = 0; i < BYTES_PER_STEP; i++) {
        if (!uart_read(&byte)) {
            return true;
        }
        console_type(byte);
    }
    return false;
}

void console_input(void)
{
    if (!take_bytes()) {
        uart_renew_input();
    }
    answer_readers();
}

static void poll_fire(struct timer *timer)
{
    (void)take_bytes();
    answer_readers();
    timer_arm(timer, rdtsc() + clock_duration_ticks(POLL_NS), poll_fire);
}

void console_poll(void)
{
    static struct timer timer;

    if (uart_is_present()) {
        timer_arm(&timer, rdtsc() + clock_duration_ticks(POLL_NS), poll_fire);
    }
}

void console_revoked(struct process *revoker)
{
    for (struct list *node = readers.next; node != &readers;) {
        struct operation *reader = CONTAINER_OF(node, struct operation, link);

        node = node->next;
        if (reader->thread->process != revoker) {
            operation_cancel(reader, STATUS_STALE);
        }
    }
}

static enum status console_write(struct method *method)
{
    struct wire_message message;
    struct wire_struct parameters;
    struct wire_bytes text;

    if (method->message == NULL ||
        wire_message_init_flat(&message, method->message, method->message_length) != WIRE_OK ||
        wire_read_root(&message, &parameters) != WIRE_OK ||
        console_write_params_get_text(parameters, &text) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    uart_write(text.bytes, text.length);
    return STATUS_OK;
}

static enum status console_read(struct method *method)
{
    enum status status = STATUS_OK;
    const struct console_read_params *parameters = method_inline(method, &status);

    if (parameters == NULL) {
        return status;
    }
    if (parameters->limit == 0) {
        return STATUS_BAD_RANGE;
    }
    struct operation *reader = method_keep(method);

    reader->payload[0] = parameters->limit;
    reader->object = method->object;
    object_get(method->object);
    if (input_head != input_tail) {
        answer_reader(reader);
    } else {
        list_append(&readers, &reader->link);
    }
    return STATUS_OK;
}

method_function *const console_methods[] = {
    [CONSOLE_WRITE] = console_write,
    [CONSOLE_READ] = console_read,
};
