/* SPDX-License-Identifier: MIT */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

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
    {"help", "[COMMAND]", "list the commands, or explain one",
     "`COMMAND --help` is the same. Arrow up brings back what was typed.\n", command_help},
    {"ps", "", "processes and what they hold of their budgets",
     "PRI is the priority (0 to 31), CPU the time used. FRAMES (of 4 KiB), CAPS and\n"
     "OBJECTS are used/allowed.\n",
     command_ps},
    {"caps", "PID", "the capabilities of a process",
     "OBJECT tells objects apart: two lines with one kind and number are two\n"
     "capabilities for one object. A stale one was taken back by its object's owner.\n",
     command_caps},
    {"mem", "", "what the machine's memory is used for",
     "A frame is 4 KiB. The kinds add up to the total: every frame has one use. In\n"
     "quarantine is what a device may still reach that nobody saw come to rest.\n",
     command_mem},
    {"cpus", "", "the processors and their load",
     "BUSY and IDLE since boot, LOAD in percent of both; SWITCHES from one thread to another.\n",
     command_cpus},
    {"devices", "[-v BDF|INDEX]", "the machine's PCI functions and who has them",
     "LEVEL is what keeps the device from memory that was not given to it. NOTE says why\n"
     "nobody can have it, what its teardown waits for, or what is left of the last\n"
     "owner. -v tells all about one, say `devices -v 00:03.0`.\n",
     command_devices},
    {"irqs", "[-j]", "what interrupts, where, and how often",
     "R0 and so on are the routes of devices, each to one CPU; then what CPUs tell\n"
     "themselves and each other, and what was nobody's. Behind that, each input of the\n"
     "I/O APICs, what functions could send, and the routes once more, with their\n"
     "vectors: those that are not REMAPPED could be forged by another device.\n",
     command_report},
    {"dma", "", "memory that devices can reach",
     "IOVA is the address that the device uses. No other device can use it. Buffers of a\n"
     "function in quarantine are in the list until it is reset.\n",
     command_dma},
    {"iommu", "", "the units that keep devices from memory",
     "DMA and INT: translates addresses, remaps interrupts.\n", command_iommu},
    {"audit", "[RECORD] [-j]", "changes of device authority, from a record on",
     "TIME is in seconds since boot, PID who did it (0: the kernel, or the device), OWNER\n"
     "whose device it is, GEN the function's generation, OBJ the capability's object as in\n"
     "`caps`, DETAIL (hexadecimal) an address, index or count. WHY: what had the device\n"
     "taken away; or the answer to what was refused, the kind of capability, the operation\n"
     "and, if it was a call, its method's number. x64: the 64th of its kind; not all of\n"
     "these have a record. -j prints JSON objects, one a line, which tools/audit-export\n"
     "takes out of what a terminal kept.\n",
     command_audit},
    {"acpi", "[-j]", "firmware's tables, and what is believed of them",
     "REFUSED says why a table, or a part of it, is done without, and where in it.\n"
     "-j prints JSON objects, one a line.\n",
     command_report},
    {"pci", "[BDF] [-j]", "the functions of all buses, or one of them",
     "CLS is the class, RV the revision, BEHIND the bridge above; MSI and MSI-X count\n"
     "vectors. `pci 00:1f.2` tells of one: registers, capabilities, resets.\n",
     command_report},
    {"mmio", "[-j]", "where the registers of functions are",
     "Memory BARs as firmware left them. PRE: prefetchable. BYTES is hexadecimal.\n",
     command_report},
    {"budgets", "[-j]", "what each process may hold, and holds",
     "A limit is set aside when the process starts; a - is no limit.\n", command_report},
    {"locks", "[-j]", "the kernel's locks, and who had to wait",
     "WAITS counts the times that a CPU found the lock taken.\n", command_report},
    {"report", "TOPIC [ARG] [-j]", "what the kernel's early prompt would say",
     "TOPIC is one of acpi, pci, irqs, cpus, mem, iommu, dma, mmio, devices, caps,\n"
     "budgets, locks, trace; ARG the place of a function (pci) or a pid (caps).\n"
     "-j prints JSON objects, one a line. The early prompt is there with diag=1 on the\n"
     "command line, or when ^D is typed while the kernel boots.\n",
     command_any_report},
    {"page", "[LINES]", "stop after so many lines of a command; 0: never",
     "Enter goes on, a prints the rest, q and ^C stop. `page` alone is 22 lines. At first\n"
     "there are no pages. What programs print that `run` has started is not counted.\n",
     command_page},
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
    {"random", "[LENGTH]", "bytes from the hardware's source of entropy",
     "16 bytes, or so many up to 256, in hexadecimal. Its driver is `virtio-rng`.\n",
     command_random},
    {"run", "PROGRAM [ARGUMENTS] [&]", "start a program of the manifest",
     "Waits until it ends and says how; with &, and for the driver of a device, returns at\n"
     "once. ^C kills a program that is being waited for. `run` alone lists the programs.\n",
     command_run},
    {"kill", "PID|NAME", "end a process that was started by init or by `run`",
     "A name must be that of one process only.\n", command_kill},
    {"log", "", "what the kernel has logged",
     "From the oldest line that is kept. Each begins with the seconds since boot.\n", command_log},
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
    {"halt", "", "stop the machine",
     "Ends QEMU. Nothing is asked and nothing saved: `blk flush` first, if a disk was written.\n",
     command_halt},
    {"reboot", "", "start the machine again", "As `halt`, and then the firmware starts it.\n",
     command_reboot},
};

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (words_same(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

void command_suggest(const struct words_nearest *nearest, const char *prefix, const char *otherwise)
{
    if (nearest->name[0] != '\0') {
        rt_print("; did you mean `%s%s`?\n", prefix, nearest->name);
    } else {
        rt_print("; %s\n", otherwise);
    }
}

/** Say that there is no such command, and what may have been meant: a command, or a program. */
static void command_unknown(const char *name)
{
    struct words_nearest command, program;

    words_nearest_init(&command, name);
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        words_nearest_offer(&command, commands[i].name);
    }
    program = command;
    rt_print("unknown command \"%.40s\"%s", name, strlen(name) > 40 ? "..." : "");
    if (programs_offer(&program) && program.distance < command.distance) {
        command_suggest(&program, "run ", "");
    } else {
        command_suggest(&command, "", "`help` lists the commands");
    }
}

static void command_list(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        char usage[40];

        text_format(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].arguments);
        rt_print("  %-27s %s\n", usage, commands[i].summary);
    }
}

static void command_explain(const struct command *command)
{
    rt_print("%s%s%s\n%s\n%s", command->name, command->arguments[0] == '\0' ? "" : " ",
             command->arguments, command->summary, command->details);
}

static void command_help(struct words *words)
{
    const struct command *command;

    if (words->count == 1) {
        command_list();
        return;
    }
    command = command_find(words->word[1]);
    if (command == NULL) {
        command_unknown(words->word[1]);
    } else if (words->count == 3 && command->run == command_blk) {
        blk_help(words->word[2]);
    } else if (command_words(words, 1, 2)) {
        command_explain(command);
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

/** What people try who come from elsewhere. */
static bool asks_for_help(const char *word)
{
    return words_same(word, "--help") || words_same(word, "-h");
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
    pager_start();
    if (command == NULL) {
        command_unknown(words.word[0]);
    } else if (words.count == 2 && asks_for_help(words.word[1])) {
        command_explain(command);
    } else if (report_is_asked(&words)) {
        command_report(&words);
    } else {
        command->run(&words);
    }
    pager_end();
}
