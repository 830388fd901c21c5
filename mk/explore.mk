# SPDX-License-Identifier: MIT
#
# Interleavings of lib/ring and lib/queue: the explorer, its seeded bugs, the Spin models. And every
# state of lib/ledger, with its seeded bugs.
#
#   make test-ring test-ledger             short forms, a minute or two each
#   make test-ring-long test-ledger-long   larger bounds, several minutes and more

EXPLORE_BUILD := $(BUILD)/explore
EXPLORE_FLAGS := $(C_STANDARD) $(WARNINGS) -O2 -g -I tests/explore/include -I lib -I tests/explore

# The machine, and the scenarios. The latter contain the protocol source, with the compiler's race
# instrumentation, which tests/explore/instrument.c answers.
EXPLORE_ENGINE    := $(patsubst tests/explore/%.c,$(EXPLORE_BUILD)/%.o, \
                       $(filter-out %_scenarios.c,$(wildcard tests/explore/*.c)))
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

# The ledger: one program, with the shipped lib and the model of tests/host.
LEDGER_EXPLORE := $(EXPLORE_BUILD)/ledger-explore
LEDGER_SOURCES := $(wildcard tests/explore/ledger/*.c) \
                  $(wildcard lib/ledger/*.c) $(wildcard lib/device_authority/*.c)

# States after which bounds are given up, which the output then says.
LEDGER_LIMIT ?= 20000000

$(LEDGER_EXPLORE): $(LEDGER_SOURCES) $(wildcard lib/ledger/*.h) $(wildcard lib/device_authority/*.h) \
                   $(wildcard tests/host/ledger_*.h) tests/explore/ledger/explore.h | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,$(CC),$@)
	$(Q)$(CC) $(C_STANDARD) $(WARNINGS) -O2 -g $(INCLUDES) -I tests/host -o $@ $(LEDGER_SOURCES)

test-ledger: $(LEDGER_EXPLORE)
	@CC=$(CC) tests/explore/ledger/run --layer $@ $(BUILD)

test-ledger-long: $(LEDGER_EXPLORE)
	@CC=$(CC) tests/explore/ledger/run --layer $@ --long --limit $(LEDGER_LIMIT) $(BUILD)

explore: test-ring-long test-ledger-long

.PHONY: test-ring test-ring-long test-ledger test-ledger-long explore
