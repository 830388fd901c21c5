/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether what must be true of a ledger at any time is: L1, L2, L4, L6. */

#include "ledger/ledger.h"

/** Names of what can be wrong; `place` is the index of a function, route or buffer. */
enum ledger_flaw {
    LEDGER_SOUND = 0,
    LEDGER_FLAW_OWNER,   /* an owned function without owner, or the reverse */
    LEDGER_FLAW_GROUP,   /* two owners in one group (L1) */
    LEDGER_FLAW_UNOWNED, /* authority over a function nobody owns (L2) */
    LEDGER_FLAW_SUM,     /* a count is not the sum of its parts (L6) */
    LEDGER_FLAW_LIMIT,   /* a pool above its limit */
    LEDGER_FLAW_ADDRESS, /* a buffer at addresses not given out, or two at one (L4) */
    LEDGER_FLAW_LIVE,    /* a part or route live without owner, or a buffer of a mere claim */
    LEDGER_FLAW_COUNT
};

const char *ledger_flaw_name(enum ledger_flaw flaw);

/** Look at everything. Takes time by the square of buffers: for tests and debug builds. */
MUST_CHECK enum ledger_flaw ledger_audit(const struct ledger *ledger, uint32_t *place);
