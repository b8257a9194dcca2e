"""A pre-forking bot whose workers each leak at a rate of their own.

Re-enacts marketcalls/openalgo#804 (EMFILE takes the whole platform down) in the
shape of a pre-forked deployment: one parent, a worker for each strategy, and
the busiest runs out first. Worker n of `--workers` leaks (n+1)/workers times
`--rate`. The parent leaks nothing. It replaces a worker that was stopped or
killed; one that dies of EMFILE takes the whole bot with it, because its orders
are unmanaged from then on.

Every process prints its own lines; `worker` tells them apart, null in the
parent's.
"""

import argparse
import errno
import os
import signal
import socket
from typing import Any, NoReturn

import botkit


class Worker(botkit.Bot):
    def __init__(self, options: argparse.Namespace, number: int) -> None:
        super().__init__(options)
        self.number = number
        self.parent = os.getppid()
        self.forgotten: list[socket.socket] = []

    def finished(self) -> bool:
        return os.getppid() != self.parent  # no orphans, even of a killed parent

    def leak(self) -> None:
        self.forgotten.append(botkit.connect(self.servers.drop))

    def extra(self) -> dict[str, Any]:
        return {"worker": self.number}


class Forking(botkit.Bot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.workers: dict[int, int] = {}
        self.respawned = 0

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=3, help="processes to fork (%(default)s)")

    def trade(self) -> None:
        for number in range(self.options.workers):
            self.fork(number)
        try:
            super().trade()
        finally:
            self.stop_workers()

    def leak(self) -> None:
        pass  # the workers' business

    def order(self) -> None:
        self.replace_dead()
        super().order()

    def extra(self) -> dict[str, Any]:
        return {"worker": None, "workers": sorted(self.workers), "respawned": self.respawned}

    def fork(self, number: int) -> None:
        pid = os.fork()
        if pid == 0:
            self.be_worker(number)
        self.workers[pid] = number

    def be_worker(self, number: int) -> NoReturn:
        share = (number + 1) / self.options.workers
        options = argparse.Namespace(**{**vars(self.options), "rate": self.options.rate * share, "duration": 0})
        code = 1
        try:
            code = Worker(options, number).live()
        finally:
            os._exit(code)

    def replace_dead(self) -> None:
        for pid, number in list(self.workers.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found:
                continue
            del self.workers[pid]
            if os.waitstatus_to_exitcode(status) == botkit.EXIT_EMFILE:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), f"worker {number}")
            self.fork(number)
            self.respawned += 1

    def stop_workers(self) -> None:
        for pid in self.workers:
            os.kill(pid, signal.SIGTERM)
        for pid in self.workers:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    botkit.main(Forking)
