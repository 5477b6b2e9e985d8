# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains of the Zendo hypervisor, by libzendo.

>>> import zendo                                        # doctest: +SKIP
>>> with zendo.Session() as s:                          # doctest: +SKIP
...     web = s.create("/etc/zendo/web.cfg", memory=512)
...     print(web.name, web.domid, web.state)
...     s.destroy(web)

What goes wrong is a `ZendoError`, an `OSError` with libzendo's sentence:

>>> Domain(name="web", domid=3, uuid=UUID(int=0), state=State.PAUSED, vcpus=1, max_vcpus=1, shutdown=None,
...        pid=1, memory_kib=4096, max_memory_kib=4096, cpu_ns=0, exits=0, created_ns=0).is_running
False

Events need no rights and no session:

>>> with zendo.Events() as events:                      # doctest: +SKIP
...     for event in events:
...         print(event.kind.name, event.name)
"""

from __future__ import annotations

import ctypes
import enum
import errno
import os
from dataclasses import dataclass
from types import TracebackType
from typing import Iterator, List, Optional, Type, Union
from uuid import UUID

__all__ = ["Domain", "Event", "EventKind", "Events", "Info", "Session", "State", "ZendoError"]

_NAME_MAX = 64
_CREATE_PAUSED = 1


class _CInfo(ctypes.Structure):
    _fields_ = [
        ("build", ctypes.c_char * 64), ("nr_domains", ctypes.c_uint32), ("nr_cpus", ctypes.c_uint32),
        ("hypervisor_kib", ctypes.c_uint64), ("pool_kib", ctypes.c_uint64), ("pool_free_kib", ctypes.c_uint64),
        ("guest_exits", ctypes.c_uint64), ("dom0_exits", ctypes.c_uint64), ("reserved", ctypes.c_uint64 * 8),
    ]


class _CDomain(ctypes.Structure):
    _fields_ = [
        ("domid", ctypes.c_uint32), ("state", ctypes.c_uint32), ("vcpus", ctypes.c_uint32),
        ("max_vcpus", ctypes.c_uint32), ("shutdown", ctypes.c_int32), ("pid", ctypes.c_int32),
        ("memory_kib", ctypes.c_uint64), ("max_memory_kib", ctypes.c_uint64), ("cpu_ns", ctypes.c_uint64),
        ("exits", ctypes.c_uint64), ("created_ns", ctypes.c_uint64), ("uuid", ctypes.c_uint8 * 16),
        ("name", ctypes.c_char * _NAME_MAX), ("reserved", ctypes.c_uint64 * 8),
    ]


class _CEvent(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32), ("domid", ctypes.c_uint32), ("shutdown", ctypes.c_int32),
        ("reserved0", ctypes.c_uint32), ("name", ctypes.c_char * _NAME_MAX), ("device", ctypes.c_char * 32),
        ("reserved", ctypes.c_uint64 * 8),
    ]


_void_pp = ctypes.POINTER(ctypes.c_void_p)
_domain_p = ctypes.POINTER(_CDomain)
_texts = ctypes.POINTER(ctypes.c_char_p)

_FUNCTIONS = {
    "zendo_session_open": [_void_pp],
    "zendo_session_info": [ctypes.c_void_p, ctypes.POINTER(_CInfo)],
    "zendo_session_list": [ctypes.c_void_p, ctypes.POINTER(_domain_p), ctypes.POINTER(ctypes.c_size_t)],
    "zendo_session_find": [ctypes.c_void_p, ctypes.c_char_p, _domain_p],
    "zendo_session_console": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t],
    "zendo_session_create": [ctypes.c_void_p, ctypes.c_char_p, _texts, ctypes.c_uint32,
                             ctypes.POINTER(ctypes.c_uint32)],
    "zendo_session_destroy": [ctypes.c_void_p, ctypes.c_char_p],
    "zendo_session_pause": [ctypes.c_void_p, ctypes.c_char_p],
    "zendo_session_unpause": [ctypes.c_void_p, ctypes.c_char_p],
    "zendo_session_shutdown": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p],
    "zendo_events_open": [_void_pp],
    "zendo_events_fd": [ctypes.c_void_p],
    "zendo_events_next": [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_CEvent)],
}

_loaded: Optional[ctypes.CDLL] = None


def _library() -> ctypes.CDLL:
    """libzendo.so.1, or what ZENDO_LIBRARY names; loaded once, when it is wanted."""
    global _loaded
    if _loaded is None:
        lib = ctypes.CDLL(os.environ.get("ZENDO_LIBRARY", "libzendo.so.1"))
        for name, types in _FUNCTIONS.items():
            function = getattr(lib, name)
            function.argtypes = types
            function.restype = ctypes.c_int
        for name in ("zendo_session_close", "zendo_events_close"):
            getattr(lib, name).argtypes = [ctypes.c_void_p]
            getattr(lib, name).restype = None
        lib.zendo_session_message.argtypes = [ctypes.c_void_p]
        lib.zendo_session_message.restype = ctypes.c_char_p
        _loaded = lib
    return _loaded


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    if "\0" in text:
        raise ValueError("a NUL in it")
    return text.encode("utf-8", "surrogateescape")


class ZendoError(OSError):
    """What went wrong: `errno` is libzendo's, `strerror` its sentence."""


class State(enum.Flag):
    """What a domain is doing."""

    RUNNING = 1
    BLOCKED = 2  #: all vCPUs wait
    PAUSED = 4
    SHUTDOWN = 8  #: the guest has ended, `Domain.shutdown` says how
    DYING = 16


class EventKind(enum.Enum):
    """What has happened."""

    CREATED = 1
    RUNNING = 2
    PAUSED = 3
    SHUTDOWN = 4
    DESTROYED = 5
    ATTACHED = 6
    DETACHED = 7
    RENAMED = 8


@dataclass(frozen=True)
class Domain:
    """A domain as it was when it was looked at."""

    name: str
    domid: int
    uuid: UUID
    state: State
    vcpus: int
    max_vcpus: int
    shutdown: Optional[int]  #: Xen's SHUTDOWN_*: 0 poweroff, 1 reboot, 3 crash
    pid: int  #: of its runner, 0 if that cannot be seen
    memory_kib: int
    max_memory_kib: int
    cpu_ns: int  #: guest time of all vCPUs
    exits: int
    created_ns: int  #: of time.CLOCK_BOOTTIME

    @property
    def is_running(self) -> bool:
        """It has not ended and is not paused; it may be waiting."""
        return not self.state & (State.PAUSED | State.SHUTDOWN | State.DYING)


@dataclass(frozen=True)
class Event:
    """Something that has happened to a domain."""

    kind: EventKind
    domid: int
    name: str
    shutdown: Optional[int]
    device: Optional[str]


@dataclass(frozen=True)
class Info:
    """Figures of the hypervisor."""

    build: str
    domains: int
    cpus: int
    hypervisor_kib: int
    pool_kib: int
    pool_free_kib: int
    guest_exits: int
    dom0_exits: int


def _domain(d: _CDomain) -> Domain:
    return Domain(
        name=_text(d.name), domid=d.domid, uuid=UUID(bytes=bytes(d.uuid)), state=State(d.state & 31), vcpus=d.vcpus,
        max_vcpus=d.max_vcpus, shutdown=d.shutdown if d.shutdown >= 0 else None, pid=d.pid, memory_kib=d.memory_kib,
        max_memory_kib=d.max_memory_kib, cpu_ns=d.cpu_ns, exits=d.exits, created_ns=d.created_ns)


def _key(domain: Union[Domain, str, int]) -> bytes:
    if isinstance(domain, Domain):
        return str(domain.domid).encode()
    return _bytes(str(domain))


class Session:
    """The running hypervisor. A domain is a `Domain`, a name, or an id."""

    def __init__(self) -> None:
        """ENODEV: the hypervisor is not running."""
        self._handle: Optional[int] = None
        handle = ctypes.c_void_p()
        r = _library().zendo_session_open(ctypes.byref(handle))
        if r < 0:
            what = "the hypervisor is not running" if r == -errno.ENODEV else os.strerror(-r)
            raise ZendoError(-r, what)
        self._handle = handle.value

    def close(self) -> None:
        """Also done by `with` and when it is forgotten."""
        if self._handle is not None:
            _library().zendo_session_close(self._handle)
            self._handle = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _call(self, name: str, *arguments: object) -> None:
        if self._handle is None:
            raise ValueError("the session is closed")
        r = getattr(_library(), name)(self._handle, *arguments)
        if r < 0:
            raise ZendoError(-r, _text(_library().zendo_session_message(self._handle)) or os.strerror(-r))

    def info(self) -> Info:
        """Figures of the hypervisor."""
        i = _CInfo()
        self._call("zendo_session_info", ctypes.byref(i))
        return Info(build=_text(i.build), domains=i.nr_domains, cpus=i.nr_cpus, hypervisor_kib=i.hypervisor_kib,
                    pool_kib=i.pool_kib, pool_free_kib=i.pool_free_kib, guest_exits=i.guest_exits,
                    dom0_exits=i.dom0_exits)

    def domains(self) -> List[Domain]:
        """All domains but Linux itself, by id."""
        array, nr = _domain_p(), ctypes.c_size_t()
        self._call("zendo_session_list", ctypes.byref(array), ctypes.byref(nr))
        try:
            return [_domain(array[i]) for i in range(nr.value)]
        finally:
            _free(array)

    def find(self, domain: Union[Domain, str, int]) -> Domain:
        """As it is now. ENOENT: there is none."""
        d = _CDomain()
        self._call("zendo_session_find", _key(domain), ctypes.byref(d))
        return _domain(d)

    def console(self, domain: Union[Domain, str, int]) -> str:
        """The path of its console's terminal."""
        path = ctypes.create_string_buffer(4096)
        self._call("zendo_session_console", _key(domain), path, len(path))
        return _text(path.value)

    def create(self, path: Optional[str] = None, *, paused: bool = False, **settings: object) -> Domain:
        """Start what the file `path` defines, changed by `settings`; without a file they are all of it."""
        words = [_bytes(f"{key}={value}") for key, value in settings.items()]
        array = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        domid = ctypes.c_uint32()
        self._call("zendo_session_create", None if path is None else _bytes(path), array,
                   _CREATE_PAUSED if paused else 0, ctypes.byref(domid))
        return self.find(domid.value)

    def destroy(self, domain: Union[Domain, str, int]) -> None:
        """End it at once. It is gone on return."""
        self._call("zendo_session_destroy", _key(domain))

    def pause(self, domain: Union[Domain, str, int]) -> None:
        """Stop it from running; also fine when it is so already."""
        self._call("zendo_session_pause", _key(domain))

    def unpause(self, domain: Union[Domain, str, int]) -> None:
        """Let it run again."""
        self._call("zendo_session_unpause", _key(domain))

    def shutdown(self, domain: Union[Domain, str, int], how: str = "poweroff") -> None:
        """Ask the guest for "poweroff", "reboot" or "halt"; it does it when it likes."""
        self._call("zendo_session_shutdown", _key(domain), _bytes(how))


def _free(array: object) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    free.restype = None
    free(ctypes.cast(array, ctypes.c_void_p))  # type: ignore[arg-type]


class Events:
    """What happens to domains from now on; iterate over it, or poll `fileno()` and call `next()`."""

    def __init__(self) -> None:
        """ENODEV: the module is not loaded."""
        self._handle: Optional[int] = None
        handle = ctypes.c_void_p()
        r = _library().zendo_events_open(ctypes.byref(handle))
        if r < 0:
            raise ZendoError(-r, "the hypervisor's module is not loaded" if r == -errno.ENODEV else os.strerror(-r))
        self._handle = handle.value

    def close(self) -> None:
        """Also done by `with` and when it is forgotten."""
        if self._handle is not None:
            _library().zendo_events_close(self._handle)
            self._handle = None

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def fileno(self) -> int:
        """For poll and select."""
        if self._handle is None:
            raise ValueError("it is closed")
        return int(_library().zendo_events_fd(self._handle))

    def next(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event, None if there is none within `timeout` seconds. ENOBUFS: some were lost, go on."""
        if self._handle is None:
            raise ValueError("it is closed")
        e = _CEvent()
        milliseconds = -1 if timeout is None else max(0, int(timeout * 1000))
        r = _library().zendo_events_next(self._handle, milliseconds, ctypes.byref(e))
        if r < 0:
            raise ZendoError(-r, os.strerror(-r))
        if r == 0:
            return None
        return Event(kind=EventKind(e.kind), domid=e.domid, name=_text(e.name),
                     shutdown=e.shutdown if e.shutdown >= 0 else None, device=_text(e.device) or None)

    def __iter__(self) -> Iterator[Event]:
        """Until the module is unloaded."""
        while True:
            try:
                event = self.next()
            except ZendoError as e:
                if e.errno == errno.ENODEV:
                    return
                raise
            if event is not None:
                yield event
