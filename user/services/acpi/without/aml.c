/* SPDX-License-Identifier: MIT */
/*
 * The service of an image that was built without ACPICA: docs/design/0017-acpi-service.md says what
 * works all the same.
 */
#include "services/acpi/aml.h"

#include "rt/print.h"

bool aml_load(uint64_t firmware)
{
    (void)firmware;
    rt_print("acpi: no AML interpreter in this image: a device that has nothing but INTx cannot be "
             "used (make acpica)\n");
    return false;
}

void aml_list_routes(struct aml_listener *listener)
{
    (void)listener;
}

bool aml_read_soft_off(uint8_t *type_a, uint8_t *type_b)
{
    (void)type_a;
    (void)type_b;
    return false;
}
