/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * AcpiFirmware: what the process that interprets firmware's AML may touch of the machine, and what
 * it has to say. lib/acpi/access.h decides; here the lists are made and the accesses done.
 */

#include "bootinfo/bootinfo.h"
#include "syscall/methods.h"

/** Make the lists. Boot CPU, once, after the PCI functions and the IOMMUs are known. */
void acpi_firmware_init(const struct boot_info *info);

extern method_function *const acpi_firmware_methods[ACPI_FIRMWARE_METHOD_COUNT];
