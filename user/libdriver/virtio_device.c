/* SPDX-License-Identifier: MIT */
#include "libdriver/virtio_device.h"

#include "base/memory.h"
#include "pci/virtio.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/heap.h"

NORETURN void driver_virtio_fail(const struct driver_virtio *virtio, enum virtio_error error,
                                 const char *what)
{
    const char *const name = virtio->device.name;

    switch (error) {
    case VIRTIO_NO_PLATFORM:
        driver_fail(DRIVER_EXIT_UNSUITABLE,
                    "%s: the device would go past the IOMMU. Give it iommu_platform=on (QEMU), "
                    "and the machine an IOMMU",
                    name);
    case VIRTIO_NO_VERSION_1:
        driver_fail(DRIVER_EXIT_UNSUITABLE,
                    "%s: the device has only the interface before virtio 1.0. Give it "
                    "disable-legacy=on,disable-modern=off (QEMU)",
                    name);
    case VIRTIO_RESET_TIMEOUT:
        driver_fail(DRIVER_EXIT_SILENT, "%s: %s: the device does not end its reset", name, what);
    case VIRTIO_USED_INDEX_JUMP:
    case VIRTIO_USED_ID_RANGE:
    case VIRTIO_USED_ID_IDLE:
        driver_fail(DRIVER_EXIT_LIED, "%s: %s: the device gives back what it does not have (%s)",
                    name, what, virtio_error_name(error));
    default:
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: %s: %s", name, what, virtio_error_name(error));
    }
}

static void virtio_require(const struct driver_virtio *virtio, enum virtio_error error,
                           const char *what)
{
    if (error != VIRTIO_OK) {
        driver_virtio_fail(virtio, error, what);
    }
}

/* ------------------------------------------------------------------------------------------
 * Registers. lib/virtio keeps to the window, width and alignment that it promises.
 * ------------------------------------------------------------------------------------------ */

static uint32_t registers_read(const struct virtio_access *access, enum virtio_window window,
                               uint32_t offset, uint32_t width)
{
    const struct driver_virtio *const virtio =
        CONTAINER_OF((uintptr_t)access, struct driver_virtio, access);
    volatile void *const place = driver_register(&virtio->windows[window], offset, width);

    switch (width) {
    case 1:
        return *(volatile uint8_t *)place;
    case 2:
        return *(volatile uint16_t *)place;
    default:
        return *(volatile uint32_t *)place;
    }
}

static void registers_write(const struct virtio_access *access, enum virtio_window window,
                            uint32_t offset, uint32_t width, uint32_t value)
{
    const struct driver_virtio *const virtio =
        CONTAINER_OF((uintptr_t)access, struct driver_virtio, access);
    volatile void *const place = driver_register(&virtio->windows[window], offset, width);

    switch (width) {
    case 1:
        *(volatile uint8_t *)place = (uint8_t)value;
        return;
    case 2:
        *(volatile uint16_t *)place = (uint16_t)value;
        return;
    default:
        *(volatile uint32_t *)place = value;
        return;
    }
}

/** Which window a capability describes; VIRTIO_WINDOW_COUNT: none that is needed. */
static enum virtio_window window_of(uint8_t kind)
{
    switch (kind) {
    case PCI_VIRTIO_COMMON:
        return VIRTIO_WINDOW_COMMON;
    case PCI_VIRTIO_NOTIFY:
        return VIRTIO_WINDOW_NOTIFY;
    case PCI_VIRTIO_INTERRUPT:
        return VIRTIO_WINDOW_INTERRUPT;
    case PCI_VIRTIO_DEVICE:
        return VIRTIO_WINDOW_CONFIG;
    default:
        return VIRTIO_WINDOW_COUNT;
    }
}

/** Map the windows: of each kind the first, which is the device's preference (§4.1.4.1). */
static void windows_open(struct driver_virtio *virtio)
{
    const struct driver_device *const device = &virtio->device;
    struct pci_capability capability;
    struct pci_virtio part;
    struct pci_fault fault;
    struct pci_walk walk;

    pci_walk_standard(&walk, &device->config, &device->header);
    while (pci_walk_next(&walk, &capability)) {
        enum virtio_window window;

        if (capability.id != PCI_CAP_VENDOR ||
            pci_virtio_read(&device->config, &capability, &part, &fault) != PCI_OK) {
            continue;
        }
        window = window_of(part.kind);
        if (window == VIRTIO_WINDOW_COUNT || virtio->access.bytes[window] != 0 ||
            part.length == 0 || part.length > UINT32_MAX) {
            continue;
        }
        driver_window_open(device, part.bar, part.at, part.length, &virtio->windows[window]);
        virtio->access.bytes[window] = (uint32_t)part.length;
        if (window == VIRTIO_WINDOW_NOTIFY) {
            virtio->access.notify_multiplier = part.multiplier;
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * From reset to running
 * ------------------------------------------------------------------------------------------ */

void driver_virtio_open(struct driver_virtio *virtio, enum virtio_device type)
{
    const struct pci_header *const header = &virtio->device.header;
    enum virtio_error error;

    memset(virtio, 0, sizeof(*virtio));
    virtio->vector = VIRTIO_NO_VECTOR;
    driver_device_open(&virtio->device);
    if (virtio_device_of_pci(header->vendor, header->device) != (uint32_t)type) {
        driver_fail(DRIVER_EXIT_UNSUITABLE,
                    "%s: %04x:%04x is no virtio device of type %u. Correct the device ids of the "
                    "grant in the manifest",
                    virtio->device.name, header->vendor, header->device, (unsigned)type);
    }
    virtio->access.read = registers_read;
    virtio->access.write = registers_write;
    windows_open(virtio);
    if (virtio->access.bytes[VIRTIO_WINDOW_COMMON] == 0) {
        /* §4.1.4: each modern device has one of these; before 1.0 there were none. */
        driver_virtio_fail(virtio, VIRTIO_NO_VERSION_1, "its registers");
    }
    virtio_require(virtio, virtio_transport_init(&virtio->transport, &virtio->access),
                   "its registers");
    virtio_reset_begin(&virtio->transport, VIRTIO_RESET_POLLS);
    while ((error = virtio_reset_step(&virtio->transport)) == VIRTIO_AGAIN) {
        rt_sleep(RT_NS_PER_MS);
    }
    virtio_require(virtio, error, "its reset");
}

uint64_t driver_virtio_negotiate(struct driver_virtio *virtio, uint64_t wanted, uint64_t needed)
{
    virtio_require(virtio, virtio_negotiate(&virtio->transport, wanted, needed), "its features");
    return virtio->transport.features;
}

void driver_virtio_interrupt(struct driver_virtio *virtio, uint64_t notification, uint64_t bits)
{
    if (virtio->device.interrupt_count != 0 && virtio->device.interrupt_levels[0]) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: its interrupt is a pin; this driver needs MSI-X",
                    virtio->device.name);
    }
    virtio->vector = (uint16_t)driver_interrupt_start(&virtio->device, 0, notification, bits);
    virtio_require(virtio, virtio_config_vector(&virtio->transport, virtio->vector),
                   "its interrupt");
}

static uint32_t pages_for(uint64_t bytes)
{
    return (uint32_t)((bytes + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES);
}

void driver_virtqueue_start(struct driver_virtio *virtio, uint16_t index, uint16_t size,
                            uint16_t table_entries, struct driver_virtqueue *queue)
{
    struct virtqueue_setup setup = {.features = virtio->transport.features};
    struct virtio_queue_info info;
    uint32_t notify_offset;

    virtio_require(virtio, virtio_queue_inspect(&virtio->transport, index, &info), "its queue");
    setup.size = info.size_max < size ? info.size_max : size;
    setup.table_entries = table_entries < setup.size ? table_entries : setup.size;
    setup.driver_bytes = virtqueue_driver_bytes(setup.size, setup.table_entries);
    setup.device_bytes = virtqueue_device_bytes(setup.size);
    driver_dma_require(&virtio->device, pages_for(setup.driver_bytes), DMA_ACCESS_DEVICE_READS,
                       &queue->driver_memory);
    driver_dma_require(&virtio->device, pages_for(setup.device_bytes), DMA_ACCESS_DEVICE_WRITES,
                       &queue->device_memory);
    setup.driver_memory = queue->driver_memory.cpu;
    setup.driver_iova = queue->driver_memory.iova;
    setup.device_memory = queue->device_memory.cpu;
    setup.device_iova = queue->device_memory.iova;
    setup.slots = heap_allocate_zeroed(setup.size, sizeof(*setup.slots));
    if (setup.slots == NULL) {
        driver_refused(STATUS_OVER_BUDGET, "memory for a queue");
    }
    virtio_require(virtio, virtqueue_init(&queue->queue, &setup), "its queue");
    virtio_require(virtio,
                   virtio_queue_enable(&virtio->transport, index, &queue->queue, virtio->vector,
                                       &notify_offset),
                   "its queue");
    queue->index = index;
    queue->doorbell = (volatile uint16_t *)driver_register(&virtio->windows[VIRTIO_WINDOW_NOTIFY],
                                                           notify_offset, 2);
}

void driver_virtio_start(struct driver_virtio *virtio)
{
    virtio_require(virtio, virtio_start(&virtio->transport), "its start");
}

void driver_virtio_check(const struct driver_virtio *virtio)
{
    virtio_require(virtio, virtio_check(&virtio->transport), "it has stopped");
}
