"""Worker threads that open descriptors and block, beside an order connection that must not be touched.

Re-enacts hummingbot/dashboard#87 (EMFILE every few hours) in the shape of the
broker adapters that OpenAlgo repaired one by one: threads that connect, lose
the socket on the error path, and go back to waiting. `--wait` chooses what the threads are blocked in, which is
what matters to whoever closes their sockets from outside.

The main thread keeps one order connection for life. Each tick it sends an order
and checks the echo, the sequence number and that the descriptor is still the
same socket; anything wrong ends the bot with exit code 70 and
"order connection broken". `eintr` counts system calls of the workers that the
kernel broke off: a guard that hides its work leaves it 0.
"""

import argparse
import itertools
import signal
import socket
import threading
from typing import Any

import botkit
from waits import WAITS, Wait


class Worker(threading.Thread):
    """Opens a socket for each request, never closes one, and blocks in between."""

    def __init__(self, wait: Wait, port: int) -> None:
        super().__init__(daemon=True)
        self.wait = wait
        self.port = port
        self.requests = threading.Semaphore(0)
        self.forgotten: list[socket.socket] = []
        self.interrupted = 0
        self.failure: Exception | None = None

    def request(self) -> None:
        self.requests.release()
        self.wait.wake()

    def run(self) -> None:
        try:
            while True:
                self.block()
                while self.requests.acquire(blocking=False):
                    self.forgotten.append(botkit.connect(self.port))
        except Exception as error:
            self.failure = error  # the main thread's to raise

    def block(self) -> None:
        try:
            self.wait.block()
        except InterruptedError:
            self.interrupted += 1


class Threaded(botkit.Bot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.line = botkit.OrderLine(self.servers.orders)
        self.workers = [Worker(WAITS[options.wait](), self.servers.drop) for _ in range(options.workers)]
        self.next_worker = itertools.cycle(self.workers)

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--wait", choices=WAITS, default="recv", help="what the workers block in (%(default)s)")
        parser.add_argument("--workers", type=int, default=2, help="worker threads (%(default)s)")

    def trade(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # the main thread's alone
        for worker in self.workers:
            worker.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        super().trade()

    def leak(self) -> None:
        next(self.next_worker).request()

    def order(self) -> None:
        for worker in self.workers:
            if worker.failure is not None:
                raise worker.failure
        self.line.exchange()

    def extra(self) -> dict[str, Any]:
        return {
            "wait": self.options.wait,
            "order_fd": self.line.socket.fileno(),
            "eintr": sum(worker.interrupted for worker in self.workers),
        }


if __name__ == "__main__":
    botkit.main(Threaded)
