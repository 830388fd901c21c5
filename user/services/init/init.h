/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * init: the one process that boot starts, and the only one that holds every kernel capability.
 *
 *   main.c      the boot package, the order of things, the event loop
 *   programs.c  starting programs of the manifest: grants, services, running processes
 *   launcher.c  the Launcher interface: programs on demand
 */

#include "manifest/manifest.h"
#include "rt/server.h"
#include "rt/start_info.h"

#define INIT_PROCESSES_MAX 48u /* each keeps a WAIT pending in init's ring of 64 */

/** A program of the manifest, by its number there. */
struct init_program {
    bool usable;       /* the manifest's entry passed its checks */
    uint32_t instance; /* running processes of it */
};

/** A service of the manifest: the endpoint, as long as its program runs. */
struct init_service {
    struct wire_bytes name; /* empty: entry unused */
    uint64_t endpoint;      /* Endpoint capability; 0 if nobody serves it */
    uint32_t program;       /* who serves it */
};

/** A process that init has started. */
struct init_process {
    uint64_t handle; /* ProcessHandle; 0: entry unused */
    uint64_t pid;
    uint32_t program;         /* number in the manifest */
    struct rt_operation gone; /* WAIT for its end */
};

struct init {
    struct boot_package package;
    uint64_t package_memory; /* capability */
    struct init_program programs[MANIFEST_PROGRAMS_MAX];
    struct init_service services[MANIFEST_PROGRAMS_MAX];
    struct init_process processes[INIT_PROCESSES_MAX];
    struct rt_server launcher;
    bool launcher_serves;
};

/** What became of an attempt to start a program. */
struct init_outcome {
    enum launch_result_which which;
    struct init_process *process;      /* LAUNCH_RESULT_WHICH_PID */
    enum status refused;               /* LAUNCH_RESULT_WHICH_REFUSED */
    struct wire_bytes missing_service; /* LAUNCH_RESULT_WHICH_MISSING_SERVICE */
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

/** Serve the Launcher interface on the endpoint of service "launcher". */
void launcher_init(struct init *init);

/** An operation of init->launcher has completed. */
void launcher_handle(struct init *init, const struct rt_operation *operation);
