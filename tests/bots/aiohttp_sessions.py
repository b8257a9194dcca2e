"""aiohttp: one session a request, none of them closed.

Re-enacts aio-libs/aiohttp#4067 and #4805 and ccxt/ccxt#27418: each call makes a
ClientSession, and something (here a cache keyed by request) keeps it alive.

--how unread   (default) a streaming response is opened and never read. aiohttp
               stops reading when its buffer is full, so the server's FIN is
               never seen: CLOSE_WAIT, in no epoll set. Recv-Q is mostly 0: the
               kernel passes over a FIN that rides on the last data it hands
               out, though no read has ever returned the EOF.
--how idle     the response is read, the session kept, its connection pooled.
               ESTABLISHED for as long as the server allows, hence a patient
               server: aiohttp closes its end when the server does.
"""

import argparse

import aiohttp

import botkit

READ_BUFFER = 2**16
"""aiohttp's default at the time of those reports; four times that today."""


class AiohttpSessions(botkit.AsyncBot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.desk: aiohttp.ClientSession | None = None
        self.cache: dict[int, tuple[aiohttp.ClientSession, aiohttp.ClientResponse]] = {}

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--how", choices=["unread", "idle"], default="unread")
        parser.add_argument("--desk", choices=["lines", "http"], default="lines")

    def good_session(self) -> aiohttp.ClientSession:
        if self.desk is None:
            self.desk = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=botkit.TIMEOUT))
        return self.desk

    async def hear(self) -> int:
        if self.options.desk == "lines":
            return await super().hear()
        async with self.good_session().get(botkit.url(self.servers.patient, "/quote")) as response:
            return len(await response.json()) // 2

    async def order(self) -> None:
        if self.options.desk == "lines":
            return await super().order()
        request = botkit.new_order(self.tick)
        async with self.good_session().post(botkit.url(self.servers.patient, "/order"), json=request) as response:
            botkit.check_reply(request, await response.read())

    async def leak(self) -> None:
        connector = aiohttp.TCPConnector(keepalive_timeout=3600)
        session = aiohttp.ClientSession(connector=connector, read_bufsize=READ_BUFFER)
        if self.options.how == "unread":
            response = await session.get(botkit.url(self.servers.http, "/stream"))
        else:
            response = await session.get(botkit.url(self.servers.patient, "/quote"))
            await response.json()
        self.feed += 1
        self.cache[self.leaks] = (session, response)


if __name__ == "__main__":
    botkit.main(AiohttpSessions)
