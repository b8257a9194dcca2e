"""Every bot in every way it can leak, and how to start one against servers of its own.

Shared by `selftest.py`, which asserts how they die, and `measure.py`, which
writes the table in the README.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Line = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One command line. Unguarded and unhindered it dies of EMFILE within `deadline` seconds."""

    script: str
    arguments: tuple[str, ...] = ()
    library: str = "socket"
    deadline: float = 30.0
    answers_term: bool = True

    @property
    def name(self) -> str:
        return " ".join([self.script, *self.arguments])


def waiting_in(wait: str) -> Case:
    """The threaded bot whose workers block so."""
    return Case("threaded.py", ("--wait", wait), "threading")


WAIT_STATES = ("recv", "read", "accept", "epoll", "select", "futex", "nanosleep", "busy")

LEAKING = (
    Case("aiohttp_sessions.py", ("--how", "unread"), "aiohttp"),
    Case("aiohttp_sessions.py", ("--how", "idle"), "aiohttp"),
    Case("requests_proxy.py", (), "requests"),
    Case("websocket_reconnect.py", ("--library", "websockets"), "websockets"),
    Case("websocket_reconnect.py", ("--library", "websocket-client"), "websocket-client"),
    Case("websocket_stale.py", (), "websockets"),
    Case("asyncpg_pools.py", (), "asyncpg"),
    Case("asyncpg_connections.py", (), "asyncpg"),
    Case("asyncpg_loops.py", (), "asyncpg"),
    Case("raw_sockets.py", ("--how", "unread")),
    Case("raw_sockets.py", ("--how", "read")),
    Case("raw_sockets.py", ("--how", "streams"), "asyncio"),
    Case("raw_sockets.py", ("--how", "epoll"), "select"),
    Case("raw_sockets.py", ("--how", "reset")),
    *map(waiting_in, WAIT_STATES),
    Case("forking.py", (), "os.fork"),
    Case("ignores_term.py", (), answers_term=False),
)
HEALTHY = Case("healthy_keepalive.py", (), "requests")


@contextmanager
def servers() -> Iterator[str]:
    """Everything the bots talk to; yields the ports as JSON for `--servers`."""
    with ExitStack() as stack:
        ports: dict[str, Any] = {}
        started = [stack.enter_context(owned(script)) for script in ("servers.py", "postgres.py")]
        for process in started:
            assert process.stdout is not None
            ports |= json.loads(process.stdout.readline() or sys.exit("a server did not start"))
        yield json.dumps(ports)


@contextmanager
def owned(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server script, which ends with our end of its stdin."""
    process = subprocess.Popen([sys.executable, HERE / script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)


@dataclass
class Running:
    """A bot that was started, what it has said so far, and how it ended."""

    process: subprocess.Popen[bytes]
    log: Path
    errors: Path
    born: float = field(default_factory=time.monotonic)

    def lines(self) -> list[Line]:
        whole = self.log.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def last(self) -> Line:
        """The newest line; an empty one before the first."""
        return (self.lines() or [{}])[-1]

    def wait_for(self, what: Callable[[Line], bool], seconds: float) -> bool:
        """Whether a newest line came to be as wanted, in time and before the bot ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (last := self.last()) and what(last):
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.05)
        return False

    def wait_exit(self, seconds: float) -> int | None:
        """The exit code, or None where it outlived the time given."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def running(case: Case, ports: str, *more: str) -> Iterator[Running]:
    """Starts a bot with its output in files of its own; kills it at the end where it still lives."""
    with tempfile.TemporaryDirectory(prefix="fdguard-bot-") as folder:
        log, errors = Path(folder, "log"), Path(folder, "errors")
        log.touch()
        command: list[str | Path] = [sys.executable, HERE / case.script, *case.arguments, "--log", log, *more]
        with open(errors, "wb") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=stderr, env={**os.environ, "BOT_SERVERS": ports}
            )
        try:
            yield Running(process, log, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
