# SPDX-License-Identifier: MIT
#
# The C side of the schema. Part of the top-level Makefile; `make -f mk/schema.mk` works alone.

BUILD ?= build
HOST_CC ?= gcc
CAPNP ?= capnp

SCHEMAC := $(BUILD)/host/schemac
SCHEMAC_SOURCES := $(wildcard tools/schemac/*.c) $(wildcard lib/wire/*.c)
SCHEMAC_HEADERS := $(wildcard tools/schemac/*.h lib/wire/*.h lib/base/*.h)
GEN_HEADERS := $(BUILD)/gen/capos.h $(BUILD)/gen/pci_names.h

.PHONY: schema
schema: $(GEN_HEADERS)

$(SCHEMAC): $(SCHEMAC_SOURCES) $(SCHEMAC_HEADERS)
	@mkdir -p $(@D)
	$(HOST_CC) -std=c17 -D_POSIX_C_SOURCE=200809L -O1 -g -Wall -Wextra -Wconversion -Werror \
		-I lib -o $@ $(SCHEMAC_SOURCES)

$(BUILD)/gen/%.h: schema/%.capnp $(SCHEMAC)
	@mkdir -p $(@D)
	$(CAPNP) compile --src-prefix=schema -o$(abspath $(SCHEMAC)):$(@D) $<

# The names of PCI devices: lib/pci/names.c.
PCI_IDS := /usr/share/misc/pci.ids
$(BUILD)/gen/pci_names.h: config/pci-names.txt tools/pci-names $(wildcard $(PCI_IDS))
	tools/pci-names --ids $(PCI_IDS) config/pci-names.txt $@
