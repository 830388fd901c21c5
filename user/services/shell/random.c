/* SPDX-License-Identifier: MIT */
/*
 * `random`: bytes from the hardware's source of entropy.
 */
#include "services/shell/shell.h"

#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define LENGTH_USUAL 16u
#define LENGTH_MAX   256u

/** Ask once. Returns how many bytes were printed; 0 if that did not work, which has been said. */
static uint32_t random_print(uint64_t service, uint32_t limit)
{
    const struct random_read_params params = {.limit = limit};
    struct rt_exchange exchange;
    struct wire_struct results;
    struct wire_bytes bytes = {0};
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status == STATUS_OK) {
        status =
            rt_exchange_call_inline(&exchange, service, RANDOM_READ, RT_WORDS(params), &results);
        if (status == STATUS_OK && (random_read_results_get_bytes(results, &bytes) != WIRE_OK ||
                                    bytes.length == 0 || bytes.length > limit)) {
            status = STATUS_BAD_MESSAGE;
        }
        for (size_t i = 0; status == STATUS_OK && i < bytes.length; i++) {
            rt_print("%02x", bytes.bytes[i]);
        }
        rt_exchange_end(&exchange);
    }
    if (status == STATUS_PEER_GONE) {
        rt_print("no source of entropy: nobody serves \"random\"");
    } else if (status != STATUS_OK) {
        rt_print("the driver's answer: %s", status_name(status));
    }
    return status == STATUS_OK ? (uint32_t)bytes.length : 0;
}

void command_random(struct words *words)
{
    const uint64_t service = rt_capability("random");
    uint64_t length = LENGTH_USUAL;
    uint32_t done = 1;

    if (!command_words(words, 1, 2) ||
        (words->count == 2 && !command_number("number of bytes", words->word[1], &length))) {
        return;
    }
    if (length == 0 || length > LENGTH_MAX) {
        rt_print("from 1 to %u bytes\n", LENGTH_MAX);
        return;
    }
    if (service == 0) {
        rt_print("the manifest gives this shell no source of entropy\n");
        return;
    }
    while (length != 0 && done != 0) {
        done = random_print(service, (uint32_t)length);
        length -= done;
    }
    rt_print("\n");
}
