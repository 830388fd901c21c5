# SPDX-License-Identifier: MIT
"""Gate run-smoke: from power-on to a prompt, every command once, and every way to stop."""

import re

from harness import Machine
from shell import SERVICES, claim, ended, fresh_prompt, memory_table, process_table, wait_said

UP = "\x1b[A"
DOWN = "\x1b[B"
LEFT = "\x1b[D"
HOME = "\x1b[H"
DELETE_KEY = "\x1b[3~"
CTRL_A, CTRL_C, CTRL_E, CTRL_K, CTRL_U, CTRL_W = "\x01", "\x03", "\x05", "\x0b", "\x15", "\x17"
BACKSPACE = "\x7f"

COMMANDS = ["help", "ps", "caps", "mem", "cpus", "devices", "irqs", "dma", "iommu", "audit", "acpi",
            "pci", "mmio", "budgets", "locks", "report", "page", "blk", "random", "run", "kill", "log", "trace",
            "bench", "echo", "halt", "reboot"]


def type_line(machine, keys):
    """What a line of keys, return included, makes the shell print, up to the next prompt."""
    start = len(machine.output)
    machine.write(keys)
    end = machine.expect(re.compile(r"(?<=\n)" + re.escape(machine.PROMPT))).end()
    return machine.output[start:end].replace("\r", "")


def test_boot_to_prompt(boot):
    """Power-on ends at a prompt, with init's first instruction told before anything of init's
    children, and W^X checked before that. Else: a panic, or a line missing from the boot log."""
    machine = boot()
    machine.expect("capOS, ABI level 2, PVH")
    machine.expect(re.compile(r"W\^X holds for all \d+ kernel pages"))
    machine.expect("2 online")
    machine.expect("starting init")
    machine.expect("init: first instruction")
    machine.expect(machine.PROMPT)
    claim("panic" not in machine.output, "no panic", machine.tail())
    machine.halt()


def test_commands(boot):
    """help, ps, caps, mem, cpus, log and echo tell what is there; mem's kinds add up to its total.
    Else: a command or a process missing, or kinds that are not the total."""
    machine = boot(cpus=2)
    text = machine.shell("help")
    claim([line.split()[0] for line in text.splitlines()] == COMMANDS, f"commands {COMMANDS}", text)
    for command in COMMANDS:
        text = machine.shell(f"help {command}")
        claim(text.startswith(command), f"help about {command}", text)

    table = process_table(machine)
    claim(set(table) == SERVICES, "the four programs of boot", table)
    for name, row in table.items():
        claim(row["state"] == "running", f"{name} is running", row)
        for key in ("frames", "caps", "objects"):
            claim(0 < row[key][0] <= row[key][1], f"{name} uses some {key}, inside its limit", row)
    claim(table["init"]["pid"] == 1, "init is process 1", table["init"])

    text = machine.shell("caps 1")
    kinds = [line.split()[2] for line in text.splitlines()[1:]]
    claim(kinds[:7] == ["factory", "virtualMemory", "memory", "console", "diagnostics", "power",
                        "processSpawner"], "init's first capabilities, in order", text)
    shell_caps = machine.shell(f"caps {table['shell']['pid']}")
    claim("processSpawner" not in shell_caps, "the shell cannot spawn by itself", shell_caps)
    claim("notFound" in machine.shell("caps 99999"), "no such process: notFound", "something else")

    counts = memory_table(machine)
    total = counts.pop("total")
    claim(sum(counts.values()) == total, f"kinds that add up to {total}", counts)
    # The frame table ends with the highest frame of usable memory, a little below 256 MiB.
    claim(65536 - 64 <= total <= 65536, "all of 256 MiB accounted for", total)
    claim(counts["free"] > total * 9 // 10, "more than nine tenths free after boot", counts)

    rows = machine.shell("cpus").splitlines()
    claim(len(rows) == 3, "two CPUs", rows)
    claim("starting init" in machine.shell("log"), "the kernel's log", "no line about init")
    claim(machine.shell('echo one "two  words" three') == "one two  words three",
          "echo keeps quoted words", machine.tail())
    machine.halt()


def test_programs(boot):
    """demo sees IPC, transfer, revocation and shared memory as specified; rttest's own checks of
    the runtime pass. Else: a line beginning with FAIL, and another exit code than 0."""
    machine = boot(cpus=2)
    text = machine.shell("run demo", 20)
    claim("demo: everything as specified" in text and ended(text, "demo"),
          "demo: exit code 0", text)
    text = machine.shell("run rttest", 40)
    claim("rttest: exit code 0" in text and "FAIL" not in text, "rttest: exit code 0", text)
    text = machine.shell("run hello one 'two'")
    claim(text.startswith("Hello from capOS.") and ended(text, "hello"),
          "hello: exit code 0", text)
    claim("argument 1: one" in text, "its arguments", text)
    machine.halt()


def test_background_and_kill(boot):
    """A program started with & can be killed by its number, and ^C kills one in the foreground;
    its neighbours run on. Else: the program stays in ps, or another one leaves it."""
    machine = boot(cpus=2)
    before = process_table(machine)
    echo = before["echo"]["pid"]
    told = f"init: echo (pid {echo}) was killed, code 0"  # by init, before or behind the prompt
    said = machine.shell(f"kill {echo}")
    claim(said in ("", told), "kill itself says nothing on success", said)
    wait_said(machine, told)
    after = process_table(machine)
    claim(set(after) == set(before) - {"echo"}, "only echo is gone", after)
    text = machine.shell("run demo", 20)
    claim('no running program serves "echo"' in text, "demo: its service is missing", text)
    text = machine.shell("run echo &")
    claim(re.fullmatch(r"echo: process \d+", text), "echo: process N", text)
    text = machine.shell("run demo", 20)
    claim(ended(text, "demo"), "demo works with the new echo", text)
    claim("no process 4242" in machine.shell("kill 4242"), "no process 4242", machine.tail())

    machine.write("run share\r")  # a second server that serves until it is killed
    machine.expect(re.compile(r"run share\r?\n"))  # ^C in one read with the line would be part of the next
    machine.refuse(re.compile(r"(?<=\n)" + re.escape(machine.PROMPT)), 0.5)
    machine.write(CTRL_C)
    # The shell and init tell of it, in either order.
    machine.expect(re.compile(r"share: killed(.|\s)*init: share .* was killed|"
                              r"init: share .* was killed(.|\s)*share: killed"))
    fresh_prompt(machine)
    claim("share" in process_table(machine), "the first share runs on", "it is gone")
    machine.halt()


def test_bad_input_at_the_prompt(boot):
    """What a person types wrong is named and answered with the nearest right thing.
    Else: the wrong word is not repeated, or nothing is suggested."""
    machine = boot()
    for typed, wanted in {
            "hepl": 'unknown command "hepl"; did you mean `help`?',
            "rebot": 'unknown command "rebot"; did you mean `reboot`?',
            "xyzzy": 'unknown command "xyzzy"; `help` lists the commands',
            "run hullo": 'no program "hullo"; did you mean `hello`?',
            "run init": 'no program "init"',
            "hello": 'unknown command "hello"; did you mean `run hello`?',
            "dev": 'unknown command "dev"; did you mean `devices`?',
            "kill sharp": 'no process is called "sharp"; did you mean `share`?',
            "kill nobody": 'no process is called "nobody"; `ps` lists them',
            "blk raed 0 1": 'blk has no "raed"; did you mean `blk read`?',
            "blk disk1 frob": 'blk has no "frob"; `help blk` lists what it has',
            "blk read 0": "usage: blk read OFFSET LENGTH",
            "devices -w 0": "usage: devices [-v BDF|INDEX]",
            "help blk cheek": 'blk has no "cheek"; did you mean `blk check`?',
            "help ps ps": "usage: help [COMMAND]",
            "caps": "usage: caps PID",
            "caps zwei": '"zwei" is no process number',
            "caps 99999999999999999999": '"99999999999999999999" is no process number',
            "kill": "usage: kill PID",
            'echo "open': "a quotation mark has no partner",
            "help nothing": 'unknown command "nothing"',
            "": "",
            " " * 40: "",
    }.items():
        text = machine.shell(typed)
        claim(text.startswith(wanted), f"{typed!r}: {wanted}", text)
    for typed, wanted in {  # programs, which list what they know
            "run rttest nothing": "rttest: there is no group `nothing`; usage: rttest [GROUP]..., of threads",
            "bench -k": "bench: there is no test `-k`; usage: bench [-j] [TEST]...",
    }.items():
        text = machine.shell(typed)
        program = typed.removeprefix("run ").split()[0]
        claim(text.startswith(wanted) and ended(text, program, 2), f"{typed!r}: {wanted}", text)
    machine.write("x" * 3000 + "\r")
    machine.expect("line longer than 1023 bytes")
    machine.expect(machine.PROMPT)
    machine.write("".join(chr(c) for c in range(128, 256)) + "\r")
    machine.expect(re.compile(r"(?<=\n)" + re.escape(machine.PROMPT)))
    claim(machine.shell("echo alive") == "alive", "the shell goes on", machine.tail())
    machine.halt()


def test_help_for_every_command(boot):
    """`help` lists the commands, and explains each in more than its line of the list, in lines of at
    most 90 columns; `--help` and `-h` behind a command do the same. Else: a command has no explanation."""
    machine = boot()
    lines = machine.shell("help").splitlines()
    names = [line.split()[0] for line in lines]
    claim(len(names) > 15, "a list of the commands", lines)
    for name in names:
        text = machine.shell(f"help {name}")
        claim(text.split()[0] == name and len(text.splitlines()) >= 3, f"`help {name}` explains it", text)
        claim(max(map(len, text.splitlines())) <= 90, "lines that fit the screen", text)
        claim(machine.shell(f"{name} --help") == text == machine.shell(f"{name} -h"),
              f"`{name} --help` and `{name} -h` say the same", machine.tail())
    usage = re.findall(r"^  blk (\S+)", machine.shell("help blk"), re.MULTILINE)
    for name in {word for words in usage for word in words.split("|")}:
        claim(machine.shell(f"help blk {name}").startswith(f"blk [disk1] {name}"),
              f"`help blk {name}` explains it", machine.tail())
    machine.halt()


def test_line_editing(boot):
    """Cursor keys, deletion, history and ^C at the prompt do what a terminal's user expects.
    Else: the echoed words are in the wrong order or not corrected."""
    machine = boot()
    machine.expect(machine.PROMPT)
    for keys, wanted in [
            ("echo ac" + LEFT + "b\r", "abc"),
            ("echo abcx" + BACKSPACE + "\r", "abc"),
            ("cho 1" + HOME + "e\r", "1"),
            ("cho 2" + CTRL_A + "e" + CTRL_E + "2\r", "22"),
            ("echo xabc" + LEFT * 4 + DELETE_KEY + "\r", "abc"),
            ("echo keep drop" + CTRL_W + "\r", "keep"),
            ("nonsense" + CTRL_U + "echo fresh\r", "fresh"),
            ("echo cut here" + LEFT * 5 + CTRL_K + "\r", "cut"),
            (UP + "\r", "cut"),
            (UP + UP + "\r", "fresh"),
            (UP + UP + UP + DOWN + "\r", "cut"),
            ("echo draft" + UP + DOWN + "\r", "draft"),
            ("\x1b[99;99Zecho unknown escape\r", "unknown escape"),
    ]:
        text = type_line(machine, keys).splitlines()
        claim(text[-2] == wanted, f"{keys!r} prints {wanted!r}", text)
    machine.write("half a line" + CTRL_C)
    machine.expect("^C")
    machine.expect(machine.PROMPT)
    claim(machine.shell("echo new") == "new", "^C abandons a line", machine.tail())
    machine.halt()


def test_type_ahead(boot):
    """Commands typed before the shell reads them are carried out in order, none is lost.
    Else: fewer than twelve answers."""
    machine = boot()
    machine.expect(machine.PROMPT)
    machine.write("".join(f"echo line-{i}\r" for i in range(12)))
    for i in range(12):
        machine.expect(re.compile(rf"\nline-{i}\r?\n"))
    machine.expect(machine.PROMPT)
    machine.halt()


def test_halt(boot):
    """halt ends the machine with the exit status of a halt. Else: another status, or none."""
    machine = boot()
    machine.expect(machine.PROMPT)
    machine.write("halt\r")
    machine.expect("power: halt")
    machine.wait_exit(Machine.EXIT_HALT)


def test_power_off(boot):
    """Without the debug-exit device's port, halt turns the machine off through ACPI.
    Else: the machine runs on, or ends with a debug-exit status."""
    machine = boot(extra=["-append", ""])
    machine.expect(machine.PROMPT)
    machine.write("halt\r")
    machine.expect("power: halt")
    machine.wait_exit(0, 10)


def test_reboot(boot):
    """reboot comes back to the prompt. Else: no second banner."""
    machine = boot(reboots=True)
    machine.expect(machine.PROMPT)
    machine.write("reboot\r")
    machine.expect("power: reboot")
    machine.expect("capOS, ABI level 2")
    machine.expect(machine.PROMPT)
    claim(machine.shell("echo back") == "back", "a shell after the reboot", machine.tail())
    machine.halt()


def test_command_line(boot):
    """Words on the kernel's command line that it does not know are named and ignored.
    Else: no line about them, or no prompt."""
    machine = boot(append="colour=blue debug_exit=no")
    machine.expect("unknown word: colour=blue")
    machine.expect("debug_exit: not a port number: debug_exit=no")
    machine.expect(machine.PROMPT)
    machine.halt()
