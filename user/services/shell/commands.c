/* SPDX-License-Identifier: MIT */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define SUGGESTION_MAX_DISTANCE 2u

static void command_help(struct words *words);

static void command_echo(struct words *words)
{
    for (size_t i = 1; i < words->count; i++) {
        rt_print("%s%s", i > 1 ? " " : "", words->word[i]);
    }
    rt_print("\n");
}

static void command_halt(struct words *words)
{
    enum status status;

    (void)words;
    rt_print("halting\n");
    status = power_halt(rt_capability("power"));
    rt_print("halt: %s\n", status_name(status));
}

static void command_reboot(struct words *words)
{
    enum status status;

    (void)words;
    rt_print("rebooting\n");
    status = power_reboot(rt_capability("power"));
    rt_print("reboot: %s\n", status_name(status));
}

static const struct command commands[] = {
    {"help", "[COMMAND]", "list the commands, or explain one", NULL, command_help},
    {"ps", "", "processes and what they hold of their budgets",
     "PRI is the priority (0 to 31), CPU the time used. FRAMES (of 4 KiB), CAPS and\n"
     "OBJECTS are used/allowed.\n",
     command_ps},
    {"caps", "PID", "the capabilities of a process",
     "OBJECT tells objects apart: two lines with one kind and number are two\n"
     "capabilities for one object. A stale one was taken back by its object's owner.\n",
     command_caps},
    {"mem", "", "what the machine's memory is used for", NULL, command_mem},
    {"cpus", "", "the processors and their load", NULL, command_cpus},
    {"devices", "[-v BDF|INDEX]", "the machine's PCI functions and who has them",
     "LEVEL is what keeps the device from memory that was not given to it. NOTE says why\n"
     "nobody can have it, what its teardown waits for, or what is left of the last\n"
     "owner. -v tells all about one, say `devices -v 00:03.0`.\n",
     command_devices},
    {"irqs", "", "interrupts of devices, and where they go",
     "NUMBER is the vector within the function. Those that are not REMAPPED could be\n"
     "forged by another device.\n",
     command_irqs},
    {"dma", "", "memory that devices can reach",
     "IOVA is the address that the device uses. No other device can use it.\n", command_dma},
    {"iommu", "", "the units that keep devices from memory",
     "DMA and INT: translates addresses, remaps interrupts.\n", command_iommu},
    {"audit", "[RECORD]", "changes of device authority, from a record on",
     "TIME is in seconds since boot, GEN the function's generation, DETAIL (hexadecimal)\n"
     "an address, index or count. STATUS stands only where something was refused.\n",
     command_audit},
    {"blk", "SUBCOMMAND ...", "look at a disk and change it",
     "  blk info                       what the disk is\n"
     "  blk read OFFSET LENGTH         show bytes, at most 16K of them\n"
     "  blk write OFFSET TEXT|0xHEX... write words, or bytes as pairs of hexadecimal digits\n"
     "  blk check [LENGTH]             read all of it, or so much; print rate and CRC-32\n"
     "  blk check write OFFSET LENGTH  overwrite that range with a pattern and read it back\n"
     "  blk flush                      bring what was written to the medium\n"
     "  blk discard|zero OFFSET LENGTH give up a range, or fill it with zeroes\n"
     "All in bytes; K, M and G stand for 2^10, 2^20, 2^30, 0x for hexadecimal. Only write,\n"
     "check write, discard and zero change the disk. `blk disk1 ...` means the second one.\n",
     command_blk},
    {"random", "[LENGTH]", "bytes from the hardware's source of entropy", NULL, command_random},
    {"run", "PROGRAM [ARGUMENTS] [&]", "start a program of the manifest",
     "Waits until it ends and says how, or returns at once with &. ^C kills a program\n"
     "that is being waited for. `run` alone lists the programs.\n",
     command_run},
    {"kill", "PID|NAME", "end a process that was started by init or by `run`",
     "A name must be that of one process only.\n", command_kill},
    {"log", "", "what the kernel has logged", NULL, command_log},
    {"trace", "on|off|show [N]|dump", "what each CPU did: system calls, switches, interrupts",
     "on forgets what there is and records, off keeps it. show prints the last N records\n"
     "of each CPU (20), dump all of them for tools/trace-export, which makes a file that\n"
     "trace viewers open. Recording, IPC takes its slow path.\n",
     command_trace},
    {"bench", "[-j]", "measure the kernel's basic operations",
     "In instructions if the machine counts those, else in cycles. -j prints one record\n"
     "a line for other programs.\n",
     command_bench},
    {"echo", "[WORDS]", "print words", "\"Several words\" in double quotes are one.\n",
     command_echo},
    {"halt", "", "stop the machine", NULL, command_halt},
    {"reboot", "", "start the machine again", NULL, command_reboot},
};

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strlen(name) == strlen(commands[i].name) &&
            memcmp(name, commands[i].name, strlen(name)) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/** Say that there is no such command, and which one may have been meant. */
static void command_unknown(const char *name)
{
    const char *nearest = NULL;
    unsigned nearest_distance = SUGGESTION_MAX_DISTANCE + 1;

    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        const unsigned distance = words_distance(name, commands[i].name);

        /* Three letters of which two are others are no likeness. */
        if (distance < nearest_distance && 2 * distance <= strlen(commands[i].name)) {
            nearest = commands[i].name;
            nearest_distance = distance;
        }
    }
    rt_print("unknown command \"%.40s\"%s", name, strlen(name) > 40 ? "..." : "");
    if (nearest != NULL) {
        rt_print("; did you mean `%s`?\n", nearest);
    } else {
        rt_print("; `help` lists the commands\n");
    }
}

static void command_help(struct words *words)
{
    const struct command *command;

    if (!command_words(words, 1, 2)) {
        return;
    }
    if (words->count == 1) {
        for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
            char usage[40];

            text_format(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].arguments);
            rt_print("  %-27s %s\n", usage, commands[i].summary);
        }
        return;
    }
    command = command_find(words->word[1]);
    if (command == NULL) {
        command_unknown(words->word[1]);
        return;
    }
    rt_print("%s %s\n%s\n", command->name, command->arguments, command->summary);
    if (command->details != NULL) {
        rt_print("%s", command->details);
    }
}

bool command_words(const struct words *words, size_t least, size_t most)
{
    const struct command *const command = command_find(words->word[0]);

    if (words->count >= least && words->count <= most) {
        return true;
    }
    rt_print("usage: %s %s\n", words->word[0], command == NULL ? "" : command->arguments);
    return false;
}

bool command_number(const char *what, const char *word, uint64_t *number)
{
    const enum text_error error = text_parse_u64(word, strlen(word), number);

    if (error != TEXT_OK) {
        rt_print("\"%.40s\" is no %s: %s\n", word, what, text_error_name(error));
        return false;
    }
    return true;
}

void command_execute(char *line)
{
    struct words words;
    const struct command *command;

    switch (words_split(line, &words)) {
    case WORDS_OK:
        break;
    case WORDS_TOO_MANY:
        rt_print("more than %u words\n", WORDS_MAX);
        return;
    case WORDS_OPEN_QUOTE:
        rt_print("a quotation mark has no partner\n");
        return;
    }
    if (words.count == 0) {
        return;
    }
    command = command_find(words.word[0]);
    if (command == NULL) {
        command_unknown(words.word[0]);
    } else {
        command->run(&words);
    }
}
