/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Fault records (VT-d 4.1 §11.4.7.6) and their reasons (appendix A, as far as legacy mode has
 * them).
 */

#include <stdbool.h>
#include <stdint.h>

#define VTD_FAULT_RECORD_BYTES 16u
#define VTD_FAULT_VALID        (1ull << 63) /* of the high half; cleared by writing 1 */

enum vtd_fault_kind {
    VTD_FAULT_READ,
    VTD_FAULT_WRITE,
    VTD_FAULT_ATOMIC,
    VTD_FAULT_PAGE_REQUEST,
    VTD_FAULT_INTERRUPT
};

struct vtd_fault {
    enum vtd_fault_kind kind;
    uint8_t reason;
    uint16_t source;  /* requester id */
    uint64_t address; /* of the page, or index in the remapping table */
};

/** Decode a record; false if there is none (the valid bit is not set). */
bool vtd_fault_read(uint64_t low, uint64_t high, struct vtd_fault *fault);

/** A reason in words; "unknown reason" for numbers that have none. */
const char *vtd_fault_name(uint8_t reason);
