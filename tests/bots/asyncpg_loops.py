"""asyncpg from synchronous code: a loop for each call, the connections never closed, against a real PostgreSQL.

What trading scripts do that are not written for asyncio: `asyncio.run` around each piece of work, and a connection (or a
pool) in a global for the next one. The loop is over when the call is, and each connection made on it stays behind,
ESTABLISHED and idle in PostgreSQL, in no epoll set: no loop will ever hear that the other side has closed it.
"""

import asyncio

import asyncpg

import botkit


class AsyncpgLoops(botkit.Bot):
    rate = 4.0
    limit = 48
    kept: list[asyncpg.Connection]

    def leak(self) -> None:
        self.feed += asyncio.run(self.ask())

    async def ask(self) -> int:
        connection = await asyncpg.connect(
            host=botkit.LOOPBACK, port=self.servers.postgres, user="postgres", database="postgres", command_timeout=8,
        )
        self.kept.append(connection)
        return await connection.fetchval("select 1")


if __name__ == "__main__":
    AsyncpgLoops.kept = []
    botkit.main(AsyncpgLoops)
