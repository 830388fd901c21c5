/* SPDX-License-Identifier: MIT */
#include "virtio/error.h"

#include <assert.h>

const char *virtio_error_name(enum virtio_error error)
{
    static const char *const names[] = {
        [VIRTIO_OK] = "ok",
        [VIRTIO_AGAIN] = "again",
        [VIRTIO_BAD_ARGUMENT] = "badArgument",
        [VIRTIO_BAD_STATE] = "badState",
        [VIRTIO_NO_MEMORY] = "noMemory",
        [VIRTIO_WINDOW_SHORT] = "windowShort",
        [VIRTIO_GONE] = "gone",
        [VIRTIO_RESET_TIMEOUT] = "resetTimeout",
        [VIRTIO_NO_VERSION_1] = "noVersion1",
        [VIRTIO_NO_PLATFORM] = "noPlatform",
        [VIRTIO_NO_FEATURE] = "noFeature",
        [VIRTIO_FEATURES_REFUSED] = "featuresRefused",
        [VIRTIO_QUEUE_ABSENT] = "queueAbsent",
        [VIRTIO_QUEUE_BAD_SIZE] = "queueBadSize",
        [VIRTIO_QUEUE_TOO_SMALL] = "queueTooSmall",
        [VIRTIO_QUEUE_BUSY] = "queueBusy",
        [VIRTIO_QUEUE_REFUSED] = "queueRefused",
        [VIRTIO_NOTIFY_OUTSIDE] = "notifyOutside",
        [VIRTIO_VECTOR_REFUSED] = "vectorRefused",
        [VIRTIO_CONFIG_OUTSIDE] = "configOutside",
        [VIRTIO_CONFIG_UNSTABLE] = "configUnstable",
        [VIRTIO_CONFIG_BAD] = "configBad",
        [VIRTIO_NEEDS_RESET] = "needsReset",
        [VIRTIO_STATUS_LOST] = "statusLost",
        [VIRTIO_USED_INDEX_JUMP] = "usedIndexJump",
        [VIRTIO_USED_ID_RANGE] = "usedIdRange",
        [VIRTIO_USED_ID_IDLE] = "usedIdIdle",
    };

    static_assert(ARRAY_COUNT(names) == VIRTIO_ERROR_COUNT, "every error has a name");
    return (unsigned)error < VIRTIO_ERROR_COUNT ? names[error] : "?";
}
