# SPDX-License-Identifier: MIT
#
# The disk image that starts with BIOS and with UEFI: tools/make-image. FORMAT packs it as clouds take
# it: docs/cloud.md.

FORMAT ?= raw

IMAGE_raw := $(IMAGE)
IMAGE_gce := $(BUILD)/capos-gce.tar.gz
IMAGE_qcow2 := $(BUILD)/capos.qcow2
IMAGE_vmdk := $(BUILD)/capos.vmdk
IMAGE_vhd := $(BUILD)/capos.vhd

# $(1): a format. The tool replaces a finished image at once, never a part of one.
define image_rule
$(IMAGE_$(1)): $(KERNEL) $(PACKAGE) config/grub.cfg tools/make-image tools/image_formats.py tools/partition_table.py
	$$(call say,image,$$@)
	$$(Q)tools/make-image --format $(1) --kernel $(KERNEL) --package $(PACKAGE) --config config/grub.cfg $$@
endef
$(foreach format,raw gce qcow2 vmdk vhd,$(eval $(call image_rule,$(format))))

image: $(or $(IMAGE_$(FORMAT)),image-format)

image-format:
	@echo 'FORMAT=$(FORMAT): must be one of raw, gce, qcow2, vmdk, vhd' >&2; exit 2

test-system run-image: $(IMAGE)

.PHONY: image image-format
