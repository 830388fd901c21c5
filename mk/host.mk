# SPDX-License-Identifier: MIT
#
# lib/ on the host: unit tests under GCC and Clang with sanitizers, coverage, fuzz targets.
#
# Everything goes by wildcard: a new lib/x/y.c, tests/host/x_test.c or tests/fuzz/x_fuzz.c needs
# no change here. Every test binary is linked against the whole of lib (as an archive, so that a
# test may bring its own version of an object). lib/base/memory.c is the C library's part.

HOST_LIB_SOURCES  := $(filter-out lib/base/memory.c,$(wildcard lib/*/*.c))
HOST_TEST_SOURCES := $(wildcard tests/host/*_test.c)
HOST_TEST_SCRIPTS := $(wildcard tests/host/*.py)
FUZZ_SOURCES      := $(wildcard tests/fuzz/*_fuzz.c)

# T=name picks tests, F=name picks fuzz targets; shell patterns are allowed. T=acpi is also all whose
# names begin with acpi_.
T ?=
F ?=
FUZZ_SECONDS       ?= 60
FUZZ_SHORT_SECONDS ?= 4

HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HOST_FLAGS    := $(C_STANDARD) $(WARNINGS) $(INCLUDES) -g -D_GNU_SOURCE

# $(call host_flavour,directory,compiler,flags): objects, archive and test binaries of one build.
define host_flavour
$(1)_TESTS := $$(HOST_TEST_SOURCES:tests/host/%.c=$$(BUILD)/$(1)/%)

$$(BUILD)/$(1)/lib/%.o: lib/%.c | $$(GEN_HEADERS)
	@mkdir -p $$(@D)
	$$(call say,$(2),$$@)
	$$(Q)$(2) $$(HOST_FLAGS) $(3) $$(DEPFLAGS) -c $$< -o $$@

$$(BUILD)/$(1)/tests/%.o: tests/%.c | $$(GEN_HEADERS)
	@mkdir -p $$(@D)
	$$(call say,$(2),$$@)
	$$(Q)$(2) $$(HOST_FLAGS) $(3) $$(DEPFLAGS) -c $$< -o $$@

$$(BUILD)/$(1)/libcapos.a: $$(HOST_LIB_SOURCES:lib/%.c=$$(BUILD)/$(1)/lib/%.o)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^

$$(BUILD)/$(1)/%_test: $$(BUILD)/$(1)/tests/host/%_test.o $$(BUILD)/$(1)/libcapos.a
	$$(call say,link,$$@)
	$$(Q)$(2) $(3) $$^ -lcmocka -o $$@

-include $$(wildcard $$(BUILD)/$(1)/lib/*/*.d $$(BUILD)/$(1)/tests/*/*.d)
endef

$(eval $(call host_flavour,host,$(CC),-O1 $(HOST_SANITIZE)))
$(eval $(call host_flavour,host-clang,$(CLANG),-O1 $(HOST_SANITIZE)))
# Without optimisation GCC warns of more than is so; the two builds above have warned already.
$(eval $(call host_flavour,host-coverage,$(CC),-O0 --coverage -w))

.SECONDARY:

# $(call picked,pattern,names): the names that the person asked for, or all.
picked      = $(if $(T),$(filter $(patsubst %,$(1),$(subst *,%,$(T) $(addsuffix _*,$(filter-out %*,$(T))))),$(2)),$(2))
host_picked = $(call picked,$(BUILD)/host/%_test,$(host_TESTS)) \
              $(call picked,$(BUILD)/host-clang/%_test,$(host-clang_TESTS))
host_picked_scripts = $(sort $(call picked,tests/host/%.py,$(HOST_TEST_SCRIPTS)) \
                             $(call picked,tests/host/%_test.py,$(HOST_TEST_SCRIPTS)))

# The C tests with both compilers, the tests in Python (which drive programs), then coverage.
test-lib: $(host_picked) $(SCHEMAC) $(if $(T),,coverage)
	@$(if $(strip $(host_picked))$(if $(strip $(host_picked_scripts)),,x), \
	    tools/run-host-tests --layer $@ $(if $(T),--verbose) $(host_picked))
	@$(if $(strip $(host_picked_scripts)), \
	    $(PYTEST) --dist loadfile --layer $@ $(if $(strip $(host_picked)),--append) $(host_picked_scripts))
ifeq ($(T),)
	@cat $(BUILD)/coverage/summary.txt
endif

coverage: $(host-coverage_TESTS)
	@mkdir -p $(BUILD)/coverage
	@find $(BUILD)/host-coverage -name '*.gcda' -delete
	@tools/run-host-tests --quiet $(host-coverage_TESTS)
	$(Q)gcovr --root . --filter lib/ --object-directory $(BUILD)/host-coverage \
	    --gcov-ignore-parse-errors --exclude-unreachable-branches --exclude-throw-branches \
	    --txt $(BUILD)/coverage/lines.txt --html-details $(BUILD)/coverage/index.html \
	    --json-summary $(BUILD)/coverage/summary.json $(BUILD)/host-coverage >/dev/null
	@tools/coverage-summary $(BUILD)/coverage/summary.json >$(BUILD)/coverage/summary.txt
	@[ -n '$(filter coverage,$(MAKECMDGOALS))' ] && cat $(BUILD)/coverage/summary.txt || true

# Forged handles and capability ids, 10^8 of each against the shipped code, as fast as it ships. The other
# builds have warned already.
FORGERIES ?= 100000000
$(eval $(call host_flavour,host-fast,$(CC),-O2 -w))
forge: $(BUILD)/host-fast/cap_test $(BUILD)/host-fast/forge_test
	@CAPOS_FORGERIES=$(FORGERIES) tools/run-host-tests --layer $@ --verbose --deadline 3600 $^

# ---- Fuzz -------------------------------------------------------------------------------------

FUZZ_FLAGS    := -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_BINARIES := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/fuzz/%)
fuzz_pick      = $(if $(F),$(filter $(patsubst %,$(BUILD)/fuzz/%_fuzz,$(subst *,%,$(F))),$(FUZZ_BINARIES)),$(FUZZ_BINARIES))

$(BUILD)/fuzz/lib/%.o: lib/%.c | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,$(CLANG),$@)
	$(Q)$(CLANG) $(HOST_FLAGS) $(FUZZ_FLAGS) $(DEPFLAGS) -c $< -o $@
$(BUILD)/fuzz/tests/%.o: tests/fuzz/%.c | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,$(CLANG),$@)
	$(Q)$(CLANG) $(HOST_FLAGS) $(FUZZ_FLAGS) $(DEPFLAGS) -c $< -o $@
$(BUILD)/fuzz/libcapos.a: $(HOST_LIB_SOURCES:lib/%.c=$(BUILD)/fuzz/lib/%.o)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(BUILD)/fuzz/%_fuzz: $(BUILD)/fuzz/tests/%_fuzz.o $(BUILD)/fuzz/libcapos.a
	$(call say,link,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $^ -o $@
-include $(wildcard $(BUILD)/fuzz/lib/*/*.d $(BUILD)/fuzz/tests/*.d)

fuzz: $(call fuzz_pick)
	@tools/run-fuzz --layer fuzz --seconds $(FUZZ_SECONDS) $^
fuzz-short: $(call fuzz_pick)
	@tools/run-fuzz --layer fuzz-short --seconds $(FUZZ_SHORT_SECONDS) $^

.PHONY: test-lib coverage forge fuzz fuzz-short
