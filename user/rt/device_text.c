/* SPDX-License-Identifier: MIT */
#include "rt/device_text.h"

#include "text/text.h"

const char *rt_bdf_format(char text[RT_BDF_BYTES], uint16_t segment, uint16_t bdf)
{
    const unsigned bus = bdf >> 8, device = bdf >> 3 & 31u, function = bdf & 7u;

    if (segment != 0) {
        text_format(text, RT_BDF_BYTES, "%04x:%02x:%02x.%u", segment, bus, device, function);
    } else {
        text_format(text, RT_BDF_BYTES, "%02x:%02x.%u", bus, device, function);
    }
    return text;
}

const char *rt_claim_refusal_text(enum claim_refusal refusal)
{
    switch (refusal) {
    case CLAIM_REFUSAL_NONE:
        return "";
    case CLAIM_REFUSAL_BRIDGE:
        return "it leads to other functions";
    case CLAIM_REFUSAL_NO_IOMMU:
        return "no working DMA remapping covers it";
    case CLAIM_REFUSAL_FIRMWARE_MEMORY:
        return "firmware wants it to reach memory of its own";
    case CLAIM_REFUSAL_SHARED_REQUESTER:
        return "a bridge makes its requests look like another function's";
    case CLAIM_REFUSAL_BAD_CONFIGURATION:
        return "its configuration space contradicts itself";
    case CLAIM_REFUSAL_BAD_BAR:
        return "a BAR was not assigned, or overlaps something";
    case CLAIM_REFUSAL_KERNEL_OWNED:
        return "the kernel drives it";
    case CLAIM_REFUSAL_QUARANTINED:
        return "nobody has seen it come to rest after its last owner";
    case CLAIM_REFUSAL_RETIRED:
        return "its generations or addresses are used up";
    case CLAIM_REFUSAL_DISABLED:
        return "it has been disabled";
    case CLAIM_REFUSAL_ABSENT:
        return "it is not there any more";
    case CLAIM_REFUSAL_NO_INTERRUPT_ROUTE:
        return "its interrupt is a pin, and nobody has declared where that leads";
    case CLAIM_REFUSAL_COUNT:
        break;
    }
    return "for a reason that this program does not know";
}
