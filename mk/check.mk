# SPDX-License-Identifier: MIT
#
# Checks that read the tree, and the two sums: check and test.
#
# A layer is a target that leaves build/results/NAME (tools/results.py). `check` and `test` run
# layers one after the other and end with the line `N passed, N failed`.

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r ls 2>/dev/null)

fmt-check:
	@clang-format --dry-run --Werror $(C_FILES) && echo 'fmt-check: $(words $(C_FILES)) files are clean'

fmt:
	clang-format -i $(C_FILES)

dependency-policy-check: $(KERNEL) $(PACKAGE)
	@tools/check-dependency-policy --layer $@ $(KERNEL) $(USER_IMAGES)

generated-code-check: $(GEN_HEADERS)
	@tools/check-generated-code --layer $@

locks:
	tools/generate-locks >docs/LOCKS.md.new
	mv docs/LOCKS.md.new docs/LOCKS.md

workflow-check:
	@tools/check-workflow --layer $@

# The checks are listed in .clang-tidy. Only lib: the code that everything else trusts.
LINT_FLAGS := $(C_STANDARD) -Wall -Wextra $(INCLUDES)
lint: $(GEN_HEADERS)
	@mkdir -p $(BUILD)
	@printf '%s\n' $(HOST_LIB_SOURCES) | xargs -r -P $$(nproc) -n 2 sh -c \
	    'clang-tidy --quiet "$$@" -- $(LINT_FLAGS) 2>/dev/null' lint >$(BUILD)/lint.txt || \
	    { grep -E '(error|warning): ' $(BUILD)/lint.txt; echo 'lint: how: $(BUILD)/lint.txt'; exit 1; }
	@echo 'lint: $(words $(HOST_LIB_SOURCES)) files are clean'

CHECK_LAYERS := fmt-check dependency-policy-check generated-code-check workflow-check lint test-lib
TEST_LAYERS  := $(CHECK_LAYERS) test-config test-ring rt-check test-harness test-system fuzz-short

check:
	@tools/run-layers $(CHECK_LAYERS)

test:
	@tools/run-layers $(TEST_LAYERS)

.PHONY: fmt-check fmt dependency-policy-check generated-code-check locks workflow-check lint check test
