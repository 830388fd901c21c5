/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the ledger of device authority says, in words: for init's messages and the shell's tables.
 */

#include "capos.h"

#define RT_BDF_BYTES 13u /* "0001:00:03.0" and the end */

/**
 * A function's place on its bus: "00:03.0", with the segment in front of it if that is not 0.
 * Numbers are hexadecimal (PCI 3.0 §3.2.2.3.2: 8 bits of bus, 5 of device, 3 of function).
 */
const char *rt_bdf_format(char text[RT_BDF_BYTES], uint16_t segment, uint16_t bdf);

/** Why a function cannot be claimed, in words; "" for none. */
const char *rt_claim_refusal_text(enum claim_refusal refusal);
