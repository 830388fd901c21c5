/* SPDX-License-Identifier: MIT */
#pragma once

/* The second of the two headers that ACPICA includes for its host, after all of its own. Nothing is
 * needed here: what the host provides are the functions of os_layer.c, by their standard names. */
