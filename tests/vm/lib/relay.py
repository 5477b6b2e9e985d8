# SPDX-License-Identifier: GPL-2.0-only
"""Passes bytes between the caller and the job, and learns how the job ended."""
import fcntl
import os
import selectors
import signal
import struct
import sys
import termios
import time
import tty

QUIT_KEY = b"\x1d"  # ^], as in telnet


class Died(Exception):
    """The machine ended, or its time did, before the job."""


def terminal_size():
    packed = fcntl.ioctl(sys.stdin, termios.TIOCGWINSZ, bytes(8))
    rows, columns = struct.unpack("HHHH", packed)[:2]
    return f"{rows or 24} {columns or 80}"


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


class Relay:
    def __init__(self, machine, nonce, archive):
        self.machine = machine
        self.mark = b"\0zt-" + nonce.encode() + b"\n"
        self.archive = archive
        self.held = b""      # output that may be the beginning of the mark
        self.line = b""      # unfinished line of the control port
        self.typed = b""     # keys for the shell
        self.drained = False
        self.rc = None
        self.started = None  # when the job began (first boot)
        self.ended = None
        self.done = False
        self.selector = selectors.DefaultSelector()

    def run(self, deadline):
        handlers = {"out": self.on_output, "ctl": self.on_control,
                    "fetch": self.archive.write, "tty": self.on_screen}
        for name, handler in handlers.items():
            port = self.machine.ports.get(name)
            if port:
                self.selector.register(port, selectors.EVENT_READ,
                                       (port, handler))
        process = os.pidfd_open(self.machine.process.pid)
        self.selector.register(process, selectors.EVENT_READ, None)
        if "tty" in self.machine.ports:
            self.drained = True
            self.selector.register(sys.stdin, selectors.EVENT_READ,
                                   (None, self.on_key))
            signal.signal(signal.SIGWINCH, lambda *_: self.send_size())
        try:
            while not (self.done and self.drained):
                self.step(deadline)
        finally:
            os.close(process)

    def step(self, deadline):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Died("time is up")
        gone = False
        for key, _ in self.selector.select(left):
            if key.data is None:
                gone = True
                continue
            port, handler = key.data
            data = os.read(key.fd, 65536) if port is None else port.recv(65536)
            if data:
                handler(data)
            else:
                self.selector.unregister(key.fileobj)
        # Only when nothing is left to read: QEMU's last output counts.
        if gone and not self.selector.select(0)[1:]:
            raise Died("the machine ended")

    def on_output(self, data):
        data = self.held + data
        place = data.find(self.mark)
        if place >= 0:
            self.drained = True
            data, self.held = data[:place] + data[place + len(self.mark):], b""
        else:
            self.held = self.possible_mark(data)
            data = data[:len(data) - len(self.held)]
        write_all(1, data)

    def possible_mark(self, data):
        place = data.rfind(b"\0", max(0, len(data) - len(self.mark)))
        if place >= 0 and self.mark.startswith(data[place:]):
            return data[place:]
        return b""

    def on_control(self, data):
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            word, _, value = line.decode(errors="replace").partition(" ")
            if word == "boot":
                self.started = self.started or time.monotonic()
                if "tty" in self.machine.ports:
                    self.send_size()
                    self.send_typed()
            elif word == "rc":
                self.rc = int(value)
                self.ended = time.monotonic()
            elif word == "done":
                self.done = True

    def on_screen(self, data):
        write_all(1, data)

    def on_key(self, data):
        if QUIT_KEY in data:
            raise Died("ended by ^]")
        self.typed += data
        self.send_typed()

    def send_typed(self):
        """The machine drops what comes before somebody reads there."""
        if self.started and self.typed:
            self.machine.ports["tty"].sendall(self.typed)
            self.typed = b""

    def send_size(self):
        self.machine.ports["ctl"].sendall(f"size {terminal_size()}\n".encode())


class RawTerminal:
    """The caller's terminal without echo and signals, put back at the end."""

    def __enter__(self):
        self.saved = termios.tcgetattr(sys.stdin)
        tty.setraw(sys.stdin, termios.TCSADRAIN)  # keeps what was typed ahead

    def __exit__(self, *_):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.saved)
