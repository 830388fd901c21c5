/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/heap.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/own_image.h"
#include "rt/process.h"
#include "rt/spawn.h"
#include "text/text.h"

#define RANDOM_MESSAGES 3000u
#define METHODS         8u /* more than any kernel interface has */
#define ELF_MACHINE     18u
#define ELF_ENTRY       24u
#define ELF_HEADERS     32u
#define ELF_COUNT       56u
#define ELF_FIRST       64u /* the first program header */

/* ------------------------------------------------------------------------------------------
 * Messages that are none
 * ------------------------------------------------------------------------------------------ */

/** Words that look like pointers more often than chance would make them. */
static uint64_t message_word(void)
{
    const uint64_t word = random_next();

    switch (random_next() % 6) {
    case 0:
        return 0;
    case 1:
        return (word & 7) | (word >> 60) << 32; /* a small struct pointer */
    case 2:
        return 1 | (word & 0xff) << 2 | (word >> 61) << 32 | (word & 0xffff) << 35; /* a list */
    case 3:
        return 2 | (word & 0x7f) << 3; /* far */
    case 4:
        return UINT64_MAX - (word & 0xf);
    default:
        return word;
    }
}

/** One random message to one method. The answer does not matter, that there is one does. */
static enum status random_call(uint64_t target, uint16_t method)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_call call = {.target = target, .method = method};
    const uint32_t words = (uint32_t)(random_next() % 24);
    struct ring_cqe completion;

    if (random_next() % 4 == 0) {
        call.message_inline = true;
        for (unsigned i = 0; i < RING_PAYLOAD_WORDS; i++) {
            call.words.word[i] = message_word();
        }
    } else {
        call.message_offset = 8192;
        call.message_length = words * 8 + (random_next() % 8 == 0 ? 3 : 0);
        call.transfer_count = (uint16_t)(random_next() % 8 == 0 ? random_next() % 10 : 0);
        for (uint32_t i = 0; i < 64; i++) {
            const uint64_t word = message_word();

            memcpy(rt_area_at(ring, 8192 + i * 8), &word, sizeof(word));
        }
    }
    call.answer_offset = 12288;
    call.answer_length = (uint32_t)(random_next() % 4096);
    return rt_ring_call_message(ring, &call, &completion);
}

int child_messages(const char *detail)
{
    uint64_t targets[10], endpoint, notification, timer, memory;
    unsigned target_count = 0;
    uint32_t reserved;

    /* The message area from 8192 on is for this alone. */
    if (rt_area_allocate(rt_ring_self(), 8192 - 512, &reserved) != STATUS_OK ||
        rt_area_allocate(rt_ring_self(), 8192 + 3072, &reserved) != STATUS_OK ||
        endpoint_create(&endpoint) != STATUS_OK ||
        notification_create(&notification) != STATUS_OK || timer_create(&timer) != STATUS_OK ||
        memory_create(2, &memory) != STATUS_OK) {
        return CHILD_GIVEN_UP;
    }
    (void)detail;
    targets[target_count++] = RT_FACTORY;
    targets[target_count++] = RT_VIRTUAL_MEMORY;
    targets[target_count++] = endpoint;
    targets[target_count++] = notification;
    targets[target_count++] = timer;
    targets[target_count++] = memory;
    targets[target_count++] = rt_capability("spawner");
    targets[target_count++] = rt_capability("diagnostics");
    for (unsigned i = 0; i < RANDOM_MESSAGES; i++) {
        const uint64_t target = targets[random_next() % target_count];
        const uint16_t method = (uint16_t)(random_next() % METHODS);

        /* Not its own thread-local storage, which it needs to count, and no threads without
         * sense, which would end it: pointers.c does those. */
        if ((target == RT_VIRTUAL_MEMORY && method == VIRTUAL_MEMORY_SET_TLS) ||
            (target == RT_FACTORY && method == FACTORY_CREATE_THREAD)) {
            continue;
        }
        (void)!random_call(target, method);
    }
    return 0;
}

/** Messages that are wrong in one way each. */
static void wrong_messages(void)
{
    const uint64_t console = rt_capability("console");
    static const struct {
        const char *what;
        uint64_t words[4];
        uint32_t length;
    } messages[] = {
        {"an empty message", {0}, 0},
        {"a message of 7 bytes", {0}, 7},
        {"a root pointer beyond the end", {0x7ffffffc}, 8},
        {"a root pointer before the start", {0xfffffff0}, 8},
        {"a root that is a list", {0x0000000a00000001}, 16},
        {"a far pointer to nowhere", {0x0000000700000002}, 16},
        {"a text pointer beyond the end", {0x0001000000000000, 0x000ff80200000001}, 16},
        {"a text that is a struct", {0x0001000000000000, 0x0000000100000000, 0}, 24},
        {"a text that points to itself", {0x0001000000000000, 0x0000003efffffffd}, 16},
    };

    for (size_t i = 0; i < ARRAY_COUNT(messages); i++) {
        struct rt_exchange exchange;
        struct ring_cqe completion;
        struct rt_call call = {.target = console, .method = CONSOLE_WRITE};

        if (rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
            attack_check(false, "room in the message area", "none");
            return;
        }
        call.message_offset = exchange.offset;
        call.message_length = messages[i].length;
        memcpy(rt_area_at(exchange.ring, exchange.offset), messages[i].words,
               sizeof(messages[i].words));
        attack_status(rt_ring_call_message(exchange.ring, &call, &completion), STATUS_BAD_MESSAGE,
                      messages[i].what);
        rt_exchange_end(&exchange);
    }
}

/** A read of the console with too little room for a byte is refused before there is one. */
static void reads_without_room(void)
{
    static const struct {
        uint32_t length;
        enum status expected;
        const char *what;
    } rooms[] = {{0, STATUS_TOO_LONG, "reading into 0 bytes"},
                 {23, STATUS_TOO_LONG, "reading into 23 bytes"},
                 {24, STATUS_CANCELLED, "reading into 24 bytes"}};
    const struct console_read_params params = {.limit = UINT32_MAX};
    struct rt_ring *const ring = rt_ring_self();

    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        struct rt_operation reading = {0};
        const struct rt_call read = {.target = rt_capability("console"),
                                     .method = CONSOLE_READ,
                                     .message_inline = true,
                                     .words = RT_WORDS(params),
                                     .answer_length = rooms[i].length};

        if (rt_ring_start_call(ring, &reading, &read) != STATUS_OK) {
            attack_check(false, rooms[i].what, "not submitted");
            return;
        }
        rt_ring_flush(ring);
        (void)rt_ring_cancel(ring, &reading);
        rt_ring_await(ring, &reading);
        attack_status(rt_cqe_outcome(&reading.cqe), rooms[i].expected, rooms[i].what);
    }
}

void attack_messages(void)
{
    const struct rt_grant grants[] = {
        {"spawner", 7, rt_capability("spawner"), RING_TRANSFER_COPY},
    };
    struct rt_words answer;
    enum exit_reason reason;
    uint64_t process, code;

    wrong_messages();
    reads_without_room();
    attack_status(
        rt_kernel_call(rt_capability("console"), CONSOLE_WRITE, (struct rt_words){{0}}, &answer),
        STATUS_BAD_MESSAGE, "a text as inline words");
    process = child_start("messages", "random", grants, ARRAY_COUNT(grants));
    if (process != 0 && child_wait(process, &code, &reason)) {
        attack_check(reason == EXIT_REASON_EXITED && code == 0,
                     "3000 random messages to every method", exit_reason_name(reason));
    }
}

/* ------------------------------------------------------------------------------------------
 * Spawning
 * ------------------------------------------------------------------------------------------ */

/** Spawn what should not be, and kill it if it was. */
static void spawn_refused(const struct rt_spawn *spawn, const char *what)
{
    uint64_t process;
    const enum status status = process_spawn(rt_capability("spawner"), spawn, &process);

    attack_refused(status, what);
    if (status == STATUS_OK) {
        (void)!process_kill(process);
        capability_release(process);
    }
}

static void wrong_requests(const struct rt_image *image)
{
    static const char long_name[] = "a-name-of-rather-more-than-31-bytes";
    const struct rt_grant bad_grant = {"x", 1, 0x123456789, RING_TRANSFER_COPY};
    const struct rt_grant bad_mode = {"x", 1, rt_capability("console"), 7};
    const struct rt_grant twice[] = {{"x", 1, rt_capability("console"), RING_TRANSFER_MOVE},
                                     {"y", 1, rt_capability("console"), RING_TRANSFER_MOVE}};
    struct rt_spawn good, spawn;

    rt_spawn_prepare(&good, image, "refused");
#define WRONG(change, what)                                                                        \
    do {                                                                                           \
        spawn = good;                                                                              \
        change;                                                                                    \
        spawn_refused(&spawn, what);                                                               \
    } while (0)
    WRONG(spawn.image = 0x123456789, "an image that is no capability");
    WRONG(spawn.image = RT_FACTORY, "the factory as an image");
    WRONG(spawn.image_offset = UINT64_MAX - 4095, "an image that wraps");
    WRONG(spawn.image_length = UINT64_MAX, "an image of 2^64 - 1 bytes");
    WRONG(spawn.image_length = 0, "an image of no bytes");
    WRONG(spawn.image_offset += 1, "an image that begins in the middle");
    WRONG(spawn.image_length = 100, "an image that is cut short");
    WRONG(spawn.name.length = 0, "no name");
    WRONG((spawn.name = (struct rt_text){long_name, sizeof(long_name) - 1}), "a long name");
    WRONG(spawn.max_priority = 255, "a priority that does not exist");
    WRONG(spawn.priority = 31, "a priority above its own maximum");
    WRONG(spawn.frames = UINT32_MAX, "2^32 - 1 frames");
    WRONG(spawn.frames = 0, "no frames");
    WRONG(spawn.frames = 20, "fewer frames than its image has");
    WRONG(spawn.cap_slots = 0, "no capability slots");
    WRONG(spawn.objects = 0, "no objects");
    WRONG(spawn.threads = 0, "no threads");
    WRONG(spawn.cpu_budget_us = 20000, "a CPU budget above its period");
    WRONG((spawn.grants = &bad_grant, spawn.grant_count = 1), "a grant of nothing");
    WRONG((spawn.grants = &bad_mode, spawn.grant_count = 1), "a grant in a mode that is none");
    WRONG((spawn.grants = twice, spawn.grant_count = 2), "one capability moved twice");
#undef WRONG
    attack_check(console_write(rt_capability("console"), "", 0) == STATUS_OK, "the console",
                 "still ours");
}

/** A value written over a place in an executable. */
struct elf_change {
    const char *what;
    uint32_t offset, size;
    uint64_t value;
};

static const struct elf_change elf_changes[] = {
    {"another magic number", 0, 4, 0x464c457e},
    {"32 bits", 4, 1, 1},
    {"big-endian", 5, 1, 2},
    {"another machine", ELF_MACHINE, 2, 3},
    {"position-independent", 16, 2, 3},
    {"an entry point in the kernel", ELF_ENTRY, 8, 0xffffffff80000000},
    {"an entry point in no segment", ELF_ENTRY, 8, 0x123},
    {"headers beyond the end", ELF_HEADERS, 8, UINT64_MAX - 63},
    {"65535 headers", ELF_COUNT, 2, 65535},
    {"no headers", ELF_COUNT, 2, 0},
    {"headers of another size", 54, 2, 1},
    {"a segment that is writable and executable", ELF_FIRST + 4, 4, 7},
    {"a segment from beyond the file", ELF_FIRST + 8, 8, 1ull << 40},
    {"a segment in the kernel", ELF_FIRST + 16, 8, 0xffff800000000000},
    {"a segment at zero", ELF_FIRST + 16, 8, 0},
    {"a segment that wraps", ELF_FIRST + 16, 8, 0xfffffffffffff000},
    {"a segment over the stack", ELF_FIRST + 16, 8, 0x7ffff0000},
    {"a segment over the next", ELF_FIRST + 40, 8, 1ull << 20},
    {"a segment with more file than memory", ELF_FIRST + 40, 8, 1},
    {"a segment of 2^63 bytes", ELF_FIRST + 40, 8, 1ull << 63},
    {"a segment at an odd address", ELF_FIRST + 16, 8, 0x400001},
};

/** Executables with one thing wrong each. */
static void wrong_images(const struct rt_image *image)
{
    const uint32_t pages = (uint32_t)((image->length + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES);
    const uint32_t first_page = (uint32_t)(image->offset / RT_PAGE_BYTES);
    struct rt_image own = {.length = image->length};
    void *copy = NULL, *original = NULL;
    struct rt_spawn spawn;

    if (memory_create(pages, &own.memory) != STATUS_OK ||
        rt_space_map(own.memory, 0, pages, ACCESS_READ_WRITE, &copy) != STATUS_OK ||
        rt_space_map(image->memory, first_page, pages + 1, ACCESS_READ, &original) != STATUS_OK) {
        attack_check(false, "a copy of the image", "refused");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(elf_changes); i++) {
        memcpy(copy, (const char *)original + image->offset % RT_PAGE_BYTES, image->length);
        memcpy((char *)copy + elf_changes[i].offset, &elf_changes[i].value, elf_changes[i].size);
        rt_spawn_prepare(&spawn, &own, "bad-image");
        spawn_refused(&spawn, elf_changes[i].what);
    }
    rt_space_unmap(copy, pages);
    rt_space_unmap(original, pages + 1);
    capability_release(own.memory);
}

void attack_spawn(void)
{
    struct rt_image image;

    if (rt_image_find("hello", &image) != STATUS_OK) {
        attack_check(false, "an image to damage", "not found");
        return;
    }
    wrong_requests(&image);
    wrong_images(&image);
}
