/* SPDX-License-Identifier: MIT */
#include "intx/line.h"

/** Add a sharer's state to the sums, or take it out. */
static void count(struct intx_line *line, const struct intx_sharer *sharer, uint32_t by)
{
    line->armed += sharer->state != INTX_MASKED ? by : 0;
    line->admitting += sharer->state == INTX_OPEN && sharer->admits ? by : 0;
    line->held += sharer->state != INTX_OPEN && !sharer->admits ? by : 0;
}

static void calm(struct intx_line *line)
{
    line->is_storm = false;
    line->unadmitted = 0;
}

void intx_join(struct intx_line *line, struct intx_sharer *sharer, bool admits)
{
    *sharer = (struct intx_sharer){.admits = admits, .state = INTX_MASKED};
    line->sharer_count++;
    count(line, sharer, 1);
    calm(line);
}

void intx_leave(struct intx_line *line, struct intx_sharer *sharer)
{
    count(line, sharer, -1u);
    line->sharer_count--;
    calm(line);
}

void intx_set(struct intx_line *line, struct intx_sharer *sharer, enum intx_state state)
{
    count(line, sharer, -1u);
    sharer->state = state;
    count(line, sharer, 1);
}

bool intx_offer(struct intx_line *line, struct intx_sharer *sharer, bool asserts)
{
    if (!sharer->admits || !asserts || sharer->state != INTX_OPEN) {
        return false;
    }
    intx_set(line, sharer, INTX_TAKEN);
    return true;
}

bool intx_blame(struct intx_line *line, struct intx_sharer *sharer)
{
    if (sharer->admits || sharer->state != INTX_OPEN) {
        return false;
    }
    intx_set(line, sharer, INTX_TAKEN);
    return true;
}

bool intx_arrived(struct intx_line *line, bool is_admitted, uint64_t now_ns)
{
    if (is_admitted || line->is_storm) {
        line->unadmitted = 0;
        return false;
    }
    if (line->unadmitted == 0 || now_ns - line->window_start_ns > INTX_STORM_WINDOW_NS) {
        line->unadmitted = 0;
        line->window_start_ns = now_ns;
    }
    if (++line->unadmitted < INTX_STORM_COUNT) {
        return false;
    }
    line->is_storm = true;
    return true;
}
