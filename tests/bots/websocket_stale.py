"""websockets: many streams, each connected anew when it looks stale, the old one forgotten.

The same reports as in websocket_reconnect.py, with their cause: the venue falls silent on a connection and keeps it
open. The bot waits `--patience` seconds for a quote, then connects again and drops the old object, whose transport the
loop keeps. So it leaks as often as the venue falls silent, and not at all where somebody replaces the silent
connection before its patience is over. `heard` counts the messages of all streams.
"""

import argparse
import asyncio
from contextlib import suppress

import websockets

import botkit

PACE = 0.05
"""Seconds between the first connects: venues want them paced."""


class StaleStreams(botkit.AsyncBot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        options.rate = 0.0  # the venue says how often it leaks
        self.followers: list[asyncio.Task[None]] = []
        self.unreported = 0

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--streams", type=int, default=30, help="streams it follows (%(default)s)")
        parser.add_argument("--patience", type=float, default=2.0, help="seconds of silence that look stale")

    async def follow(self, number: int) -> None:
        await asyncio.sleep(number * PACE)
        while True:
            try:
                stream = await websockets.connect(botkit.url(self.servers.feed, "/stale", "ws"))
            except (OSError, websockets.InvalidHandshake) as error:
                if botkit.out_of_descriptors(error):
                    raise
                await asyncio.sleep(self.options.patience)
                continue
            with suppress(websockets.ConnectionClosed):
                await self.read(stream)

    async def read(self, stream: websockets.ClientConnection) -> None:
        try:
            while True:
                await asyncio.wait_for(stream.recv(), self.options.patience)
                self.unreported += 1
        except TimeoutError:
            if self.leaks == self.options.leaks != 0:
                await stream.close()
            else:
                self.leaks += 1  # the old stream is forgotten here, not closed

    async def hear(self) -> int:
        if not self.followers:
            self.followers = [asyncio.create_task(self.follow(number)) for number in range(self.options.streams)]
        for follower in self.followers:
            if follower.done():
                follower.result()
        heard, self.unreported = self.unreported, 0
        return heard


if __name__ == "__main__":
    botkit.main(StaleStreams)
