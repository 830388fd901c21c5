/* SPDX-License-Identifier: MIT */

/*
 * Operations on the thread's side: say what comes next, let search.c choose, do it. A store goes
 * into the own buffer and happens on the way.
 */

#include "machine_parts.h"

#include <string.h>

void machine_next(enum operation operation, uint32_t argument)
{
    THIS_POSITION->operation = operation;
    THIS_POSITION->argument = argument;
    machine_yield();
}

uint32_t machine_load(const uint32_t *place, bool acquire)
{
    struct thread_state *state;
    uint32_t granule;

    if (machine.current < 0) {
        return *place;
    }
    granule = machine_atomic(place);
    machine_next(OPERATION_LOAD, granule);

    state = THIS_STATE;
    for (uint32_t i = state->buffered; i-- > 0;) {
        if (state->buffer[i].granule == granule) {
            machine_log(machine.current, EVENT_FORWARD, granule, state->buffer[i].value);
            return state->buffer[i].value;
        }
    }
    machine_clock_join(acquire ? &state->now : &state->pending, &machine.granule[granule].read);
    machine_log(machine.current, EVENT_LOAD, granule, *place);
    return *place;
}

void machine_store(uint32_t *place, uint32_t value, bool release)
{
    uint32_t granule;

    if (machine.current < 0) {
        *place = value;
        return;
    }
    granule = machine_atomic(place);
    machine_buffer(
        (struct buffered_store){.granule = (uint16_t)granule,
                                .value = value,
                                .clock = release ? machine_clock_release() : THIS_STATE->fence});
    machine_log(machine.current, EVENT_STORE, granule, value);
}

void machine_fence(void)
{
    if (machine.current < 0) {
        return;
    }
    machine_next(OPERATION_FENCE, 0);
    machine_clock_join(&THIS_STATE->now, &THIS_STATE->pending);
    THIS_STATE->fence = machine_clock_release();
    machine_log(machine.current, EVENT_FENCE, 0, 0);
}

uint32_t explore_choose(uint32_t count)
{
    machine_next(OPERATION_CHOOSE, count);
    machine_log(machine.current, EVENT_CHOOSE, 0, machine.choice);
    return machine.choice;
}

void explore_await_change(const uint32_t *place, uint32_t old)
{
    const uint32_t granule = machine_atomic(place);

    THIS_POSITION->old = old;
    machine_next(OPERATION_AWAIT, granule);
    machine_log(machine.current, EVENT_AWAIT, granule, *place);
}

void explore_lock(uint32_t lock)
{
    machine_next(OPERATION_LOCK, lock);
    machine.state.lock[lock].held = 1;
    machine_clock_join(&THIS_STATE->now, &machine.state.lock[lock].clock);
    machine_log(machine.current, EVENT_LOCK, 0, lock);
}

void explore_unlock(uint32_t lock)
{
    /* An ordinary store, as on the real machine: the thread may run ahead of it. */
    machine_buffer((struct buffered_store){.granule = (uint16_t)(MACHINE_LOCK_STORE + lock),
                                           .clock = machine_clock_release()});
    machine_log(machine.current, EVENT_UNLOCK, 0, lock);
}

void explore_signal(uint32_t notification)
{
    struct lock_state *state = &machine.state.notification[notification];

    machine_next(OPERATION_SIGNAL, notification);
    state->held = 1;
    machine_clock_join(&THIS_STATE->now, &state->clock);
    state->clock = machine_clock_release();
    machine_log(machine.current, EVENT_SIGNAL, 0, notification);
}

void explore_wait(uint32_t notification)
{
    struct lock_state *state = &machine.state.notification[notification];

    machine_next(OPERATION_WAIT, notification);
    state->held = 0;
    machine_clock_join(&THIS_STATE->now, &state->clock);
    machine_log(machine.current, EVENT_WAIT, 0, notification);
}

void explore_once_begin(void)
{
    THIS_POSITION->once = true;
}

void explore_once_end(void)
{
    THIS_POSITION->once = false;
    memset(THIS_POSITION->once_read, 0, sizeof(THIS_POSITION->once_read));
}

void explore_forbid(void)
{
    THIS_POSITION->forbidden = true;
}

void explore_note(const char *text, uint32_t value)
{
    machine_log(machine.current, EVENT_NOTE, 0, value)->text = text;
}

uint32_t explore_visible(const uint32_t *place)
{
    return *place;
}

bool explore_done(uint32_t thread)
{
    return machine.position[thread].operation == OPERATION_END;
}
