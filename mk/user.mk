# SPDX-License-Identifier: MIT
#
# User programs and the boot package. Part of the top-level Makefile; `make -f mk/user.mk` works
# alone.
#
# A program is a directory of C files, user/apps/<name>, user/services/<name> or
# user/drivers/<name>. It is linked with all of user/rt, user/lib* and lib into
# build/user/<name>.elf; what it does not use is dropped. user/apps/bench is built for Linux, too.

ifndef GEN_HEADERS
include mk/schema.mk
.DEFAULT_GOAL := user
endif

USER_CC ?= gcc
USER_AR ?= ar
USER_STRIP ?= strip --strip-all

USER_DIRS := $(patsubst %/,%,$(wildcard user/apps/*/ user/services/*/ user/drivers/*/))
USER_PROGRAMS := $(notdir $(USER_DIRS))
USER_ELFS := $(USER_PROGRAMS:%=$(BUILD)/user/%.elf)
USER_IMAGES := $(USER_ELFS)

USER_WARNINGS := -std=c17 -Wall -Wextra -Wconversion -Werror
# Freestanding, but the compiler may know what memcpy is and do small copies in place.
USER_CODE := -O2 -g -ffreestanding -fbuiltin -fno-pic -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -ffunction-sections -fdata-sections \
	-ftls-model=local-exec
USER_CFLAGS := $(USER_WARNINGS) $(USER_CODE) -I lib -I user -I $(BUILD)/gen
USER_LDFLAGS := -static -nostdlib -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--build-id=none -T user/rt/user.ld

USER_RT_SOURCES := $(wildcard user/rt/*.c user/rt/*.S user/lib*/*.c)
USER_LIB_SOURCES := $(wildcard lib/*/*.c)
USER_RT_OBJECTS := $(patsubst %,$(BUILD)/user/obj/%.o,$(USER_RT_SOURCES) $(USER_LIB_SOURCES))
USER_RT_ARCHIVE := $(BUILD)/user/librt.a

include mk/acpica.mk

.PHONY: user
user: $(USER_ELFS)

$(BUILD)/user/obj/%.c.o: %.c $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo '  USER_CC $@'
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

# The functions themselves must not be recognised as what they are.
$(BUILD)/user/obj/lib/base/memory.c.o: USER_CFLAGS += -fno-builtin

$(BUILD)/user/obj/%.S.o: %.S
	@mkdir -p $(@D)
	@echo '  USER_CC $@'
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$(USER_RT_ARCHIVE): $(USER_RT_OBJECTS)
	@rm -f $@
	@echo '  USER_AR $@'
	@$(USER_AR) rcsD $@ $^

define USER_PROGRAM
$(BUILD)/user/$(notdir $(1)).elf: $(patsubst %,$(BUILD)/user/obj/%.o,$(wildcard $(1)/*.c $(1)/*.S)) \
		$(USER_RT_ARCHIVE) user/rt/user.ld
	@echo '  USER_LD $$@'
	@$$(USER_CC) $$(USER_LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(ARCHIVES) $(USER_RT_ARCHIVE)
endef
$(foreach directory,$(USER_DIRS),$(eval $(call USER_PROGRAM,$(directory))))

# The acpi service, with or without the interpreter; and without, for the tests.
$(BUILD)/user/acpi.elf: $(ACPI_OBJECTS) $(ACPICA_ARCHIVE) $(ACPI_STAMP)
$(BUILD)/user/acpi.elf: ARCHIVES := $(ACPICA_ARCHIVE)

$(BUILD)/user/acpi-without.elf: $(patsubst %,$(BUILD)/user/obj/%.o,$(wildcard $(ACPI_DIR)/*.c $(ACPI_DIR)/without/*.c)) \
		$(USER_RT_ARCHIVE) user/rt/user.ld
	@echo '  USER_LD $@'
	@$(USER_CC) $(USER_LDFLAGS) -o $@ $(filter %.o,$^) $(USER_RT_ARCHIVE)

test-system run-acpi: $(BUILD)/user/acpi-without.elf

$(BUILD)/user/obj/$(ACPI_DIR)/interpreter/%.c.o: $(ACPI_DIR)/interpreter/%.c $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo '  USER_CC $@'
	@$(USER_CC) $(USER_WARNINGS) $(USER_CODE) $(ACPICA_CFLAGS) -MMD -MP -c -o $@ $<

# Its strcpy must not become a call of strcpy.
$(BUILD)/user/obj/$(ACPI_DIR)/interpreter/strings.c.o: USER_CODE += -fno-builtin

$(BUILD)/user/acpica/%.o: $(ACPICA_DIR)/drivers/acpi/acpica/%.c $(wildcard $(ACPI_DIR)/interpreter/platform/*/*.h \
		$(ACPI_DIR)/interpreter/platform/*/*/*.h)
	@mkdir -p $(@D)
	@$(USER_CC) -std=gnu17 -w $(USER_CODE) $(ACPICA_CFLAGS) -c -o $@ $<

$(BUILD)/user/libacpica.a: $(ACPICA_SOURCES:$(ACPICA_DIR)/drivers/acpi/acpica/%.c=$(BUILD)/user/acpica/%.o)
	@rm -f $@
	@echo '  USER_AR $@'
	@$(USER_AR) rcsD $@ $^

-include $(USER_RT_OBJECTS:.o=.d) $(ACPI_OBJECTS:.o=.d)
-include $(patsubst %,$(BUILD)/user/obj/%.d,$(wildcard user/apps/*/*.c user/services/*/*.c user/drivers/*/*.c))

# ---------------------------------------------------------------------------------------------
# Boot packages: config/<name>.capnp names the images it embeds as /user/<program>.elf.
# ---------------------------------------------------------------------------------------------

BOOT_PACKAGE := $(BUILD)/capos.pkg

.PHONY: boot-package
boot-package: $(BOOT_PACKAGE)

# The image in the package carries no symbols: they are for the debugger, in the .elf beside it.
$(BUILD)/package/user/%.elf: $(BUILD)/user/%.elf
	@mkdir -p $(@D)
	@echo '  USER_STRIP $@'
	@$(USER_STRIP) -o $@ $<

$(BOOT_PACKAGE): config/default.capnp schema/capos.capnp $(USER_ELFS:$(BUILD)/user/%=$(BUILD)/package/user/%)
	@echo '  CAPNP $@'
	@$(CAPNP) eval --binary -I$(abspath $(BUILD)/package) -I$(CURDIR) $< bootPackage >$@.new
	@mv $@.new $@

# ---------------------------------------------------------------------------------------------
# rt-check: the runtime on the host, with a kernel that misbehaves in the place of the real one.
# tests/host/rt/fake holds the header that stands in for the machine's instructions.
# ---------------------------------------------------------------------------------------------

RT_TEST_SOURCES := $(wildcard tests/host/rt/*_test.c)
RT_TEST_CODE := tests/host/rt/fake_kernel.c \
	$(filter-out user/rt/malloc.c user/rt/tls_image.c,$(wildcard user/rt/*.c)) \
	user/services/shell/line_editor.c user/services/shell/words.c user/services/init/devices.c \
	$(filter-out lib/base/memory.c,$(wildcard lib/*/*.c))
RT_TEST_FLAGS := $(USER_WARNINGS) -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -I tests/host/rt/fake -I tests/host/rt \
	-I lib -I user -I $(BUILD)/gen

# $(1): directory, $(2): compiler
define RT_TESTS
$(BUILD)/$(1)/rt/%.o: %.c $(GEN_HEADERS)
	@mkdir -p $$(@D)
	@echo '  $(2) $$@'
	@$(2) $(RT_TEST_FLAGS) $$(if $$(filter user/rt/process.c,$$<),-Dmain=rt_test_main) -MMD -MP \
		-c -o $$@ $$<

$(BUILD)/$(1)/rt_%_test: $(BUILD)/$(1)/rt/tests/host/rt/%_test.o \
		$(RT_TEST_CODE:%.c=$(BUILD)/$(1)/rt/%.o)
	@echo '  $(2) $$@'
	@$(2) $(RT_TEST_FLAGS) -o $$@ $$^ -lcmocka

-include $$(wildcard $(BUILD)/$(1)/rt/*/*/*.d $(BUILD)/$(1)/rt/*/*/*/*.d)
endef
$(eval $(call RT_TESTS,host,gcc))
$(eval $(call RT_TESTS,host-clang,clang))

RT_TESTS_ALL := $(foreach flavour,host host-clang,\
	$(RT_TEST_SOURCES:tests/host/rt/%_test.c=$(BUILD)/$(flavour)/rt_%_test))

.PHONY: rt-check
.SECONDARY:
rt-check: $(RT_TESTS_ALL)
	@tools/run-host-tests --layer $@ $^
