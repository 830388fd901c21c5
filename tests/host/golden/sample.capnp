# SPDX-License-Identifier: MIT
#
# The message whose bytes schemac_test.c holds: the tool's and the builder's must be the same.

@0xe1b0a1c9927f3d55;

using import "shapes.capnp".Shape;

const sample :Shape = (
  name = "sample",
  blob = "\x00\xff",
  children = [(name = "child", number = -2)],
  pair = (left = 3, right = "r"),
  corner = (x = 1, y = 2),
  point = (x = -1, y = 2, colour = deepBlue));
