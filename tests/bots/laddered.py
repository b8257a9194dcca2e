"""A bot that trades through three proxies of its guard, leaks through all three, and lets go when it is told to.

It has a database (asyncpg), a feed (websockets) and a venue's REST (aiohttp), each by the address in its environment. Each
tick it asks the database and the venue, places an order, places one that only reduces, and cancels one; a refused order is
an answer like any other. What it leaks, in turns: a connection to the database, a session with its connection, a feed that
is subscribed to and never read.

What it does is said by the file in `--word`, one line of a process's number and a word; nothing is said of any other process:

leak  loses until an order of its is refused
heal  lets go of what it has lost, by and by
doom  loses, whatever is refused

Its lines tell besides the kit's: `answers`, by request its number and the status; `numbers` of the feed in order,
and `notices` of it.
"""

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import websockets

import botkit

TOPIC = "700.HK"
LET_GO = 2
"""What it lets go of for each time it could lose something."""


class Laddered(botkit.AsyncBot):
    rate = 20.0
    limit = 400

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.lost: list[Any] = []
        self.refused = False
        self.answers: dict[str, tuple[str, int]] = {}
        self.numbers: list[int] = []
        self.notices: list[dict[str, Any]] = []

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--word", type=Path, required=True)

    def word(self) -> str:
        try:
            pid, word = self.options.word.read_text().split()
        except FileNotFoundError:
            return ""
        return word if int(pid) == os.getpid() else ""

    async def trade_on_loop(self) -> None:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=botkit.TIMEOUT))
        self.database = await connect()
        self.stream = await subscribe(f"/own/{os.getpid()}")
        reading = asyncio.create_task(self.read())
        await super().trade_on_loop()
        reading.cancel()

    async def read(self) -> None:
        try:
            async for said in self.stream:
                message = json.loads(said)
                if "n" in message:
                    self.numbers.append(message["n"])
                elif "notice" in message:
                    self.notices.append(message)
            self.notices.append({"notice": "the feed has ended"})
        except websockets.ConnectionClosed as closed:
            self.notices.append({"notice": f"the feed was closed: {closed}"})

    async def leak(self) -> None:
        word = self.word()
        if word == "heal":
            for lost in self.lost[-LET_GO:]:
                await lost.close()
            del self.lost[-LET_GO:]
        elif word == "doom" or (word == "leak" and not self.refused):
            self.lost.append(await (connect, ask, subscribe)[len(self.lost) % 3]())

    async def order(self) -> None:
        assert await self.database.fetchval("select $1::int", self.tick) == self.tick
        name = f"{os.getpid()}-{self.tick}"
        buy = {"id": name, "side": "buy", "reduceOnly": False}
        sell = {"id": name, "side": "sell", "reduceOnly": True}
        await self.send("quote", "GET", "/quote", None)
        await self.send("buy", "POST", "/order", buy)
        await self.send("sell", "POST", "/order", sell)
        await self.send("cancel", "DELETE", f"/order?id={name}", None)
        self.refused = self.refused or self.answers["buy"][1] != 200

    async def send(self, what: str, method: str, path: str, body: object) -> None:
        async with self.session.request(method, rest() + path, json=body) as answer:
            await answer.read()
            self.answers[what] = (f"{os.getpid()}-{self.tick}", answer.status)

    def extra(self) -> dict[str, Any]:
        numbers, notices, answers = self.numbers, self.notices, self.answers
        self.numbers, self.notices, self.answers = [], [], {}
        return {"answers": answers, "numbers": numbers, "notices": notices}


def rest() -> str:
    return os.environ["VENUE_URL"].rstrip("/")


async def connect() -> asyncpg.Connection:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"], command_timeout=botkit.TIMEOUT)
    await connection.fetchval("select 1")
    return connection


async def ask() -> aiohttp.ClientSession:
    session = aiohttp.ClientSession()
    async with session.get(rest() + "/quote") as answer:
        await answer.read()
    return session


async def subscribe(path: str = "/lost") -> websockets.ClientConnection:
    # A feed that nobody reads is not closed for that by its own library, nor waited for when it is let go.
    stream = await websockets.connect(os.environ["STREAM_URL"].rstrip("/") + path, ping_interval=None, close_timeout=0.05)
    await stream.send(json.dumps({"method": "SUBSCRIBE", "params": [TOPIC], "id": 1}))
    return stream


if __name__ == "__main__":
    botkit.main(Laddered)
