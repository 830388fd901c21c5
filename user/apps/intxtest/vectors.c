/* SPDX-License-Identifier: MIT */
#include "apps/intxtest/intxtest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define VECTORS_MAX 512u
#define PATIENCE_MS 60000u

static uint64_t interrupts[VECTORS_MAX];
static uint32_t interrupt_count;

/** All vectors of one function; what ended it: notFound if it has no more. */
static enum status take_all(uint64_t manager, uint32_t function)
{
    const struct device_manager_claim_params params = {.function = function, .generation = 1};
    struct device_manager_claim_results claim;
    enum status status = device_manager_claim(manager, &params, &claim);
    uint64_t interrupt = claim.interrupt;

    while (status == STATUS_OK && interrupt_count < VECTORS_MAX) {
        interrupts[interrupt_count++] = interrupt;
        status = device_manager_interrupt(manager, function, 1, &interrupt);
    }
    return status;
}

/**
 * Vectors of the functions that the arguments name, by their number in the ledger, until there are
 * no more: that is said, nothing is lost by it, and one that is given back is there for the next.
 */
void do_vectors(void)
{
    const uint64_t manager = rt_capability("manager");
    uint32_t before;
    uint64_t seen = 0, function, last = 0; /* that is owned */
    enum status status = STATUS_NOT_FOUND;

    for (int i = 2; i < word_count && status == STATUS_NOT_FOUND; i++) {
        uint32_t good = 0;

        before = interrupt_count;
        if (text_parse_u64(words[i], strlen(words[i]), &function) != TEXT_OK) {
            return;
        }
        status = take_all(manager, (uint32_t)function);
        last = interrupt_count != before ? function : last;
        seen = 0;
        for (uint32_t j = before; j < interrupt_count; j++) {
            struct interrupt_state state;

            if (interrupt_info(interrupts[j], &state) == STATUS_OK && state.masked &&
                state.index < 64 && (seen >> state.index & 1) == 0 &&
                interrupt_unmask(interrupts[j]) == STATUS_OK) {
                seen |= 1ull << state.index;
                good++;
            }
        }
        check_number(good, interrupt_count - before, "vectors, each another one");
    }
    check_status(status, STATUS_QUEUE_FULL, "at the end there are no more");
    rt_print("intxtest: %u vectors\n", interrupt_count);
    (void)!capability_release(interrupts[interrupt_count - 1]);
    /* Its route ends when its CPU has answered. */
    const uint64_t end = soon(PATIENCE_MS);

    while (status != STATUS_OK && soon(0) < end) {
        rt_sleep(10 * RT_NS_PER_MS);
        status = device_manager_interrupt(manager, (uint32_t)last, 1, &seen);
    }
    check(status == STATUS_OK, "one more after one was given back", status_name(status));
    rt_print("intxtest: all taken\n");
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}
