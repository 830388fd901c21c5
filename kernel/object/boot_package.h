/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The boot package: the one module that the loader brings. The kernel takes from it the first
 * program, init, and gives init the whole package and every kernel capability; everything else is
 * init's business. Under the kernel lock.
 */

#include "bootinfo/bootinfo.h"

/** Start init. Panics with a message that names the place if the package is not usable. */
void boot_package_start(const struct boot_info *info);
