/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Devices for programs: which functions the machine has, and claims on them.
 *
 * init holds the DeviceManager. The list of functions is read once; what changes (generation,
 * state, owner) is asked for each time. Without a DeviceManager, or with one that does not answer,
 * there are no devices, and programs that need some are not started.
 */

#include "manifest/manifest.h"
#include "rt/ring_client.h"

struct init;

#define INIT_FUNCTIONS_MAX 256u
#define INIT_REASON_BYTES  160u

/** A function of the machine, as far as it stays the same. */
struct init_function {
    uint32_t index; /* in the ledger */
    uint32_t group; /* that of its isolation group's first function */
    uint16_t segment, bdf;
    uint16_t vendor, device;
};

struct init_devices {
    uint64_t manager; /* DeviceManager; 0: none */
    uint32_t count;
    struct init_function functions[INIT_FUNCTIONS_MAX];
};

/** What became of the search for a function that can be claimed. */
enum device_answer {
    DEVICE_READY,    /* may be claimed, as of `generation` */
    DEVICE_MISSING,  /* not in this machine; `reason` names it */
    DEVICE_TEARDOWN, /* its last owner's authority is being taken back: wait, then ask again */
    DEVICE_REFUSED,  /* `status`, and `reason` for people */
};

struct device_state {
    enum device_answer answer;
    enum status status;
    uint32_t function;     /* index in the ledger; for _TEARDOWN that to wait for */
    uint64_t generation;   /* of that */
    uint32_t vector_count; /* interrupts that it can have */
    char place[16];        /* "00:03.0" */
    char reason[INIT_REASON_BYTES];
};

/** Whom to ask whether a process is alive and not on its way out. */
struct device_owners {
    const struct init *init;
    bool (*runs)(const struct device_owners *owners, uint64_t pid);
};

/** Read the list of functions from `manager`; say it if that is 0 or does not answer. */
void devices_init(struct init_devices *devices, uint64_t manager);

/** Find the function that a grant means, and how it stands. Changes nothing. */
void device_find(const struct init_devices *devices, const struct manifest_device *wanted,
                 const struct device_owners *owners, struct device_state *state);

/**
 * Claim a function that device_find() found ready, with as many interrupts as the grant asks for
 * and the function has. The capabilities are the caller's, in the order of
 * enum manifest_device_capability.
 *
 * Returns: STATUS_OK and their number; the kernel's refusal, with nothing claimed.
 */
MUST_CHECK enum status device_claim(const struct init_devices *devices,
                                    const struct manifest_device *wanted,
                                    const struct device_state *state, uint64_t *capabilities,
                                    uint32_t *count);

/**
 * Start waiting for the end of the teardown that device_find() found: `operation` completes when
 * nothing of the old claim is left. Returns: STATUS_OK; STATUS_QUEUE_FULL.
 */
MUST_CHECK enum status device_wait_start(const struct init_devices *devices,
                                         const struct device_state *state,
                                         struct rt_operation *operation);
