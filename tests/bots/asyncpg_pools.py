"""asyncpg: a new pool each tick, the old one never closed, against a real PostgreSQL.

Re-enacts what the longport-quant repair was for, and marketcalls/openalgo#1380
(teardown cleaned 5 of 18 sessions): "reconnect" makes a pool and overwrites the
old one. The event loop keeps every connection's transport: ESTABLISHED, idle in
PostgreSQL, watched by epoll. Past PostgreSQL's own max_connections it would die
of "too many clients already" instead, hence the small limit and the slow rate.
A connection destroyed from outside does not help: the forgotten pool is still
at work and dials again to keep its min_size.
"""

import asyncpg

import botkit


class AsyncpgPools(botkit.AsyncBot):
    rate = 4.0
    limit = 48
    pool: asyncpg.Pool | None = None

    async def leak(self) -> None:
        self.pool = await asyncpg.create_pool(
            host=botkit.LOOPBACK, port=self.servers.postgres, user="postgres", database="postgres",
            min_size=1, max_size=2, command_timeout=8,
        )
        self.feed += await self.pool.fetchval("select 1")


if __name__ == "__main__":
    botkit.main(AsyncpgPools)
