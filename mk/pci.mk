# SPDX-License-Identifier: MIT
#
# pci-read: dumps of configuration space, read with the kernel's own code. Two builds: one to use,
# build/host/pci-read, and one with sanitizers, build/host-asan/pci-read. Part of the top-level
# Makefile; `make -f mk/pci.mk` works alone.

BUILD   ?= build
HOST_CC ?= gcc

PCI_READ         := $(BUILD)/host/pci-read
PCI_READ_ASAN    := $(BUILD)/host-asan/pci-read
PCI_READ_SOURCES := $(wildcard tools/pci_read/*.c lib/pci/*.c)
PCI_READ_HEADERS := $(wildcard tools/pci_read/*.h lib/pci/*.h lib/base/*.h lib/bytes/*.h)
PCI_READ_FLAGS   := -std=c17 -D_GNU_SOURCE -g -Wall -Wextra -Wconversion -Werror -I lib

.PHONY: pci-read
pci-read: $(PCI_READ) $(PCI_READ_ASAN)

$(PCI_READ): $(PCI_READ_SOURCES) $(PCI_READ_HEADERS)
	@mkdir -p $(@D)
	$(HOST_CC) $(PCI_READ_FLAGS) -O2 -o $@ $(PCI_READ_SOURCES)

$(PCI_READ_ASAN): $(PCI_READ_SOURCES) $(PCI_READ_HEADERS)
	@mkdir -p $(@D)
	$(HOST_CC) $(PCI_READ_FLAGS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer -o $@ $(PCI_READ_SOURCES)
