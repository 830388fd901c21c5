/* SPDX-License-Identifier: MIT */
/*
 * Tests AcpiFirmware as its holder sees it, on QEMU's q35: what firmware's AML may touch, and above
 * all what it may not. Arguments are further places that must be denied: "port:0xc000",
 * "memory:0xfebc0000"; or "refusals", for one of each sort and nothing else, of which the audit log
 * has a record each. Not in the standard manifest.
 */
#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define RSDP_BYTES  20u
#define READ_BYTES  2048u
#define Q35_LPC     (0x1fu << 3)
#define Q35_TIMER   0x608u /* ICH9, PMBASE + 8: nobody's but AML's */
#define NO_FUNCTION 0xfff8u
#define NO_METHOD   99u

static uint64_t firmware;
static unsigned check_count, failure_count;

static void check(enum status seen, enum status expected, const char *what, uint64_t where)
{
    const bool is_right = seen == expected;

    check_count++;
    failure_count += !is_right;
    if (!is_right) {
        rt_print("  FAILED %s %llx: %s, not %s\n", what, (unsigned long long)where,
                 status_name(seen), status_name(expected));
    }
}

static enum status read_memory(uint64_t address, uint8_t width)
{
    const struct acpi_firmware_read_memory_params params = {.address = address, .width = width};

    return rt_kernel_call_void(firmware, ACPI_FIRMWARE_READ_MEMORY, RT_WORDS(params));
}

static enum status write_memory(uint64_t address, uint8_t width)
{
    const struct acpi_firmware_write_memory_params params = {.address = address, .width = width};

    return rt_kernel_call_void(firmware, ACPI_FIRMWARE_WRITE_MEMORY, RT_WORDS(params));
}

static enum status read_port(uint32_t port, uint8_t width)
{
    const struct acpi_firmware_read_port_params params = {.port = port, .width = width};

    return rt_kernel_call_void(firmware, ACPI_FIRMWARE_READ_PORT, RT_WORDS(params));
}

static enum status write_port(uint32_t port, uint8_t width)
{
    const struct acpi_firmware_write_port_params params = {.port = port, .width = width};

    return rt_kernel_call_void(firmware, ACPI_FIRMWARE_WRITE_PORT, RT_WORDS(params));
}

static enum status read_config(uint16_t segment, uint16_t bdf, uint16_t offset, uint8_t width,
                               uint64_t *value)
{
    const struct acpi_firmware_read_config_params params = {
        .segment = segment, .bdf = bdf, .offset = offset, .width = width};

    return rt_kernel_call_word(firmware, ACPI_FIRMWARE_READ_CONFIG, RT_WORDS(params), value);
}

static enum status soft_off(uint8_t type_a, uint8_t type_b)
{
    const struct acpi_firmware_soft_off_params params = {.type_a = type_a, .type_b = type_b};

    return rt_kernel_call_void(firmware, ACPI_FIRMWARE_SOFT_OFF, RT_WORDS(params));
}

/** AcpiFirmware.read; whether what comes begins with `signature` is a check, too. */
static enum status read_tables(uint64_t address, uint32_t bytes, const char *signature)
{
    const struct acpi_firmware_read_params params = {.address = address, .bytes = bytes};
    struct rt_exchange exchange;
    struct wire_struct results;
    struct wire_bytes data;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, firmware, ACPI_FIRMWARE_READ, RT_WORDS(params),
                                     &results);
    if (status == STATUS_OK &&
        (acpi_firmware_read_results_get_data(results, &data) != WIRE_OK || data.length != bytes ||
         memcmp(data.bytes, signature, strlen(signature)) != 0)) {
        status = STATUS_BAD_MESSAGE;
    }
    rt_exchange_end(&exchange);
    return status;
}

static void check_memory(void)
{
    /* Memory of the kernel's and of programs; ECAM, APICs, VT-d; nothing; the end of everything. */
    static const uint64_t denied[] = {
        0,          0x1000,     0x100000,   0x400000,   0x8000000,  0xb0000000, 0xfec00000,
        0xfed90000, 0xfee00000, 0xfee00300, 0xfeffff00, 1ull << 40, 1ull << 62, UINT64_MAX - 7,
    };
    uint64_t rsdp = 0;

    check(rt_kernel_call_word(firmware, ACPI_FIRMWARE_ROOT, (struct rt_words){{0}}, &rsdp),
          STATUS_OK, "the root pointer", 0);
    check(read_tables(rsdp, RSDP_BYTES, "RSD PTR "), STATUS_OK, "reading the root pointer", rsdp);
    check(read_memory(rsdp & ~7ull, 8), STATUS_OK, "reading memory", rsdp);
    check(write_memory(rsdp & ~7ull, 8), STATUS_DENIED, "writing memory that is no NVS", rsdp);
    check(read_tables(rsdp, 0, ""), STATUS_BAD_RANGE, "reading nothing", rsdp);
    check(read_tables(rsdp, READ_BYTES + 1, ""), STATUS_BAD_RANGE, "reading too much", rsdp);
    for (uint32_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        check(read_memory(denied[i], 8), STATUS_DENIED, "reading memory", denied[i]);
        check(write_memory(denied[i], 8), STATUS_DENIED, "writing memory", denied[i]);
        check(read_tables(denied[i], READ_BYTES, ""), STATUS_DENIED, "reading tables", denied[i]);
    }
    for (uint8_t width = 0; width < 18; width++) {
        if (width != 1 && width != 2 && width != 4 && width != 8) {
            check(read_memory(0xf0000, width), STATUS_BAD_RANGE, "reading with a width", width);
        }
    }
    check(read_memory(0xf0001, 2), STATUS_BAD_RANGE, "reading across", 0xf0001);
    check(read_memory(0xf0004, 8), STATUS_BAD_RANGE, "reading across", 0xf0004);
}

static void check_ports(void)
{
    static const uint16_t denied[] = {
        0x00, 0x20, 0x21, 0x40, 0x43,  0x60,  0x61,  0x64,  0x70,  0x71,  0x87,  0x92,
        0xa0, 0xa1, 0xb2, 0xf4, 0x3f8, 0x3ff, 0x4d0, 0x604, 0x605, 0xcf8, 0xcf9, 0xcff,
    };

    for (uint32_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        check(read_port(denied[i], 1), STATUS_DENIED, "reading port", denied[i]);
        check(write_port(denied[i], 1), STATUS_DENIED, "writing port", denied[i]);
    }
    /* The last byte of an access counts, too. */
    check(read_port(0x3f7, 2), STATUS_DENIED, "reading two from port", 0x3f7);
    check(read_port(0xcf5, 4), STATUS_DENIED, "reading four from port", 0xcf5);
    check(write_port(0x1f, 2), STATUS_DENIED, "writing two to port", 0x1f);
    check(read_port(0xffff, 2), STATUS_DENIED, "reading two from port", 0xffff);
    check(read_port(0x10020, 1), STATUS_DENIED, "reading port", 0x10020);
    check(read_port(Q35_TIMER, 3), STATUS_BAD_RANGE, "reading three from port", Q35_TIMER);
    check(read_port(Q35_TIMER, 8), STATUS_BAD_RANGE, "reading eight from port", Q35_TIMER);
    check(read_port(Q35_TIMER, 4), STATUS_OK, "reading port", Q35_TIMER);
}

static void check_config(void)
{
    uint64_t value = 0;

    check(read_config(0, Q35_LPC, 0, 2, &value), STATUS_OK, "reading the vendor of", Q35_LPC);
    check(value == 0x8086 ? STATUS_OK : STATUS_BAD_MESSAGE, STATUS_OK, "the vendor", value);
    check(read_config(0, NO_FUNCTION, 0, 4, &value), STATUS_NOT_FOUND, "function", NO_FUNCTION);
    check(read_config(1, Q35_LPC, 0, 4, &value), STATUS_NOT_FOUND, "segment", 1);
    check(read_config(0, Q35_LPC, 2, 4, &value), STATUS_BAD_RANGE, "reading across", 2);
    check(read_config(0, Q35_LPC, 4096, 1, &value), STATUS_BAD_RANGE, "reading beyond", 4096);
    check(read_config(0, Q35_LPC, 0, 8, &value), STATUS_BAD_RANGE, "reading eight", 0);
    check(read_config(0, Q35_LPC, 0, 0, &value), STATUS_BAD_RANGE, "reading nothing", 0);
}

static void check_soft_off(void)
{
    check(soft_off(8, 0), STATUS_BAD_RANGE, "a sleep type", 8);
    check(soft_off(0, 255), STATUS_BAD_RANGE, "a sleep type", 255);
    check(soft_off(0, 0), STATUS_OK, "what the kernel knows", 0);
    check(soft_off(5, 5), STATUS_OCCUPIED, "something else", 5);
}

static void check_argument(const char *argument)
{
    const char *const colon = argument[0] == 'p' ? "port:" : "memory:";
    const size_t head = strlen(colon);
    uint64_t where = 0;

    if (strlen(argument) <= head || memcmp(argument, colon, head) != 0 ||
        text_parse_u64(argument + head, strlen(argument) - head, &where) != TEXT_OK) {
        check(STATUS_BAD_MESSAGE, STATUS_OK, argument, 0);
    } else if (argument[0] == 'p') {
        check(read_port((uint32_t)where, 1), STATUS_DENIED, "reading port", where);
        check(write_port((uint32_t)where, 4), STATUS_DENIED, "writing port", where);
    } else {
        check(read_memory(where, 4), STATUS_DENIED, "reading memory", where);
        check(write_memory(where, 4), STATUS_DENIED, "writing memory", where);
    }
}

static bool is(const char *argument, const char *name)
{
    return strlen(argument) == strlen(name) && memcmp(argument, name, strlen(name)) == 0;
}

/** What tests/system/test_hardware_audit.py expects in the log, in this order. */
static void check_refusals(void)
{
    const struct rt_words nothing = {{0}};
    uint64_t value = 0;

    check(read_tables(0x100000, READ_BYTES, ""), STATUS_DENIED, "reading tables", 0x100000);
    check(read_tables(0xf0000, 0, ""), STATUS_BAD_RANGE, "reading nothing", 0xf0000);
    check(read_memory(0x100000, 8), STATUS_DENIED, "reading memory", 0x100000);
    check(read_memory(0xf0000, 3), STATUS_BAD_RANGE, "reading with a width", 3);
    check(write_memory(0xfee00300, 4), STATUS_DENIED, "writing memory", 0xfee00300);
    check(write_memory(0xf0000, 16), STATUS_BAD_RANGE, "writing with a width", 16);
    check(read_port(0x60, 1), STATUS_DENIED, "reading port", 0x60);
    check(read_port(Q35_TIMER, 3), STATUS_BAD_RANGE, "reading three from port", Q35_TIMER);
    check(write_port(0xcf9, 1), STATUS_DENIED, "writing port", 0xcf9);
    check(read_config(0, NO_FUNCTION, 0, 4, &value), STATUS_NOT_FOUND, "function", NO_FUNCTION);
    check(read_config(1, Q35_LPC, 0, 4, &value), STATUS_NOT_FOUND, "segment", 1);
    check(read_config(0, Q35_LPC, 4096, 1, &value), STATUS_BAD_RANGE, "reading beyond", 4096);
    check(soft_off(8, 3), STATUS_BAD_RANGE, "a sleep type", 8);
    check(soft_off(5, 5), STATUS_OCCUPIED, "another sleep type", 5);
    check(rt_kernel_call_void(firmware, NO_METHOD, nothing), STATUS_BAD_METHOD, "method",
          NO_METHOD);
    capability_release(firmware);
    check(rt_kernel_call_word(firmware, ACPI_FIRMWARE_ROOT, nothing, &value), STATUS_STALE,
          "what was given up", firmware);
}

int main(int count, char **arguments)
{
    firmware = rt_capability_required("firmware");
    if (count == 2 && is(arguments[1], "refusals")) {
        check_refusals();
    } else {
        check_memory();
        check_ports();
        check_config();
        check_soft_off();
        for (int i = 1; i < count; i++) {
            check_argument(arguments[i]);
        }
    }
    rt_print("acpitest: %u checks, %u failed\n", check_count, failure_count);
    return failure_count != 0;
}
