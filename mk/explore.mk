# SPDX-License-Identifier: MIT
#
# The interleaving explorer for lib/ring and lib/queue, its seeded bugs, and the Spin models.
#
#   make test-ring        short form, about half a minute
#   make test-ring-long   larger bounds, a few minutes

BUILD ?= build
EXPLORE_CC ?= $(CC)
EXPLORE_BUILD := $(BUILD)/explore
EXPLORE_FLAGS := -std=c17 -Wall -Wextra -Wconversion -Werror -O2 -g \
                 -I tests/explore/include -I lib -I tests/explore

# The engine, and the scenarios, which contain the protocol source: those with the compiler's race
# instrumentation, answered by instrument.c.
EXPLORE_ENGINE := $(patsubst %,$(EXPLORE_BUILD)/%.o,main search machine instrument)
EXPLORE_SCENARIOS := $(patsubst %,$(EXPLORE_BUILD)/%.o,litmus_scenarios queue_scenarios ring_scenarios)

$(EXPLORE_ENGINE): $(EXPLORE_BUILD)/%.o: tests/explore/%.c
	@mkdir -p $(@D)
	$(EXPLORE_CC) $(EXPLORE_FLAGS) -MMD -c $< -o $@

$(EXPLORE_SCENARIOS): $(EXPLORE_BUILD)/%.o: tests/explore/%.c
	@mkdir -p $(@D)
	$(EXPLORE_CC) $(EXPLORE_FLAGS) -fsanitize=thread -MMD -c $< -o $@

$(EXPLORE_BUILD)/explore: $(EXPLORE_ENGINE) $(EXPLORE_SCENARIOS)
	$(EXPLORE_CC) -o $@ $^

-include $(wildcard $(EXPLORE_BUILD)/*.d)

.PHONY: test-ring test-ring-long
test-ring: $(EXPLORE_BUILD)/explore
	$(EXPLORE_BUILD)/explore
	CC="$(EXPLORE_CC)" tests/explore/mutants $(EXPLORE_BUILD)
	tests/proof/spin/run --build $(BUILD)/spin

test-ring-long: $(EXPLORE_BUILD)/explore
	$(EXPLORE_BUILD)/explore --long
	CC="$(EXPLORE_CC)" tests/explore/mutants $(EXPLORE_BUILD)
	tests/proof/spin/run --long --build $(BUILD)/spin
