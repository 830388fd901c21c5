/* SPDX-License-Identifier: MIT */
#include "device_authority/device_authority.h"

enum status device_authority_check(const struct device_handle *handle,
                                   const struct device_identity *now, uint64_t pid)
{
    if (!device_state_is_owned(now->state) || !now->is_live || handle->function != now->function ||
        handle->generation != now->generation ||
        handle->owner_generation != now->owner_generation ||
        handle->part_generation != now->part_generation) {
        return STATUS_STALE;
    }
    return now->owner == pid && pid != DEVICE_NOBODY ? STATUS_OK : STATUS_DENIED;
}
