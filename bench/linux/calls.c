/* SPDX-License-Identifier: MIT */
/*
 * What race needs of Linux, but for threads and devices.
 */
#include "linux/linux.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX] = {
    [RACE_CALIBRATOR] = {"loop"},
    [RACE_NULL_CALL] = {"getppid"},
    [RACE_RING_NOP_1] = {"io_uring"},
    [RACE_RING_NOP_32] = {"io_uring"},
    [RACE_CALL_RETURN] = {"futex", "pipe"},
    [RACE_NOTIFY_BLOCKED] = {"futex", "eventfd"},
    [RACE_MAP_PAGE] = {"mmap"},
    [RACE_EDU_INTERRUPT] = {"vfio"},
    [RACE_DISK_READ_1] = {"io_uring", "pread"},
    [RACE_DISK_READ_32] = {"io_uring"},
    [RACE_DRIVER_RESTART] = {"bind"},
};

bool system_can(enum race_test test)
{
    (void)test;
    return true; /* who asks for nothing gets all */
}

bool system_main(int count, char **arguments, int *status)
{
    if (count > 2 && strcmp(arguments[1], "busy") == 0) {
        *status = linux_busy(&arguments[2]);
        return true;
    }
    return false; /* the partner is forked */
}

/* ------------------------------------------------------------------------------------------
 * Calls
 * ------------------------------------------------------------------------------------------ */

struct io_uring linux_ring;

bool system_null_call(void)
{
    return syscall(SYS_getppid) >= 0;
}

bool linux_ring_open(uint32_t entries, unsigned flags)
{
    struct io_uring_params params = {
        .flags = flags,
    };

    return linux_granted(io_uring_queue_init_params(entries, &linux_ring, &params), "io_uring") &&
           linux_granted(io_uring_register_ring_fd(&linux_ring), "registering the ring");
}

bool system_nops_open(uint32_t count_max)
{
    return linux_ring_open(count_max, 0);
}

bool system_nops(uint32_t count)
{
    struct io_uring_cqe *cqe;
    uint32_t completed = 0;
    unsigned head;

    for (uint32_t i = 0; i < count; i++) {
        io_uring_prep_nop(io_uring_get_sqe(&linux_ring));
    }
    if (io_uring_submit_and_wait(&linux_ring, count) != (int)count) {
        return false;
    }
    io_uring_for_each_cqe(&linux_ring, head, cqe)
    {
        completed += cqe->res == 0;
    }
    io_uring_cq_advance(&linux_ring, completed);
    return completed == count;
}

void system_nops_close(void)
{
    io_uring_queue_exit(&linux_ring);
}

/** Shared by the two processes: who may run. */
struct trip {
    uint32_t turn; /* 0: the caller's, 1: the partner's */
};

static struct {
    unsigned way;
    pid_t process;
    struct trip *trip;
    int to[2], from[2]; /* pipes */
} partner;

bool linux_futex_wait(uint32_t *word, uint32_t value, int flags)
{
    return syscall(SYS_futex, word, FUTEX_WAIT | flags, value, NULL, NULL, 0) == 0 ||
           errno == EAGAIN || errno == EINTR;
}

bool linux_futex_wake(uint32_t *word, int flags)
{
    return syscall(SYS_futex, word, FUTEX_WAKE | flags, 1, NULL, NULL, 0) >= 0;
}

/** Give the other process its turn, and wait for one's own. */
static bool turn_pass(uint32_t other, uint32_t own)
{
    uint32_t *const turn = &partner.trip->turn;

    __atomic_store_n(turn, other, __ATOMIC_RELEASE);
    if (!linux_futex_wake(turn, 0)) {
        return false;
    }
    while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != own) {
        if (!linux_futex_wait(turn, other, 0)) {
            return false;
        }
    }
    return true;
}

static void partner_futex(void)
{
    while (__atomic_load_n(&partner.trip->turn, __ATOMIC_ACQUIRE) != 1) {
        (void)!linux_futex_wait(&partner.trip->turn, 0, 0);
    }
    while (turn_pass(0, 1)) {
    }
}

static void partner_pipe(void)
{
    char byte;

    while (read(partner.to[0], &byte, 1) == 1 && write(partner.from[1], &byte, 1) == 1) {
    }
}

bool system_partner_start(unsigned way)
{
    partner.way = way;
    partner.trip = mmap(NULL, sizeof(*partner.trip), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (partner.trip == MAP_FAILED || !linux_granted(pipe(partner.to), "a pipe") ||
        !linux_granted(pipe(partner.from), "a pipe")) {
        return false;
    }
    partner.process = fork();
    if (partner.process == 0) {
        /* It runs as soon as it is woken, and so the caller need not go to sleep: one system call
         * less than among equals. */
        (void)!sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
        way == TRIP_FUTEX ? partner_futex() : partner_pipe();
        _exit(0);
    }
    return linux_granted(partner.process, "the partner");
}

bool system_partner_call(void)
{
    char byte = 0;

    if (partner.way == TRIP_FUTEX) {
        return turn_pass(1, 0);
    }
    return write(partner.to[1], &byte, 1) == 1 && read(partner.from[0], &byte, 1) == 1;
}

void system_partner_stop(void)
{
    kill(partner.process, SIGKILL);
    waitpid(partner.process, NULL, 0);
    munmap(partner.trip, sizeof(*partner.trip));
    for (int i = 0; i < 2; i++) {
        close(partner.to[i]);
        close(partner.from[i]);
    }
}

/* ------------------------------------------------------------------------------------------
 * A page
 * ------------------------------------------------------------------------------------------ */

static struct {
    int file; /* of two pages, which are there */
    char *address;
} page;

bool system_page_open(void)
{
    page.file = memfd_create("page", 0);
    if (!linux_granted(page.file, "memfd_create") ||
        !linux_granted(ftruncate(page.file, 2 * RACE_PAGE_BYTES), "ftruncate")) {
        return false;
    }
    /* The second page stays mapped, so that no page table comes and goes with the first. */
    page.address = mmap(NULL, 2 * RACE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_POPULATE, page.file, 0);
    return page.address != MAP_FAILED && system_page_unmap(0);
}

int system_page_map(void)
{
    return mmap(page.address, RACE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_POPULATE | MAP_FIXED, page.file, 0) == page.address
               ? 0
               : errno;
}

bool system_page_unmap(int mapped)
{
    return linux_granted(-mapped, "mmap") &&
           linux_granted(munmap(page.address, RACE_PAGE_BYTES), "munmap");
}

void system_page_close(void)
{
    munmap(page.address + RACE_PAGE_BYTES, RACE_PAGE_BYTES);
    close(page.file);
}
