# SPDX-License-Identifier: MIT
#
# Host tools written in C that use lib: build/host/NAME, and the same with ASan and UBSan as
# build/host-asan/NAME. The sources are tools/NAME/*.c, with - as _.

HOST_TOOLS := acpidump-read pci-read

HOST_TOOL_FLAGS := $(C_STANDARD) $(WARNINGS) $(INCLUDES) -g -D_GNU_SOURCE

# $(call host_tool_lib,directory,flags): lib, and the rule for objects of tools.
define host_tool_lib
$$(BUILD)/$(1)/tools/%.o: %.c | $$(GEN_HEADERS)
	@mkdir -p $$(@D)
	$$(call say,$$(CC),$$@)
	$$(Q)$$(CC) $$(HOST_TOOL_FLAGS) $(2) $$(DEPFLAGS) -c $$< -o $$@

$$(BUILD)/$(1)/tools/libcapos.a: $$(patsubst %.c,$$(BUILD)/$(1)/tools/%.o,$$(HOST_LIB_SOURCES))
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^

-include $$(wildcard $$(BUILD)/$(1)/tools/*/*/*.d)
endef

# $(call host_tool,directory,flags,name,folder)
define host_tool
$$(BUILD)/$(1)/$(3): $$(patsubst %.c,$$(BUILD)/$(1)/tools/%.o,$$(wildcard tools/$(4)/*.c)) \
		$$(BUILD)/$(1)/tools/libcapos.a
	$$(call say,link,$$@)
	$$(Q)$$(CC) $(2) $$^ -o $$@
endef

HOST_SHIP_FLAGS := -O2
HOST_ASAN_FLAGS := -O1 $(HOST_SANITIZE)

$(eval $(call host_tool_lib,host,$(HOST_SHIP_FLAGS)))
$(eval $(call host_tool_lib,host-asan,$(HOST_ASAN_FLAGS)))
$(foreach tool,$(HOST_TOOLS), \
    $(eval $(call host_tool,host,$(HOST_SHIP_FLAGS),$(tool),$(subst -,_,$(tool)))) \
    $(eval $(call host_tool,host-asan,$(HOST_ASAN_FLAGS),$(tool),$(subst -,_,$(tool)))))

HOST_TOOLS_BUILT := $(foreach tool,$(HOST_TOOLS),$(BUILD)/host/$(tool) $(BUILD)/host-asan/$(tool))

all: $(HOST_TOOLS:%=$(BUILD)/host/%)
tools: $(HOST_TOOLS_BUILT)
test-lib: $(HOST_TOOLS_BUILT)

.PHONY: tools
