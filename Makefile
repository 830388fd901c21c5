# SPDX-License-Identifier: MIT
#
# capOS: build, run, check, measure. `make` alone prints what there is.
#
# One make, no recursion into directories: the fragments in mk/ add their rules to this file's
# variables. Everything that is made lies under build/. Variables that a person may set are in
# the help text.

BUILD   := build
PYTHON  := /usr/bin/python3
CC      := gcc
CLANG   := clang

# Shared by every compilation, on the host and in the image, by both compilers.
C_STANDARD := -std=c17
WARNINGS   := -Wall -Wextra -Wconversion -Werror
INCLUDES   := -I lib -I $(BUILD)/gen
DEPFLAGS   = -MMD -MP

# Tests written for pytest, JOBS at once (-n, by pytest-xdist): one for each CPU, if each has a GiB of
# memory that is available.
JOBS   ?= $(shell awk -v cpus=$$(nproc) '/^MemAvailable/ {n = int($$2 / 1048576)} \
                  END {print n < 1 ? 1 : n < cpus ? n : cpus}' /proc/meminfo)
PYTEST = $(PYTHON) -B -m pytest -c tests/pytest.ini --rootdir=. -n $(JOBS)

# Short progress lines; V=1 shows the commands instead.
ifeq ($(V),1)
Q   :=
say  = @:
else
Q   := @
say  = @printf '  %-8s %s\n' '$(1)' '$(2)'
endif

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
# As many jobs as there are CPUs, unless the caller said otherwise.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c

# ---- Packages ---------------------------------------------------------------------------------
#
# Which groups of tools/packages.txt a goal needs, beside `build`. A group is installed before
# any rule runs, because make first brings the makefiles that it includes up to date, and each
# group's stamp is one. So no rule below has to think of it.

NO_PACKAGES := help clean deps
GROUPS_run          := run
GROUPS_boot-time    := run
GROUPS_gdb          := run debug
GROUPS_image        := run
GROUPS_bench        := run bench
GROUPS_run-measure  := run bench
GROUPS_fuzz         := fuzz
GROUPS_forge        := test
GROUPS_fuzz-short   := fuzz
GROUPS_test-lib     := test
GROUPS_test-ring    := test
GROUPS_test-ring-long := test
GROUPS_test-ledger  := test
GROUPS_test-ledger-long := test
GROUPS_test-config  := test
GROUPS_explore      := test
GROUPS_proof        := proof
GROUPS_mutation-score := test
GROUPS_test-mutation  := test
GROUPS_docs         := test
GROUPS_rt-check     := test
GROUPS_coverage     := test
GROUPS_fmt          := test
GROUPS_fmt-check    := test
GROUPS_lint         := test
GROUPS_check        := test
GROUPS_test         := run test fuzz
GROUPS_test-harness := run test
GROUPS_test-system  := run test
GROUPS_run-smoke    := run test
GROUPS_run-spawn    := run test
GROUPS_run-diagnostics := run test
GROUPS_run-pci      := run test
GROUPS_run-image    := run test
GROUPS_run-acpi        := run test
GROUPS_run-devicemmio-grant := run test
GROUPS_run-dmapool-grant    := run test
GROUPS_run-interrupt-grant  := run test
GROUPS_run-ddf-provider-consumer := run test
GROUPS_run-hardware-audit := run test
GROUPS_kernel-mutants := run test
GROUPS_crash-loops  := run test
GROUPS_dependency-policy-check := test
GROUPS_kernel-stack-check      := test
GROUPS_generated-code-check    := test
GROUPS_workflow-check          := test

# Goals without an entry need the group `build` alone. One stamp for each combination of groups.
GOALS := $(filter-out $(NO_PACKAGES),$(or $(MAKECMDGOALS),help))
ifneq ($(GOALS),)
ifneq ($(DEPS),no)
EMPTY :=
GROUPS := $(sort build $(foreach goal,$(GOALS),$(GROUPS_$(goal))))
PACKAGES_MADE := $(BUILD)/packages/$(subst $(EMPTY) $(EMPTY),+,$(GROUPS)).mk
include $(PACKAGES_MADE)
endif
endif

$(BUILD)/packages/%.mk: tools/packages.txt
	@tools/install-packages $(subst +, ,$*)
	@mkdir -p $(@D)
	@echo '# The packages of $* are installed. Remove this file to look again.' >$@

# ---- The parts --------------------------------------------------------------------------------

all: # everything that boots; the parts below add to it

PARTS := schema run image user kernel host tools explore proof check bench
include $(foreach part,$(PARTS),$(wildcard mk/$(part).mk))
.DEFAULT_GOAL := help

# ---- What was typed ---------------------------------------------------------------------------
#
# A target or a variable that nothing knows is refused before anything is built or installed, with
# what may have been meant. Without Python (a machine that has installed nothing yet) it is make
# that complains.

ifeq ($(MAKELEVEL),0)
ifneq ($(MAKECMDGOALS)$(MAKEOVERRIDES),)
$(eval PHONY_TARGETS := $(shell sed -n 's/^\.PHONY: //p' Makefile mk/*.mk))
SET := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
MISTAKES := $(shell [ ! -x $(PYTHON) ] || tools/check-make-arguments --targets '$(PHONY_TARGETS)' \
                --goals '$(MAKECMDGOALS)' -- $(foreach name,$(filter-out -%,$(SET)), \
                    '$(name)=$(subst ','\'',$($(name)))'))
ifneq ($(MISTAKES),)
$(error nothing was done)
endif
endif
endif

# ---- Everything else --------------------------------------------------------------------------

deps:
	tools/install-packages all

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

.PHONY: all deps clean help

#: capOS: device drivers as ordinary processes.
#:
#:   make run           build and boot under QEMU, to a prompt. Leave with `halt` or Ctrl-A x.
#:   make gdb           stop in the kernel; in a process: PROC=virtio-blk BREAK=serve.
#:                      docs/debugging.md. A machine of `make run GDB=1234`: ATTACH=1234
#:   make test          everything that can be checked without a person
#:
#: Build
#:   make all           kernel and boot package, without running
#:   make image         build/capos.img: a disk that starts with BIOS and with UEFI. FORMAT=gce,
#:                      qcow2, vmdk or vhd packs it for clouds: docs/cloud.md
#:   make tools         build/host/acpidump-read, pci-read; in build/host-asan/ with sanitizers
#:   make clean         remove build/
#:   make acpica        download what the acpi service is built with (139 MB, once); without it there
#:                      is no INTx. `make test` does so, too. ACPI=off builds without it
#:   make deps          install every package of tools/packages.txt (other goals install theirs)
#:
#: Checks (each leaves its results in build/results)
#:   make check         all that needs no machine, in minutes: the next block and test-lib
#:   make fmt-check dependency-policy-check generated-code-check workflow-check lint
#:   make kernel-stack-check   no kernel stack can overflow (GCC, with and without assertions)
#:   make fmt           let clang-format change the files
#:   make test-lib      lib/ on the host, GCC and Clang, sanitizers, coverage. One test: T=elf
#:   make test-ring     interleavings of ring and queue code, all of them for small bounds
#:   make test-ledger   every state of the device ledger for small bounds, and its seeded bugs
#:   make test-config   manifests and boot packages
#:   make rt-check      the user runtime against a hostile kernel
#:   make test-system   boots and tests under QEMU. Some of them: K=smoke. At once: JOBS=2
#:                      On machines that stand still now and then, as on a busy host: STALL=1
#:   make run-smoke run-spawn run-devicemmio-grant run-dmapool-grant run-interrupt-grant
#:   make run-ddf-provider-consumer run-image run-diagnostics run-hardware-audit run-acpi run-pci
#:                      one system gate each
#:   make kernel-mutants    seeded bugs of the kernel, each seen by a test; an hour. M=NAME
#:   make crash-loops   a driver that crashes 1,000 times, compared after each; half an hour. LOOPS=n
#:   make forge         10^8 forged handles and capability ids against the shipped code. FORGERIES=n
#:   make explore       both with larger bounds
#:   make proof         contracts of the shipped C, discharged by Frama-C/WP; every Spin model
#:                      Contracts of one unit: PROVE=cap. docs/verification.md
#:   make mutation-score    every condition and assignment of validator and ledger, changed once;
#:                      test-mutation: a sample of them
#:   make fuzz          all fuzz targets, FUZZ_SECONDS=60 each; one: F=elf. fuzz-short: seconds
#:
#: Documents
#:   make docs          write docs/LOCKS.md anew; check links and names in all documents
#:
#: Figures
#:   make bench         measure, also against Linux; print tables, draw a picture (build/bench)
#:                      Some of the race: BENCH='wake read-1'. Rounds: ROUNDS=5. docs/benchmarks.md
#:   make run-measure   measure instruction counts; fails if one is 3 % above the recorded one
#:
#: Variables for run:   ACCEL=kvm|tcg  SMP=2  MEM=256M  APPEND='...'  BOOT=pvh|bios|uefi
#:                      DISK=build/disk.img|none  IOMMU=on|off  DEVICES='edu testdev'  GDB=port
#: Variables for all:   V=1 show commands  DEPS=no install nothing  -j1 one job at a time
