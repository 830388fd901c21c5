/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>

/** Read the start of the disk as soon as it is there, and print the text in it. */
MUST_CHECK bool capos_first_read(void);
