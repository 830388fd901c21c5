/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What ACPICA runs on: memory from the process's heap, time from its clock, and accesses to the
 * machine through AcpiFirmware. There is one thread, so locks and semaphores only count.
 */

#include <acpi/acpi.h>

#include <stdint.h>

/** Seconds that AML may run in all, and that one loop of it may take. */
#define OS_LAYER_SECONDS      8u
#define OS_LAYER_LOOP_SECONDS 2u

/** Begin: the time runs from now on, and when it is over the process ends. */
void os_layer_init(uint64_t firmware);

/** Have memory that AML reads and writes go through AcpiFirmware. After
 * acpi_initialize_subsystem().
 */
acpi_status os_layer_install_handlers(void);

/** A register of a function's configuration space; all ones if it is not there. */
uint32_t os_layer_read_config(uint16_t segment, uint16_t bdf, uint32_t offset, uint32_t width);
