/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/ring_batch.h"
#include "text/text.h"

#define FORGERIES   20000u
#define RANDOM_SQES 50000u
#define OWN_INDEXES 64u /* below this may be capabilities of our own */
#define INDEX_BITS  20u
#define RECORDS_MAX 8u

/** Submit one entry as it is and read what comes back at once. False: nothing did. */
static bool raw_submit(const struct ring_sqe *entry, struct ring_cqe *completion)
{
    struct rt_ring *const ring = rt_ring_self();
    struct ring_sqe *const sqe = rt_ring_sqe(ring);
    const struct ring_cqe *cqe;

    memcpy(sqe, entry, sizeof(*sqe));
    (void)rt_arch_cap_enter(ring_user_publish(&ring->user), 0, 0);
    cqe = ring_user_peek(&ring->user);
    if (cqe == NULL) {
        return false;
    }
    memcpy(completion, cqe, sizeof(*completion));
    ring_user_consume(&ring->user);
    return true;
}

/** The status that an entry is answered with; STATUS_COUNT if it is not answered at once. */
static enum status raw_status(const struct ring_sqe *entry)
{
    struct ring_cqe completion;

    return raw_submit(entry, &completion) ? (enum status)completion.status : STATUS_COUNT;
}

/* ------------------------------------------------------------------------------------------
 * Capabilities
 * ------------------------------------------------------------------------------------------ */

/** A CapId that cannot be one of ours. */
static uint64_t forged_capability(void)
{
    uint64_t id = random_next();

    switch (random_next() % 4) {
    case 0: /* a slot of ours, of a generation that was not yet */
        return (id % OWN_INDEXES) | (id | 1ull << 40) << INDEX_BITS;
    case 1: /* a slot that was never used */
        return (OWN_INDEXES + 256 + id % 1000) | 1ull << INDEX_BITS;
    case 2: /* beyond the table */
        return id | 0xff000;
    default:
        return id | OWN_INDEXES << 8;
    }
}

static void forge_with(enum ring_operation operation, const char *what)
{
    unsigned answers[STATUS_COUNT + 1] = {0};
    char text[64];

    for (unsigned i = 0; i < FORGERIES; i++) {
        const struct ring_sqe sqe = {.operation = (uint8_t)operation,
                                     .flags = operation == RING_OPERATION_CALL ? SQE_INLINE : 0,
                                     .target = forged_capability()};

        answers[raw_status(&sqe)]++;
    }
    text_format(text, sizeof(text), "%u badCapability, %u stale of %u",
                answers[STATUS_BAD_CAPABILITY], answers[STATUS_STALE], FORGERIES);
    attack_check(answers[STATUS_BAD_CAPABILITY] + answers[STATUS_STALE] == FORGERIES, what, text);
}

void attack_forge(void)
{
    struct ring_sqe sqe;
    unsigned wrong = 0;
    struct rt_words answer;

    forge_with(RING_OPERATION_CALL, "calling forged capabilities");
    forge_with(RING_OPERATION_RECV, "receiving with forged capabilities");
    forge_with(RING_OPERATION_WAIT, "waiting for forged capabilities");
    forge_with(RING_OPERATION_RELEASE, "releasing forged capabilities");
    for (unsigned i = 0; i < FORGERIES; i++) {
        sqe = (struct ring_sqe){
            .operation = RING_OPERATION_RETURN, .flags = SQE_INLINE, .target = random_next()};
        wrong += raw_status(&sqe) != STATUS_NOT_FOUND;
        sqe = (struct ring_sqe){.operation = RING_OPERATION_CANCEL, .target = random_next()};
        wrong += raw_status(&sqe) != STATUS_NOT_FOUND;
    }
    attack_check(wrong == 0, "answering and cancelling what is not there",
                 wrong == 0 ? "notFound" : "something else");
    attack_status(vm_map(forged_capability(), 0x40000000, 0, 1, ACCESS_READ), STATUS_BAD_CAPABILITY,
                  "mapping a capability that is none");
    attack_status(vm_map(RT_FACTORY, 0x40000000, 0, 1, ACCESS_READ), STATUS_WRONG_TYPE,
                  "mapping the factory");
    attack_status(rt_kernel_call(RT_FACTORY, 999, (struct rt_words){{0}}, &answer),
                  STATUS_BAD_METHOD, "a method that does not exist");
    attack_status(rt_ring_revoke(rt_ring_self(), RT_FACTORY + 7), STATUS_BAD_CAPABILITY,
                  "revoking an empty slot");
}

/* ------------------------------------------------------------------------------------------
 * Submissions
 * ------------------------------------------------------------------------------------------ */

static uint8_t flags_of(enum ring_operation operation)
{
    switch (operation) {
    case RING_OPERATION_CALL:
        return SQE_INLINE | SQE_QUIET;
    case RING_OPERATION_RETURN:
        return SQE_INLINE | SQE_QUIET | SQE_REARM;
    case RING_OPERATION_RELEASE:
        return SQE_QUIET | SQE_REVOKE;
    case RING_OPERATION_NOP:
    case RING_OPERATION_RECV:
    case RING_OPERATION_WAIT:
    case RING_OPERATION_TIMEOUT:
    case RING_OPERATION_CANCEL:
    case RING_OPERATION_COUNT:
        break;
    }
    return SQE_QUIET;
}

void attack_sqe(void)
{
    struct ring_sqe sqe;
    unsigned wrong = 0;

    for (unsigned operation = RING_OPERATION_COUNT; operation < 256; operation++) {
        sqe = (struct ring_sqe){.operation = (uint8_t)operation};
        wrong += raw_status(&sqe) != STATUS_BAD_REQUEST;
    }
    attack_check(wrong == 0, "248 operations that do not exist",
                 wrong == 0 ? "badRequest" : "something else");
    wrong = 0;
    for (unsigned operation = 0; operation < RING_OPERATION_COUNT; operation++) {
        const uint8_t allowed = flags_of((enum ring_operation)operation);

        for (unsigned flags = 1; flags < 256; flags++) {
            if ((flags & ~(unsigned)allowed) != 0) {
                sqe = (struct ring_sqe){.operation = (uint8_t)operation, .flags = (uint8_t)flags};
                wrong += raw_status(&sqe) != STATUS_BAD_REQUEST;
            }
        }
        sqe = (struct ring_sqe){.operation = (uint8_t)operation, .reserved = 1};
        wrong += raw_status(&sqe) != STATUS_BAD_REQUEST;
    }
    attack_check(wrong == 0, "every flag that an operation does not have, reserved bits",
                 wrong == 0 ? "badRequest" : "something else");
    wrong = 0;
    for (unsigned word = 2; word < 8; word++) {
        sqe = (struct ring_sqe){.operation = RING_OPERATION_NOP};
        memcpy((char *)&sqe + word * 8, &(uint64_t){1}, 8);
        wrong += raw_status(&sqe) != STATUS_BAD_REQUEST;
    }
    attack_check(wrong == 0, "a NOP with fields it does not use",
                 wrong == 0 ? "badRequest" : "something else");
    child_check("sqe", "random", EXIT_REASON_EXITED, 0);
}

/** Random entries until enough have gone or nothing is taken any more. */
int child_sqe(const char *detail)
{
    struct rt_ring *const ring = rt_ring_self();

    (void)detail;
    for (unsigned i = 0; i < RANDOM_SQES; i++) {
        struct rt_batch batch = rt_batch_begin(ring, 1);
        struct ring_sqe *const sqe = rt_batch_next(&batch);
        uint64_t words[8], entered;
        struct rt_reaper reaper;

        for (unsigned w = 0; w < 8; w++) {
            words[w] = random_next() % 2 == 0 ? 0 : random_next();
        }
        /* Mostly operations and flags that exist, or nothing would get far. */
        if (random_next() % 8 != 0) {
            words[0] = random_next() % 8 | (random_next() % 16) << 8 | (random_next() % 4) << 16;
        }
        memcpy(sqe, words, sizeof(words));
        rt_batch_end(ring, &batch);
        entered = rt_arch_cap_enter(ring_user_publish(&ring->user), 0, 0);
        reaper = rt_reaper_begin(ring);
        while (rt_reaper_next(&reaper) != NULL) {
        }
        rt_reaper_end(ring, &reaper);
        if ((entered & UINT32_MAX) != 1) {
            /* All operations are pending for ever: full, and that is all it may be. */
            return entered >> 32 == STATUS_QUEUE_FULL ? 0 : 1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * Indices
 * ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool submission;
    uint32_t offset; /* added to the index that the kernel expects */
} indices[RECORDS_MAX] = {
    {"tail-far", true, 1000},
    {"tail-one-too-many", true, RING_DEPTH + 1},
    {"tail-back", true, UINT32_MAX},
    {"tail-half", true, 1u << 31},
    {"head-ahead", false, 1},
    {"head-far", false, 1000},
    {"head-back", false, UINT32_MAX - RING_DEPTH},
    {"head-half", false, 1u << 31},
};

void attack_indices(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(indices); i++) {
        child_check("indices", indices[i].name, EXIT_REASON_EXITED, 0);
    }
}

/** Poison the ring. The kernel must say so, and take nothing any more. */
int child_indices(const char *detail)
{
    struct rt_ring *const ring = rt_ring_self();
    struct ring_header *const header = &ring->user.memory->header;

    for (size_t i = 0; i < ARRAY_COUNT(indices); i++) {
        uint64_t first, second;

        if (strlen(detail) != strlen(indices[i].name) ||
            memcmp(detail, indices[i].name, strlen(detail)) != 0) {
            continue;
        }
        if (indices[i].submission) {
            header->sq_tail = header->sq_head + indices[i].offset;
        } else {
            header->cq_head = header->cq_tail + indices[i].offset;
        }
        first = rt_arch_cap_enter(RING_DEPTH, 1, 0);
        /* As if nothing had been: it stays poisoned. */
        header->sq_tail = header->sq_head;
        header->cq_head = header->cq_tail;
        second = rt_arch_cap_enter(0, 1, 0);
        rt_arch_exit(RT_EXIT_PROCESS, first >> 32 == STATUS_POISONED && (first & UINT32_MAX) == 0 &&
                                              second >> 32 == STATUS_POISONED
                                          ? 0
                                          : 1);
    }
    return CHILD_GIVEN_UP;
}
