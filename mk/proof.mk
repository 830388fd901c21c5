# SPDX-License-Identifier: MIT
#
# What is proven: the Spin models with every configuration, and the contracts of the shipped C with
# Frama-C/WP. What was discharged once is kept in build/proof by its content.
#
#   make proof             all of it. Contracts of one unit: PROVE=cap

PROVE ?=

proof: $(GEN_HEADERS)
	@$(if $(PROVE),,tests/proof/spin/run --long)
	@tests/proof/wp/prove --smoke --layer $@ $(PROVE)

.PHONY: proof
