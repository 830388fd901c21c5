/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The shell: a person's window on the system.
 *
 *   main.c         the loop: prompt, line, command
 *   input.c        bytes from the console, also while a program runs
 *   line_editor.c  editing and history (pure)
 *   words.c        splitting and suggestions (pure)
 *   commands.c     the table of commands, help, and the small ones
 *   pager.c        page
 *   inspect.c      ps, caps, mem, cpus, log
 *   devices.c      devices
 *   device_lists.c dma, iommu
 *   audit.c        audit
 *   reports.c      acpi, pci, irqs, mmio, budgets, locks, report
 *   trace.c        trace
 *   blk.c          blk, with blk_check.c
 *   random.c       random
 *   programs.c     run, bench, kill
 */

#include "rt/message.h"
#include "services/shell/words.h"

#include <stdint.h>

/** One command. */
struct command {
    const char *name;
    const char *arguments; /* for its help line */
    const char *summary;   /* one line */
    const char *details;   /* more, for `help NAME`: whole lines */
    void (*run)(struct words *words);
};

/* input.c */

/** Begin listening. */
void input_init(void);

/** The next byte, waiting for it; what was printed is written out before. */
char input_take(void);

/** The same without looking at what was printed. */
char input_wait(void);

/**
 * Wait until `operation` has completed, listening meanwhile: what is typed is kept for later.
 *
 * Returns true if ^C was typed, false if the operation has completed.
 */
struct rt_operation;
bool input_interrupts(struct rt_operation *operation);

/** True if ^C was typed since the last look; does not wait. */
bool input_interrupted(void);

/* commands.c */

/** Execute a line, which is cut up in the process. */
void command_execute(char *line);

/** Read a number from a word; on failure say so and return false. */
bool command_number(const char *what, const char *word, uint64_t *number);

/**
 * End a line about an unknown word: say which known one may have been meant, behind `prefix`; if
 * none is like it, say `otherwise`.
 */
void command_suggest(const struct words_nearest *nearest, const char *prefix,
                     const char *otherwise);

/** Complain unless a command has between `least` and `most` words, its name included. */
bool command_words(const struct words *words, size_t least, size_t most);

/* pager.c */

/** A command begins to print, and has ended. */
void pager_start(void);
void pager_end(void);

void command_page(struct words *words);

/* inspect.c */

/**
 * Call Diagnostics and begin reading the answer, or say why that does not work. On true the caller
 * ends the exchange.
 */
bool inspect_call(struct rt_exchange *exchange, uint16_t method, struct rt_words words,
                  struct wire_struct *results);

/** A list of Diagnostics that is read from an index on. */
struct inspect_list {
    uint16_t method;
    enum wire_error (*get)(struct wire_struct results, struct wire_list *list);
    uint32_t (*index)(struct wire_struct item);
    void (*print)(struct wire_struct item, void *context);
};

/** Print every item of a list. False: it could not be read, which has been said. */
bool inspect_walk(const struct inspect_list *list, void *context);

/** The name of a process, or "?" if there is none of that number. */
void inspect_process_name(uint64_t pid, char *name, size_t capacity);

void command_ps(struct words *words);
void command_caps(struct words *words);
void command_mem(struct words *words);
void command_cpus(struct words *words);
void command_log(struct words *words);

/* devices.c */
void command_devices(struct words *words);

/* device_lists.c */
void command_dma(struct words *words);
void command_iommu(struct words *words);

/* audit.c */
void command_audit(struct words *words);

/* trace.c */
void command_trace(struct words *words);

/* reports.c */
void command_report(struct words *words);
void command_any_report(struct words *words);

/** Whether a command is the name of a report, and its last word is -j: then JSON is wanted. */
bool report_is_asked(const struct words *words);

/* blk.c */
void command_blk(struct words *words);

/** Explain one subcommand of `blk`, or say that there is none of that name. */
void blk_help(const char *subcommand);

/* random.c */
void command_random(struct words *words);

/* programs.c */

/** Offer the names of all programs of the manifest. False: it cannot be read; that was said. */
bool programs_offer(struct words_nearest *nearest);

void command_run(struct words *words);
void command_bench(struct words *words);
void command_kill(struct words *words);
