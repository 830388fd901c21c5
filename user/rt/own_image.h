/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Starting more processes from images of the boot package: for programs that hold "bootPackage"
 * and "spawner", such as tests that need a second process.
 */

#include "rt/spawn.h"

/** Where an image of the package lies. */
struct rt_image {
    uint64_t memory; /* capability */
    uint64_t offset; /* bytes */
    uint64_t length; /* bytes */
};

/** Find the image `name`. Returns: STATUS_OK; STATUS_NOT_FOUND; why the package is unreadable. */
MUST_CHECK enum status rt_image_find(const char *name, struct rt_image *image);

/** Fill in image, name and modest budgets for a child that runs `image`. */
void rt_spawn_prepare(struct rt_spawn *spawn, const struct rt_image *image, const char *name);
