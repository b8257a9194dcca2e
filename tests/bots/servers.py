"""The servers that the bots trade with, in one process, on loopback.

    python servers.py [--http-idle 1.0] [...] [NAME ...]

Starts what is asked (everything by default), prints one JSON line with the
ports once all of them accept, and ends on EOF of stdin or on SIGTERM. Holding
the write end of its stdin is therefore enough to own it: it can't outlive a
test that was killed.

http    quotes and orders over HTTP; closes a kept-alive connection that is idle
patient the same, but lets connections idle for an hour
proxy   an HTTP proxy that refuses every CONNECT with 403, as a corporate one
        does to a host that isn't on its list; then closes
feed    a WebSocket stream of quotes; on /stale it soon falls silent and stays
        open, on /cut it is soon cut without a close frame
orders  newline-delimited JSON orders, echoed; wants sequence numbers in order
drop    accepts and closes: what it leaves behind at the client is CLOSE_WAIT
reset   resets on the first byte: what it leaves behind is a descriptor without a state
quotes  a line of JSON to everybody who listens, again and again
"""

import argparse
import asyncio
import itertools
import json
import random
import resource
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import websockets
from aiohttp import web
from websockets.asyncio.server import ServerConnection

from loopback import end_with_owner, listener

NAMES = ("http", "patient", "proxy", "feed", "orders", "drop", "reset", "quotes")
STREAM_BYTES = 200_000
"""Past aiohttp's read buffer, so an unread body stops its reading, yet small
enough for the kernel's buffers, so that the FIN behind it still arrives."""


def last_price() -> float:
    return round(random.uniform(300, 400), 2)


async def quote(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.query.get("after", 0)))
    return web.json_response({"symbol": "700.HK", "last": last_price()})


async def take_order(request: web.Request) -> web.Response:
    return web.json_response({**await request.json(), "status": "accepted"})


async def stream_quotes(request: web.Request) -> web.StreamResponse:
    """A chunked stream that the server abandons midway: no last chunk, only a FIN."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(bytes(STREAM_BYTES))
    if request.transport is not None:
        request.transport.close()
    return response


async def serve_http(idle: float, sock: socket.socket, stack: AsyncExitStack) -> None:
    app = web.Application()
    app.add_routes([web.get("/quote", quote), web.get("/stream", stream_quotes), web.post("/order", take_order)])
    runner = web.AppRunner(app, keepalive_timeout=idle, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, sock).start()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve_stream(handle: Handler, sock: socket.socket, stack: AsyncExitStack) -> None:
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(session, sock=sock)
    stack.callback(server.close)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"CONNECT to this host is not allowed by policy\n"
    writer.write(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()


async def echo_orders(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers order n+1 only after order n: a client that lost its place is told so and hung up on."""
    expected = 1
    while line := await reader.readline():
        order = json.loads(line)
        in_order = order["seq"] == expected
        reply = {**order, "status": "accepted"} if in_order else {"seq": order["seq"], "status": "out of sequence"}
        writer.write(json.dumps(reply).encode() + b"\n")
        await writer.drain()
        if not in_order:
            return
        expected += 1


async def drop(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def tell_quotes(every: float, writer: asyncio.StreamWriter) -> None:
    """Keeps its pace whatever the machine does: who counts the lines knows how many were due."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for seq in itertools.count():
        writer.write(json.dumps({"seq": seq, "last": last_price()}).encode() + b"\n")
        await writer.drain()
        due += every
        await asyncio.sleep(max(0.0, due - loop.time()))


async def serve_feed(options: argparse.Namespace, sock: socket.socket, stack: AsyncExitStack) -> None:
    async def stream(client: ServerConnection) -> None:
        path = client.request.path if client.request else "/"
        if path == "/cut":
            asyncio.get_running_loop().call_later(options.feed_life, client.transport.close)
        with suppress(websockets.ConnectionClosed):
            for seq in itertools.count():
                if path == "/stale" and seq == options.feed_silent_after:
                    break
                await client.send(json.dumps({"seq": seq, "last": last_price()}))
                await asyncio.sleep(options.feed_every)
            await client.wait_closed()

    await stack.enter_async_context(websockets.serve(stream, sock=sock, close_timeout=0.1))


async def serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    end_with_owner()

    starters: dict[str, Callable[[socket.socket, AsyncExitStack], Awaitable[None]]] = {
        "http": lambda sock, stack: serve_http(options.http_idle, sock, stack),
        "patient": lambda sock, stack: serve_http(3600.0, sock, stack),
        "proxy": lambda sock, stack: serve_stream(refuse, sock, stack),
        "feed": lambda sock, stack: serve_feed(options, sock, stack),
        "orders": lambda sock, stack: serve_stream(echo_orders, sock, stack),
        "drop": lambda sock, stack: serve_stream(drop, sock, stack),
        "reset": lambda sock, stack: serve_stream(reset, sock, stack),
        "quotes": lambda sock, stack: serve_stream(
            lambda _, writer: tell_quotes(options.quotes_every, writer), sock, stack
        ),
    }
    async with AsyncExitStack() as stack:
        ports = {}
        for name in options.names:
            sock = listener()
            ports[name] = sock.getsockname()[1]
            await starters[name](sock, stack)
        print(json.dumps(ports), flush=True)
        await stop.wait()


def server_name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(f"no server {text!r}; there are {', '.join(NAMES)}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=server_name, default=NAMES, metavar="NAME")
    parser.add_argument("--http-idle", type=float, default=1.0, help="seconds a kept-alive connection may idle")
    parser.add_argument("--feed-every", type=float, default=0.05, help="seconds between quotes")
    parser.add_argument("--quotes-every", type=float, default=0.1, help="seconds between lines of quotes")
    parser.add_argument("--feed-silent-after", type=int, default=5, help="quotes until /stale falls silent")
    parser.add_argument("--feed-life", type=float, default=1.0, help="seconds until /cut is cut")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
