# SPDX-License-Identifier: MIT
#
# Interleavings of lib/ring and lib/queue: the explorer, its seeded bugs, the Spin models.
#
#   make test-ring        short form, under a minute
#   make test-ring-long   larger bounds, several minutes

EXPLORE_BUILD := $(BUILD)/explore
EXPLORE_FLAGS := $(C_STANDARD) $(WARNINGS) -O2 -g -I tests/explore/include -I lib -I tests/explore

# The machine, and the scenarios. The latter contain the protocol source, with the compiler's race
# instrumentation, which tests/explore/instrument.c answers.
EXPLORE_ENGINE    := $(patsubst %,$(EXPLORE_BUILD)/%.o,main search machine instrument)
EXPLORE_SCENARIOS := $(patsubst tests/explore/%.c,$(EXPLORE_BUILD)/%.o, \
                       $(wildcard tests/explore/*_scenarios.c))

$(EXPLORE_ENGINE): $(EXPLORE_BUILD)/%.o: tests/explore/%.c
	@mkdir -p $(@D)
	$(call say,$(CC),$@)
	$(Q)$(CC) $(EXPLORE_FLAGS) $(DEPFLAGS) -c $< -o $@

$(EXPLORE_SCENARIOS): $(EXPLORE_BUILD)/%.o: tests/explore/%.c
	@mkdir -p $(@D)
	$(call say,$(CC),$@)
	$(Q)$(CC) $(EXPLORE_FLAGS) -fsanitize=thread $(DEPFLAGS) -c $< -o $@

$(EXPLORE_BUILD)/explore: $(EXPLORE_ENGINE) $(EXPLORE_SCENARIOS)
	$(call say,link,$@)
	$(Q)$(CC) -o $@ $^

-include $(wildcard $(EXPLORE_BUILD)/*.d)

test-ring: $(EXPLORE_BUILD)/explore
	@CC=$(CC) tests/explore/run --layer $@ $(BUILD)

test-ring-long: $(EXPLORE_BUILD)/explore
	@CC=$(CC) tests/explore/run --layer $@ --long $(BUILD)

explore: test-ring-long

# The models alone, with every configuration.
proof:
	@tests/proof/spin/run --long

.PHONY: test-ring test-ring-long explore proof
