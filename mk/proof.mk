# SPDX-License-Identifier: MIT
#
# What is proven: the Spin models with every configuration, and the contracts of the shipped C with
# Frama-C/WP. And how much of the decisions the tests would miss: the mutation score.
#
#   make proof             all of it. Contracts of one unit: PROVE=cap
#   make mutation-score    every mutant; test-mutation: a sample, for make test
#
# What was discharged once is kept in build/proof by its content.

PROVE ?=

proof: $(GEN_HEADERS)
	@$(if $(PROVE),,tests/proof/spin/run --long)
	@tests/proof/wp/prove --smoke --layer $@ $(PROVE)

mutation-score: $(GEN_HEADERS)
	@tests/mutation/score --all --layer $@

test-mutation: $(GEN_HEADERS)
	@tests/mutation/score --layer $@

.PHONY: proof mutation-score test-mutation
