/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The registers of a bridge's windows (Bridge §3.2.5.6 to §3.2.5.11), for lib/pci/bridge.c, which
 * reads them, and lib/pci/place.c, which writes them.
 */

#define BRIDGE_IO_BASE             0x1cu
#define BRIDGE_IO_LIMIT            0x1du
#define BRIDGE_IO_BASE_HIGH        0x30u
#define BRIDGE_IO_LIMIT_HIGH       0x32u
#define BRIDGE_IO_MASK             0xf0u
#define BRIDGE_IO_REST             0xfffu
#define BRIDGE_MEMORY_BASE         0x20u
#define BRIDGE_MEMORY_LIMIT        0x22u
#define BRIDGE_PREFETCH_BASE       0x24u
#define BRIDGE_PREFETCH_LIMIT      0x26u
#define BRIDGE_PREFETCH_BASE_HIGH  0x28u
#define BRIDGE_PREFETCH_LIMIT_HIGH 0x2cu
#define BRIDGE_MEMORY_MASK         0xfff0u
#define BRIDGE_MEMORY_REST         0xfffffu
#define BRIDGE_TYPE_MASK           0x0fu
#define BRIDGE_TYPE_WIDE           0x01u

/* Base above limit: base and limit side by side, as they lie in the header. */
#define BRIDGE_IO_CLOSED     0x00f0u
#define BRIDGE_MEMORY_CLOSED 0x0000fff0u
