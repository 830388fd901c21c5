/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Starting a process through a ProcessSpawner.
 */

#include "rt/start_info.h"

#include <stdint.h>

/** Everything about a new process. */
struct rt_spawn {
    struct rt_text name;   /* at most 31 bytes, for people */
    uint64_t image;        /* Memory that holds the ELF file */
    uint64_t image_offset; /* bytes */
    uint64_t image_length; /* bytes */
    uint8_t priority;      /* 0 (idle) to 31 */
    uint8_t max_priority;
    uint32_t cpu_budget_us; /* per period; 0: no limit */
    uint32_t cpu_period_us;
    uint32_t frames, cap_slots, objects, threads; /* struct Budget in the schema */
    uint32_t dma_pages, mmio_pages, interrupts;   /* as well */
    const struct rt_text *arguments;              /* the first is the program's name */
    uint32_t argument_count;
    const struct rt_grant *grants; /* at most RING_MAX_TRANSFERS */
    uint32_t grant_count;
};

/**
 * Start a process. Capabilities given by RING_TRANSFER_MOVE are gone afterwards.
 *
 * Returns: STATUS_OK and the ProcessHandle; the kernel's refusal, with nothing changed;
 * STATUS_TOO_LONG if name and arguments do not fit a message.
 */
MUST_CHECK enum status process_spawn(uint64_t spawner, const struct rt_spawn *spawn,
                                     uint64_t *process);
