/* SPDX-License-Identifier: MIT */
/*
 * The Share service: memory shared with clients, with queues in it. Exercises transfer of
 * capabilities, revocation, notifications and lib/queue between processes that do not trust each
 * other.
 *
 * Each session has a Memory and a Notification of its own. The client gets a view of the one and a
 * Signaller for the other, so that taking those back leaves the service's own mapping and its
 * waiting alone; and a client end of which nothing is wanted but that it goes with its holder.
 *
 * A session is unused, open, or ended: then what was shared has been taken back, and the place
 * waits for the client end, which the service pays for, to go.
 */
#include "services/share/share.h"

#include "queue/queue.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/server.h"

#define SESSIONS_MAX 16u

/* The bit of a session's notification that says that its client is gone, beside SHARE_WORK. */
#define SESSION_GONE 2ull

struct session {
    bool is_used;    /* open or ended */
    uint64_t number; /* 0: not open; never used twice */
    uint64_t badge;  /* of the client that opened it */
    uint32_t page_count;
    uint64_t memory; /* the service's own */
    uint64_t view;   /* what the client holds a copy of */
    uint64_t notification;
    uint64_t signaller; /* what the client holds a copy of */
    void *address;
    struct queue_consumer queue;
    struct share_result result;
    struct rt_operation work; /* WAIT for the notification; pending a little longer than it */
};

static struct session sessions[SESSIONS_MAX];
static uint64_t next_number = 1;
static struct rt_server server;

/** Take back what a session shares. Safe on one that was only half made, or has ended. */
static void session_end(struct session *session)
{
    if (session->view != 0) {
        /* Every copy of the view is gone when this returns, and every mapping made with one. */
        capability_revoke(session->view);
        capability_release(session->view);
    }
    if (session->signaller != 0) {
        capability_revoke(session->signaller);
        capability_release(session->signaller);
    }
    if (session->address != NULL) {
        rt_space_unmap(session->address, session->page_count);
    }
    if (session->memory != 0) {
        capability_release(session->memory);
    }
    session->number = 0;
    session->view = session->signaller = session->memory = 0;
    session->address = NULL;
    session->result = (struct share_result){0};
}

/** End a session, if it has not, and give its place back. */
static void session_free(struct session *session)
{
    session_end(session);
    if (session->notification != 0) {
        if (session->work.state == RT_OPERATION_PENDING) {
            (void)rt_ring_cancel(rt_ring_self(), &session->work);
        }
        capability_release(session->notification);
    }
    session->notification = 0;
    session->is_used = false;
}

/**
 * Make memory, view, signaller, queue, and the client end that `held` is for until it is released.
 * On failure the caller frees the session.
 */
static enum status session_make(struct session *session, uint32_t page_count, uint64_t *held)
{
    enum status status = memory_create(page_count, &session->memory);

    session->page_count = page_count;
    session->work = (struct rt_operation){.context = session};
    if (status == STATUS_OK) {
        status = rt_space_map(session->memory, 0, page_count, ACCESS_READ_WRITE, &session->address);
    }
    if (status == STATUS_OK) {
        status = memory_view(session->memory, 0, page_count, ACCESS_READ_WRITE, &session->view);
    }
    if (status == STATUS_OK) {
        status = notification_create(&session->notification);
    }
    if (status == STATUS_OK) {
        status = notification_mint(session->notification, SHARE_WORK, &session->signaller);
    }
    if (status == STATUS_OK) {
        status = rt_ring_start_wait(rt_ring_self(), &session->work, session->notification, 0);
    }
    if (status == STATUS_OK) {
        struct queue_memory *const memory = session->address;

        queue_memory_init(memory);
        RT_ASSERT(queue_consumer_init(&session->queue, memory, SHARE_PAGE_BYTES,
                                      SHARE_QUEUE_CAPACITY, SHARE_ENTRY_BYTES));
        RT_ASSERT(queue_consumer_prepare_wait(&session->queue) == QUEUE_EMPTY);
        status =
            endpoint_mint_watched(server.endpoint, 0, session->notification, SESSION_GONE, held);
    }
    return status;
}

static void handle_open(uint64_t badge, uint32_t page_count)
{
    struct wire_build_struct results;
    struct session *session = NULL;
    uint64_t held;
    enum status status;

    if (page_count < SHARE_PAGES_MIN || page_count > SHARE_PAGES_MAX) {
        rt_server_refuse(&server, STATUS_BAD_RANGE);
        return;
    }
    for (uint32_t i = 0; i < SESSIONS_MAX && session == NULL; i++) {
        if (!sessions[i].is_used && sessions[i].work.state == RT_OPERATION_IDLE) {
            session = &sessions[i];
        }
    }
    if (session == NULL) {
        rt_server_refuse(&server, STATUS_QUEUE_FULL);
        return;
    }
    session->is_used = true;
    status = session_make(session, page_count, &held);
    if (status != STATUS_OK) {
        session_free(session);
        rt_server_refuse(&server, status);
        return;
    }
    session->number = next_number++;
    session->badge = badge;
    share_open_results_init_root(rt_server_reply_begin(&server), &results);
    share_open_results_set_session(&results, session->number);
    rt_server_transfer(&server, session->view, RING_TRANSFER_COPY);
    rt_server_transfer(&server, session->signaller, RING_TRANSFER_COPY);
    rt_server_transfer(&server, held, RING_TRANSFER_COPY);
    rt_server_reply_end(&server);
    /* Behind the answer: if nobody takes that, this was the last capability for it. */
    capability_release(held);
}

static void handle_close(uint64_t badge, uint64_t number)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *const session = &sessions[i];

        if (session->number == number && number != 0 && session->badge == badge) {
            session_end(session);
            rt_server_reply_words(&server, (struct rt_words){{0}});
            return;
        }
    }
    rt_server_refuse(&server, STATUS_NOT_FOUND);
}

/** Add up what a client has put into its queue. */
static void session_work(struct session *session)
{
    struct share_result *const shown =
        (struct share_result *)(void *)((char *)session->address + SHARE_PAGE_BYTES);
    enum queue_result result;
    uint64_t entry;

    do {
        while ((result = queue_consumer_take(&session->queue, &entry)) == QUEUE_OK) {
            session->result.sum += entry;
            session->result.count++;
        }
        /* Private sums, published: the client may write what it likes over them. */
        __atomic_store_n(&shown->sum, session->result.sum, __ATOMIC_RELAXED);
        __atomic_store_n(&shown->count, session->result.count, __ATOMIC_RELEASE);
        queue_consumer_release(&session->queue);
        result = queue_consumer_prepare_wait(&session->queue);
    } while (result == QUEUE_OK);
    if (result == QUEUE_POISONED) {
        rt_print("share: session %llu: the client's index is impossible, closed\n",
                 (unsigned long long)session->number);
        session_end(session);
    }
}

static void handle_request(const struct ring_cqe *request)
{
    struct wire_struct params;

    if (request->transfer_count != 0) {
        rt_server_drop_capabilities(&server);
    }
    if (rt_server_read(&server, &params) != STATUS_OK) {
        rt_server_refuse(&server, STATUS_BAD_MESSAGE);
        return;
    }
    switch (request->method) {
    case SHARE_OPEN:
        handle_open(request->badge, share_open_params_get_page_count(params));
        return;
    case SHARE_CLOSE:
        handle_close(request->badge, share_close_params_get_session(params));
        return;
    default:
        rt_server_refuse(&server, STATUS_BAD_METHOD);
        return;
    }
}

/** The WAIT of a session has completed. */
static void handle_signal(struct session *session)
{
    if (!session->is_used || session->work.cqe.status != STATUS_OK) {
        return; /* it was freed meanwhile */
    }
    if (session->number != 0) {
        session_work(session);
    }
    if ((session->work.cqe.payload[0] & SESSION_GONE) != 0 ||
        rt_ring_start_wait(rt_ring_self(), &session->work, session->notification, 0) != STATUS_OK) {
        session_free(session);
    }
}

int main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    if (rt_server_init(&server, rt_capability_required("share"), RT_EXCHANGE_BYTES) != STATUS_OK) {
        rt_panic("no room in the message area");
    }
    for (;;) {
        struct rt_operation *done;

        if (rt_server_arm(&server) != STATUS_OK) {
            rt_panic("no room for the receive operation");
        }
        done = rt_ring_wait(rt_ring_self(), RT_NO_DEADLINE);
        if (done != NULL && rt_server_owns(&server, done)) {
            const struct ring_cqe *const request = rt_server_take(&server, done);

            if (request != NULL) {
                handle_request(request);
            }
        } else if (done != NULL) {
            handle_signal(done->context);
        }
    }
}
