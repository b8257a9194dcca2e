"""asyncpg: a connection for each question, none of them closed, against a real PostgreSQL.

The error path that forgets `close()`, in a bot on one loop that lives on: ESTABLISHED, idle in PostgreSQL, watched by
epoll. Such a connection does nothing by itself, unlike a pool, so the loop closes its descriptor once the other side
has. Prices are read and orders written by one good connection beside them. PostgreSQL must have room for all of them,
or the bot dies of "too many clients already" first.
"""

import argparse

import asyncpg

import botkit


class AsyncpgConnections(botkit.AsyncBot):
    rate = 4.0
    limit = 48

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.forgotten: list[asyncpg.Connection] = []
        self.desk: asyncpg.Connection | None = None

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=botkit.LOOPBACK, port=self.servers.postgres, user="postgres", database="postgres", command_timeout=8,
        )

    async def leak(self) -> None:
        connection = await self.connect()
        self.forgotten.append(connection)
        self.feed += await connection.fetchval("select 1")

    async def good_connection(self) -> asyncpg.Connection:
        if self.desk is None or self.desk.is_closed():
            self.desk = await self.connect()
            try:
                await self.desk.execute("create table if not exists orders (nonce text, side text, symbol text)")
            except asyncpg.UniqueViolationError:
                pass  # another bot made it in the same moment
        return self.desk

    async def hear(self) -> int:
        return await (await self.good_connection()).fetchval("select 1 from pg_database where datname = $1", "postgres")

    async def order(self) -> None:
        order = botkit.new_order(self.tick)
        wanted = [order[name] for name in ("nonce", "side", "symbol")]
        got = await (await self.good_connection()).fetchrow("insert into orders values ($1, $2, $3) returning *", *wanted)
        if got is None or list(got) != wanted:
            raise botkit.OrderBroken(f"order {wanted}: {got}")


if __name__ == "__main__":
    botkit.main(AsyncpgConnections)
