/* SPDX-License-Identifier: MIT */

/*
 * Included before everything else when Frama-C reads the shipped sources: what its preprocessor and
 * parser lack of GCC's, and nothing that changes what the sources mean.
 */

/* Frama-C's preprocessor defines no byte order; that of x86-64 is this one. */
#define __ORDER_LITTLE_ENDIAN__ 1234
#define __BYTE_ORDER__          __ORDER_LITTLE_ENDIAN__

/* A hint to the compiler, and no more: Frama-C has no contract of it. */
#define __builtin_expect(value, likely) (value)
