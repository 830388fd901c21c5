/* SPDX-License-Identifier: MIT */
#pragma once

/* Memory for a program that can do nothing without it: there is some, or the program ends. */

#include <stddef.h>

void *memory_get(size_t bytes);
void *memory_resize(void *block, size_t bytes);
