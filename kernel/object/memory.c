/* SPDX-License-Identifier: MIT */
#include "object/memory.h"

#include "arch/x86_64/paging.h"
#include "mm/address_space.h"
#include "object/operation.h"
#include "object/process.h"
#include "sched/thread.h"

#define NUMBERS_PER_PAGE MEMORY_NUMBERS_PER_PAGE

static struct memory *memory_of(struct object *object)
{
    return CONTAINER_OF(object, struct memory, object);
}

static uint32_t *numbers(uint32_t frame)
{
    return frame_pointer(frame);
}

enum status memory_create_unfilled(struct process *process, uint64_t page_count,
                                   struct memory **out)
{
    struct object *object;
    const enum status status = object_create(OBJECT_KIND_MEMORY, process, &object);

    if (status != STATUS_OK) {
        return status;
    }
    struct memory *memory = memory_of(object);

    memory->root = memory;
    memory->page_count = page_count;
    memory->access = ACCESS_READ_WRITE;
    memory->contiguous_first = FRAME_NONE;
    memory->index_frame = FRAME_NONE;
    memory->single_frame = FRAME_NONE;
    list_init(&memory->mappings);
    list_init(&memory->views);
    list_init(&memory->view_link);
    list_init(&memory->waiting_walks);
    list_init(&memory->walk.link);
    list_init(&memory->work.link);
    *out = memory;
    return STATUS_OK;
}

enum status memory_add_page(struct memory *memory)
{
    struct account *account = &memory->object.payer->account;
    uint32_t frame;
    enum status status;

    if (memory->page_count == 1) {
        status = frames_take(0, FRAME_MEMORY, account, &memory->single_frame);
        if (status != STATUS_OK) {
            memory->single_frame = FRAME_NONE;
            return status;
        }
        frame_clear(memory->single_frame);
        memory->filled = 1;
        return STATUS_OK;
    }
    if (memory->index_frame == FRAME_NONE) {
        status = frames_take(0, FRAME_MEMORY, account, &frame);
        if (status != STATUS_OK) {
            return status;
        }
        memset(frame_pointer(frame), 0xff, PAGE_BYTES);
        memory->index_frame = frame;
    }
    uint32_t *leaf = &numbers(memory->index_frame)[memory->filled / NUMBERS_PER_PAGE];

    if (*leaf == FRAME_NONE) {
        status = frames_take(0, FRAME_MEMORY, account, &frame);
        if (status != STATUS_OK) {
            return status;
        }
        *leaf = frame;
    }
    status = frames_take(0, FRAME_MEMORY, account, &frame);
    if (status != STATUS_OK) {
        return status;
    }
    frame_clear(frame);
    numbers(*leaf)[memory->filled % NUMBERS_PER_PAGE] = frame;
    memory->filled++;
    return STATUS_OK;
}

/** The filling is over: tell the creator, who may have died meanwhile. */
static void fill_done(struct memory *memory, enum status status)
{
    struct operation *operation = memory->operation;
    uint64_t id = 0;

    memory->operation = NULL;
    if (operation != NULL) {
        operation->extra = NULL;
        operation->abandon = NULL;
        if (status == STATUS_OK) {
            status = object_grant(&memory->object, operation->thread->process, CAP_ORIGIN, &id);
        }
        if (status == STATUS_OK) {
            operation_complete_words(operation, &id, 1);
        } else {
            operation_complete_exception(operation, status);
        }
    }
    object_put(&memory->object);
}

static bool fill_step(struct work *work)
{
    struct memory *memory = CONTAINER_OF(work, struct memory, work);

    for (uint32_t i = 0; i < WORK_STEP_PAGES; i++) {
        const bool wanted = memory->operation != NULL;
        const enum status status = wanted ? memory_add_page(memory) : STATUS_CANCELLED;

        if (status != STATUS_OK || memory->filled == memory->page_count) {
            fill_done(memory, status);
            return true;
        }
    }
    return false;
}

enum status memory_create(struct process *process, uint64_t page_count, struct memory **out,
                          bool *filling)
{
    struct memory *memory;

    if (page_count == 0 || page_count > MEMORY_MAX_PAGES) {
        return STATUS_BAD_RANGE;
    }
    /* An early no instead of a late one: nothing could make these frames fit. */
    if (page_count >
        process->account.limit[ACCOUNT_FRAMES] - process->account.used[ACCOUNT_FRAMES]) {
        return STATUS_OVER_BUDGET;
    }
    enum status status = memory_create_unfilled(process, page_count, &memory);

    if (status != STATUS_OK) {
        return status;
    }
    *filling = page_count > ENTRY_PAGES;
    if (*filling) {
        memory->work.step = fill_step;
        work_start(&memory->work);
        *out = memory;
        return STATUS_OK;
    }
    while (memory->filled < page_count) {
        status = memory_add_page(memory);
        if (status != STATUS_OK) {
            object_put(&memory->object);
            return status;
        }
    }
    *out = memory;
    return STATUS_OK;
}

enum status memory_create_borrowed(struct process *process, uint32_t first_frame,
                                   uint64_t page_count, struct memory **out)
{
    const enum status status = memory_create_unfilled(process, page_count, out);

    if (status == STATUS_OK) {
        (*out)->contiguous_first = first_frame;
        (*out)->access = ACCESS_READ;
    }
    return status;
}

enum status memory_create_view(struct memory *memory, struct process *process, uint64_t page_offset,
                               uint64_t page_count, enum access access, struct memory **out)
{
    if (page_count == 0 || page_offset > memory->page_count ||
        page_count > memory->page_count - page_offset) {
        return STATUS_BAD_RANGE;
    }
    if (!memory_allows(memory, access)) {
        return STATUS_DENIED;
    }
    struct memory *view;
    const enum status status = memory_create_unfilled(process, page_count, &view);

    if (status != STATUS_OK) {
        return status;
    }
    view->root = memory->root;
    view->parent = memory;
    view->root_offset = memory->root_offset + page_offset;
    view->generation = memory->object.place->generation;
    view->access = access;
    list_append(&memory->views, &view->view_link);
    object_get(&memory->object);
    *out = view;
    return STATUS_OK;
}

void memory_pin(struct memory *memory)
{
    memory->root->pin_count++;
    object_get(&memory->object);
}

void memory_unpin(struct memory *memory)
{
    KASSERT(memory->root->pin_count > 0);
    memory->root->pin_count--;
    object_put(&memory->object);
}

/** Give back a page of numbers behind the last page there is, if there is one. */
static void free_leaf(struct memory *memory, struct account *account)
{
    const uint64_t index = memory->filled / NUMBERS_PER_PAGE;
    uint32_t *top = numbers(memory->index_frame);

    if (index < NUMBERS_PER_PAGE && top[index] != FRAME_NONE) {
        frames_give(top[index], 0, account);
        top[index] = FRAME_NONE;
    }
}

/** Give back up to a step's worth of own frames; true when none are left. */
static bool free_frames(struct memory *memory)
{
    struct account *account = &memory->object.payer->account;

    if (memory->single_frame != FRAME_NONE) {
        frames_give(memory->single_frame, 0, account);
        memory->single_frame = FRAME_NONE;
        return true;
    }
    if (memory->index_frame == FRAME_NONE) {
        return true;
    }
    for (uint32_t i = 0; i < WORK_STEP_UNITS; i++) {
        if (memory->filled % NUMBERS_PER_PAGE == 0) {
            free_leaf(memory, account);
        }
        if (memory->filled == 0) {
            frames_give(memory->index_frame, 0, account);
            memory->index_frame = FRAME_NONE;
            return true;
        }
        memory->filled--;
        const uint32_t leaf = numbers(memory->index_frame)[memory->filled / NUMBERS_PER_PAGE];

        frames_give(numbers(leaf)[memory->filled % NUMBERS_PER_PAGE], 0, account);
    }
    return false;
}

void memory_bequeath(struct memory *memory, struct process *heir)
{
    struct account *from = &memory->object.payer->account;
    struct account *to = &heir->account;

    account_move(from, to, ACCOUNT_OBJECTS, 1);
    slab_bequeath(memory, sizeof(*memory), &memory->object.payer->slabs, &heir->slabs);
    memory->object.payer = heir;
    if (memory->single_frame != FRAME_NONE) {
        frames_move(memory->single_frame, from, to);
    }
    if (memory->index_frame == FRAME_NONE) {
        return;
    }
    for (uint64_t i = 0; i < memory->filled; i++) {
        const uint32_t leaf = numbers(memory->index_frame)[i / NUMBERS_PER_PAGE];

        if (i % NUMBERS_PER_PAGE == 0) {
            frames_move(leaf, from, to);
        }
        frames_move(numbers(leaf)[i % NUMBERS_PER_PAGE], from, to);
    }
    frames_move(memory->index_frame, from, to);
}

static bool memory_destroy(struct object *object)
{
    struct memory *memory = memory_of(object);

    KVERIFY(list_is_empty(&memory->mappings) && list_is_empty(&memory->views));
    if (memory->parent != NULL) {
        list_remove(&memory->view_link);
        object_put(&memory->parent->object);
        return true;
    }
    return free_frames(memory);
}

/** What comes behind `at` and all below it in the tree of views below `top`; NULL at the end. */
static struct memory *next_behind(const struct memory *top, struct memory *at)
{
    for (; at != top; at = at->parent) {
        if (at->view_link.next != &at->parent->views) {
            return LIST_FIRST(&at->view_link, struct memory, view_link);
        }
    }
    return NULL;
}

/** The same, and what is below `at` first. */
static struct memory *next_below(const struct memory *top, struct memory *at)
{
    return list_is_empty(&at->views) ? next_behind(top, at)
                                     : LIST_FIRST(&at->views, struct memory, view_link);
}

/**
 * Whether a view stays, and all below it: it was made after the revocation of what it is a view of.
 * What only waits to be destroyed has neither capabilities nor mappings nor views.
 */
static bool is_passed(const struct memory *view)
{
    return view->object.refs == 0 || view->generation == view->parent->object.place->generation;
}

/** The walks that wait at this object go on. */
static void resume_walks(struct memory *memory)
{
    while (!list_is_empty(&memory->waiting_walks)) {
        struct memory *revoked = LIST_FIRST(&memory->waiting_walks, struct memory, walk.link);

        list_remove(&revoked->walk.link);
        work_start(&revoked->work);
    }
}

void memory_mapping_removed(struct memory *memory)
{
    if (--memory->removing_count == 0) {
        resume_walks(memory);
    }
}

static void revoke_finished(struct memory *memory)
{
    struct operation *operation = memory->operation;

    memory->operation = NULL;
    memory->walk.at = NULL;
    if (operation != NULL) {
        operation->extra = NULL;
        operation->abandon = NULL;
        operation_complete(operation, STATUS_OK);
    }
    object_put(&memory->object);
}

/** The walk comes to an object. A reference keeps it in the tree. */
static void walk_enter(struct memory *memory, struct memory *at)
{
    object_get(&at->object);
    memory->walk.at = at;
}

/**
 * Begin with the first mapping of an object, unless another walk is there: two that move what they
 * spare to the end would hide mappings from each other. Whoever waits here holds no other object.
 */
static bool walk_begin(struct memory *memory, struct memory *at)
{
    if (at->walker == NULL) {
        at->walker = memory;
        memory->walk.left = at->mapping_count;
    }
    return at->walker == memory;
}

/** On to the next object, whose capabilities are taken back; false: that was the last. */
static bool walk_on(struct memory *memory)
{
    struct memory *at = memory->walk.at;
    struct memory *next = next_below(memory, at);

    while (next != NULL && is_passed(next)) {
        next = next_behind(memory, next);
    }
    if (next != NULL) {
        walk_enter(memory, next);
        object_revoke_all(&next->object);
    }
    at->walker = NULL;
    resume_walks(at);
    object_put(&at->object);
    return next != NULL;
}

/**
 * Whether a mapping stays: the revoker's own, and what was made after the revocation had begun. If
 * the object itself has ended none does.
 */
static bool is_spared(const struct memory *memory, const struct mapping *mapping)
{
    return memory->walk.spared_pid != 0 &&
           (mapping->space->process->pid == memory->walk.spared_pid ||
            mapping->generation == mapping->memory->object.place->generation);
}

static void revoke_mapping_removed(void *context)
{
    struct memory *memory = context;

    /* The step was paused for this one flush; go on with the next mapping. */
    work_start(&memory->work);
}

static bool revoke_step(struct work *work)
{
    struct memory *memory = CONTAINER_OF(work, struct memory, work);

    for (uint32_t i = 0; i < WORK_STEP_UNITS; i++) {
        struct memory *at = memory->walk.at;

        if (!walk_begin(memory, at)) {
            list_append(&at->waiting_walks, &memory->walk.link); /* until that one goes on */
            return true;
        }
        if ((memory->walk.left > 0 || memory->walk.spared_pid == 0) &&
            !list_is_empty(&at->mappings)) {
            struct mapping *mapping = LIST_FIRST(&at->mappings, struct mapping, in_memory);

            memory->walk.left -= memory->walk.left > 0;
            if (is_spared(memory, mapping)) {
                list_move(&at->mappings, &mapping->in_memory);
                continue;
            }
            mapping->removed = revoke_mapping_removed;
            mapping->removed_context = memory;
            (void)mapping_remove(mapping); /* at once or later, the callback goes on */
            return true;
        }
        if (at->removing_count != 0) {
            list_append(&at->waiting_walks, &memory->walk.link); /* somebody else's UNMAP */
            return true;
        }
        if (!walk_on(memory)) {
            revoke_finished(memory);
            return true;
        }
    }
    return false;
}

bool memory_is_revoking(const struct memory *memory)
{
    return memory->walk.at != NULL;
}

static void start_revoke(struct memory *memory, uint64_t spared_pid)
{
    memory->walk.spared_pid = spared_pid;
    memory->work.step = revoke_step;
    object_get(&memory->object);
    walk_enter(memory, memory);
    if (!revoke_step(&memory->work)) {
        work_start(&memory->work);
    }
}

static void memory_revoked(struct object *object, struct process *revoker)
{
    struct memory *memory = memory_of(object);

    KVERIFY(!memory_is_revoking(memory));
    start_revoke(memory, revoker->pid);
}

void memory_remove_mappings(struct memory *memory)
{
    if (!memory_is_revoking(memory)) {
        start_revoke(memory, 0);
    }
}

void memory_set_device(struct memory *memory, struct device_function *device)
{
    memory->access = ACCESS_READ_WRITE;
    memory->page_bits = PTE_NO_CACHE | PTE_WRITE_THRU;
    memory->device = device;
}

static bool is_revoking(const struct object *object)
{
    return memory_is_revoking(CONTAINER_OF(object, struct memory, object));
}

const struct object_type memory_type = {
    .bytes = sizeof(struct memory),
    .revoked = memory_revoked,
    .is_revoking = is_revoking,
    .destroy = memory_destroy,
};
