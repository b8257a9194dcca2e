"""The ways in which a worker thread of `threaded.py` can be blocked.

Each calls the C library itself, because Python's own functions hide an EINTR
(PEP 475). A guard that stops a thread inside a system call and injects another
must restart the first so that the caller never learns of it: here it would, as
`InterruptedError`. The wake-up leaves nothing behind in the descriptor table.
"""

import ctypes
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import Protocol

libc = ctypes.CDLL(None, use_errno=True)


class Wait(Protocol):
    def block(self) -> None:
        """Blocks until `wake` was called. May return early; `InterruptedError` is a finding."""

    def wake(self) -> None:
        """Ends one `block`. Called by another thread."""


def call(name: str, *arguments: object) -> int:
    """A libc function that answers -1 on failure, with its errno raised."""
    result: int = getattr(libc, name)(*arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


class Recv:
    """recv() on a socket whose other end stays silent."""

    def __init__(self) -> None:
        self.socket, self.other = socket.socketpair()

    def block(self) -> None:
        call("recv", self.socket.fileno(), ctypes.create_string_buffer(1), 1, 0)

    def wake(self) -> None:
        self.other.send(b"!")


class Read:
    """read() on an empty pipe."""

    def __init__(self) -> None:
        self.pipe, self.feed = os.pipe()

    def block(self) -> None:
        call("read", self.pipe, ctypes.create_string_buffer(1), 1)

    def wake(self) -> None:
        os.write(self.feed, b"!")


class Accept:
    """accept() on a listener that nobody calls."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))

    def block(self) -> None:
        os.close(call("accept", self.listener.fileno(), None, None))

    def wake(self) -> None:
        socket.create_connection(self.listener.getsockname()).close()


class Epoll(Read):
    """epoll_wait() on an empty pipe, without a timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.epoll = select.epoll()
        self.epoll.register(self.pipe, select.EPOLLIN)

    def block(self) -> None:
        event = ctypes.create_string_buffer(16)
        call("epoll_wait", self.epoll.fileno(), event, 1, -1)
        super().block()


class Select(Read):
    """select() on an empty pipe, without a timeout."""

    FD_SETSIZE = 1024

    def block(self) -> None:
        bits = bytearray(self.FD_SETSIZE // 8)
        bits[self.pipe // 8] |= 1 << self.pipe % 8
        ready = (ctypes.c_char * len(bits)).from_buffer(bits)
        call("select", self.pipe + 1, ready, None, None, None)
        super().block()


class Futex:
    """A lock that is taken: sem_wait(), on which CPython builds its own locks."""

    def __init__(self) -> None:
        self.semaphore = ctypes.create_string_buffer(32)  # sem_t, 64-bit glibc
        call("sem_init", self.semaphore, 0, 0)

    def block(self) -> None:
        call("sem_wait", self.semaphore)

    def wake(self) -> None:
        call("sem_post", self.semaphore)


class Nanosleep:
    """nanosleep(): a relative time, so a restart must also keep what is left of it."""

    NAP = struct.pack("ll", 0, 200_000_000)

    def block(self) -> None:
        call("nanosleep", self.NAP, None)

    def wake(self) -> None:
        pass  # it wakes by itself


class Busy:
    """No system call at all: user code in a loop."""

    def __init__(self) -> None:
        self.woken = False

    def block(self) -> None:
        while not self.woken:
            pass
        self.woken = False

    def wake(self) -> None:
        self.woken = True


WAITS: dict[str, Callable[[], Wait]] = {
    "recv": Recv,
    "read": Read,
    "accept": Accept,
    "epoll": Epoll,
    "select": Select,
    "futex": Futex,
    "nanosleep": Nanosleep,
    "busy": Busy,
}
