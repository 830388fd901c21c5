# SPDX-License-Identifier: MIT
#
# ACPICA, the AML interpreter of the acpi service: docs/design/0017-acpi-service.md. Nobody's build
# waits for it: it is linked in if it is in the cache, where `make acpica` puts it, and where the
# system tests have it put. ACPI=off leaves it out.
#
# The cache is outside the tree, and named after the list of what must be in it, so what is there
# under that name has been verified.

ACPI ?= auto

ACPICA_LIST  := tools/acpica-files.txt
ACPICA_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/capos
ACPICA_DIR   := $(ACPICA_CACHE)/acpica-$(shell sha256sum $(ACPICA_LIST) | cut -c1-16)
ACPICA_THERE := $(if $(filter-out off no,$(ACPI)),$(wildcard $(ACPICA_DIR)))

ACPI_DIR := user/services/acpi

# Its code is not warned about; ours, which includes its headers, is. <...> finds ACPICA's headers and
# those that stand in for Linux's, "..." ours: both sides have an acpi/acpi.h.
ACPICA_INCLUDES := -I $(ACPI_DIR)/interpreter/platform -isystem $(ACPICA_DIR)/include \
	-iquote user -iquote lib -iquote $(BUILD)/gen
ACPICA_CFLAGS := -D_LINUX -DBUILDING_ACPICA $(ACPICA_INCLUDES)

ifneq ($(ACPICA_THERE),)
ACPICA_SOURCES := $(wildcard $(ACPICA_DIR)/drivers/acpi/acpica/*.c)
ACPICA_ARCHIVE := $(BUILD)/user/libacpica.a
ACPI_OBJECTS   := $(patsubst %,$(BUILD)/user/obj/%.o,$(wildcard $(ACPI_DIR)/interpreter/*.c))
else
ACPICA_ARCHIVE :=
ACPI_OBJECTS   := $(patsubst %,$(BUILD)/user/obj/%.o,$(wildcard $(ACPI_DIR)/without/*.c))
endif

# Changes when the other half is to be linked.
ACPI_STAMP := $(BUILD)/user/acpi.stamp
ifneq ($(shell cat $(ACPI_STAMP) 2>/dev/null),$(or $(ACPICA_THERE),without))
$(shell mkdir -p $(dir $(ACPI_STAMP)) && echo $(or $(ACPICA_THERE),without) >$(ACPI_STAMP))
endif

acpica:
	@tools/fetch-acpica $(ACPICA_DIR)

# What tests the system tests the service, too, if it can be had: fetched before any rule runs, like
# packages, by being a makefile that is included. One attempt; what does without says so.
ifneq ($(filter test test-system run-acpi,$(MAKECMDGOALS)),)
ifneq ($(and $(filter-out off no,$(ACPI)),$(PACKAGES_MADE)),)
ifeq ($(ACPICA_THERE),)
include $(BUILD)/acpica.mk
endif
endif
endif

$(BUILD)/acpica.mk: $(ACPICA_LIST) $(PACKAGES_MADE)
	@mkdir -p $(@D)
	@tools/fetch-acpica $(ACPICA_DIR) || echo 'no ACPICA: the tests of the acpi service are skipped'
	@echo '# It was tried to get ACPICA. Remove this file, or say `make acpica`, to try again.' >$@

.PHONY: acpica
