/* SPDX-License-Identifier: MIT */
#include "object/message.h"

#include "device_manager/device_manager.h"
#include "object/object.h"
#include "object/process.h"
#include "sched/thread.h"

static uint32_t place_offset(const uint64_t *payload)
{
    return (uint32_t)payload[0];
}

static uint32_t place_length(const uint64_t *payload)
{
    return (uint32_t)(payload[0] >> 32);
}

enum status message_check(uint32_t sqe_flags, uint32_t transfer_count, const uint64_t *payload)
{
    if (sqe_flags & SQE_INLINE) {
        return transfer_count == 0 ? STATUS_OK : STATUS_BAD_REQUEST;
    }
    if ((payload[1] | payload[2] | payload[3]) != 0 || transfer_count > RING_MAX_TRANSFERS) {
        return STATUS_BAD_REQUEST;
    }
    const uint64_t list_bytes = transfer_count * sizeof(struct ring_transfer);
    const uint64_t end = (uint64_t)place_offset(payload) + place_length(payload);

    if (place_offset(payload) % 8 != 0 || ((end + 7) & ~7ull) + list_bytes > RING_MESSAGE_BYTES) {
        return STATUS_BAD_RANGE;
    }
    return STATUS_OK;
}

static enum status resolve_one(const struct process *sender, const struct ring_transfer *entry,
                               struct message_parcels *parcels)
{
    const uint32_t i = parcels->count;
    const enum status status = object_find(sender, entry->capability, &parcels->objects[i]);

    if (status != STATUS_OK) {
        return status;
    }
    if (entry->mode > RING_TRANSFER_MOVE || entry->reserved != 0) {
        return STATUS_BAD_REQUEST;
    }
    parcels->ids[i] = entry->capability;
    parcels->moves[i] = entry->mode == RING_TRANSFER_MOVE;
    parcels->flags[i] =
        parcels->moves[i] ? cap_table_find(&sender->caps, entry->capability)->flags : 0;
    for (uint32_t j = 0; j < i; j++) {
        /* One capability cannot go twice if it goes away. */
        if (parcels->ids[j] == parcels->ids[i] && (parcels->moves[j] || parcels->moves[i])) {
            return STATUS_BAD_REQUEST;
        }
    }
    parcels->count++;
    return STATUS_OK;
}

enum status message_resolve(struct thread *sender, uint32_t transfer_count, const uint64_t *payload,
                            struct message_parcels *parcels)
{
    const uint64_t end = (uint64_t)place_offset(payload) + place_length(payload);
    const struct ring_transfer *list =
        (const struct ring_transfer *)(const void *)(sender->ring.memory->message +
                                                     ((end + 7) & ~7ull));

    parcels->count = 0;
    for (uint32_t i = 0; i < transfer_count; i++) {
        /* Loaded once: what is checked is what is used. */
        const struct ring_transfer entry = {
            .capability = *(const volatile uint64_t *)&list[i].capability,
            .mode = *(const volatile uint32_t *)&list[i].mode,
            .reserved = *(const volatile uint32_t *)&list[i].reserved,
        };
        const enum status status = resolve_one(sender->process, &entry, parcels);

        if (status != STATUS_OK) {
            return device_handing_refused(sender->process, entry.capability, status);
        }
    }
    return STATUS_OK;
}

/** All or nothing: slots are there and paid for before the first one is filled. */
static enum status transfer(struct thread *sender, uint32_t transfer_count, const uint64_t *payload,
                            struct process *receiver, uint64_t *ids)
{
    struct message_parcels parcels;
    const struct account *account = &receiver->account;
    enum status status = message_resolve(sender, transfer_count, payload, &parcels);

    if (status != STATUS_OK) {
        return status;
    }
    if (receiver->state != PROCESS_STATE_RUNNING && receiver->state != PROCESS_STATE_STARTING) {
        return STATUS_PEER_GONE;
    }
    status = device_transfer_check(parcels.objects, parcels.moves, parcels.count, sender->process,
                                   receiver);
    if (status != STATUS_OK) {
        return status;
    }
    if (account->limit[ACCOUNT_CAP_SLOTS] - account->used[ACCOUNT_CAP_SLOTS] < parcels.count) {
        return STATUS_OVER_BUDGET;
    }
    status = object_reserve_slots(receiver, parcels.count);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < parcels.count; i++) {
        KVERIFY(object_grant(parcels.objects[i], receiver, parcels.flags[i], &ids[i]) == STATUS_OK);
    }
    device_transfer_commit(parcels.objects, parcels.count, sender->process, receiver);
    for (uint32_t i = 0; i < parcels.count; i++) {
        if (parcels.moves[i]) {
            object_ungrant(sender->process, cap_id_index(parcels.ids[i]));
        }
    }
    return STATUS_OK;
}

enum status message_send(struct thread *from, uint32_t sqe_flags, uint32_t transfer_count,
                         const uint64_t *payload, struct thread *to, uint32_t buffer_offset,
                         uint32_t buffer_length, struct message_sent *sent)
{
    enum status status = message_check(sqe_flags, transfer_count, payload);
    const uint32_t length = place_length(payload);
    const uint64_t padded = ((uint64_t)length + 7) & ~7ull;
    uint64_t ids[RING_MAX_TRANSFERS];

    if (status != STATUS_OK) {
        return status;
    }
    if (padded + transfer_count * sizeof(uint64_t) > buffer_length) {
        return STATUS_TOO_LONG;
    }
    const uint8_t *source = from->ring.memory->message + place_offset(payload);
    uint8_t *target = to->ring.memory->message + buffer_offset;

    if (transfer_count > 0) {
        status = transfer(from, transfer_count, payload, to->process, ids);
        if (status != STATUS_OK) {
            return status;
        }
    }
    memmove(target, source, length);
    memcpy(target + padded, ids, transfer_count * sizeof(uint64_t));
    sent->length = length;
    sent->transfer_count = (uint8_t)transfer_count;
    return STATUS_OK;
}
