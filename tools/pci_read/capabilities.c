/* SPDX-License-Identifier: MIT */
#include "capabilities.h"

#include "pci/express.h"
#include "pci/extended.h"
#include "pci/msi.h"
#include "pci/reset.h"
#include "pci/virtio.h"

void fault_add(struct fault_list *list, struct pci_fault fault)
{
    if (list->count < ARRAY_COUNT(list->faults)) {
        list->faults[list->count++] = fault;
    }
}

/* A capability being described. */
struct subject {
    struct emit *emit;
    const struct pci_config *config;
    const struct pci_header *header;
    struct pci_capability capability;
    struct pci_fault fault; /* PCI_OK, or why it is not used */
};

static void pm_emit(struct subject *subject)
{
    struct pci_pm pm;

    if (pci_pm_read(subject->config, &subject->capability, &pm, &subject->fault) == PCI_OK) {
        emit_number(subject->emit, "version", pm.version);
        emit_number(subject->emit, "state", pm.state);
        emit_flag(subject->emit, "d1", pm.has_d1);
        emit_flag(subject->emit, "d2", pm.has_d2);
        emit_flag(subject->emit, "keepsState", pm.keeps_state);
        emit_number(subject->emit, "pmeStates", pm.pme_states);
    }
}

static void msi_emit(struct subject *subject)
{
    struct pci_msi msi;

    if (pci_msi_read(subject->config, &subject->capability, &msi, &subject->fault) == PCI_OK) {
        emit_number(subject->emit, "count", msi.count);
        emit_number(subject->emit, "enabledCount", msi.enabled_count);
        emit_flag(subject->emit, "enabled", msi.is_enabled);
        emit_flag(subject->emit, "is64", msi.is_64);
        emit_flag(subject->emit, "canMask", msi.can_mask);
    }
}

static void msix_emit(struct subject *subject)
{
    struct pci_msix msix;

    if (pci_msix_read(subject->config, subject->header, &subject->capability, &msix,
                      &subject->fault) == PCI_OK) {
        emit_number(subject->emit, "count", msix.count);
        emit_flag(subject->emit, "enabled", msix.is_enabled);
        emit_flag(subject->emit, "masked", msix.is_masked);
        emit_number(subject->emit, "tableBar", msix.table_bar);
        emit_address(subject->emit, "tableOffset", msix.table_offset);
        emit_number(subject->emit, "tableBytes", msix.table_bytes);
        emit_number(subject->emit, "pendingBar", msix.pending_bar);
        emit_address(subject->emit, "pendingOffset", msix.pending_offset);
        emit_number(subject->emit, "pendingBytes", msix.pending_bytes);
    }
}

static void express_emit(struct subject *subject)
{
    struct pci_express express;

    if (pci_express_read(subject->config, &subject->capability, &express, &subject->fault) !=
        PCI_OK) {
        return;
    }
    emit_number(subject->emit, "version", express.version);
    emit_text(subject->emit, "type", pci_express_type_name(express.type));
    emit_flag(subject->emit, "flr", express.has_flr);
    emit_flag(subject->emit, "pending", express.is_pending);
    emit_flag(subject->emit, "canForwardAri", express.can_forward_ari);
    emit_flag(subject->emit, "forwardsAri", express.forwards_ari);
    emit_number(subject->emit, "payloadBytes", express.payload_bytes);
    emit_number(subject->emit, "linkWidth", express.link_width);
    emit_number(subject->emit, "linkSpeed", express.link_speed);
    emit_number(subject->emit, "currentWidth", express.current_width);
    emit_number(subject->emit, "currentSpeed", express.current_speed);
    if (express.has_slot) {
        emit_number(subject->emit, "slot", express.slot);
        emit_flag(subject->emit, "canHotplug", express.can_hotplug);
        emit_flag(subject->emit, "canSurprise", express.can_surprise);
    }
}

static void af_emit(struct subject *subject)
{
    struct pci_af af;

    if (pci_af_read(subject->config, &subject->capability, &af, &subject->fault) == PCI_OK) {
        emit_flag(subject->emit, "flr", af.has_flr);
        emit_flag(subject->emit, "hasPending", af.has_pending);
    }
}

static void vendor_emit(struct subject *subject)
{
    struct pci_virtio virtio;

    if (!pci_virtio_is(subject->header) || pci_virtio_read(subject->config, &subject->capability,
                                                           &virtio, &subject->fault) != PCI_OK) {
        return;
    }
    emit_text(subject->emit, "kind", pci_virtio_kind_name(virtio.kind));
    emit_number(subject->emit, "id", virtio.id);
    emit_number(subject->emit, "bar", virtio.bar);
    emit_address(subject->emit, "barOffset", virtio.at);
    emit_address(subject->emit, "barLength", virtio.length);
    if (virtio.kind == PCI_VIRTIO_NOTIFY) {
        emit_number(subject->emit, "multiplier", virtio.multiplier);
    }
}

static void bridge_ids_emit(struct subject *subject)
{
    emit_id(subject->emit, "subsystemVendor",
            pci_read16(subject->config, subject->capability.offset + 4u), 4);
    emit_id(subject->emit, "subsystem",
            pci_read16(subject->config, subject->capability.offset + 6u), 4);
}

static void acs_emit(struct subject *subject)
{
    struct pci_acs acs;

    if (pci_acs_read(subject->config, &subject->capability, &acs, &subject->fault) == PCI_OK) {
        emit_id(subject->emit, "supported", acs.supported, 2);
        emit_id(subject->emit, "enabled", acs.enabled, 2);
    }
}

static void ari_emit(struct subject *subject)
{
    struct pci_ari ari;

    if (pci_ari_read(subject->config, &subject->capability, &ari, &subject->fault) == PCI_OK) {
        emit_number(subject->emit, "nextFunction", ari.next_function);
    }
}

static void ats_emit(struct subject *subject)
{
    struct pci_ats ats;

    if (pci_ats_read(subject->config, &subject->capability, &ats, &subject->fault) == PCI_OK) {
        emit_number(subject->emit, "queueDepth", ats.queue_depth);
        emit_flag(subject->emit, "pageAligned", ats.is_page_aligned);
        emit_flag(subject->emit, "enabled", ats.is_enabled);
    }
}

static void aer_emit(struct subject *subject)
{
    struct pci_aer aer;

    if (pci_aer_read(subject->config, &subject->capability, &aer, &subject->fault) == PCI_OK) {
        emit_id(subject->emit, "uncorrectable", aer.uncorrectable, 8);
        emit_id(subject->emit, "uncorrectableMask", aer.uncorrectable_mask, 8);
        emit_id(subject->emit, "severity", aer.severity, 8);
        emit_id(subject->emit, "correctable", aer.correctable, 8);
        emit_id(subject->emit, "correctableMask", aer.correctable_mask, 8);
    }
}

static void serial_emit(struct subject *subject)
{
    uint64_t serial;

    if (pci_serial_read(subject->config, &subject->capability, &serial, &subject->fault) ==
        PCI_OK) {
        emit_id(subject->emit, "serial", serial, 16);
    }
}

static void sriov_emit(struct subject *subject)
{
    struct pci_sriov sriov;

    if (pci_sriov_read(subject->config, &subject->capability, &sriov, &subject->fault) != PCI_OK) {
        return;
    }
    emit_flag(subject->emit, "enabled", sriov.is_enabled);
    emit_flag(subject->emit, "decoding", sriov.is_decoding);
    emit_number(subject->emit, "initial", sriov.initial);
    emit_number(subject->emit, "total", sriov.total);
    emit_number(subject->emit, "count", sriov.count);
    emit_number(subject->emit, "first", sriov.first);
    emit_number(subject->emit, "stride", sriov.stride);
    emit_id(subject->emit, "device", sriov.device, 4);
}

struct kind {
    uint16_t id;
    const char *name;
    void (*emit)(struct subject *subject); /* NULL: its name is all */
};

/* PCI Code and ID Assignment Specification 1.15 §2 and §3. */
static const struct kind standard_kinds[] = {
    {0x00, "null", NULL},
    {PCI_CAP_PM, "pm", pm_emit},
    {0x02, "agp", NULL},
    {0x03, "vpd", NULL},
    {0x04, "slot", NULL},
    {PCI_CAP_MSI, "msi", msi_emit},
    {0x06, "hotSwap", NULL},
    {PCI_CAP_PCIX, "pcix", NULL},
    {0x08, "hyperTransport", NULL},
    {PCI_CAP_VENDOR, "vendor", vendor_emit},
    {0x0a, "debugPort", NULL},
    {0x0c, "hotPlug", NULL},
    {PCI_CAP_BRIDGE_IDS, "bridgeIds", bridge_ids_emit},
    {0x0e, "agp8", NULL},
    {0x0f, "secure", NULL},
    {PCI_CAP_EXPRESS, "express", express_emit},
    {PCI_CAP_MSIX, "msix", msix_emit},
    {0x12, "sata", NULL},
    {PCI_CAP_AF, "af", af_emit},
    {0x14, "enhancedAllocation", NULL},
};

static const struct kind extended_kinds[] = {
    {0x0000, "null", NULL},
    {PCI_CAP_AER, "aer", aer_emit},
    {0x0002, "virtualChannel", NULL},
    {PCI_CAP_SERIAL, "serial", serial_emit},
    {0x0004, "powerBudget", NULL},
    {0x0005, "rootLinks", NULL},
    {0x0007, "rootEventCollector", NULL},
    {0x0009, "virtualChannel", NULL},
    {0x000b, "vendor", NULL},
    {PCI_CAP_ACS, "acs", acs_emit},
    {PCI_CAP_ARI, "ari", ari_emit},
    {PCI_CAP_ATS, "ats", ats_emit},
    {PCI_CAP_SRIOV, "sriov", sriov_emit},
    {0x0012, "multicast", NULL},
    {0x0013, "pageRequest", NULL},
    {0x0015, "resizableBar", NULL},
    {0x0017, "processingHints", NULL},
    {0x0018, "latencyTolerance", NULL},
    {0x0019, "secondaryExpress", NULL},
    {0x001b, "pasid", NULL},
    {0x001d, "downstreamContainment", NULL},
    {0x001e, "l1Substates", NULL},
    {0x001f, "timeMeasurement", NULL},
    {0x0023, "designatedVendor", NULL},
    {0x0025, "dataLinkFeature", NULL},
    {0x0026, "physicalLayer16", NULL},
    {0x0027, "laneMargining", NULL},
    {0x002a, "physicalLayer32", NULL},
};

static const struct kind *kind_of(const struct pci_capability *capability)
{
    const struct kind *kinds = capability->is_extended ? extended_kinds : standard_kinds;
    const size_t count =
        capability->is_extended ? ARRAY_COUNT(extended_kinds) : ARRAY_COUNT(standard_kinds);

    for (size_t i = 0; i < count; i++) {
        if (kinds[i].id == capability->id) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void list_emit(struct emit *emit, const struct pci_header *header, struct pci_walk *walk,
                      struct fault_list *faults)
{
    struct subject subject = {.emit = emit, .config = walk->config, .header = header};

    while (pci_walk_next(walk, &subject.capability)) {
        const struct kind *kind = kind_of(&subject.capability);

        subject.fault = (struct pci_fault){.error = PCI_OK};
        emit_item(emit);
        emit_text(emit, "name", kind != NULL ? kind->name : "unknown");
        emit_id(emit, "id", subject.capability.id, walk->is_extended ? 4 : 2);
        emit_offset(emit, "offset", subject.capability.offset);
        if (kind != NULL && kind->emit != NULL) {
            kind->emit(&subject);
        }
        if (subject.fault.error != PCI_OK) {
            emit_text(emit, "unused", pci_error_name(subject.fault.error));
            fault_add(faults, subject.fault);
        }
        emit_item_end(emit);
    }
    if (walk->fault.error != PCI_OK) {
        fault_add(faults, walk->fault);
    }
}

void capabilities_emit(struct emit *emit, const struct pci_config *config,
                       const struct pci_header *header, struct fault_list *faults)
{
    struct pci_walk walk;

    emit_list(emit, "capabilities");
    pci_walk_standard(&walk, config, header);
    list_emit(emit, header, &walk, faults);
    emit_list_end(emit);
    emit_list(emit, "extended");
    pci_walk_extended(&walk, config);
    list_emit(emit, header, &walk, faults);
    emit_list_end(emit);
}
