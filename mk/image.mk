# SPDX-License-Identifier: MIT
#
# The disk image that starts with BIOS and with UEFI: tools/make-image.

$(IMAGE): $(KERNEL) $(PACKAGE) config/grub.cfg tools/make-image tools/partition_table.py
	$(call say,image,$@)
	$(Q)tools/make-image --kernel $(KERNEL) --package $(PACKAGE) --config config/grub.cfg $@

image: $(IMAGE)

test-system run-image: $(IMAGE)

.PHONY: image
