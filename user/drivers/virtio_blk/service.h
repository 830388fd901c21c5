/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The calls of BlockDevice: what the disk is, and the opening of sessions.
 */

#include "drivers/virtio_blk/session.h"

/** Answer the request that the server has in hand. */
void service_handle(struct blk *blk, const struct ring_cqe *request);
