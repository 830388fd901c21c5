# SPDX-License-Identifier: MIT
#
# The kernel: build/kernel/capos.elf. DEBUG=1 builds it with KASSERT and lock ranks checked, into
# build/kernel-debug/; KCC=clang builds with Clang, into build/kernel-clang/. LOCK_TIMES=1 is the release
# kernel with locks ranked and timed, into build/kernel-lock-times/: `locks` tells how long they were held.

KCC        ?= $(CC)
KERNEL_DIR := $(BUILD)/kernel$(if $(filter clang,$(KCC)),-clang)$(if $(DEBUG),-debug)$(if $(LOCK_TIMES),-lock-times)

# What lib the kernel has no use for stays out of it.
KERNEL_LIB_SOURCES := $(filter-out lib/queue/% lib/block/%,$(wildcard lib/*/*.c))
KERNEL_SOURCES     := $(wildcard kernel/*.c kernel/*/*.c kernel/arch/x86_64/*.c kernel/arch/x86_64/*.S)
KERNEL_OBJECTS     := $(patsubst %.c,$(KERNEL_DIR)/%.o,$(patsubst %.S,$(KERNEL_DIR)/%.o, \
                        $(KERNEL_SOURCES) $(KERNEL_LIB_SOURCES)))
KERNEL_LINKER_SCRIPT := kernel/arch/x86_64/linker.ld

KERNEL_FLAGS := $(C_STANDARD) $(WARNINGS) $(INCLUDES) -I kernel -O2 -g -ffreestanding \
    -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-strict-aliasing -fno-common \
    -Wframe-larger-than=1024 -Wvla -Wmissing-prototypes -Wstrict-prototypes \
    $(if $(filter clang,$(KCC)),-Wthread-safety) \
    $(if $(DEBUG),-DCAPOS_DEBUG) $(if $(DEBUG)$(LOCK_TIMES),-DCAPOS_LOCK_TIMES)

# One translation unit for GCC's optimiser: the path of an IPC crosses six files. The memory
# functions stay outside, because the compiler inserts calls to them after it has looked.
KERNEL_LTO := $(if $(filter gcc,$(KCC)),-flto=2 -fno-fat-lto-objects)
$(KERNEL_DIR)/lib/base/memory.o: KERNEL_LTO :=

kernel: $(KERNEL_DIR)/capos.elf

$(KERNEL_DIR)/%.o: %.c | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,$(KCC),$@)
	$(Q)$(KCC) $(KERNEL_FLAGS) $(KERNEL_LTO) $(DEPFLAGS) -c $< -o $@

$(KERNEL_DIR)/%.o: %.S | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(call say,as,$@)
	$(Q)$(CC) -I lib -I kernel -g $(DEPFLAGS) -c $< -o $@

$(KERNEL_DIR)/capos.elf: $(KERNEL_OBJECTS) $(KERNEL_LINKER_SCRIPT)
	$(call say,ld,$@)
	$(Q)$(KCC) $(KERNEL_FLAGS) $(KERNEL_LTO) -nostdlib -static -Wl,-z,max-page-size=4096 \
	    -Wl,--fatal-warnings,--no-warn-rwx-segments,--build-id=none \
	    -Wl,-T,$(KERNEL_LINKER_SCRIPT) $(KERNEL_OBJECTS) -o $@

# The other builds, for checks and tests: make once more, with other variables.
ifeq ($(KERNEL_DIR),$(BUILD)/kernel)
$(KERNEL_VARIANTS): $(BUILD)/kernel/capos.elf
	@$(MAKE) $@ DEPS=no $(if $(findstring clang,$@),KCC=clang) $(if $(findstring debug,$@),DEBUG=1) \
	    $(if $(findstring lock-times,$@),LOCK_TIMES=1)
endif

-include $(KERNEL_OBJECTS:.o=.d)

.PHONY: kernel
