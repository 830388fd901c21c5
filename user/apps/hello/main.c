/* SPDX-License-Identifier: MIT */
/*
 * The smallest program: says hello, and what it was started with.
 */
#include "rt/print.h"
#include "rt/process.h"

int main(int count, char **arguments)
{
    rt_print("Hello from capOS.\n");
    for (int i = 1; i < count; i++) {
        rt_print("  argument %d: %s\n", i, arguments[i]);
    }
    for (size_t i = 0; i < rt_capability_count(); i++) {
        rt_print("  capability: %s\n", rt_capability_name(i));
    }
    return 0;
}
