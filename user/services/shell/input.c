/* SPDX-License-Identifier: MIT */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"

#define INPUT_LIMIT        256u                 /* bytes of one Console.read */
#define INPUT_ANSWER_BYTES (INPUT_LIMIT + 256u) /* and the message around them */
#define INPUT_KEPT_BYTES   2048u
#define INTERRUPT          0x03 /* ^C */

static struct rt_operation input_read; /* a Console.read, pending at all times */
static struct rt_call input_call;
static char input_kept[INPUT_KEPT_BYTES]; /* typed and not yet taken */
static size_t input_first, input_length;

static void input_start(void)
{
    if (rt_ring_start_call(rt_ring_self(), &input_read, &input_call) != STATUS_OK) {
        rt_panic("no room for an input operation");
    }
}

void input_init(void)
{
    const struct console_read_params params = {.limit = INPUT_LIMIT};

    input_call = (struct rt_call){
        .target = rt_capability_required("console"),
        .method = CONSOLE_READ,
        .message_inline = true,
        .words = RT_WORDS(params),
        .answer_length = INPUT_ANSWER_BYTES,
    };
    if (rt_area_allocate(rt_ring_self(), INPUT_ANSWER_BYTES, &input_call.answer_offset) !=
        STATUS_OK) {
        rt_panic("no room for input");
    }
    input_start();
}

/** Keep what a completed read has brought, and read on. True if ^C was in it. */
static bool input_collect(void)
{
    const struct ring_cqe *const cqe = &input_read.cqe;
    struct wire_message message;
    struct wire_struct results;
    struct wire_bytes bytes;
    bool interrupted = false;

    if (rt_cqe_outcome(cqe) != STATUS_OK) {
        rt_panic("the console cannot be read: %s", status_name(rt_cqe_outcome(cqe)));
    }
    if (cqe->payload[0] > INPUT_ANSWER_BYTES ||
        wire_message_init_flat(&message, rt_area_at(rt_ring_self(), input_call.answer_offset),
                               cqe->payload[0]) != WIRE_OK ||
        wire_read_root(&message, &results) != WIRE_OK ||
        console_read_results_get_bytes(results, &bytes) != WIRE_OK) {
        rt_panic("the console's answer cannot be read");
    }
    memmove(input_kept, input_kept + input_first, input_length);
    input_first = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.bytes[i] == INTERRUPT) {
            interrupted = true;
        }
        if (input_length < sizeof(input_kept)) { /* what is typed beyond that is lost */
            input_kept[input_length++] = (char)bytes.bytes[i];
        }
    }
    input_start();
    return interrupted;
}

char input_wait(void)
{
    while (input_length == 0) {
        rt_ring_await(rt_ring_self(), &input_read);
        (void)input_collect();
    }
    input_length--;
    return input_kept[input_first++];
}

char input_take(void)
{
    if (input_length == 0) {
        rt_print_flush();
    }
    return input_wait();
}

bool input_interrupts(struct rt_operation *operation)
{
    while (operation->state != RT_OPERATION_IDLE) {
        struct rt_operation *const done = rt_ring_wait(rt_ring_self(), RT_NO_DEADLINE);

        if (done == &input_read && input_collect()) {
            input_length = 0; /* as a terminal does: what was typed before ^C is void */
            return true;
        }
    }
    return false;
}

bool input_interrupted(void)
{
    rt_ring_drain(rt_ring_self());
    while (input_read.state == RT_OPERATION_DONE) {
        rt_ring_await(rt_ring_self(), &input_read);
        if (input_collect()) {
            input_length = 0;
            return true;
        }
    }
    return false;
}
