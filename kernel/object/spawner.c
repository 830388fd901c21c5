/* SPDX-License-Identifier: MIT */
#include "object/spawner.h"

#include "arch/x86_64/cpu.h"
#include "device_manager/device_manager.h"
#include "diag/log.h"
#include "elf/elf.h"
#include "mm/layout.h"
#include "mm/slab.h"
#include "object/memory.h"
#include "object/message.h"
#include "object/services.h"
#include "sched/sched.h"
#include "sched/thread.h"
#include "syscall/methods.h"

/** A program on its way. */
struct spawn {
    struct work work;
    struct process *process; /* the child; nobody else can end it while it is starting */
    struct thread *thread;
    struct process *payer;       /* of the handle, whose capabilities move; NULL at boot */
    struct operation *operation; /* to be answered, or NULL: at boot, or nobody waits any more */
    struct object_hold asked;    /* the ProcessSpawner; its place is NULL at boot: nobody's */
    struct memory *image;        /* a pin: it is there, */
    struct object_hold given;    /* and may be used while this holds */
    uint64_t image_offset;
    struct elf_image elf;
    uint32_t segment;      /* being loaded */
    struct memory *memory; /* its pages, or NULL before the first */
    bool furnished;
    uint64_t page; /* next to be filled from the image */
    struct object_hold grants[RING_MAX_TRANSFERS];
    uint32_t grant_flags[RING_MAX_TRANSFERS];
    uint64_t moved[RING_MAX_TRANSFERS]; /* the payer's capability, which goes; 0: it stays */
    uint32_t grant_count;
};

/** Copy bytes out of a memory object, page by page. The range is inside it. */
static void read_memory(const struct memory *memory, uint64_t offset, void *out, uint64_t length)
{
    uint8_t *to = out;

    while (length > 0) {
        const uint64_t in_page = offset % PAGE_BYTES;
        const uint64_t piece = length < PAGE_BYTES - in_page ? length : PAGE_BYTES - in_page;
        const uint8_t *from = direct_map(memory_frame(memory, offset / PAGE_BYTES));

        memcpy(to, from + in_page, piece);
        to += piece;
        offset += piece;
        length -= piece;
    }
}

/** The executable's description; says in the log what is wrong with a bad one. */
static enum status open_image(const struct spawn_request *request, struct elf_image *elf)
{
    const uint64_t memory_bytes = request->image->page_count * PAGE_BYTES;

    if (request->image_offset > memory_bytes ||
        request->image_length > memory_bytes - request->image_offset) {
        return STATUS_BAD_RANGE;
    }
    const uint64_t head = request->image_length < PAGE_BYTES ? request->image_length : PAGE_BYTES;
    const struct elf_limits limits = {
        .file_length = request->image_length,
        .low = USER_BASE,
        .high = FIRST_RING_ADDRESS,
        .page_count_max = MAPPING_MAX_PAGES,
    };
    struct elf_fault fault;
    uint8_t *page = this_cpu()->image_scratch;

    read_memory(request->image, request->image_offset, page, head);
    if (elf_open(page, head, &limits, elf, &fault) != ELF_OK) {
        log_info("spawn", "%s: bad image: %s at byte %lu", request->name,
                 elf_error_name(fault.error), (unsigned long)fault.offset);
        return STATUS_BAD_IMAGE;
    }
    return STATUS_OK;
}

static void put_start_message(struct thread *thread, const uint8_t *message, uint32_t length)
{
    uint8_t *area = thread->ring.memory->message;
    const uint64_t length_word = length;

    memcpy(area, message, length);
    memcpy(area + RING_MESSAGE_BYTES - sizeof(length_word), &length_word, sizeof(length_word));
}

/** The two capabilities that every process has, and its stack. */
static enum status furnish(struct process *process)
{
    static const enum object_kind kinds[] = {OBJECT_KIND_FACTORY, OBJECT_KIND_VIRTUAL_MEMORY};
    enum status status;

    for (uint32_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct object *object;
        uint64_t id;

        status = permission_create(kinds[i], process, &object);
        if (status != STATUS_OK) {
            return status;
        }
        status = object_grant(object, process, CAP_ORIGIN, &id);
        object_put(object);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct memory *stack;
    bool filling;

    status = memory_create(process, FIRST_STACK_PAGES, &stack, &filling);
    if (status != STATUS_OK) {
        return status;
    }
    KVERIFY(!filling);
    status =
        address_space_map(&process->space, stack, FIRST_STACK_TOP - FIRST_STACK_PAGES * PAGE_BYTES,
                          0, FIRST_STACK_PAGES, ACCESS_READ_WRITE);
    object_put(&stack->object);
    return status;
}

static bool spawn_step(struct work *work);

enum status spawn_start(struct process *parent, const struct spawn_request *request,
                        struct spawn **out)
{
    struct slab_owner *slabs = parent == NULL ? &slab_kernel : &parent->slabs;
    struct spawn *spawn = slab_take(slabs, sizeof(*spawn));
    enum status status;

    if (spawn == NULL) {
        return slab_refusal(slabs);
    }
    status = open_image(request, &spawn->elf);
    if (status != STATUS_OK) {
        goto free_spawn;
    }
    status = process_create(parent, request->name, &request->limits, &spawn->process);
    if (status != STATUS_OK) {
        goto free_spawn;
    }
    const struct thread_start start = {
        .entry = spawn->elf.entry,
        .stack_top = FIRST_STACK_TOP,
        .ring_address = FIRST_RING_ADDRESS,
        .priority = request->priority,
    };

    status = thread_create(spawn->process, &start, &spawn->thread);
    if (status == STATUS_OK) {
        put_start_message(spawn->thread, request->start_message, request->start_message_length);
    } else {
        process_end(spawn->process, EXIT_REASON_KILLED, 0);
        goto free_spawn;
    }
    if (request->spawner != NULL) {
        object_hold(&spawn->asked, request->spawner);
    }
    memory_pin(request->image);
    spawn->image = request->image;
    object_hold(&spawn->given, &request->image->object);
    spawn->image_offset = request->image_offset;
    spawn->grant_count = request->grants.count;
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        object_hold(&spawn->grants[i], request->grants.objects[i]);
        spawn->grant_flags[i] = request->grants.flags[i];
        spawn->moved[i] = request->grants.moves[i] ? request->grants.ids[i] : 0;
    }
    list_init(&spawn->work.link);
    spawn->work.step = spawn_step;
    work_start(&spawn->work);
    *out = spawn;
    return STATUS_OK;

free_spawn:
    slab_give(spawn, sizeof(*spawn));
    return status;
}

static void abandon_spawn(struct operation *operation)
{
    struct spawn *spawn = operation->extra;

    spawn->operation = NULL;
}

void spawn_await(struct spawn *spawn, struct process *payer, struct operation *operation)
{
    operation->extra = spawn;
    operation->abandon = abandon_spawn;
    spawn->operation = operation;
    spawn->payer = payer;
}

/** Add a zeroed page of the current segment and copy its part of the file. */
static enum status load_page(struct spawn *spawn)
{
    const struct elf_segment *segment = &spawn->elf.segments[spawn->segment];
    const uint64_t page_base = elf_segment_page_base(segment) + spawn->page * PAGE_BYTES;
    const uint64_t file_end = segment->address + segment->file_bytes;
    const uint64_t from = page_base > segment->address ? page_base : segment->address;
    const uint64_t to = page_base + PAGE_BYTES < file_end ? page_base + PAGE_BYTES : file_end;
    const enum status status = memory_add_page(spawn->memory);

    if (status != STATUS_OK) {
        return status;
    }
    if (from < to) {
        uint8_t *frame = direct_map(memory_frame(spawn->memory, spawn->page));

        read_memory(spawn->image,
                    spawn->image_offset + segment->file_offset + (from - segment->address),
                    frame + (from - page_base), to - from);
    }
    spawn->page++;
    return STATUS_OK;
}

/**
 * Whether a segment can be the image's own pages: whoever gave the image lets it be executed,
 * nothing of the segment is written, and it is whole pages of the file.
 */
static bool can_share(const struct spawn *spawn, const struct elf_segment *segment)
{
    return spawn->image->access == ACCESS_READ_EXECUTE && segment->access != ELF_READ_WRITE &&
           segment->memory_bytes == segment->file_bytes && is_page_aligned(segment->address) &&
           is_page_aligned(spawn->image_offset + segment->file_offset);
}

/** Map a segment's pages where they are. enum elf_access is numbered like enum access. */
static enum status share_segment(const struct spawn *spawn, const struct elf_segment *segment)
{
    const uint64_t page_count = elf_segment_page_count(segment);
    struct memory *view;
    enum status status = memory_create_view(
        spawn->image, spawn->process, (spawn->image_offset + segment->file_offset) >> PAGE_SHIFT,
        page_count, (enum access)segment->access, &view);

    if (status == STATUS_OK) {
        status = address_space_map(&spawn->process->space, view, segment->address, 0, page_count,
                                   (enum access)segment->access);
        object_put(&view->object);
    }
    return status;
}

/** Whether the ProcessSpawner has been taken back meanwhile: nothing comes to life from it then. */
static bool is_taken_back(const struct spawn *spawn)
{
    return spawn->asked.place != NULL && object_held(&spawn->asked) == NULL;
}

/** First its stack, then some pages of the image. `*loaded` once all segments are mapped. */
static enum status load_some(struct spawn *spawn, bool *loaded)
{
    struct process *process = spawn->process;

    if (is_taken_back(spawn)) {
        return STATUS_STALE;
    }
    if (object_held(&spawn->given) == NULL) {
        return STATUS_STALE; /* the image was revoked: nothing of it is read or mapped any more */
    }
    if (!spawn->furnished) {
        spawn->furnished = true;
        return furnish(process);
    }
    for (uint32_t i = 0; i < LOAD_STEP_PAGES; i++) {
        if (spawn->segment == spawn->elf.segment_count) {
            *loaded = true;
            return STATUS_OK;
        }
        const struct elf_segment *segment = &spawn->elf.segments[spawn->segment];
        const uint64_t page_count = elf_segment_page_count(segment);
        enum status status;

        if (spawn->memory == NULL && can_share(spawn, segment)) {
            status = share_segment(spawn, segment);
            if (status != STATUS_OK) {
                return status;
            }
            spawn->segment++;
            continue;
        }
        if (spawn->memory == NULL) {
            spawn->page = 0;
            status = memory_create_unfilled(process, page_count, &spawn->memory);
            if (status != STATUS_OK) {
                return status;
            }
        }
        if (spawn->page < page_count) {
            status = load_page(spawn);
        } else {
            /* enum elf_access is numbered like enum access. */
            status =
                address_space_map(&process->space, spawn->memory, elf_segment_page_base(segment), 0,
                                  page_count, (enum access)segment->access);
            object_put(&spawn->memory->object);
            spawn->memory = NULL;
            spawn->segment++;
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/** Everything is in place: capabilities for the child, the handle for whoever asked. */
static enum status hand_over(struct spawn *spawn, uint64_t *handle_id)
{
    struct object *objects[RING_MAX_TRANSFERS];
    bool moves[RING_MAX_TRANSFERS];
    uint64_t id;
    enum status status;

    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        struct object *object = object_held(&spawn->grants[i]);

        objects[i] = object;
        moves[i] = spawn->moved[i] != 0;

        /* What moves has stayed with the payer, who may have given it up meanwhile. */
        if (object == NULL || (spawn->moved[i] != 0 &&
                               object_lookup(&spawn->payer->caps, spawn->moved[i]) != object)) {
            return moves[i] ? device_handing_refused(spawn->payer, spawn->moved[i], STATUS_STALE)
                            : STATUS_STALE;
        }
    }
    status =
        device_transfer_check(objects, moves, spawn->grant_count, spawn->payer, spawn->process);
    for (uint32_t i = 0; i < spawn->grant_count && status == STATUS_OK; i++) {
        status = object_grant(objects[i], spawn->process, spawn->grant_flags[i], &id);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (spawn->payer == NULL) {
        return STATUS_OK;
    }
    struct object *handle;

    status = process_handle_create(spawn->payer, spawn->process, &handle);
    if (status != STATUS_OK) {
        return status;
    }
    status = object_grant(handle, spawn->operation->thread->process, CAP_ORIGIN, handle_id);
    object_put(handle);
    if (status == STATUS_OK) {
        device_transfer_commit(objects, spawn->grant_count, spawn->payer, spawn->process);
    }
    for (uint32_t i = 0; i < spawn->grant_count && status == STATUS_OK; i++) {
        if (spawn->moved[i] != 0) {
            object_ungrant(spawn->payer, cap_id_index(spawn->moved[i]));
        }
    }
    return status;
}

static void finish(struct spawn *spawn, enum status status, uint64_t handle_id)
{
    struct operation *operation = spawn->operation;

    if (spawn->memory != NULL) {
        object_put(&spawn->memory->object);
    }
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        object_hold_drop(&spawn->grants[i]);
    }
    if (spawn->asked.place != NULL) {
        object_hold_drop(&spawn->asked);
    }
    object_hold_drop(&spawn->given);
    memory_unpin(spawn->image);
    if (status == STATUS_OK) {
        spawn->process->state = PROCESS_STATE_RUNNING;
        sched_wake(spawn->thread);
    } else {
        process_end(spawn->process, EXIT_REASON_KILLED, 0);
    }
    if (operation != NULL) {
        operation->abandon = NULL;
        operation->extra = NULL;
        if (status == STATUS_OK) {
            operation_complete_words(operation, &handle_id, 1);
        } else {
            operation_complete_exception(operation, status);
        }
    } else if (status != STATUS_OK && spawn->payer == NULL) {
        PANIC("cannot start %s: %s", spawn->process->name, status_name(status));
    }
    slab_give(spawn, sizeof(*spawn));
}

static bool spawn_step(struct work *work)
{
    struct spawn *spawn = CONTAINER_OF(work, struct spawn, work);
    bool loaded = false;
    uint64_t handle_id = 0;
    enum status status = spawn->payer != NULL && spawn->operation == NULL
                             ? STATUS_CANCELLED
                             : load_some(spawn, &loaded);

    if (status == STATUS_OK && !loaded) {
        return false;
    }
    if (status == STATUS_OK) {
        status = hand_over(spawn, &handle_id);
    }
    finish(spawn, status, handle_id);
    return true;
}
