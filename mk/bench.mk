# SPDX-License-Identifier: MIT
#
# Figures: see bench/README.md, and docs/benchmarks.md for the race against Linux.

# Figures of bench/figures.json; empty: all of them.
BENCH ?=
# Rounds in wall time, and in instructions.
ROUNDS ?= 5
ICOUNT_ROUNDS ?= 3
LINUX_PACKAGE ?= linux-image-cloud-amd64

LINUX_IMAGE := $(BUILD)/linux/initramfs
LINUX_RACE  := $(BUILD)/linux/race
LINUX_PCI   := $(BUILD)/linux-pci/initramfs
LINUX_RACE_SOURCES := $(filter-out user/apps/bench/capos%,$(wildcard user/apps/bench/*.c)) \
                      $(wildcard bench/linux/*.c user/libbench/*.c)

# One recipe each, so that the machine is measured alone: nothing else runs beside it.
# For what device authority costs: a program that is in no package, and a kernel that takes the time.
DEVICE_COST := $(BUILD)/package/user/devicecost.elf $(BUILD)/kernel-lock-times/capos.elf

bench: $(KERNEL) $(PACKAGE) $(PROBE) $(LINUX_IMAGE) $(LINUX_PCI) $(DEVICE_COST)
	@tools/bench --rounds $(ROUNDS) --icount-rounds $(ICOUNT_ROUNDS) \
	    --svg $(BUILD)/bench/figures.svg $(BENCH)

run-measure: $(KERNEL) $(PACKAGE) $(PROBE) $(DEVICE_COST)
	@tools/bench --no-linux --rounds 0 --icount-rounds 1 --output $(BUILD)/bench/measured.json \
	    --check --layer $@

# The program that is raced, for Linux: with the C library in it, for there is no other file beside
# it. -iquote: <linux/...> is the system's, "linux/..." is bench/linux.
LINUX_RACE_FLAGS := $(C_STANDARD) $(WARNINGS) -O2 -flto -D_GNU_SOURCE -static \
                    -I lib -I user -iquote bench -I $(BUILD)/gen

$(LINUX_RACE): $(LINUX_RACE_SOURCES) $(wildcard user/apps/bench/*.h bench/linux/*.h user/libbench/*.h) \
               $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,$(CC),$@)
	$(Q)$(CC) $(LINUX_RACE_FLAGS) $(LINUX_RACE_SOURCES) -luring -o $@

# Makes vmlinux and initramfs-fio beside it.
$(LINUX_IMAGE): $(LINUX_RACE) bench/linux/init tools/bench-linux-image
	$(call say,linux,$@)
	$(Q)tools/bench-linux-image --kernel-package $(LINUX_PACKAGE) --client $(LINUX_RACE) \
	    --init bench/linux/init --output $(@D)

# The same kernel with another init, for what is said of PCI. Without a network, and without an earlier
# download, it is not there, and the tests that compare with it say that they are skipped.
$(LINUX_PCI): tests/system/linux/init tools/bench-linux-image
	$(call say,linux,$@)
	$(Q)tools/bench-linux-image --kernel-package $(LINUX_PACKAGE) --init tests/system/linux/init \
	    --output $(@D) || echo 'no kernel of Debian: the comparison with Linux is skipped'

test-system run-pci: $(LINUX_PCI)

.PHONY: bench run-measure
