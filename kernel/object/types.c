/* SPDX-License-Identifier: MIT */
/* Which code stands behind each kind of object. */
#include "device_manager/device_manager.h"
#include "object/endpoint.h"
#include "object/memory.h"
#include "object/notification.h"
#include "object/object.h"
#include "object/services.h"

const struct object_type *const object_types[OBJECT_KIND_COUNT] = {
    [OBJECT_KIND_FACTORY] = &permission_type,
    [OBJECT_KIND_VIRTUAL_MEMORY] = &permission_type,
    [OBJECT_KIND_MEMORY] = &memory_type,
    [OBJECT_KIND_ENDPOINT] = &endpoint_type,
    [OBJECT_KIND_ENDPOINT_CLIENT] = &endpoint_client_type,
    [OBJECT_KIND_NOTIFICATION] = &notification_type,
    [OBJECT_KIND_SIGNALLER] = &signaller_type,
    [OBJECT_KIND_TIMER] = &timer_object_type,
    [OBJECT_KIND_THREAD] = &thread_object_type,
    [OBJECT_KIND_PROCESS_SPAWNER] = &permission_type,
    [OBJECT_KIND_PROCESS_HANDLE] = &process_handle_type,
    [OBJECT_KIND_CONSOLE] = &permission_type,
    [OBJECT_KIND_DIAGNOSTICS] = &permission_type,
    [OBJECT_KIND_POWER] = &permission_type,
    [OBJECT_KIND_DEVICE_MANAGER] = &permission_type,
    [OBJECT_KIND_ACPI_FIRMWARE] = &permission_type,
    [OBJECT_KIND_DEVICE_MMIO] = &device_mmio_type,
    [OBJECT_KIND_INTERRUPT] = &interrupt_type,
    [OBJECT_KIND_DMA_POOL] = &dma_pool_type,
    [OBJECT_KIND_DMA_BUFFER] = &dma_buffer_type,
    [OBJECT_KIND_AUDIT_LOG] = &permission_type,
    [OBJECT_KIND_INTERRUPT_ROUTING] = &permission_type,
};
