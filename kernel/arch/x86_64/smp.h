/* SPDX-License-Identifier: MIT */
#pragma once

/* Bringing up the other CPUs (SDM vol. 3A section 9.4). Boot CPU, once each. */

#include "bootinfo/bootinfo.h"
#include "types.h"

/** Make the boot CPU's record and load it. */
void smp_init_boot_cpu(void);

/** Start all other CPUs that the firmware lists; those that do not answer are reported. */
void smp_start_others(const struct boot_info *info);
