/* SPDX-License-Identifier: MIT */

/*
 * When two states are one. See state_hash() in explore.h.
 */

#include "explore.h"

/** Distances beyond this are all one, */
#define FAR 5u

/** and how far a part is behind its owner: the first may still follow, the second never. */
#define FAR_COARSE 2u

static uint8_t key_bytes[512];
static uint32_t key_length;

static void key_put(uint64_t value)
{
    key_bytes[key_length++] = (uint8_t)value;
}

static uint64_t near(uint64_t high, uint64_t low)
{
    return low > high ? FAR + 1 : high - low < FAR ? high - low : FAR;
}

/** How far a part is behind its owner, if there is one. */
static uint64_t behind(bool exists, uint64_t owner, uint64_t part, bool is_coarse)
{
    const uint64_t distance = near(owner, part);

    return !is_coarse              ? distance
           : !exists               ? FAR + 2
           : distance == FAR + 1   ? distance
           : distance < FAR_COARSE ? distance
                                   : FAR_COARSE;
}

static int compare_words(const void *one, const void *other)
{
    const uint64_t a = *(const uint64_t *)one;
    const uint64_t b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

/** The state's key under a renaming: bit 0 swaps functions, 1 routes, 2 buffers, 3 pids 1 and 2. */
static void key_make(uint32_t renaming, bool is_coarse)
{
    const uint32_t function_swap = renaming & 1, route_swap = renaming >> 1 & 1;
    const uint32_t buffer_swap = renaming >> 2 & 1, pid_swap = (renaming >> 3 & 1) * 3;
    uint64_t words[MODEL_ISSUED];
    uint32_t word_count = 0;

    key_length = 0;
    for (uint32_t n = 0; n < ledger.function_count; n++) {
        const struct ledger_function *record = &now.functions[n ^ function_swap];
        const struct model_function *function = &now.model.functions[n ^ function_swap];
        const uint64_t pages[] = {record->low_next / 4096, record->high_next / 4096};
        const uint64_t end = now.model.address_end / 4096;
        const bool is_at_rest =
            record->state == FUNCTION_STATE_FREE || record->state == FUNCTION_STATE_RETIRED;

        key_put(record->state);
        key_put(record->owner == 0 ? 0 : record->owner ^ pid_swap);
        key_put(record->former_owner == 0 || record->state != FUNCTION_STATE_CLAIMED
                    ? 0
                    : record->former_owner ^ pid_swap);
        key_put((uint64_t)(record->has_mmio | record->has_pool << 1 | record->is_exhausted << 2 |
                           (record->state == FUNCTION_STATE_FREE && record->not_reset) << 3));
        key_put(is_at_rest ? 0 : record->evidence);
        key_put(is_at_rest ? 0 : function->seen);
        key_put(record->refusal);
        key_put(record->mmio_pages);
        key_put(near(LEDGER_GENERATION_END, record->generation));
        key_put(near(LEDGER_GENERATION_END, record->owner_generation));
        key_put(behind(record->has_mmio, record->owner_generation, record->mmio_owner, is_coarse));
        key_put(behind(record->has_pool, record->owner_generation, record->pool_owner, is_coarse));
        key_put(near(end < 0xfffff ? end : 0xfffff, pages[0]));
        key_put(near(0xfee00, pages[0]));
        key_put(near(end, pages[1]));
    }
    for (uint32_t n = 0; n < ledger.route_count; n++) {
        const struct ledger_route *route = &now.routes[n ^ route_swap];
        const bool exists = route->use != LEDGER_UNUSED;

        key_put(route->use);
        key_put(exists ? route->function ^ function_swap : 0);
        key_put(near(LEDGER_GENERATION_END, route->generation));
        key_put(exists ? behind(true, now.functions[route->function].owner_generation, route->owner,
                                is_coarse)
                       : 0);
    }
    for (uint32_t n = 0; n < ledger.buffer_count; n++) {
        const struct ledger_buffer *buffer = &now.buffers[n ^ buffer_swap];
        const bool exists = buffer->use != LEDGER_UNUSED;

        key_put(buffer->use);
        key_put(exists ? buffer->function ^ function_swap : 0);
        key_put(near(LEDGER_GENERATION_END, buffer->generation));
        key_put(exists ? buffer->page_count : 0);
        key_put(now.model.buffers[n ^ buffer_swap].is_invalidated);
    }
    for (uint32_t n = 0; n < now.model.issued_count; n++) {
        const struct model_issued *issued = &now.model.issued[n];
        const struct device_handle *handle = &issued->handle;
        const struct model_function *function = &now.model.functions[handle->function];
        uint64_t part_epoch = function->epoch;
        uint32_t slot = handle->slot;

        if (issued->fate == MODEL_ENDED) {
            continue; /* the ledger knows nothing of it: it is tried, but makes no other state */
        }
        if (handle->part == DEVICE_PART_ROUTE) {
            part_epoch = now.model.route_epoch[slot];
            slot ^= route_swap;
        } else if (handle->part == DEVICE_PART_BUFFER) {
            part_epoch = now.model.buffer_epoch[slot];
            slot ^= buffer_swap;
        }
        /* Beyond one step it makes no difference to anything how old a handle is. */
        const uint64_t ages[] = {function->epoch - handle->generation,
                                 function->owner_epoch - handle->owner_generation,
                                 part_epoch - handle->part_generation};
        words[word_count] = (uint64_t)issued->fate << 40 | (uint64_t)handle->part << 32 |
                            slot << 24 | (handle->function ^ function_swap) << 16;
        for (uint32_t i = 0; i < 3; i++) {
            words[word_count] |= (ages[i] < 2 ? ages[i] : 2) << i * 4;
        }
        word_count++;
    }
    qsort(words, word_count, sizeof(words[0]), compare_words);
    for (uint32_t n = 0; n < word_count; n++) {
        memcpy(&key_bytes[key_length], &words[n], sizeof(words[n]));
        key_length += (uint32_t)sizeof(words[n]);
    }
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 32) * 0xd6e8feb86659fd93ull;
    value = (value ^ value >> 29) * 0x9e3779b97f4a7c15ull;
    return value ^ value >> 32;
}

/* The least of the hashes under all renamings, so that all of them have one. */
struct hash state_hash(bool is_coarse)
{
    struct hash least = {UINT64_MAX, UINT64_MAX};

    for (uint32_t renaming = 0; renaming < 16; renaming++) {
        struct hash hash = {0x243f6a8885a308d3ull, 0x13198a2e03707344ull};

        if (((renaming & 1) != 0 && ledger.function_count < 2) ||
            ((renaming & 2) != 0 && ledger.route_count < 2) ||
            ((renaming & 4) != 0 && ledger.buffer_count < 2) ||
            ((renaming & 8) != 0 && now.model.pid_count < 2)) {
            continue;
        }
        key_make(renaming, is_coarse);
        memset(&key_bytes[key_length], 0, 8);
        for (uint32_t i = 0; i < key_length; i += 8) {
            uint64_t word;

            memcpy(&word, &key_bytes[i], sizeof(word));
            hash.low = mix(hash.low ^ word);
            hash.high = mix(hash.high + word * 0xff51afd7ed558ccdull) ^ hash.low >> 7;
        }
        if (hash.high < least.high || (hash.high == least.high && hash.low < least.low)) {
            least = hash;
        }
    }
    return least;
}
