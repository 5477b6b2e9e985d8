# SPDX-License-Identifier: GPL-2.0-only
"""terminal.py WIDTHxHEIGHT STEP... -- COMMAND... - run a command on a terminal of its own and go through the steps:

wait:TEXT       until the command has written this, since the last other step; curses writes what has changed only, all after size and CONT
keys:TEXT       type it
size:WxH        make the terminal so large
signal:NAME     send the command's process group a signal: TERM, TSTP, CONT
stopped         until the command is stopped

At the end the command must end by itself, by a key or a signal, within a minute. Printed are its status (negative: the signal), and
whether the terminal is as it was: its settings, the screen that was there before, the cursor. TERMINAL_LOG: a file for all it has written.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

TIMEOUT = 60


class Terminal:
    def __init__(self, size, command):
        self.log = b""
        self.seen = 0
        self.master, self.slave = pty.openpty()
        self.resize(size)
        self.before = termios.tcgetattr(self.slave)
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for number in signal.SIGTTOU, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        self.pid = os.fork()
        if self.pid == 0:
            # a group of its own, as a shell makes it: the kernel does not stop one whose session has nobody to let it go on
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getpid())
            for number in signal.SIGTTOU, signal.SIGHUP:
                signal.signal(number, signal.SIG_DFL)
            for fd in 0, 1, 2:
                os.dup2(self.slave, fd)
            os.environ["TERM"] = "screen"
            os.execvp(command[0], command)

    def resize(self, size):
        width, height = map(int, size.split("x"))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self, until):
        """Some more of what was written; False when nothing comes any more."""
        ready, _, _ = select.select([self.master], [], [], max(0, until - time.monotonic()))
        if not ready:
            return False
        try:
            self.log += os.read(self.master, 65536)
        except OSError:
            return False
        return True

    def wait(self, text):
        until = time.monotonic() + TIMEOUT
        while True:
            at = self.log.find(text.encode(), self.seen)
            if at >= 0:
                self.seen = at + len(text)
                return
            if not self.read(until):
                sys.exit(f"'{text}' did not come; last was {self.log[self.seen:][-2000:]!r}")

    def step(self, step):
        what, _, rest = step.partition(":")
        if what != "wait":
            while self.read(time.monotonic()):
                pass
            self.seen = len(self.log)
        if what == "wait":
            self.wait(rest)
        elif what == "keys":
            os.write(self.master, rest.encode().decode("unicode_escape").encode())
        elif what == "size":
            self.resize(rest)
        elif what == "signal":
            os.killpg(self.pid, getattr(signal, "SIG" + rest))
        elif what == "stopped":
            until = time.monotonic() + TIMEOUT
            while (found := os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG))[0] == 0 and time.monotonic() < until:
                self.read(time.monotonic() + 0.1)
            status = found[1]
            if not found[0] or not os.WIFSTOPPED(status):
                sys.exit(f"it is not stopped: {status}")
            self.as_before()
        else:
            sys.exit(f"what is {step}?")

    def as_before(self):
        now = termios.tcgetattr(self.slave)
        if now != self.before:
            sys.exit(f"the terminal's settings are {now}, not {self.before}")
        while self.read(time.monotonic()):
            pass
        # terminfo's smcup, rmcup, civis and cnorm of "screen"
        for on, off in (rb"\x1b\[\?1049h", rb"\x1b\[\?1049l"), (rb"\x1b\[\?25l", rb"\x1b\[34h\x1b\[\?25h"):
            last = [m.group() for m in re.finditer(on + b"|" + off, self.log)][-1:]
            if last and re.fullmatch(on, last[0]):
                sys.exit(f"the screen is not as it was: {last[0]!r} stands")

    def end(self):
        until = time.monotonic() + TIMEOUT
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                sys.exit("it does not end")
            self.read(time.monotonic() + 0.2)


def main():
    # a session of our own, of which the command's group is a part
    pid = os.fork()
    if pid:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.setsid()
    dashes = sys.argv.index("--")
    terminal = Terminal(sys.argv[1], sys.argv[dashes + 1:])
    try:
        for step in sys.argv[2:dashes]:
            terminal.step(step)
        status = terminal.end()
        terminal.as_before()
    finally:
        if "TERMINAL_LOG" in os.environ:
            with open(os.environ["TERMINAL_LOG"], "wb") as f:
                f.write(terminal.log)
    print("status", status)


main()
