# SPDX-License-Identifier: GPL-2.0-only
"""A machine for the agent for devices: the real store, the agent, and a kernel that consists of files (fake_kernel.c)."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading

O = os.environ["O"]
WORK = tempfile.mkdtemp(prefix="hotplug.")
PATIENCE = 20       # seconds for what comes by an event

(DIRECTORY, READ, WATCH, WRITE, RM, WATCH_EVENT, ERROR) = (1, 2, 4, 11, 13, 15, 16)
INITIALISING, INITWAIT, INITIALISED, CONNECTED, CLOSING, CLOSED = "123456"


class Store:
    """A client of the store, as dom0."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(f"{WORK}/run/store.sock")
        self.events = 0

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the store ended")
            data += part
        return data

    def message(self):
        kind, _, _, count = struct.unpack("<IIII", self.exactly(16))
        return kind, self.exactly(count)

    def ask(self, kind, *parts):
        payload = b"".join(parts)
        self.socket.sendall(struct.pack("<IIII", kind, 0, 0, len(payload)) + payload)
        while True:
            answer, data = self.message()
            if answer == WATCH_EVENT:
                self.events += 1
                continue
            if answer == ERROR:
                raise KeyError(data.rstrip(b"\0").decode())
            return data

    def read(self, path):
        try:
            return self.ask(READ, path.encode() + b"\0").decode()
        except KeyError:
            return None

    def write(self, path, value):
        self.ask(WRITE, path.encode() + b"\0", str(value).encode())

    def remove(self, path):
        self.ask(RM, path.encode() + b"\0")

    def names(self, path):
        try:
            return [n.decode() for n in self.ask(DIRECTORY, path.encode() + b"\0").split(b"\0") if n]
        except KeyError:
            return []

    def wait_for(self, path, wanted):
        """By a watch: the value is looked at when it changed, not again and again."""
        self.ask(WATCH, path.encode() + b"\0", f"{path}{wanted}".encode() + b"\0")
        while self.read(path) != wanted:
            if self.events:
                self.events = 0
                continue
            try:
                self.message()
            except TimeoutError:
                raise AssertionError(f"{path} is {self.read(path)}, not {wanted}") from None
        self.socket.close()
        self.__init__()


class Machine:
    """Store, kernel's files and agent."""

    def __init__(self):
        for folder in ("devices", "queues", "run/domains", "stored", "xen", "block", "dev", "units", "etc/scripts"):
            os.makedirs(f"{WORK}/{folder}")
        self.domains = {}
        self.set_domains()
        self.log = open(f"{WORK}/log", "w+", encoding="utf-8", errors="replace")
        self.stored = self.agent = None
        # as systemd holds them: who connects while a daemon is restarted waits
        self.sockets = {name: self.listen(name) for name in ("store", "hotplug")}
        self.start_store()
        self.start_agent()

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{WORK}/run/{name}.sock")
        listener.listen(64)
        return listener

    def launch(self, listener, *command, **environment):
        """With its socket, until it says that it is ready."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"{WORK}/notify")
        notify.settimeout(PATIENCE)
        # the process itself must be LISTEN_PID: a shell that becomes it knows its number
        process = subprocess.Popen(
            ["sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh", *command],
            env=dict(os.environ, LISTEN_FDS="1", NOTIFY_SOCKET=f"{WORK}/notify", **environment),
            stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=lambda: os.dup2(listener.fileno(), 3))
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except TimeoutError:
            self.log.seek(0)
            raise AssertionError(f"{command[0]} is not ready: {self.log.read()}") from None
        notify.close()
        os.unlink(f"{WORK}/notify")
        return process

    def start_store(self):
        self.stored = self.launch(self.sockets["store"], f"{O}/stored/zendo-stored", "--state", f"{WORK}/stored",
                                  FAKE_XEN=f"{WORK}/xen")
        self.store = Store()

    def start_agent(self):
        self.agent = self.launch(self.sockets["hotplug"], f"{O}/zendo-hotplug", FAKE_KERNEL=WORK, ZENDO_SCRIPT_SECONDS="2")

    def expect_death(self):
        assert self.agent.wait(PATIENCE) == -signal.SIGKILL, self.agent.returncode

    def die_at(self, word, process=None):
        """The agent, or another process, or "server": the image's that began last, in the middle of the agent's request of that name."""
        with open(f"{WORK}/die.new", "w", encoding="ascii") as file:
            file.write(f"{word} 0" if process == "server" else f"{word} {process.pid}" if process else word)
        os.rename(f"{WORK}/die.new", f"{WORK}/die")

    def store_comes_again(self):
        """It is killed, or will be, and systemd starts it."""
        assert self.stored.wait(PATIENCE) == -signal.SIGKILL, self.stored.returncode
        self.start_store()

    @contextlib.contextmanager
    def store_loses(self, times):
        """Somebody in its place takes so many questions of who connects, and dies with each; the next comes to the store."""
        path = f"{WORK}/run/store.sock"
        lost = []

        def steal():
            with contextlib.suppress(OSError):      # of an accept() that is ended
                while len(lost) < times:
                    with thief.accept()[0] as question:
                        lost.append(question.recv(1))
                        if len(lost) == times:
                            os.rename(f"{path}.real", path)

        os.rename(path, f"{path}.real")
        with socket.socket(socket.AF_UNIX) as thief:
            thief.bind(path)
            thief.listen()
            thread = threading.Thread(target=steal)
            thread.start()
            try:
                yield
            finally:
                thief.shutdown(socket.SHUT_RDWR)
                thread.join()
                if len(lost) < times:
                    os.rename(f"{path}.real", path)
        assert len(lost) == times, lost

    def set_domains(self):
        with open(f"{WORK}/domains.new", "w", encoding="ascii") as file:
            for domid, name in self.domains.items():
                file.write(f"{domid} {os.getpid()} {name}\n")
        os.rename(f"{WORK}/domains.new", f"{WORK}/domains")

    def create(self, domid, *disks):
        name = f"guest{domid}"
        self.domains[domid] = name
        self.set_domains()
        os.makedirs(f"{WORK}/run/domains/{name}", exist_ok=True)
        with open(f"{WORK}/run/domains/{name}/config", "w", encoding="ascii") as file:
            file.write(f"name='{name}'\nkernel='/k'\nmemory=16\ndisk=[{','.join(repr(d) for d in disks)}]\n")
        os.chmod(f"{WORK}/run/domains/{name}/config", 0o640)
        if os.path.exists(wanted(domid)):   # as zendo-run does at its start
            os.unlink(wanted(domid))

    def end(self, domid):
        """As the kernel ends a domain: its devices go, each with an event."""
        del self.domains[domid]
        self.set_domains()
        for device in self.devices(domid):
            os.unlink(f"{WORK}/devices/{device}")
            self.uevent("remove", device)

    def uevent(self, action, device):
        out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        text = f"{action}@/devices/{device}\0ACTION={action}\0DEVPATH=/devices/{device}\0SUBSYSTEM=hvback\0"
        out.sendto(text.encode(), f"{WORK}/uevent")
        out.close()

    def devices(self, domid=None):
        return sorted(d for d in os.listdir(f"{WORK}/devices") if domid is None or d.split("-")[1] == str(domid))

    def state(self, device):
        with open(f"{WORK}/devices/{device}", encoding="ascii") as file:
            return int(file.read())


class Client:
    """A connection to the agent."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(f"{WORK}/run/hotplug.sock")

    def send(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return self

    def answer(self):
        data = b""
        while not data.endswith(b"\n"):
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:    # with something unread
                return None
            if not part:
                return None
            data += part
        return json.loads(data)


def ask(**request):
    answer = Client().send(**request).answer()
    assert answer is not None, "the agent ended"
    return answer


def image(name, size=1 << 20, first=b""):
    with open(f"{WORK}/{name}", "wb") as file:
        file.write(first)
        file.truncate(size)
    return f"{WORK}/{name}"


def front(domid, devid=51712):
    return f"/local/domain/{domid}/device/vbd/{devid}"


def back(domid, devid=51712):
    return f"/local/domain/0/backend/vbd/{domid}/{devid}"


def wanted(domid):
    """The definition of a domain with the devices as they are."""
    return f"{WORK}/run/domains/guest{domid}/devices"


def prepare(m, domid, *disks):
    m.create(domid, *disks)
    return ask(do="prepare", domid=domid, disks=len(disks), vifs=0)


def ok(answer):
    assert answer["ok"], answer
    return answer


def refused(answer, *words):
    assert not answer["ok"], answer
    for word in words:
        assert word in answer["text"], f"'{word}' not in '{answer['text']}'"


def guest_connects(m, domid, devid=51712, ref=8):
    m.store.write(f"{front(domid, devid)}/ring-ref", ref)
    m.store.write(f"{front(domid, devid)}/event-channel", 5)
    m.store.write(f"{front(domid, devid)}/state", INITIALISED)


def connected(m, domid, devid=51712):
    guest_connects(m, domid, devid)
    m.store.wait_for(f"{back(domid, devid)}/state", CONNECTED)
    m.store.write(f"{front(domid, devid)}/state", CONNECTED)
    assert m.state(f"vbd-{domid}-{devid}") == 2


def nothing_left(m, domid):
    assert m.devices(domid) == [], m.devices(domid)
    assert m.store.names(f"/local/domain/0/backend/vbd/{domid}") == []
    assert m.store.names(f"/local/domain/{domid}/device/vbd") == []


def ended(m, domid):
    """The agent has heard of it when the nodes are gone."""
    states = [f"/local/domain/0/backend/vbd/{domid}/{device.split('-')[2]}/state" for device in m.devices(domid)]
    m.end(domid)
    for path in states:
        m.store.wait_for(path, None)
    nothing_left(m, domid)
