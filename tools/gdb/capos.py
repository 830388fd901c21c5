# SPDX-License-Identifier: MIT
"""capOS for gdb: `source tools/gdb/capos.py`, or `make gdb`. `help capos` lists the commands.

They read the kernel's structures out of the stopped machine's memory and change nothing. They are
for machines that are broken, so each goes on past what it cannot read (tools/gdb/memory.py)."""

import os
import sys
import traceback

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import console  # noqa: E402
import kernel  # noqa: E402
import memory  # noqa: E402
import programs  # noqa: E402
import trace  # noqa: E402
import views  # noqa: E402


def where(_words):
    found = kernel.current_process()
    if found is None:
        gdb.write("this CPU uses the kernel's own page tables\n")
    else:
        gdb.write(f"process {int(found[1]['pid'])} ({memory.text(found[1]['name'])})\n")


def symbols(words):
    gdb.write(f"symbols of {os.path.relpath(programs.Program.load(words[0]))}\n")


def break_in(words):
    breakpoint_ = programs.ProcessBreakpoint(words[0], words[1] if len(words) > 1 else "main")
    gdb.write(f"stops only in {breakpoint_.process}\n")


def go(words):
    break_in(words)
    gdb.execute("continue")


def go_kernel(words):
    gdb.execute(f"hbreak {words[0] if words else 'kernel_main'}")
    gdb.execute("continue")


# name: (least and most words, arguments, what it does, more)
COMMANDS = {
    "ps": (0, 0, "", "processes, their budgets and what their threads do",
           "As the shell's `ps`. cpuN is a thread that CPU N carries now."),
    "cpus": (0, 0, "", "the CPUs and what they carry", ""),
    "where": (0, 0, "", "whose page tables the selected CPU uses", "`thread N` selects CPU N - 1."),
    "caps": (1, 1, "PID|NAME", "the capability table of a process",
             "OBJECT tells objects apart. A stale capability was taken back."),
    "rings": (1, 1, "PID|NAME", "submissions, completions and pending operations of each thread",
              "Heads and tails are what the owner of each wrote: the kernel's own copies of its\n"
              "own, the shared header's of the thread's."),
    "ledger": (0, 0, "", "device functions: owners, generations, routes, buffers", ""),
    "log": (0, 1, "[LINES]", "the end of the kernel log, 40 lines", ""),
    "trace": (0, 2, "[LINES] | save FILE", "the end of the trace rings, or all of it into a file",
              "tools/trace-export makes a file that trace viewers open."),
    "symbols": (1, 1, "PROCESS", "load the symbols of a process's program",
                "One program at a time: all are linked at one address."),
    "break": (1, 2, "PROCESS [FUNCTION|FILE:LINE]", "stop there in that process only",
              "A hardware breakpoint, and a look at CR3 when it is hit."),
    "go": (1, 2, "PROCESS [FUNCTION|FILE:LINE]", "break there, and run", ""),
    "kernel": (0, 1, "[FUNCTION|FILE:LINE]", "break there in the kernel, and run", ""),
    "console": (0, 1, "[LINES]", "the end of what the machine printed, 20 lines", ""),
    "type": (1, 40, "WORDS", "type a line at the machine's console; it is read when it runs", ""),
}
RUN = {"ps": views.ps, "cpus": views.cpus, "where": where, "caps": views.caps,
       "rings": views.rings, "ledger": views.ledger, "log": views.log, "trace": trace.show,
       "symbols": symbols, "break": break_in, "go": go, "kernel": go_kernel, "console": console.show,
       "type": console.type_line}


class Capos(gdb.Command):
    def __init__(self):
        super().__init__("capos", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    __doc__ = "What the capOS kernel knows.\n\n" + "\n".join(
        f"{'capos ' + name + ' ' + entry[2]:45} {entry[3]}" for name, entry in COMMANDS.items())


class Subcommand(gdb.Command):
    """Counts words, and turns every failure into a line."""

    def __init__(self, name):
        self.name = name
        least, most, arguments, summary, more = COMMANDS[name]
        self.least, self.most = least, most
        self.usage = f"usage: capos {name} {arguments}".rstrip()
        self.__doc__ = f"{summary[0].upper()}{summary[1:]}.\n{self.usage}\n{more}".strip()
        super().__init__(f"capos {name}", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if not self.least <= len(words) <= self.most:
            raise gdb.GdbError(self.usage)
        try:
            RUN[self.name](words)
        except (memory.Damage, ValueError, gdb.error, OSError) as error:
            raise gdb.GdbError(f"capos {self.name}: {error}") from None
        except RecursionError:
            traceback.print_exc(limit=3)


Capos()
for _name in COMMANDS:
    Subcommand(_name)
