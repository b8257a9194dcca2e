"""A healthy bot that looks sick: an idle keep-alive pool in CLOSE_WAIT.

Re-enacts the false alarm of urllib3/urllib3#2100. One `requests.Session` with a
pool of `--pool` connections is used in bursts. Between bursts the server times
the idle connections out, so they sit in CLOSE_WAIT with the EOF unread, for up
to `--every` seconds. The next burst notices and replaces them. The number of
descriptors has a ceiling: nothing here wants healing, and no shipped policy may
disturb it.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter

import botkit

LINGER = 0.05
"""Seconds the server takes to answer, so that a burst needs every connection at once."""


class HealthyKeepalive(botkit.Bot):
    rate = 0.0

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=options.pool))
        self.workers = ThreadPoolExecutor(options.pool)
        self.next_burst = time.monotonic()

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--pool", type=int, default=20, help="connections kept alive (%(default)s)")
        parser.add_argument("--every", type=float, default=3.0, help="seconds between bursts (%(default)s)")

    def order(self) -> None:
        super().order()
        if time.monotonic() >= self.next_burst:
            self.next_burst = time.monotonic() + self.options.every
            self.feed += sum(self.workers.map(self.quote, range(self.options.pool)))

    def quote(self, _: int) -> int:
        target = botkit.url(self.servers.http, f"/quote?after={LINGER}")
        return len(self.session.get(target, timeout=botkit.TIMEOUT).json()) // 2


if __name__ == "__main__":
    botkit.main(HealthyKeepalive)
