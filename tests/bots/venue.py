"""A venue with two doors, REST and a WebSocket feed, that writes down all it saw.

    python venue.py RECORD

Prints `{"rest": PORT, "feed": PORT}` once both accept, and ends on EOF of stdin or on SIGTERM. Each line of RECORD is one
thing seen, with the time since the machine's boot:

    {"boot": 5012.8, "what": "order", "id": "7-3", "side": "buy"}

It counts 40 ticks a second. Who says `{"method": "SUBSCRIBE", "params": ["700.HK"], "id": 1}` to the feed is told each as
it comes; `GET /ticks?stream=700.HK` tells the last five seconds of them.
"""

import asyncio
import json
import signal
import sys
import time
from collections import deque
from contextlib import AsyncExitStack, suppress
from typing import Any

import websockets
from aiohttp import web
from websockets.asyncio.server import ServerConnection, broadcast

from loopback import end_with_owner, listener

PERIOD = 0.025
KEPT = 200


class Venue:
    def __init__(self, record: str) -> None:
        self.record = open(record, "a", buffering=1, encoding="utf-8")
        self.number = 0
        self.ticks: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.subscribers: dict[str, set[ServerConnection]] = {}

    def saw(self, what: str, **facts: object) -> None:
        boot = round(time.clock_gettime(time.CLOCK_BOOTTIME), 6)
        self.record.write(json.dumps({"boot": boot, "what": what, **facts}) + "\n")

    async def count(self) -> None:
        while True:
            self.number += 1
            tick = {"n": self.number, "last": 300 + self.number % 100}
            self.ticks.append(tick)
            for topic, subscribers in self.subscribers.items():
                broadcast(subscribers, json.dumps({"stream": topic, **tick}))
            await asyncio.sleep(PERIOD)

    async def feed(self, client: ServerConnection) -> None:
        path = client.request.path if client.request else "/"
        self.saw("open", path=path)
        try:
            async for said in client:
                request = json.loads(said)
                self.saw("subscribe", path=path, topics=request["params"])
                await client.send(json.dumps({"id": request["id"], "result": None}))
                for topic in request["params"]:
                    self.subscribers.setdefault(topic, set()).add(client)
        except websockets.ConnectionClosed:
            pass
        finally:
            for subscribers in self.subscribers.values():
                subscribers.discard(client)
            self.saw("closed", path=path, code=client.close_code)

    async def told(self, request: web.Request) -> web.Response:
        self.saw("poll", topic=request.query["stream"])
        return web.json_response({"items": list(self.ticks)})

    async def quote(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ticks[-1])

    async def order(self, request: web.Request) -> web.Response:
        order = await request.json()
        self.saw("order", id=order["id"], side=order["side"])
        return web.json_response({"id": order["id"], "status": "NEW"})

    async def cancel(self, request: web.Request) -> web.Response:
        self.saw("cancel", id=request.query["id"])
        return web.json_response({"status": "CANCELED"})

    async def cancel_all(self, _request: web.Request) -> web.Response:
        self.saw("cancel all")
        return web.json_response([])

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ticks", self.told),
            web.get("/quote", self.quote),
            web.post("/order", self.order),
            web.delete("/order", self.cancel),
            web.delete("/orders", self.cancel_all),
        ]


async def serve(record: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    end_with_owner()
    venue = Venue(record)
    rest, feed = listener(), listener()
    app = web.Application()
    app.add_routes(venue.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, rest).start()
        await stack.enter_async_context(websockets.serve(venue.feed, sock=feed, close_timeout=0.1))
        counting = asyncio.create_task(venue.count())
        print(json.dumps({"rest": rest.getsockname()[1], "feed": feed.getsockname()[1]}), flush=True)
        await stop.wait()
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
