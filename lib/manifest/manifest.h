/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The boot package: what stands in it, and whether the manifest makes sense.
 *
 * The kernel finds init's image with this code, init checks and starts everything else, and host
 * tools check a package before it is booted. The package is read in place; nothing is copied and
 * nothing is allocated. It comes from a build and not from an enemy, but a damaged one must be
 * refused with a message that names the program, the field and what is wrong with it.
 *
 * Checks come in two parts, because one bad program must not keep the others from starting:
 * boot_package_open() refuses what makes the whole unusable, manifest_check_program() looks at
 * one program and at its relations to all others.
 *
 * Context: any. Locks: none; one struct boot_package belongs to one reader at a time.
 */

#include "capos.h"
#include "ring/ring.h"
#include "wire/read.h"

#define BOOT_PACKAGE_SEGMENTS   32u /* `capnp eval` makes a handful */
#define MANIFEST_PROGRAMS_MAX   64u
#define MANIFEST_NAME_MAX       31u /* bytes; SpawnRequest.name in the schema */
#define MANIFEST_PRIORITY_MAX   31u
#define MANIFEST_ARGUMENTS_MAX  32u
#define MANIFEST_ARGUMENT_BYTES 2048u /* all arguments of a program together */
/* What all grants of a program make travels with one spawn request. */
#define MANIFEST_GRANTS_MAX            RING_MAX_TRANSFERS
#define MANIFEST_DEVICE_IDS_MAX        8u
#define MANIFEST_DEVICE_INTERRUPTS_MAX 16u
#define MANIFEST_ADDRESS_BITS_MIN      12u /* less does not reach a page */
#define MANIFEST_ADDRESS_BITS_MAX      64u
#define MANIFEST_GRANT_NAME_BYTES      48u /* the longest that a device grant can make, and more */

enum manifest_error {
    MANIFEST_OK = 0,
    MANIFEST_BAD_WIRE,              /* the message cannot be read; manifest_fault.wire says where */
    MANIFEST_BAD_ABI_LEVEL,         /* made for another kernel */
    MANIFEST_NO_PROGRAMS,           /* not even init */
    MANIFEST_TOO_MANY_PROGRAMS,     /* more than MANIFEST_PROGRAMS_MAX */
    MANIFEST_EMPTY,                 /* a name that must be there is not */
    MANIFEST_TOO_LONG,              /* a name is longer than MANIFEST_NAME_MAX */
    MANIFEST_BAD_CHARACTER,         /* a name has other than a-z A-Z 0-9 . _ - */
    MANIFEST_DUPLICATE,             /* another one of this name came first */
    MANIFEST_MISSING_IMAGE,         /* no image of this name in the package */
    MANIFEST_EMPTY_IMAGE,           /* the image has no bytes */
    MANIFEST_UNKNOWN_VALUE,         /* an enum or union member that this schema does not know */
    MANIFEST_OUT_OF_RANGE,          /* a number is above its limit */
    MANIFEST_ABOVE_MAXIMUM,         /* priority above maxPriority, cpuBudget above cpuPeriod */
    MANIFEST_ZERO,                  /* a number that must not be zero */
    MANIFEST_TOO_MANY,              /* arguments or grants */
    MANIFEST_UNKNOWN_SERVICE,       /* `uses` a service that no program serves */
    MANIFEST_SERVED_TWICE,          /* two programs serve one service */
    MANIFEST_NO_DEVICE,             /* starts with its devices, and has none */
    MANIFEST_ABOVE_BUDGET,          /* grants ask for more pool pages or interrupts than budgeted */
    MANIFEST_TOO_MANY_CAPABILITIES, /* all grants together make more than MANIFEST_GRANTS_MAX */
    MANIFEST_ERROR_COUNT
};

/** Where a check found what. All texts are terminated and printable. */
struct manifest_fault {
    enum manifest_error error;
    struct wire_fault wire;              /* for MANIFEST_BAD_WIRE */
    char program[MANIFEST_NAME_MAX + 1]; /* or "#3", if it has no usable name; "" for none */
    char field[48];                      /* as in the schema: "grants[2].source.uses" */
    char value[MANIFEST_NAME_MAX + 1];   /* the name or number found there; "" for none */
};

/** A package being read. */
struct boot_package {
    const uint8_t *bytes;
    size_t length; /* of the message; less than what was given to open if that was padded */
    struct wire_segment segments[BOOT_PACKAGE_SEGMENTS];
    struct wire_message message;
    uint64_t words_limit; /* traversal limit, renewed by every function below */
    struct wire_list programs;
    struct wire_list images;
};

/** One program, with the fields of the schema. Names point into the package. */
struct manifest_program {
    struct wire_bytes name;
    struct wire_bytes image;
    enum start start;
    uint8_t priority;
    uint8_t max_priority;
    uint32_t cpu_budget_us;
    uint32_t cpu_period_us;
    uint32_t frames, cap_slots, objects, threads;
    uint32_t dma_pages, mmio_pages, interrupts;
    struct wire_list arguments;
    struct wire_list grants;
};

/** Which function of the machine a device grant means, and how much of it. */
struct manifest_device {
    uint16_t vendor;
    uint16_t nth; /* of the functions with these ids, in the ledger's order */
    uint16_t interrupts;
    uint16_t devices[MANIFEST_DEVICE_IDS_MAX];
    uint8_t address_bits;
    bool by_pin;           /* its interrupt is the pin's, though it may have messages */
    uint32_t device_count; /* as it stands there; not above the maximum once it was checked */
    uint32_t pool_pages;
};

/** One grant. `service` is set for GRANT_SOURCE_WHICH_SERVES and _USES, `device` for _DEVICE. */
struct manifest_grant {
    struct wire_bytes name;
    enum grant_source_which source;
    struct wire_bytes service;
    struct manifest_device device;
};

/** The capabilities that a device grant makes, in this order; then one more per interrupt. */
enum manifest_device_capability {
    MANIFEST_DEVICE_MMIO,
    MANIFEST_DEVICE_POOL,
    MANIFEST_DEVICE_INTERRUPT, /* NAME.interrupt; the next is NAME.interrupt1 */
};

/**
 * Begin reading a package of at most `length` bytes; more bytes may follow the message.
 *
 * Returns: MANIFEST_OK; MANIFEST_BAD_WIRE, _BAD_ABI_LEVEL, _NO_PROGRAMS or _TOO_MANY_PROGRAMS,
 * explained in `fault`.
 */
MUST_CHECK enum manifest_error boot_package_open(struct boot_package *package, const void *bytes,
                                                 size_t length, struct manifest_fault *fault);

/** Check program number `index`. Returns: MANIFEST_OK; the first error, explained in `fault`. */
MUST_CHECK enum manifest_error manifest_check_program(struct boot_package *package, uint32_t index,
                                                      struct manifest_fault *fault);

/** Check all programs. Returns: MANIFEST_OK; the first error, explained in `fault`. */
MUST_CHECK enum manifest_error manifest_check(struct boot_package *package,
                                              struct manifest_fault *fault);

/** Read program number `index`. False: there is none, or it cannot be read. */
MUST_CHECK bool manifest_get_program(struct boot_package *package, uint32_t index,
                                     struct manifest_program *program);

/** Read grant number `index` of a program. False: there is none, or it cannot be read. */
MUST_CHECK bool manifest_get_grant(struct boot_package *package,
                                   const struct manifest_program *program, uint32_t index,
                                   struct manifest_grant *grant);

/** How many capabilities a grant makes: more than one for a device. */
uint32_t manifest_grant_capabilities(const struct manifest_grant *grant);

/**
 * The name under which a program finds capability number `number` of a grant: the grant's own, or
 * for a device NAME.mmio, NAME.pool, NAME.interrupt, NAME.interrupt1 and so on.
 *
 * Returns: its length; it was cut if that is not less than `capacity`.
 */
size_t manifest_grant_name(const struct manifest_grant *grant, uint32_t number, char *out,
                           size_t capacity);

/** Find a program by name. False: there is none. */
MUST_CHECK bool manifest_find_program(struct boot_package *package, struct wire_bytes name,
                                      uint32_t *index);

/** Find the program that serves a service. False: there is none. */
MUST_CHECK bool manifest_find_server(struct boot_package *package, struct wire_bytes service,
                                     uint32_t *index);

/** Find an image by name. False: there is none. */
MUST_CHECK bool manifest_find_image(struct boot_package *package, struct wire_bytes name,
                                    struct wire_bytes *elf);

/** A few words for people. */
const char *manifest_error_text(enum manifest_error error);

/** One line, terminated, without newline: program "shell": image: no such image: "shel". */
void manifest_fault_format(const struct manifest_fault *fault, char *out, size_t capacity);
