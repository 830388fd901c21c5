/* SPDX-License-Identifier: MIT */
#include "object/console.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/uart.h"
#include "object/object.h"
#include "object/operation.h"
#include "object/reaper.h"
#include "object/sweep.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "syscall/methods.h"
#include "wire/build.h"
#include "wire/read.h"

/* Typed ahead and not yet read; more is dropped, as a UART would. */
#define INPUT_BYTES 1024u
/* Taken from the UART before others get their turn. */
#define BYTES_PER_STEP 128u
/* Of one answer. */
#define ANSWER_MAX 64u
/* An answer without any bytes: the root pointer, a struct with one pointer. */
#define ANSWER_HEAD_BYTES 16u
#define WORD_BYTES        8u
/* Between two looks at a UART that does not interrupt: its FIFO of 16 bytes fills in 1.4 ms. */
#define POLL_NS 1000000ull
/* Between two looks at a UART whose FIFO is full, which it empties in 1.4 ms. */
#define SEND_NS 1000000ull
/* One that has taken nothing for so long is not there: a thousand times what a byte takes. */
#define STUCK_NS 100000000ull

static uint8_t input[INPUT_BYTES];
static uint32_t input_head;
static uint32_t input_tail;
static struct list readers = LIST_INIT(readers); /* struct operation.link; payload[0] = limit */

static bool answer_step(struct work *work);
static struct work answer_work = {.link = LIST_INIT(answer_work.link), .step = answer_step};

/* Texts that are being written, in the order in which they came: struct operation.link. A text
 * stays in its thread's message area, and whoever changes it meanwhile gets what he wrote. */
static struct list writers = LIST_INIT(writers);
enum { WRITE_OFFSET, WRITE_LENGTH, IS_WRITE }; /* words of such an operation's payload: the rest */

static bool write_step(struct work *work);
static struct work write_work = {.link = LIST_INIT(write_work.link), .step = write_step};
static struct timer write_timer;  /* armed while the UART has no room */
static uint64_t write_stuck_from; /* TSC: it takes nothing since then */

static struct sweep sweep; /* of all of them, by a revocation */

/** How many bytes of input an answer in so much room can have, at most `limit`. */
static uint32_t answer_room(uint32_t capacity, uint32_t limit)
{
    const uint32_t room =
        capacity < ANSWER_HEAD_BYTES ? 0 : (capacity - ANSWER_HEAD_BYTES) / WORD_BYTES * WORD_BYTES;
    const uint32_t most = room < ANSWER_MAX ? room : ANSWER_MAX;

    return limit < most ? limit : most;
}

/** Give a reader some of the input, of which there is some: its buffer has room for it. */
static void answer_reader(struct operation *reader)
{
    const uint32_t limit = answer_room(reader->buffer_length, (uint32_t)reader->payload[0]);
    struct wire_builder builder;
    struct wire_build_struct root;
    uint8_t bytes[ANSWER_MAX];
    uint32_t count = 0;
    size_t length;

    while (count < limit && input_head + count != input_tail) {
        bytes[count] = input[(input_head + count) % INPUT_BYTES];
        count++;
    }
    wire_build_init(&builder, reader->thread->ring.memory->message + reader->buffer_offset,
                    reader->buffer_length);
    (void)console_read_results_init_root(&builder, &root);
    (void)console_read_results_set_bytes(&root, bytes, count);
    KVERIFY(wire_build_finish(&builder, &length) == WIRE_OK);
    input_head += count;
    operation_complete_area(reader, (uint32_t)length);
}

void console_type(uint8_t byte)
{
    if (input_tail - input_head < INPUT_BYTES) {
        input[input_tail++ % INPUT_BYTES] = byte;
    }
}

/** Give readers what there is, a step's worth of them. Each takes at least a byte. */
static bool answer_step(struct work *work)
{
    (void)work;
    for (uint32_t i = 0; i < WORK_STEP_UNITS; i++) {
        if (input_head == input_tail || list_is_empty(&readers)) {
            return true;
        }
        struct operation *reader = LIST_FIRST(&readers, struct operation, link);

        list_remove(&reader->link);
        answer_reader(reader);
    }
    return false;
}

static void answer_readers(void)
{
    if (!list_is_linked(&answer_work.link) && !answer_step(&answer_work)) {
        work_start(&answer_work);
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

/* ---- Writing -------------------------------------------------------------------------------- */

/** How much of a text to write in one step: whole lines, if there is one that ends in it. */
static size_t choose_length(const uint8_t *text, size_t length)
{
    if (length <= CONSOLE_STEP_BYTES) {
        return length;
    }
    for (size_t end = CONSOLE_STEP_BYTES; end > 0; end--) {
        if (text[end - 1] == '\n') {
            return end;
        }
    }
    return CONSOLE_STEP_BYTES;
}

static void write_timer_fire(struct timer *timer)
{
    (void)timer;
    work_start(&write_work);
}

/** Write a step's worth of what there is; true: all is written, or the UART has no room. */
static bool write_step(struct work *work)
{
    (void)work;
    if (list_is_empty(&writers)) {
        return true;
    }
    struct operation *writer = LIST_FIRST(&writers, struct operation, link);
    uint64_t *left = writer->payload;
    const uint8_t *text = writer->thread->ring.memory->message + left[WRITE_OFFSET];
    const size_t done = uart_write_some(text, choose_length(text, left[WRITE_LENGTH]));
    const uint64_t now = rdtsc();

    left[WRITE_OFFSET] += done;
    left[WRITE_LENGTH] -= done;
    if (done != 0) {
        write_stuck_from = 0;
    } else if (write_stuck_from == 0) {
        write_stuck_from = now;
    } else if (now - write_stuck_from > clock_duration_ticks(STUCK_NS)) {
        left[WRITE_LENGTH] = 0; /* nobody reads this */
    }
    if (left[WRITE_LENGTH] == 0) {
        operation_complete_words(writer, NULL, 0);
        return list_is_empty(&writers);
    }
    if (done == 0) {
        timer_arm(&write_timer, now + clock_duration_ticks(SEND_NS), write_timer_fire);
        return true;
    }
    return false;
}

static void start_writing(void)
{
    if (!list_is_linked(&write_work.link) && !timer_is_armed(&write_timer)) {
        work_start(&write_work);
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
    /* A short text that need not wait for others is written at once. */
    const size_t done = list_is_empty(&writers)
                            ? uart_write_some(text.bytes, choose_length(text.bytes, text.length))
                            : 0;

    if (done == text.length) {
        return STATUS_OK;
    }
    struct operation *writer = method_keep(method);

    /* The part of a checked message that the text was, in the message that it was copied from. */
    writer->payload[WRITE_OFFSET] =
        (uint32_t)method->sqe->payload[0] + (uint64_t)(text.bytes - method->message) + done;
    writer->payload[WRITE_LENGTH] = text.length - done;
    writer->payload[IS_WRITE] = true;
    writer->object = method->object;
    object_get(method->object);
    list_append(&writers, &writer->link);
    start_writing();
    return STATUS_OK;
}

/* ---- Revoking ------------------------------------------------------------------------------- */

/** One that read or wrote when the console was revoked. */
static bool sweep_one(struct sweep *revocation)
{
    struct operation *operation = sweep_first(revocation);

    if (operation == NULL) {
        return false;
    }
    if (!sweep_spares(revocation, operation)) {
        operation_cancel(operation, STATUS_STALE);
    } else if (operation->payload[IS_WRITE] != 0) {
        list_move(&writers, &operation->link);
        start_writing();
    } else {
        list_move(&readers, &operation->link);
        answer_readers();
    }
    return true;
}

void console_revoked(struct object *object, const struct process *revoker)
{
    if (sweep.one == NULL) {
        sweep_init(&sweep, sweep_one);
    }
    list_splice(&readers, &writers);
    sweep_revoke(&sweep, object, &readers, revoker);
}

bool console_is_revoking(void)
{
    return sweep_is_running(&sweep);
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
    /* Now, and not when there is input: however many have no room, it goes to those who have. */
    if (answer_room(method->sqe->buffer_length, parameters->limit) == 0) {
        return STATUS_TOO_LONG;
    }
    struct operation *reader = method_keep(method);

    reader->payload[0] = parameters->limit;
    reader->payload[IS_WRITE] = false;
    reader->object = method->object;
    object_get(method->object);
    if (input_head != input_tail && list_is_empty(&readers)) {
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
