# SPDX-License-Identifier: MIT
#
# Checks that read the tree, and the two sums: check and test.
#
# A layer is a target that leaves build/results/NAME (tools/results.py). `check` and `test` run
# layers one after the other and end with the line `N passed, N failed`.

# Not what schemac writes: tests/host/golden holds some of it.
C_FILES = $(filter-out tests/host/golden/%,$(wildcard $(shell \
              git ls-files -co --exclude-standard '*.c' '*.h')))

fmt-check:
	@[ -n '$(C_FILES)' ] || { echo 'fmt-check: git ls-files finds no C file'; exit 1; }
	@clang-format --dry-run --Werror $(C_FILES) && echo 'fmt-check: $(words $(C_FILES)) files are clean'

fmt:
	clang-format -i $(C_FILES)

dependency-policy-check: $(KERNEL) $(PACKAGE)
	@tools/check-dependency-policy --layer $@ $(KERNEL) $(USER_ELFS)

# GCC's kernels. Clang gives inlined calls through pointers no line: the tool takes them for anything
# in the file, and finds circles that are none.
kernel-stack-check: $(KERNEL) $(BUILD)/kernel-debug/capos.elf
	@tools/check-kernel-stack --layer $@ --self-check $^

generated-code-check: $(GEN_HEADERS)
	@tools/check-generated-code --layer $@

locks:
	tools/generate-locks >docs/LOCKS.md.new
	mv docs/LOCKS.md.new docs/LOCKS.md

# What is generated in docs/, and whether everything that is linked and named there exists.
docs: locks
	@tools/check-workflow --layer workflow-check

workflow-check:
	@tools/check-workflow --layer $@

# The checks are listed in .clang-tidy. Only lib: the code that everything else trusts.
LINT_FLAGS := $(C_STANDARD) -Wall -Wextra $(INCLUDES)
lint: $(GEN_HEADERS)
	@mkdir -p $(BUILD)
	@printf '%s\n' $(HOST_LIB_SOURCES) | xargs -r -P $$(nproc) -n 2 sh -c \
	    'clang-tidy --quiet "$$@" -- $(LINT_FLAGS) 2>/dev/null && echo "  lint     $$*" >&2' lint \
	    >$(BUILD)/lint.txt || { grep -E '(error|warning): ' $(BUILD)/lint.txt; echo 'lint: how: $(BUILD)/lint.txt'; exit 1; }
	@echo 'lint: $(words $(HOST_LIB_SOURCES)) files are clean'

# Manifests and boot packages: the C side's host tests by name, then config/ by the capnp tool.
CONFIG_TESTS = $(foreach word,manifest package config exchange,$(filter \
    $(BUILD)/host/$(word)% $(BUILD)/host-clang/$(word)%,$(host_TESTS) $(host-clang_TESTS)))
test-config: $(CONFIG_TESTS) $(PACKAGE)
	@tools/run-host-tests --layer $@ $(CONFIG_TESTS)
	@tools/check-config --layer $@ --append --package $(PACKAGE) config/*.capnp

CHECK_LAYERS := fmt-check dependency-policy-check kernel-stack-check generated-code-check \
                workflow-check lint test-lib
TEST_LAYERS  := $(CHECK_LAYERS) test-config test-ring test-ledger test-mutation rt-check test-harness \
                test-system fuzz-short

check:
	@tools/run-layers --budget 300 $(CHECK_LAYERS)

test:
	@tools/run-layers --budget 1500 $(TEST_LAYERS)

.PHONY: docs fmt-check fmt dependency-policy-check kernel-stack-check generated-code-check locks workflow-check lint test-config check test
