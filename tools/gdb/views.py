# SPDX-License-Identifier: MIT
"""The commands that show something: `capos ps`, `caps`, `rings`, `ledger`, `log`, `cpus`.

Each prints at most a bounded number of lines and goes on past what is broken, naming it. The
columns are those of the shell's commands where there is one."""

import gdb

import kernel
import memory
from memory import Damage, address_of

LINES_MAX = 400


class Output:
    """Lines, up to a limit."""

    def __init__(self, limit=LINES_MAX):
        self.left = limit
        self.more = 0

    def line(self, text):
        if self.left > 0:
            self.left -= 1
            gdb.write(text + "\n")
        else:
            self.more += 1

    def walk(self, items, show):
        """show(item) for each; damage is a line."""
        try:
            for item in items:
                try:
                    show(item)
                except Damage as damage:
                    self.line(f"  damaged: {damage}")
        except Damage as damage:
            self.line(f"  damaged: {damage}")

    def end(self):
        if self.more:
            gdb.write(f"({self.more} more lines are not shown)\n")


def count_of(used, limit):
    return f"{used}/{limit}" if limit < 1_000_000 else f"{used}/-"


def ps(_words):
    output = Output()
    carried = {}
    output.walk([None], lambda _: carried.update(kernel.carried()))
    output.line("  PID NAME           STATE    PRI THR     FRAMES      CAPS   OBJECTS  THREADS")

    def show(item):
        address, process = item
        states, priority = [], 0
        try:
            for at, thread in kernel.threads(address):
                priority = max(priority, int(thread["priority"]))
                states.append(f"cpu{carried[at]}" if at in carried else
                              memory.enumerator(thread["state"], "THREAD_"))
        except Damage as damage:
            states.append(f"damaged: {damage}")
        account = process["account"]
        amounts = [count_of(int(account["used"][i]), int(account["limit"][i])) for i in range(3)]
        output.line(f"{int(process['pid']):5} {memory.text(process['name']):14} "
                    f"{memory.enumerator(process['state'], 'PROCESS_STATE_'):8} {priority:3} "
                    f"{int(process['thread_count']):3} {amounts[0]:>10} {amounts[1]:>9} "
                    f"{amounts[2]:>9}  {' '.join(states[:8])}{' ...' if len(states) > 8 else ''}")

    output.walk(kernel.processes(), show)
    output.end()


def cpus(_words):
    output = Output()
    output.line(" CPU  APIC  STATE  SWITCHES   INTERRUPTS  CARRIES")

    def show(item):
        index, cpu = item
        carries = "-"
        if int(cpu["current"]):
            thread = memory.follow(cpu["current"], "the current thread")
            process = memory.follow(thread["process"], "its process")
            carries = (f"thread {int(thread['number'])} of process {int(process['pid'])} "
                       f"({memory.text(process['name'])})")
        output.line(f"{index:4} {int(cpu['apic_id']):5}  {'idle' if int(cpu['idle']) else 'busy':5}"
                    f" {int(cpu['switch_count']):9} {int(cpu['interrupt_count']):12}  {carries}")

    output.walk(kernel.cpus(), show)
    output.end()


def caps(words):
    _, process = kernel.process_by(words[0])
    output = Output()
    output.line("  INDEX        GENERATION  KIND             OBJECT  STATE")

    def show(item):
        if isinstance(item, str):
            output.line(f"  damaged: {item}")
            return
        index, generation, kind, number, flags = item
        output.line(f"{index:7} {generation:17}  {kind or 'none':15} {number:7}  "
                    f"{'live' if kind else 'stale'}{', origin' if flags & 1 else ''}")

    output.walk(kernel.capabilities(process), show)
    output.end()


def rings(words):
    address, _ = kernel.process_by(words[0])
    output = Output()

    def show(item):
        at, thread = item
        ring = thread["ring"]
        header = memory.structure("ring_header", address_of(ring["memory"]))
        sq_head, cq_tail = int(ring["sq_head"]), int(ring["cq_tail"])
        sq_tail, cq_head = int(header["sq_tail"]), int(header["cq_head"])
        waiting, unread = (sq_tail - sq_head) & 0xFFFFFFFF, (cq_tail - cq_head) & 0xFFFFFFFF
        state = memory.enumerator(thread["state"], "THREAD_")
        output.line(f"thread {int(thread['number'])} at {at:#x}: {state}"
                    + (f", wants completion {int(thread['wake_tail'])}" if state == "blocked" else "")
                    + (", ring POISONED" if int(ring["poisoned"]) else ""))
        output.line(f"  submissions: head {sq_head}, tail {sq_tail}, {waiting} not taken"
                    + (" (impossible)" if waiting > kernel.RING_DEPTH else ""))
        output.line(f"  completions: head {cq_head}, tail {cq_tail}, {unread} not read, "
                    f"{int(ring['reserved'])} reserved"
                    + (" (impossible)" if unread > kernel.RING_DEPTH else ""))
        shared = address_of(ring["memory"])
        for i in range(min(waiting, kernel.RING_DEPTH)):
            place = shared + 4096 + 64 * ((sq_head + i) % kernel.RING_DEPTH)
            sqe = memory.structure("ring_sqe", place)
            name = memory.enumerator_of("ring_operation", int(sqe["operation"]), "RING_OPERATION_")
            output.line(f"    sq {(sq_head + i) & 0xFFFFFFFF}: {name} method {int(sqe['method'])} "
                        f"target {int(sqe['target']):#x} data {int(sqe['user_data']):#x}")
        for i in range(min(unread, kernel.RING_DEPTH)):
            place = shared + 8192 + 64 * ((cq_head + i) % kernel.RING_DEPTH)
            cqe = memory.structure("ring_cqe", place)
            status = memory.enumerator_of("status", int(cqe["status"]), "STATUS_")
            output.line(f"    cq {(cq_head + i) & 0xFFFFFFFF}: {status} data "
                        f"{int(cqe['user_data']):#x} payload {int(cqe['payload'][0]):#x}")
        size = gdb.lookup_type("struct operation").sizeof
        for i in range(kernel.RING_DEPTH):
            operation = memory.structure("operation", address_of(thread["operations"]) + i * size)
            name = memory.enumerator(operation["state"], "OPERATION_")
            if name != "free":
                output.line(f"    operation {i}: {name} data {int(operation['user_data']):#x}"
                            f"{on_object(operation)}")

    output.walk(kernel.threads(address), show)
    output.end()


def on_object(operation):
    """", on KIND NUMBER" if an operation waits on an object."""
    if not int(operation["object"]):
        return ""
    try:
        head = memory.follow(operation["object"], "its object")
        return f", on {memory.enumerator(head['kind'], 'OBJECT_KIND_')} {int(head['number'])}"
    except Damage as damage:
        return f", damaged: {damage}"


def place_of(index):
    try:
        return kernel.function_place(index)
    except Damage:
        return f"#{index}"


def ledger(_words):
    output = Output()
    record = memory.variable("ledger", "struct ledger")
    output.line("FUNCTION INDEX STATE        OWNER  GEN  POOL        BUFFERS ROUTES MMIO REFUSAL")

    def show_function(item):
        index, function = item
        output.line(
            f"{place_of(index):8} {index:5} "
            f"{memory.enumerator(function['state'], 'FUNCTION_STATE_'):11} "
            f"{int(function['owner']):6} {int(function['generation']):4}  "
            f"{int(function['pool_pages'])}/{int(function['pool_limit']):<9} "
            f"{int(function['buffer_count']):7} {int(function['route_count']):6} "
            f"{int(function['mmio_pages']):4} "
            f"{memory.enumerator(function['refusal'], 'CLAIM_REFUSAL_')}")

    def show_part(kind, describe):
        def show(item):
            index, part = item
            use = memory.enumerator(part["use"], "LEDGER_")
            if use != "unused" or int(part["is_retired"]):
                output.line(f"{kind} {index:5} {place_of(int(part['function'])):8} {use:7} "
                            f"generation {int(part['generation'])}"
                            f"{describe(part)}{', retired' if int(part['is_retired']) else ''}")
        return show

    output.walk(kernel.table(record, "function", "ledger_function"), show_function)
    output.walk(kernel.table(record, "route", "ledger_route"), show_part("route ", lambda _: ""))
    output.walk(kernel.table(record, "buffer", "ledger_buffer"), show_part(
        "buffer", lambda part: f", {int(part['page_count'])} pages at {int(part['iova']):#x}, "
        f"{memory.enumerator(part['access'], 'DMA_ACCESS_')}"))
    output.end()


def log(words):
    limit = int(words[0]) if words else 40
    data, lost = kernel.log_bytes()
    lines = data.decode("ascii", "replace").split("\n")[:-1]
    if lost:
        gdb.write(f"({lost} bytes are lost)\n")
    for line in lines[-max(1, min(limit, LINES_MAX)):]:
        gdb.write("".join(c if c.isprintable() else "?" for c in line) + "\n")
