# SPDX-License-Identifier: MIT
"""The console of a machine that `make gdb` started: `capos console`, `capos type`."""

import os
import socket
import threading

import gdb

TAIL_BYTES = 64 * 1024
LINES_MAX = 400


class Console:
    """The connection to QEMU's end of the serial line: opened when first needed, kept to the end."""

    connection = None

    @classmethod
    def open(cls):
        path = os.environ.get("CAPOS_CONSOLE")
        if not path:
            raise ValueError("the console is where the machine was started; this gdb attached to it")
        if cls.connection is None:
            cls.connection = socket.socket(socket.AF_UNIX)
            cls.connection.connect(path)
            threading.Thread(target=cls.drain, daemon=True).start()
        return cls.connection

    @classmethod
    def drain(cls):
        # QEMU also writes a log file, which is what `capos console` reads.
        while cls.connection.recv(4096):
            pass


def type_line(words):
    Console.open().sendall((" ".join(words) + "\r").encode("latin-1", "replace"))


def show(words):
    limit = int(words[0]) if words else 20
    path = os.environ.get("CAPOS_CONSOLE_LOG")
    if not path:
        raise ValueError("the console is where the machine was started; this gdb attached to it")
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - TAIL_BYTES))
        lines = file.read().decode("latin-1").replace("\r", "").split("\n")
    for line in lines[-max(1, min(limit, LINES_MAX)):]:
        gdb.write("".join(c if c.isprintable() else "?" for c in line) + "\n")
