/* SPDX-License-Identifier: MIT */
/*
 * What race needs of a system: Linux. Every way is the quickest form of it that Linux 6.1 has:
 * private futexes between threads, io_uring with registered ring, file and buffers, O_DIRECT for
 * reads. Its settings were chosen by measuring.
 *
 * Also here: the functions of user/rt that the shared code calls.
 */
#include "race/system.h"
#include "linux/vfio_device.h"

#include "base/memory.h"
#include "rt/clock.h"
#include "rt/print.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DISK "/dev/vda"

const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX] = {
    [RACE_CALIBRATOR] = {"loop"},          [RACE_NULL_CALL] = {"getppid"},
    [RACE_NOP_1] = {"io_uring"},           [RACE_NOP_32] = {"io_uring"},
    [RACE_ROUND_TRIP] = {"futex", "pipe"}, [RACE_WAKE] = {"futex", "eventfd"},
    [RACE_INTERRUPT] = {"vfio"},           [RACE_READ_1] = {"io_uring", "pread"},
    [RACE_READ_32] = {"io_uring"},
};

enum { TRIP_FUTEX, TRIP_PIPE };
enum { WAKE_FUTEX, WAKE_EVENTFD };
enum { READ_URING, READ_PREAD };

/* ------------------------------------------------------------------------------------------
 * In the place of user/rt
 * ------------------------------------------------------------------------------------------ */

void rt_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

enum status rt_clock_now(uint64_t *nanoseconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    *nanoseconds = (uint64_t)now.tv_sec * RT_NS_PER_S + (uint64_t)now.tv_nsec;
    return STATUS_OK;
}

void rt_sleep(uint64_t nanoseconds)
{
    const struct timespec time = {.tv_sec = (time_t)(nanoseconds / RT_NS_PER_S),
                                  .tv_nsec = (long)(nanoseconds % RT_NS_PER_S)};

    nanosleep(&time, NULL);
}

/** False, and a line, if `result` is an error: -1 and errno, or a negative error number. */
static bool granted(long result, const char *what)
{
    if (LIKELY(result >= 0)) {
        return true;
    }
    rt_print("race: %s: %s\n", what, strerrordesc_np(result == -1 ? errno : (int)-result));
    return false;
}

/* ------------------------------------------------------------------------------------------
 * Calls
 * ------------------------------------------------------------------------------------------ */

static struct io_uring ring;

bool system_null_call(void)
{
    return syscall(SYS_getppid) >= 0;
}

static bool ring_open(uint32_t entries, unsigned flags)
{
    struct io_uring_params params = {
        .flags = flags,
    };

    return granted(io_uring_queue_init_params(entries, &ring, &params), "io_uring") &&
           granted(io_uring_register_ring_fd(&ring), "registering the ring");
}

bool system_nops_open(uint32_t count_max)
{
    return ring_open(count_max, 0);
}

bool system_nops(uint32_t count)
{
    struct io_uring_cqe *cqe;
    uint32_t completed = 0;
    unsigned head;

    for (uint32_t i = 0; i < count; i++) {
        io_uring_prep_nop(io_uring_get_sqe(&ring));
    }
    if (io_uring_submit_and_wait(&ring, count) != (int)count) {
        return false;
    }
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        completed += cqe->res == 0;
    }
    io_uring_cq_advance(&ring, completed);
    return completed == count;
}

void system_nops_close(void)
{
    io_uring_queue_exit(&ring);
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

static bool futex_wait(uint32_t *word, uint32_t value, int flags)
{
    return syscall(SYS_futex, word, FUTEX_WAIT | flags, value, NULL, NULL, 0) == 0 ||
           errno == EAGAIN || errno == EINTR;
}

static bool futex_wake(uint32_t *word, int flags)
{
    return syscall(SYS_futex, word, FUTEX_WAKE | flags, 1, NULL, NULL, 0) >= 0;
}

/** Give the other process its turn, and wait for one's own. */
static bool turn_pass(uint32_t other, uint32_t own)
{
    uint32_t *const turn = &partner.trip->turn;

    __atomic_store_n(turn, other, __ATOMIC_RELEASE);
    if (!futex_wake(turn, 0)) {
        return false;
    }
    while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != own) {
        if (!futex_wait(turn, other, 0)) {
            return false;
        }
    }
    return true;
}

static void partner_futex(void)
{
    while (__atomic_load_n(&partner.trip->turn, __ATOMIC_ACQUIRE) != 1) {
        (void)!futex_wait(&partner.trip->turn, 0, 0);
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

int system_partner_main(void)
{
    return 2; /* here the partner is forked */
}

bool system_partner_start(unsigned way)
{
    partner.way = way;
    partner.trip = mmap(NULL, sizeof(*partner.trip), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (partner.trip == MAP_FAILED || !granted(pipe(partner.to), "a pipe") ||
        !granted(pipe(partner.from), "a pipe")) {
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
    return granted(partner.process, "the partner");
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
 * Threads and wake-ups
 * ------------------------------------------------------------------------------------------ */

static pthread_t thread;

static void *thread_main(void *argument)
{
    void (*const function)(void) = (void (*)(void))(uintptr_t)argument;

    function();
    return NULL;
}

bool system_thread_start(void (*function)(void), enum system_priority priority)
{
    const bool urgent = priority == SYSTEM_URGENT;
    const struct sched_param param = {.sched_priority = urgent ? 1 : 0};
    int error = pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)function);

    if (error == 0) {
        error = pthread_setschedparam(thread, urgent ? SCHED_FIFO : SCHED_IDLE, &param);
    }
    return granted(-error, "a second thread");
}

bool system_thread_join(void)
{
    return granted(-pthread_join(thread, NULL), "the second thread");
}

static struct {
    unsigned way;
    uint32_t word;
    int event;
} wake;

bool system_wake_open(unsigned way)
{
    wake.way = way;
    wake.word = 0;
    wake.event = eventfd(0, 0);
    return granted(wake.event, "eventfd");
}

static bool event_wait(int event)
{
    uint64_t count;

    return read(event, &count, sizeof(count)) == sizeof(count) && count == 1;
}

bool system_wake_wait(void)
{
    if (wake.way == WAKE_EVENTFD) {
        return event_wait(wake.event);
    }
    while (__atomic_load_n(&wake.word, __ATOMIC_ACQUIRE) == 0) {
        if (!futex_wait(&wake.word, 0, FUTEX_PRIVATE_FLAG)) {
            return false;
        }
    }
    __atomic_store_n(&wake.word, 0, __ATOMIC_RELEASE);
    return true;
}

bool system_wake(void)
{
    const uint64_t one = 1;

    if (wake.way == WAKE_EVENTFD) {
        return write(wake.event, &one, sizeof(one)) == sizeof(one);
    }
    __atomic_store_n(&wake.word, 1, __ATOMIC_RELEASE);
    return futex_wake(&wake.word, FUTEX_PRIVATE_FLAG);
}

void system_wake_close(void)
{
    close(wake.event);
}

/* ------------------------------------------------------------------------------------------
 * Devices
 * ------------------------------------------------------------------------------------------ */

static struct vfio_device edu;

volatile uint32_t *system_interrupt_open(void)
{
    const char *const failed = vfio_device_open(&edu, "/dev/edu");

    if (failed != NULL) {
        rt_print("race: VFIO: %s: %s\n", failed, strerrordesc_np(errno));
        return NULL;
    }
    return edu.registers;
}

bool system_interrupt_wait(void)
{
    return event_wait(edu.event);
}

void system_interrupt_close(void)
{
    vfio_device_close(&edu);
}

static struct {
    unsigned way;
    int file;
    uint32_t depth;
    uint32_t done; /* the buffer that pread() has filled */
    uint8_t *buffers;
} disk;

static bool disk_register(void)
{
    /* Completions run by the submitter are quicker by 1 % for one read, and slower for many. */
    const unsigned flags =
        disk.depth == 1 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0;
    struct iovec vectors[64];

    for (uint32_t i = 0; i < disk.depth; i++) {
        vectors[i] = (struct iovec){.iov_base = system_disk_buffer(i), .iov_len = RACE_PAGE_BYTES};
    }
    return ring_open(disk.depth, flags) &&
           granted(io_uring_register_buffers(&ring, vectors, disk.depth), "registering buffers") &&
           granted(io_uring_register_files(&ring, &disk.file, 1), "registering the file");
}

bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count)
{
    uint64_t bytes;

    disk.way = way;
    disk.depth = depth;
    disk.file = open(DISK, O_RDONLY | O_DIRECT);
    if (!granted(disk.file, DISK) || !granted(ioctl(disk.file, BLKGETSIZE64, &bytes), DISK)) {
        return false;
    }
    *page_count = bytes / RACE_PAGE_BYTES;
    disk.buffers = mmap(NULL, (size_t)depth * RACE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return disk.buffers != MAP_FAILED && (way == READ_PREAD || disk_register());
}

bool system_disk_submit(uint32_t buffer, uint64_t page)
{
    struct io_uring_sqe *sqe;

    if (disk.way == READ_PREAD) {
        disk.done = buffer;
        return pread(disk.file, system_disk_buffer(buffer), RACE_PAGE_BYTES,
                     (off_t)(page * RACE_PAGE_BYTES)) == RACE_PAGE_BYTES;
    }
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_read_fixed(sqe, 0, system_disk_buffer(buffer), RACE_PAGE_BYTES,
                             page * RACE_PAGE_BYTES, (int)buffer);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = buffer;
    return true;
}

bool system_disk_wait(uint32_t *buffer)
{
    struct io_uring_cqe *cqe;
    bool good;

    if (disk.way == READ_PREAD) {
        *buffer = disk.done;
        return true;
    }
    if (io_uring_peek_cqe(&ring, &cqe) != 0 &&
        (!granted(io_uring_submit_and_wait(&ring, 1), "io_uring_enter") ||
         !granted(io_uring_peek_cqe(&ring, &cqe), "a completion"))) {
        return false;
    }
    *buffer = (uint32_t)cqe->user_data;
    good = cqe->res == RACE_PAGE_BYTES;
    io_uring_cqe_seen(&ring, cqe);
    return good;
}

uint8_t *system_disk_buffer(uint32_t buffer)
{
    return disk.buffers + (size_t)buffer * RACE_PAGE_BYTES;
}

void system_disk_close(void)
{
    if (disk.way == READ_URING) {
        io_uring_queue_exit(&ring);
    }
    munmap(disk.buffers, (size_t)disk.depth * RACE_PAGE_BYTES);
    close(disk.file);
}
