/* SPDX-License-Identifier: MIT */
/*
 * As much of an NVMe driver as it takes to have commands in flight: NVM Express 1.4, controller
 * registers (section 3.1), the admin queues, one pair of queues for reads (5.3, 5.4, 6.9), all
 * polled. Then it is killed with reads under way, or tells its controller addresses that it was
 * never given.
 */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"

#define CC                0x14u
#define CSTS              0x1cu
#define AQA               0x24u
#define ASQ               0x28u
#define ACQ               0x30u
#define DOORBELLS         0x1000u

#define CC_ENABLE         (1u | 6u << 16 | 4u << 20) /* entries of 64 and 16 bytes */
#define CSTS_READY        1u
#define QUEUE_ENTRIES     16u

#define CREATE_SUBMISSION 0x01u
#define CREATE_COMPLETION 0x05u
#define IDENTIFY          0x06u
#define DOORBELL_BUFFER   0x7cu /* §7.13: Doorbell Buffer Config */
#define READ              0x02u

#define VENDOR            0x1b36u
#define READS             8u
#define BLOCK_BYTES       512u
#define POLL_MS           2u
#define PATIENCE_MS       60000u
#define SHORT_MS          5000u /* for what may never be answered */

/* Pages of the driver's memory. */
enum { ADMIN_SQ, ADMIN_CQ, IO_SQ, IO_CQ, DATA, PAGES = DATA + READS };

struct command {
    uint32_t opcode; /* and the command's number << 16 */
    uint32_t namespace;
    uint64_t reserved[2];
    uint64_t prp1;
    uint64_t prp2;
    uint32_t words[6]; /* command dwords 10 to 15 */
};

static_assert(sizeof(struct command) == 64, "NVMe 1.4 §4.2");

struct queue {
    struct command *submissions;
    volatile uint32_t *completions; /* 4 words each */
    uint32_t number;
    uint32_t tail;
    uint32_t head;
};

static struct pages pages;
static uint64_t pages_iova;
static struct queue admin, reads;

static uint64_t iova_of(uint32_t page)
{
    return pages_iova + page * (uint64_t)PAGE;
}

static void queue_init(struct queue *queue, uint32_t number, uint32_t page)
{
    *queue = (struct queue){
        .submissions = (struct command *)(void *)(pages.bytes + page * PAGE),
        .completions = (volatile uint32_t *)(void *)(pages.bytes + (page + 1) * PAGE),
        .number = number,
    };
}

/** Put a command into the queue and ring. */
static void submit(struct queue *queue, const struct command *command)
{
    struct command *entry = &queue->submissions[queue->tail];

    *entry = *command;
    entry->opcode |= queue->tail << 16;
    queue->tail = (queue->tail + 1) % QUEUE_ENTRIES;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    device_write32(DOORBELLS + queue->number * 8, queue->tail);
}

/** Wait for the next answer; its status, UINT32_MAX for none. Enough for one turn of the queue. */
static uint32_t await(struct queue *queue, uint32_t milliseconds)
{
    const volatile uint32_t *entry = &queue->completions[queue->head * 4];
    const uint64_t end = soon(milliseconds);

    while ((entry[3] >> 16 & 1) == 0) {
        if (soon(0) > end) {
            return UINT32_MAX;
        }
        rt_sleep(POLL_MS * RT_NS_PER_MS);
    }
    queue->head++;
    device_write32(DOORBELLS + queue->number * 8 + 4, queue->head);
    return entry[3] >> 17;
}

static uint32_t run(const struct command *command)
{
    submit(&admin, command);
    return await(&admin, PATIENCE_MS);
}

static bool wait_ready(uint32_t ready)
{
    const uint64_t end = soon(PATIENCE_MS);

    while ((device_read32(CSTS) & CSTS_READY) != ready) {
        if (soon(0) > end) {
            return check(false, "the controller's state", "does not change");
        }
        rt_sleep(POLL_MS * RT_NS_PER_MS);
    }
    return true;
}

/** The controller with its admin queues. */
static bool controller_start(void)
{
    uint64_t buffer, address;

    if (!pages_make(&pages, PAGES) || rt_space_reserve(2, &address) != STATUS_OK ||
        !check_status(device_mmio_map(device.mmio, address, 0, 0, 2), STATUS_OK,
                      "mapping registers and doorbells") ||
        !check_status(dma_pool_map(device.pool, pages.memory, 0, PAGES,
                                   DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &pages_iova),
                      STATUS_OK, "mapping memory for the device") ||
        /* The first unmask makes the function a bus master; its interrupts are not used. */
        !check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking")) {
        return false;
    }
    device.registers = (volatile uint8_t *)(uintptr_t)address;
    device_write32(CC, 0);
    if (!wait_ready(0)) {
        return false;
    }
    queue_init(&admin, 0, ADMIN_SQ);
    queue_init(&reads, 1, IO_SQ);
    device_write32(AQA, (QUEUE_ENTRIES - 1) << 16 | (QUEUE_ENTRIES - 1));
    device_write64(ASQ, iova_of(ADMIN_SQ));
    device_write64(ACQ, iova_of(ADMIN_CQ));
    device_write32(CC, CC_ENABLE);
    return wait_ready(CSTS_READY);
}

static struct command identify(uint64_t prp1)
{
    return (struct command){.opcode = IDENTIFY, .prp1 = prp1, .words = {1}};
}

static bool reads_start(void)
{
    const uint32_t size = (QUEUE_ENTRIES - 1) << 16 | 1;
    const struct command completion = {
        .opcode = CREATE_COMPLETION, .prp1 = iova_of(IO_CQ), .words = {size, 1}};
    const struct command submission = {
        .opcode = CREATE_SUBMISSION, .prp1 = iova_of(IO_SQ), .words = {size, 1 << 16 | 1}};

    return check_number(run(&completion), 0, "making a completion queue") &&
           check_number(run(&submission), 0, "making a submission queue");
}

int life_nvme(void)
{
    struct command command = {0};

    if (!controller_start()) {
        return 1;
    }
    command = identify(iova_of(DATA));
    check_number(run(&command), 0, "identifying the controller");
    check_number(*(volatile uint16_t *)(void *)(pages.bytes + DATA * PAGE), VENDOR, "its vendor");
    if (!reads_start()) {
        return 1;
    }
    for (uint32_t i = 0; i < READS; i++) {
        command = (struct command){.opcode = READ,
                                   .namespace = 1,
                                   .prp1 = iova_of(DATA + i),
                                   .words = {i * 8, 0, PAGE / BLOCK_BYTES - 1}};
        submit(&reads, &command);
    }
    check_number(await(&reads, PATIENCE_MS), 0, "the first read");
    rt_print("devtest: reading into 0x%llx\n", (unsigned long long)iova_of(DATA));
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Addresses that this program does not have, in every place where the controller takes one. */
void try_nvme(void)
{
    static const uint64_t strange[] = {0x100000, 0x1000000, 0xfed90000, 0x7f00000000};
    struct command command;

    if (!controller_start()) {
        return;
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        command = identify(strange[i]);
        check(run(&command) != UINT32_MAX, "identifying into memory of others", "answered");
    }
    command = (struct command){.opcode = DOORBELL_BUFFER, .prp1 = strange[0], .prp2 = strange[1]};
    check(run(&command) != UINT32_MAX, "doorbells in memory of others", "answered");
    command = identify(iova_of(DATA));
    submit(&admin, &command);
    submit(&admin, &command);
    (void)await(&admin, SHORT_MS); /* where it looks for its doorbell now is its own affair */
    device_write32(CC, 0);
    wait_ready(0);
}
