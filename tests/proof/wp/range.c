/* SPDX-License-Identifier: MIT */

/* Nothing of its own: what of lib is in headers alone is proven as part of this file. */
#include "range/range.h"
