/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a session of the Share service looks like to both sides.
 *
 * The first page of the session's memory is a queue (queue/queue.h) with the client as producer
 * and the service as consumer. Each entry is one word; the service adds them up and keeps the sum
 * and the number of entries in struct share_result, at the start of the second page. A client
 * signals SHARE_WORK through the Signaller that came with the memory when the queue asks for it.
 */

#include <stdint.h>

#define SHARE_WORK           1ull /* the one bit that the Signaller may set */
#define SHARE_QUEUE_CAPACITY 64u
#define SHARE_ENTRY_BYTES    8u
#define SHARE_PAGES_MIN      2u
#define SHARE_PAGES_MAX      16u
#define SHARE_PAGE_BYTES     4096u

struct share_result {
    uint64_t sum;
    uint64_t count; /* written after `sum` */
};
