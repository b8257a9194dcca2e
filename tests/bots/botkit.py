"""What every bot here shares: its options, the tick loop, its orders, and how it dies.

A bot is a subclass of `Bot` (or of `AsyncBot`) whose `leak` re-enacts one bug
report once. The kit calls it `--rate` times a second, places an order each
tick, and prints one JSON line a tick, so that a test sees from outside whether
the bot still trades:

    {"event": "tick", "pid": 7, "tick": 3, "t": 0.3, "boot": 5012.8, "fds": 18,
     "leaks": 6, "orders_ok": 3, "orders_failed": 0, "feed": 6, "heard": 0}

`t` counts from the bot's birth, `boot` from the machine's, as a guard's clock does. `feed` counts what leaks brought, `heard`
what came by the feed that the bot lives on (`--quotes`, or one of its own).

`event` is `started`, then `tick`, and last `stopped` (SIGTERM), `finished`
(`--duration` is over) or `died`. Exit codes: 0 stopped or finished, 24 died of
EMFILE (the traceback with "[Errno 24]" is on stderr), 70 the order connection
broke, 1 anything else.
"""

import argparse
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

EXIT_EMFILE = 24
EXIT_ORDER_BROKEN = 70
LOOPBACK = "127.0.0.1"
TIMEOUT = 5.0
LONGEST_SLEEP = 0.1
"""SIGTERM is answered within this, whatever the tick period."""


@dataclass(frozen=True)
class Servers:
    """Ports on loopback, as `servers.py` and `postgres.py` print them; 0: not started."""

    http: int = 0
    patient: int = 0
    proxy: int = 0
    feed: int = 0
    orders: int = 0
    drop: int = 0
    reset: int = 0
    quotes: int = 0
    postgres: int = 0

    @classmethod
    def parse(cls, text: str) -> "Servers":
        ports = json.loads(text)
        return cls(**{name: ports[name] for name in cls.__dataclass_fields__ if name in ports})


class OrderBroken(Exception):
    """The order connection answered wrongly or not at all: nothing is known of our orders."""


class OrderLine:
    """A connection to the order server, on which every reply is checked."""

    def __init__(self, port: int) -> None:
        self.socket = connect(port)
        self.inode = os.fstat(self.socket.fileno()).st_ino
        self.seq = 0

    def exchange(self) -> None:
        """One order and its echo. Raises `OrderBroken` for whatever goes wrong."""
        self.seq += 1
        request = new_order(self.seq)
        try:
            if os.fstat(self.socket.fileno()).st_ino != self.inode:
                raise OrderBroken(f"descriptor {self.socket.fileno()} is no longer the order connection")
            self.socket.sendall(encode(request))
            reply = self.read_line()
        except OSError as error:
            raise OrderBroken(f"order {self.seq}: {error}") from error
        check_reply(request, reply)

    def read_line(self) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            chunk = self.socket.recv(4096)
            if not chunk:
                raise OrderBroken(f"order {self.seq}: the server hung up")
            received += chunk
        return received

    def close(self) -> None:
        self.socket.close()


class QuoteLine:
    """A connection to the venue's quotes, read between other things: what has come is counted, nothing is waited for."""

    def __init__(self, port: int) -> None:
        self.socket = connect(port)
        self.socket.setblocking(False)

    def drain(self) -> int:
        """How many quotes have come since. Raises `OrderBroken` once none can come any more: it would trade blindly."""
        lines = 0
        try:
            while chunk := self.socket.recv(65536):
                lines += chunk.count(b"\n")
        except BlockingIOError:
            return lines
        raise OrderBroken("the feed hung up")


def new_order(seq: int) -> dict[str, Any]:
    return {"seq": seq, "side": "buy" if seq % 2 else "sell", "symbol": "700.HK", "nonce": os.urandom(8).hex()}


def encode(order: dict[str, Any]) -> bytes:
    return json.dumps(order).encode() + b"\n"


def check_reply(request: dict[str, Any], reply: bytes) -> None:
    wanted = {**request, "status": "accepted"}
    try:
        got = json.loads(reply)
    except ValueError as error:
        raise OrderBroken(f"order {request['seq']}: reply {reply!r} is not JSON") from error
    if got != wanted:
        raise OrderBroken(f"order {request['seq']}: reply {got} where {wanted} was due")


class Bot:
    """One leaking trader. Subclasses give `leak`, and may replace what else is public here."""

    rate: ClassVar[float] = 20.0
    """Leaks a second, unless `--rate` says otherwise."""
    limit: ClassVar[int] = 256
    """Soft RLIMIT_NOFILE, unless `--limit` says otherwise."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.servers: Servers = options.servers
        self.out = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if options.log else 1
        self.ballast = [os.open(os.devnull, os.O_RDONLY) for _ in range(options.ballast)]
        self.born = time.monotonic()
        self.stopping = False
        self.tick = 0
        self.leaks = 0
        self.feed = 0
        self.heard = 0
        self.quotes: QuoteLine | None = None
        self.orders_ok = 0
        self.orders_failed = 0

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Adds options of the bot's own."""

    def leak(self) -> Any:
        """Loses what the bug report loses, once. A coroutine in an `AsyncBot`."""
        raise NotImplementedError

    def order(self) -> Any:
        """Places one order over a connection of its own, as a REST client would."""
        line = OrderLine(self.servers.orders)
        try:
            line.exchange()
        finally:
            line.close()

    def hear(self) -> Any:
        """How many quotes came since the last tick. A coroutine in an `AsyncBot`."""
        return self.drain()

    def drain(self) -> int:
        if not self.options.quotes:
            return 0
        if self.quotes is None:
            self.quotes = QuoteLine(self.servers.quotes)
        return self.quotes.drain()

    def sleep(self, seconds: float) -> None:
        """Waits between ticks, at most so long. Not asked of an `AsyncBot`."""
        time.sleep(seconds)

    def extra(self) -> dict[str, Any]:
        """Fields of the bot's own for each JSON line."""
        return {}

    def trade(self) -> None:
        """Ticks until told to stop."""
        for due in self.ticks():
            for _ in range(due):
                self.leak()
                self.leaks += 1
            self.heard += self.hear()
            try:
                self.order()
                self.orders_ok += 1
            except Exception:
                self.orders_failed += 1
                raise
            self.say("tick")
            while (rest := self.rest()) > 0:
                self.sleep(rest)

    def ticks(self) -> Iterator[int]:
        """Yields how many leaks each tick owes; time spent frozen is forgiven."""
        owed, last = 0.0, time.monotonic()
        while not self.stopping and not self.finished():
            self.tick += 1
            self.next_tick = time.monotonic() + self.options.tick
            yield int(owed)
            owed -= int(owed)
            now = time.monotonic()
            owed += self.options.rate * min(now - last, 4 * self.options.tick)
            last = now
            if self.options.leaks:
                owed = min(owed, self.options.leaks - self.leaks)

    def rest(self) -> float:
        """Seconds to sleep now, in short pieces; 0 once the next tick or a stop is due."""
        left = 0.0 if self.stopping else self.next_tick - time.monotonic()
        return max(0.0, min(left, LONGEST_SLEEP))

    def finished(self) -> bool:
        return bool(0 < self.options.duration <= time.monotonic() - self.born)

    def on_term(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def say(self, event: str, **facts: object) -> None:
        line = {
            "event": event,
            "pid": os.getpid(),
            "tick": self.tick,
            "t": round(time.monotonic() - self.born, 3),
            "boot": round(time.clock_gettime(time.CLOCK_BOOTTIME), 3),
            "fds": open_descriptors(),
            "leaks": self.leaks,
            "orders_ok": self.orders_ok,
            "orders_failed": self.orders_failed,
            "feed": self.feed,
            "heard": self.heard,
        }
        os.write(self.out, json.dumps({**line, **self.extra(), **facts}).encode() + b"\n")

    def live(self) -> int:
        """Trades until the end, whichever it is, and returns the exit code."""
        signal.signal(signal.SIGTERM, self.on_term)
        self.say("started")
        try:
            self.trade()
        except OrderBroken as error:
            print(f"order connection broken: {error}", file=sys.stderr)
            self.say("died", error=f"order connection broken: {error}")
            return EXIT_ORDER_BROKEN
        except Exception as error:
            if not out_of_descriptors(error):
                raise
            traceback.print_exc()
            self.say("died", error=f"[Errno {errno.EMFILE}] {os.strerror(errno.EMFILE)}")
            return EXIT_EMFILE
        self.say("stopped" if self.stopping else "finished")
        return 0


class AsyncBot(Bot):
    """A bot on an asyncio loop: `leak` is a coroutine.

    The module is loaded here alone: a process that has it counts as one whose loop keeps books by descriptor number.
    """

    def trade(self) -> None:
        import asyncio

        asyncio.run(self.trade_on_loop())

    async def trade_on_loop(self) -> None:
        import asyncio

        for due in self.ticks():
            for _ in range(due):
                await self.leak()
                self.leaks += 1
            self.heard += await self.hear()
            try:
                await self.order()
                self.orders_ok += 1
            except Exception:
                self.orders_failed += 1
                raise
            self.say("tick")
            while (rest := self.rest()) > 0:
                await asyncio.sleep(rest)

    async def hear(self) -> int:
        return self.drain()

    async def order(self) -> None:
        import asyncio

        request = new_order(1)
        reader, writer = await asyncio.open_connection(LOOPBACK, self.servers.orders)
        try:
            writer.write(encode(request))
            check_reply(request, await asyncio.wait_for(reader.readline(), TIMEOUT))
        finally:
            writer.close()


def open_descriptors() -> int:
    """This process's own count, taken without a descriptor: it may have none left."""
    if count := os.stat("/proc/self/fd").st_size:
        return count
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # Linux before 6.2
    return sum(is_open(fd) for fd in range(soft))


def is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def out_of_descriptors(error: BaseException | None) -> bool:
    """Whether EMFILE is at the bottom of what a library made of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def url(port: int, path: str = "/", scheme: str = "http") -> str:
    return f"{scheme}://{LOOPBACK}:{port}{path}"


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=TIMEOUT)


def main(kind: type[Bot]) -> NoReturn:
    """The body of every bot's script."""
    options = parse(kind)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = options.hard or hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(options.limit, hard), hard))
    code = kind(options).live()
    sys.stderr.flush()
    # WHY not sys.exit: with the table full, a thread that ends makes glibc abort
    # ("libgcc_s.so.1 must be installed for pthread_exit to work").
    os._exit(code)


def parse(kind: type[Bot]) -> argparse.Namespace:
    about = sys.modules[kind.__module__].__doc__
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    from_env = os.environ.get("BOT_SERVERS")
    parser.add_argument(
        "--servers", type=Servers.parse, default=from_env, required=from_env is None, metavar="JSON",
        help="ports, as servers.py and postgres.py print them (or BOT_SERVERS)",
    )
    parser.add_argument("--rate", type=float, default=kind.rate, help="leaks a second (%(default)s)")
    parser.add_argument("--leaks", type=int, default=0, help="leak so often, then only trade; 0: for ever")
    parser.add_argument("--tick", type=float, default=0.1, help="seconds a tick (%(default)s)")
    parser.add_argument("--limit", type=int, default=kind.limit, help="soft RLIMIT_NOFILE (%(default)s)")
    parser.add_argument("--hard", type=int, default=0, help="hard RLIMIT_NOFILE; 0: as inherited")
    parser.add_argument("--duration", type=float, default=0.0, help="seconds to live; 0: no end")
    parser.add_argument("--ballast", type=int, default=0, help="descriptors open for good, as a bot's own files are")
    parser.add_argument("--quotes", action="store_true", help="live on the venue's quotes, by a connection of its own")
    parser.add_argument("--log", default="", help="append the JSON lines to this file instead of stdout")
    kind.arguments(parser)
    return parser.parse_args()
