# SPDX-License-Identifier: MIT
#
# Booting under QEMU: by hand (run), and in the system tests.
#
# mk/kernel.mk and mk/user.mk make $(KERNEL) and $(PACKAGE).

KERNEL  := $(BUILD)/kernel/capos.elf
KERNEL_VARIANTS := $(addprefix $(BUILD)/kernel-,$(addsuffix /capos.elf,clang debug clang-debug lock-times))
PACKAGE := $(BUILD)/capos.pkg
IMAGE   := $(BUILD)/capos.img

BOOT   ?= pvh
SMP    ?= 2
MEM    ?= 256M
APPEND ?=
DISK   ?= $(BUILD)/disk.img
IOMMU  ?= on
ACCEL  ?=
GDB    ?=
PROC   ?=
BREAK  ?=
ATTACH ?=
export ACCEL

PROBE := $(BUILD)/tools/probe.elf

$(BUILD)/tools/probe.o: tools/probe.S
	@mkdir -p $(@D)
	$(call say,$(CC),$@)
	$(Q)$(CC) -c -Wa,--fatal-warnings $< -o $@
$(PROBE): $(BUILD)/tools/probe.o tools/probe.ld
	$(call say,ld,$@)
	$(Q)ld -nostdlib -static -z noexecstack --no-warn-rwx-segments -T tools/probe.ld $< -o $@

all: $(KERNEL) $(PACKAGE) $(PROBE)

run: $(KERNEL) $(PACKAGE) $(PROBE) $(if $(filter-out pvh,$(BOOT)),$(IMAGE))
	@tools/run-qemu --boot '$(BOOT)' --smp '$(SMP)' --mem '$(MEM)' --append '$(APPEND)' \
	    --kernel '$(KERNEL)' --package '$(PACKAGE)' --image '$(IMAGE)' --disk '$(DISK)' --gdb '$(GDB)' \
	    $(if $(filter off no,$(IOMMU)),--no-iommu) $(DEVICES:%=--device %)

# One CPU unless the person says otherwise: a thread that moves between CPUs is hard to step.
gdb: $(KERNEL) $(PACKAGE)
	@tools/gdb/debug --process '$(PROC)' --break '$(BREAK)' --attach '$(ATTACH)' \
	    --smp '$(if $(filter file,$(origin SMP)),1,$(SMP))' --mem '$(MEM)' --append '$(APPEND)' \
	    --kernel '$(KERNEL)' --package '$(PACKAGE)' $(DEVICES:%=--device %)

# The tests of tests/system. K picks tests by name, as pytest's -k does.
K ?=
# With STALL=1 every machine stands still now and then, with 2 at other times: tests/system/harness/stall.py.
STALL ?=
SYSTEM_PYTEST = $(if $(STALL),STALL='$(STALL)' )$(PYTEST) $(if $(K),-k '$(K)')

# run-smoke runs tests/system/test_smoke.py, and so on. test-system runs them all, and the rest.
# The file of a gate has underscores for the hyphens of its name.
gate_test = tests/system/test_$(subst -,_,$(patsubst run-%,%,$(1))).py
RUN_GATES := run-smoke run-spawn run-diagnostics run-image run-devicemmio-grant run-dmapool-grant run-interrupt-grant \
	run-ddf-provider-consumer run-hardware-audit run-acpi

test-system: $(KERNEL) $(KERNEL_VARIANTS) $(PACKAGE) $(PROBE)
	@$(SYSTEM_PYTEST) --layer $@ $(HARNESS_TESTS:%=--ignore %) tests/system

$(RUN_GATES): $(KERNEL) $(PACKAGE) $(PROBE)
	@$(SYSTEM_PYTEST) --layer $@ $(call gate_test,$@)

# It is compared with what Linux says of PCI: mk/bench.mk makes one.
run-pci: $(KERNEL) $(PACKAGE) $(PROBE)
	@$(SYSTEM_PYTEST) --layer $@ tests/system/test_pci.py tests/system/test_pci_linux.py

# The harness against the probe image, and the checking tools against mistakes: need no kernel.
HARNESS_TESTS := tests/system/test_harness.py tests/system/test_devices_harness.py \
	tests/system/test_tools.py tests/system/test_bench.py
test-harness: $(PROBE)
	@$(SYSTEM_PYTEST) --layer $@ $(HARNESS_TESTS)

# Seeded bugs of the kernel, each with the test that must see it: an hour. One: M=iotlb-kept
M ?=
kernel-mutants: $(KERNEL) $(PACKAGE) $(PROBE) $(IMAGE)
	@tools/kernel-mutants --layer $@ $(M:%=--only %)

# A driver that crashes a thousand times, the machine compared after each: half an hour. LOOPS=n
LOOPS ?= 1000
crash-loops: $(KERNEL) $(PACKAGE) $(PROBE)
	@LOOPS=$(LOOPS) $(PYTEST) --layer $@ tests/system/test_crash_loops.py

boot-time: $(PROBE)
	@tools/boot-time

.PHONY: run gdb test-system $(RUN_GATES) run-pci test-harness kernel-mutants crash-loops boot-time
