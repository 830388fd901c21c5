/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * init: the one process that boot starts, and the only one that holds every kernel capability.
 *
 *   main.c      the boot package, the order of things, the event loop
 *   programs.c  starting programs of the manifest: grants, running processes
 *   services.c  the endpoints of services, also while nobody serves them
 *   devices.c   functions of the machine, and claims on them
 *   launcher.c  the Launcher interface: programs on demand
 */

#include "manifest/manifest.h"
#include "rt/server.h"
#include "rt/start_info.h"
#include "services/init/devices.h"

/* Pending operations in init's ring: one WAIT for each process, two and a DeviceManager.revoke for
 * each launcher, one RECV for each service that init stands in for. */
#define INIT_PROCESSES_MAX 44u
#define INIT_LAUNCHERS     2u
#define INIT_STAND_INS_MAX 8u

static_assert(INIT_PROCESSES_MAX + 3 * INIT_LAUNCHERS + INIT_STAND_INS_MAX <= RT_OPERATIONS_MAX,
              "init's operations fit its ring");

/** A program of the manifest, by its number there. */
struct init_program {
    bool usable;       /* the manifest's entry passed its checks */
    bool has_device;   /* its services outlive it: docs/design/0013 */
    uint32_t instance; /* running processes of it */
    uint32_t starting; /* starts that wait for a device */
    uint64_t image;    /* of one with a device: Memory with a copy of its file; 0 until started */
};

/**
 * A service of the manifest. Its endpoint lasts as long as its program runs, or, if that has a
 * device, from the first use on for good.
 */
struct init_service {
    struct wire_bytes name;      /* empty: entry unused */
    uint64_t endpoint;           /* Endpoint capability; 0 if there is none */
    uint32_t program;            /* who serves it */
    struct rt_operation receive; /* init's own RECV while nobody serves it */
    uint32_t offset;             /* of its block in the message area */
    bool has_block;
};

/** A process that init has started. */
struct init_process {
    uint64_t handle; /* ProcessHandle; 0: entry unused */
    uint64_t pid;
    uint32_t program;         /* number in the manifest */
    struct rt_operation gone; /* WAIT for its end */
};

/** One call of the Launcher interface at a time. */
struct init_launcher {
    struct rt_server server;
    struct rt_operation torn_down; /* the DeviceManager.revoke that a start waits for */
    uint32_t attempts;             /* of this start so far */
    uint32_t program;              /* that is being started, while it waits */
    bool waits;
};

struct init {
    struct boot_package package;
    uint64_t package_memory; /* capability */
    struct init_program programs[MANIFEST_PROGRAMS_MAX];
    struct init_service services[MANIFEST_PROGRAMS_MAX];
    struct init_process processes[INIT_PROCESSES_MAX];
    struct init_devices devices;
    struct init_launcher launchers[INIT_LAUNCHERS];
    bool launcher_serves;
};

/** What became of an attempt to start a program. */
struct init_outcome {
    enum launch_result_which which;    /* _COUNT: not yet, `device` is being torn down */
    struct init_process *process;      /* LAUNCH_RESULT_WHICH_PID */
    bool stays;                        /* it is the driver of a device */
    enum status refused;               /* LAUNCH_RESULT_WHICH_REFUSED */
    struct wire_bytes missing_service; /* LAUNCH_RESULT_WHICH_MISSING_SERVICE */
    struct device_state device;        /* what is in the way; its reason if a device is missing */
};

/** Check the manifest's programs, say what is wrong with the bad ones, note the services. */
void programs_init(struct init *init);

/**
 * Start program number `index` with its arguments in the manifest followed by `extra`.
 *
 * Nothing of a refused start is left behind.
 */
void program_start(struct init *init, uint32_t index, const struct rt_text *extra,
                   uint32_t extra_count, struct init_outcome *outcome);

/** Take note that a process is gone: its services end, callers who wait for them are told. */
void process_gone(struct init *init, struct init_process *process);

/** Tell people about a start that did not work. */
void outcome_report(const struct init *init, struct wire_bytes name,
                    const struct init_outcome *outcome);

/* services.c */

/** Note that a program serves a service. */
void service_add(struct init *init, struct wire_bytes name, uint32_t program);

/** The service of that name, or NULL. */
struct init_service *service_find(struct init *init, struct wire_bytes name);

/** The receiving end of a service, for its program. Returns: STATUS_OK; the kernel's refusal. */
MUST_CHECK enum status service_serve(struct init *init, struct wire_bytes name, uint64_t *endpoint);

/**
 * A new sending end of a service. Returns: STATUS_OK; the kernel's refusal; STATUS_PEER_GONE if
 * nobody serves it and nobody will.
 */
MUST_CHECK enum status service_use(struct init *init, struct wire_bytes name, uint64_t badge,
                                   uint64_t *client);

/** A program is about to start: its services are its own from here on. */
void services_hand_over(struct init *init, uint32_t program);

/** A program has no process any more: its services end, or init stands in for it. */
void services_end(struct init *init, uint32_t program);

/** Stand in where nobody serves a service that outlives its program. */
void services_settle(struct init *init);

/** If a completed operation is a service's, deal with it. */
bool service_handle(struct init *init, const struct rt_operation *operation);

/* launcher.c */

/** Serve the Launcher interface on the endpoint of service "launcher". */
void launcher_init(struct init *init);

/** Be ready for calls. */
void launcher_arm(struct init *init);

/** If a completed operation is a launcher's, deal with it. */
bool launcher_handle(struct init *init, const struct rt_operation *operation);
