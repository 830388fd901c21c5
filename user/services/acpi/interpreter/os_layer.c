/* SPDX-License-Identifier: MIT */
#include <acpi/acpi.h>

#include "services/acpi/interpreter/os_layer.h"

#include "rt/clock.h"
#include "rt/heap.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define READ_BYTES   2048u      /* of AcpiFirmware.read */
#define TABLE_BYTES  (4u << 20) /* more than any table has */
#define LINE_BYTES   512u
#define LINES_MAX    64u /* that ACPICA may print about a machine */
#define REFUSALS_MAX 8u
#define NS_PER_UNIT  100u /* acpi_os_get_timer */

static struct {
    uint64_t firmware;    /* AcpiFirmware */
    uint64_t deadline_ns; /* since boot */
    uint32_t lines;       /* printed */
    uint32_t refusals;    /* told of */
    bool is_quiet;        /* until the end of the line */
} layer;

/* ---- Time ----------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    uint64_t now;

    return rt_clock_now(&now) == STATUS_OK ? now : 0;
}

/** AML that has had its time gets no more: nothing that it holds is worth keeping. */
static uint64_t check_time(void)
{
    const uint64_t now = now_ns();

    if (now > layer.deadline_ns) {
        rt_print("acpi: firmware's code has run for %u seconds: given up\n", OS_LAYER_SECONDS);
        rt_exit(1);
    }
    return now;
}

void os_layer_init(uint64_t firmware)
{
    layer.firmware = firmware;
    layer.deadline_ns = now_ns() + OS_LAYER_SECONDS * RT_NS_PER_S;
    acpi_gbl_max_loop_iterations = OS_LAYER_LOOP_SECONDS;
}

u64 acpi_os_get_timer(void)
{
    return check_time() / NS_PER_UNIT;
}

void acpi_os_sleep(u64 milliseconds)
{
    const uint64_t left = layer.deadline_ns - check_time();

    rt_sleep(milliseconds < left / RT_NS_PER_MS ? milliseconds * RT_NS_PER_MS : left + 1);
    check_time();
}

void acpi_os_stall(u32 microseconds)
{
    const uint64_t left = layer.deadline_ns - check_time();

    rt_sleep(microseconds < left / RT_NS_PER_US ? microseconds * RT_NS_PER_US : left + 1);
    check_time();
}

/* ---- Words ---------------------------------------------------------------------------------- */

void acpi_os_vprintf(const char *format, va_list arguments)
{
    char text[LINE_BYTES];
    size_t length = text_vformat(text, sizeof(text), format, arguments);

    length = length < sizeof(text) ? length : sizeof(text) - 1;
    /* A line about what went well begins with ACPI_MSG_INFO; `acpi` at the prompt lists tables. */
    layer.is_quiet = layer.is_quiet || (length != 0 && text[0] == ACPI_MSG_INFO[0]);
    if (layer.is_quiet) {
        layer.is_quiet = length == 0 || text[length - 1] != '\n';
        return;
    }
    if (layer.lines > LINES_MAX) {
        return;
    }
    /* Names come from the tables: nothing of them may act on a terminal. */
    for (size_t i = 0; i < length; i++) {
        layer.lines += text[i] == '\n';
        if (text[i] != '\n' && !isprint(text[i])) {
            text[i] = '?';
        }
    }
    rt_print_bytes(text, length);
    if (layer.lines > LINES_MAX) {
        rt_print("acpi: and more of that\n");
    }
}

void acpi_os_printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    acpi_os_vprintf(format, arguments);
    va_end(arguments);
}

acpi_status acpi_os_signal(u32 function, void *info)
{
    (void)info;
    if (function == ACPI_SIGNAL_FATAL) {
        acpi_os_printf("acpi: firmware's code reports a fatal error\n");
    }
    return AE_OK;
}

/** The kernel has refused an access: the method that wanted it ends. */
static acpi_status refuse(const char *what, uint64_t where, enum status status)
{
    if (layer.refusals < REFUSALS_MAX) {
        layer.refusals++;
        rt_print("acpi: firmware's code may not %s %llx: %s\n", what, (unsigned long long)where,
                 status_name(status));
    }
    return AE_ACCESS;
}

/* ---- Memory of ACPICA's own ------------------------------------------------------------------ */

acpi_status acpi_os_initialize(void)
{
    return AE_OK;
}

acpi_status acpi_os_terminate(void)
{
    return AE_OK;
}

void *acpi_os_allocate(acpi_size size)
{
    return heap_allocate(size);
}

void acpi_os_free(void *memory)
{
    heap_free(memory);
}

/* ---- One thread ------------------------------------------------------------------------------ */

struct semaphore {
    uint32_t units;
};

acpi_thread_id acpi_os_get_thread_id(void)
{
    return 1;
}

acpi_status acpi_os_create_semaphore(u32 max_units, u32 initial_units, acpi_semaphore *out)
{
    struct semaphore *const semaphore = heap_allocate(sizeof(*semaphore));

    (void)max_units;
    if (semaphore == NULL) {
        return AE_NO_MEMORY;
    }
    semaphore->units = initial_units;
    *out = semaphore;
    return AE_OK;
}

acpi_status acpi_os_delete_semaphore(acpi_semaphore handle)
{
    heap_free(handle);
    return AE_OK;
}

/** Nobody else could give what is missing: to wait is to wait in vain, however long. */
acpi_status acpi_os_wait_semaphore(acpi_semaphore handle, u32 units, u16 timeout)
{
    struct semaphore *const semaphore = handle;

    (void)timeout;
    if (semaphore->units < units) {
        return AE_TIME;
    }
    semaphore->units -= units;
    return AE_OK;
}

acpi_status acpi_os_signal_semaphore(acpi_semaphore handle, u32 units)
{
    struct semaphore *const semaphore = handle;

    semaphore->units += units;
    return AE_OK;
}

acpi_status acpi_os_create_lock(acpi_spinlock *out)
{
    *out = &layer; /* anything but NULL */
    return AE_OK;
}

void acpi_os_delete_lock(acpi_spinlock handle)
{
    (void)handle;
}

acpi_cpu_flags acpi_os_acquire_lock(acpi_spinlock handle)
{
    (void)handle;
    return 0;
}

void acpi_os_release_lock(acpi_spinlock handle, acpi_cpu_flags flags)
{
    (void)handle;
    (void)flags;
}

acpi_status acpi_os_execute(acpi_execute_type type, acpi_osd_exec_callback function, void *context)
{
    (void)type;
    function(context);
    return AE_OK;
}

void acpi_os_wait_events_complete(void)
{
}

/* ---- Tables ---------------------------------------------------------------------------------- */

acpi_physical_address acpi_os_get_root_pointer(void)
{
    uint64_t rsdp;

    return rt_kernel_call_word(layer.firmware, ACPI_FIRMWARE_ROOT, (struct rt_words){{0}}, &rsdp) ==
                   STATUS_OK
               ? rsdp
               : 0;
}

acpi_status acpi_os_predefined_override(const struct acpi_predefined_names *name,
                                        acpi_string *value)
{
    (void)name;
    *value = NULL;
    return AE_OK;
}

acpi_status acpi_os_table_override(struct acpi_table_header *existing,
                                   struct acpi_table_header **other)
{
    (void)existing;
    *other = NULL;
    return AE_OK;
}

acpi_status acpi_os_physical_table_override(struct acpi_table_header *existing,
                                            acpi_physical_address *address, u32 *length)
{
    (void)existing;
    *address = 0;
    *length = 0;
    return AE_OK;
}

static enum status read_some(uint64_t address, uint32_t length, uint8_t *to)
{
    const struct acpi_firmware_read_params params = {.address = address, .bytes = length};
    struct rt_exchange exchange;
    struct wire_struct results;
    struct wire_bytes data;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, layer.firmware, ACPI_FIRMWARE_READ,
                                     RT_WORDS(params), &results);
    if (status == STATUS_OK &&
        (acpi_firmware_read_results_get_data(results, &data) != WIRE_OK || data.length != length)) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status == STATUS_OK) {
        memcpy(to, data.bytes, length);
    }
    rt_exchange_end(&exchange);
    return status;
}

/** ACPICA maps tables alone (memory of AML goes through memory_access()), and only reads them: a
 * copy serves. */
void *acpi_os_map_memory(acpi_physical_address where, acpi_size length)
{
    uint8_t *const copy = length <= TABLE_BYTES ? heap_allocate(length) : NULL;

    for (acpi_size done = 0; copy != NULL && done < length;) {
        const uint32_t part = length - done < READ_BYTES ? (uint32_t)(length - done) : READ_BYTES;
        const enum status status = read_some(where + done, part, copy + done);

        if (status != STATUS_OK) {
            rt_print("acpi: no table can be read at %llx: %s\n", (unsigned long long)where,
                     status_name(status));
            heap_free(copy);
            return NULL;
        }
        done += part;
    }
    return copy;
}

void acpi_os_unmap_memory(void *logical_address, acpi_size size)
{
    (void)size;
    heap_free(logical_address);
}

/* ---- What AML touches ------------------------------------------------------------------------ */

static enum status memory_read(uint64_t address, uint32_t bytes, uint64_t *value)
{
    const struct acpi_firmware_read_memory_params params = {.address = address,
                                                            .width = (uint8_t)bytes};

    return rt_kernel_call_word(layer.firmware, ACPI_FIRMWARE_READ_MEMORY, RT_WORDS(params), value);
}

static enum status memory_write(uint64_t address, uint32_t bytes, uint64_t value)
{
    const struct acpi_firmware_write_memory_params params = {
        .address = address, .value = value, .width = (uint8_t)bytes};

    return rt_kernel_call_void(layer.firmware, ACPI_FIRMWARE_WRITE_MEMORY, RT_WORDS(params));
}

/** Operation regions of space SystemMemory. What is not aligned is done in bytes. */
static acpi_status memory_access(u32 function, acpi_physical_address address, u32 bit_width,
                                 u64 *value, void *handler_context, void *region_context)
{
    const uint32_t bytes = bit_width / 8;
    const uint32_t step = address % bytes == 0 ? bytes : 1;
    const bool is_write = (function & ACPI_IO_MASK) == ACPI_WRITE;
    uint64_t read = 0;

    (void)handler_context;
    (void)region_context;
    check_time();
    for (uint32_t done = 0; done < bytes; done += step) {
        const uint64_t part = step == 8 ? *value : *value >> 8 * done & ((1ull << 8 * step) - 1);
        uint64_t word = 0;
        const enum status status = is_write ? memory_write(address + done, step, part)
                                            : memory_read(address + done, step, &word);

        if (status != STATUS_OK) {
            return refuse(is_write ? "write memory at" : "read memory at", address + done, status);
        }
        read |= word << 8 * done;
    }
    if (!is_write) {
        *value = read;
    }
    return AE_OK;
}

acpi_status os_layer_install_handlers(void)
{
    return acpi_install_address_space_handler(ACPI_ROOT_OBJECT, ACPI_ADR_SPACE_SYSTEM_MEMORY,
                                              memory_access, NULL, NULL);
}

acpi_status acpi_os_read_port(acpi_io_address address, u32 *value, u32 width)
{
    const struct acpi_firmware_read_port_params params = {.port = (uint32_t)address,
                                                          .width = (uint8_t)(width / 8)};
    uint64_t word;
    const enum status status =
        rt_kernel_call_word(layer.firmware, ACPI_FIRMWARE_READ_PORT, RT_WORDS(params), &word);

    check_time();
    if (status != STATUS_OK) {
        return refuse("read port", address, status);
    }
    *value = (uint32_t)word;
    return AE_OK;
}

acpi_status acpi_os_write_port(acpi_io_address address, u32 value, u32 width)
{
    const struct acpi_firmware_write_port_params params = {
        .port = (uint32_t)address, .value = value, .width = (uint8_t)(width / 8)};
    const enum status status =
        rt_kernel_call_void(layer.firmware, ACPI_FIRMWARE_WRITE_PORT, RT_WORDS(params));

    check_time();
    return status == STATUS_OK ? AE_OK : refuse("write port", address, status);
}

static enum status config_read(uint16_t segment, uint16_t bdf, uint32_t offset, uint32_t width,
                               uint32_t *value)
{
    const struct acpi_firmware_read_config_params params = {
        .segment = segment, .bdf = bdf, .offset = (uint16_t)offset, .width = (uint8_t)width};
    uint64_t word;
    const enum status status =
        rt_kernel_call_word(layer.firmware, ACPI_FIRMWARE_READ_CONFIG, RT_WORDS(params), &word);

    if (status == STATUS_OK) {
        *value = (uint32_t)word;
    }
    return status;
}

uint32_t os_layer_read_config(uint16_t segment, uint16_t bdf, uint32_t offset, uint32_t width)
{
    uint32_t value;

    return config_read(segment, bdf, offset, width, &value) == STATUS_OK ? value : UINT32_MAX;
}

static uint16_t bdf_of(const struct acpi_pci_id *id)
{
    return (uint16_t)(id->bus << 8 | (id->device & 0x1f) << 3 | (id->function & 7));
}

/** A function that is not there reads as all ones, as on a bus. */
acpi_status acpi_os_read_pci_configuration(struct acpi_pci_id *id, u32 offset, u64 *value,
                                           u32 width)
{
    uint32_t word = UINT32_MAX;
    const uint32_t bytes = width / 8 < 4 ? width / 8 : 4;
    enum status status = config_read(id->segment, bdf_of(id), offset, bytes, &word);

    check_time();
    if (status == STATUS_OK && width == 64) {
        uint32_t high = 0;

        status = config_read(id->segment, bdf_of(id), offset + 4, 4, &high);
        *value = (uint64_t)high << 32 | word;
        return status == STATUS_OK ? AE_OK : refuse("read configuration at", offset + 4, status);
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return refuse("read configuration at", offset, status);
    }
    *value = word;
    return AE_OK;
}

/** Configuration space is the kernel's to change. */
acpi_status acpi_os_write_pci_configuration(struct acpi_pci_id *id, u32 offset, u64 value,
                                            u32 width)
{
    (void)value;
    (void)width;
    return refuse("write configuration at", (uint64_t)bdf_of(id) << 12 | offset, STATUS_DENIED);
}
