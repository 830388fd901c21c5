# SPDX-License-Identifier: MIT
"""QEMU's machine protocol (QMP) over a connected socket, and the human monitor through it."""

import json
import select
import time


class QmpError(Exception):
    pass


class Qmp:
    def __init__(self, connection, deadline):
        self.connection = connection
        self.deadline = deadline
        self.events = []  # in order of arrival; wait_event() takes its event out
        self._partial = b""

    def begin(self):
        """Hear QEMU's greeting, and answer it: before anything else."""
        greeting = self._message(self.deadline.left(10))
        if "QMP" not in greeting:
            raise QmpError(f"no greeting: {greeting}")
        self.execute("qmp_capabilities")

    def _message(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self._partial:
            ready, _, _ = select.select([self.connection], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"QMP: nothing within {timeout:.1f} s")
            data = self.connection.recv(65536)
            if not data:
                raise QmpError("QEMU has ended")
            self._partial += data
        line, self._partial = self._partial.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, timeout=30, **arguments):
        """Run one command; its result, or QmpError with QEMU's words."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): arguments[key] for key in arguments}
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._message(self.deadline.left(timeout))
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"{command}: {message['error']['desc']}")
            else:
                return message["return"]

    def hmp(self, command):
        """The human monitor's answer to a command line."""
        self.connection.sendall(json.dumps({
            "execute": "human-monitor-command", "arguments": {"command-line": command}
        }).encode() + b"\n")
        while True:
            message = self._message(self.deadline.left(30))
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"{command}: {message['error']['desc']}")
            else:
                return message["return"].replace("\r\n", "\n")

    def wait_event(self, name, timeout=None):
        """The next event of that name, whether it has come already or not."""
        end = time.monotonic() + self.deadline.left(timeout)
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(index)
            message = self._message(max(0.0, end - time.monotonic()))
            if "event" in message:
                self.events.append(message)
