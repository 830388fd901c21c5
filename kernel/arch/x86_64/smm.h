/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * System management interrupts of CPUs that firmware has prepared nothing for.
 *
 * A CPU enters system management mode at SMBASE + 8000h; after a reset SMBASE is 30000h, in plain
 * memory, until firmware's handler moves it (Intel SDM vol. 3C 31.4, 31.11). SeaBIOS 1.16 does that
 * for the boot CPU alone. Where a device can send an SMI (QEMU 7.2, see nmi.h), the others would
 * run whatever is there.
 */

#include "types.h"

struct boot_info;

/** Put a return (RSM) there, if that is memory that nothing else is in. Boot CPU, once. */
void smm_close_door(const struct boot_info *info);
