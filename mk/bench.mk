# SPDX-License-Identifier: MIT
#
# Figures: see bench/README.md.

# One recipe each, so that the machine is measured alone: nothing else runs beside it.
bench: $(KERNEL) $(PACKAGE) $(PROBE)
	@tools/bench-collect
	@tools/bench-report --svg $(BUILD)/bench/figures.svg

run-measure: $(KERNEL) $(PACKAGE) $(PROBE)
	@tools/bench-collect --icount-only
	@tools/bench-report --check --layer $@

.PHONY: bench run-measure
