/* SPDX-License-Identifier: MIT */
#pragma once

/* The one header of Linux's own that its copy of ACPICA includes: a leak detector's. There is none.
 */
#define kmemleak_not_leak(pointer) ((void)(pointer))
