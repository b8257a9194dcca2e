"""WebSocket feeds reconnected without closing the old connection.

--library websockets        (default) re-enacts binance/binance-connector-python#505
    and openonion/connectonion#548: the feed looks stale, the bot connects again
    and drops the old object. The event loop still holds its transport and keeps
    answering pings: ESTABLISHED for ever, watched by epoll.
--library websocket-client  re-enacts sammchardy/python-binance#1637 (what
    a reconnect replaces lives on as an orphan): old clients stay in a list of
    listeners and are never read again. Once the venue cuts them they are CLOSE_WAIT
    with unread quotes, watched by nobody.
"""

import argparse
import json

import websocket
import websockets

import botkit


class Feed(botkit.Bot):
    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--library", choices=LIBRARIES, default="websockets")


class AsyncioFeed(botkit.AsyncBot, Feed):
    """The `websockets` library."""

    stream: websockets.ClientConnection | None = None

    async def leak(self) -> None:
        # The old stream is forgotten here, not closed.
        self.stream = await websockets.connect(botkit.url(self.servers.feed, "/stale", "ws"))
        json.loads(await self.stream.recv())
        self.feed += 1


class BlockingFeed(Feed):
    """The `websocket-client` library."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.listeners: list[websocket.WebSocket] = []

    def leak(self) -> None:
        stream = websocket.create_connection(botkit.url(self.servers.feed, "/cut", "ws"), timeout=botkit.TIMEOUT)
        self.listeners.append(stream)
        json.loads(stream.recv())
        self.feed += 1


LIBRARIES: dict[str, type[Feed]] = {"websockets": AsyncioFeed, "websocket-client": BlockingFeed}


def chosen() -> type[Feed]:
    """Which bot to be; the rest of its options are the kit's to parse."""
    parser = argparse.ArgumentParser(add_help=False)
    Feed.arguments(parser)
    return LIBRARIES[parser.parse_known_args()[0].library]


if __name__ == "__main__":
    botkit.main(chosen())
