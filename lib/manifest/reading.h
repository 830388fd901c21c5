/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Inside lib/manifest: what reading and checking have in common.
 */

#include "manifest/manifest.h"

/** Record an error and return it. `field` may be a format with one index in it. */
PRINTF_LIKE(3, 4)
enum manifest_error manifest_fail(struct manifest_fault *fault, enum manifest_error error,
                                  const char *field, ...);

/** Record that `field` cannot be read, with the wire format's own reason. */
enum manifest_error manifest_fail_wire(const struct boot_package *package,
                                       struct manifest_fault *fault, const char *field);

/** Renew the traversal limit: each public function is a walk of its own. */
void manifest_rewind(struct boot_package *package);

/** True if both are the same bytes. */
bool manifest_bytes_equal(struct wire_bytes a, struct wire_bytes b);

/** Read a program. Returns the name of the first field that cannot be read, NULL if all can. */
const char *manifest_read_program(struct boot_package *package, uint32_t index,
                                  struct manifest_program *program);

/** Read a grant without renewing the limit. False: there is none, or it cannot be read. */
bool manifest_read_grant(const struct manifest_program *program, uint32_t index,
                         struct manifest_grant *grant);
