"""asyncpg as bots use it; where the server is, libpq's variables say. Ends with 0 where all was right."""

import asyncio

import asyncpg

WORKERS = 20
ROUNDS = 15


async def one() -> None:
    db = await asyncpg.connect(server_settings={"application_name": "bot", "search_path": "public"})
    for number in range(5):
        assert await db.fetchval("select $1::int + 1", number) == number + 1
    async with db.transaction():
        await db.execute("create table z (a int, b text)")
        await db.executemany("insert into z values ($1, $2)", [(n, str(n)) for n in range(100)])
    assert await db.fetchval("select count(*) from z") == 100
    try:
        async with db.transaction():
            await db.execute("delete from z")
            await db.fetch("select 1 / 0")
        raise SystemExit("no error")
    except asyncpg.DivisionByZeroError:
        pass
    assert await db.fetchval("select count(*) from z") == 100
    assert await db.copy_records_to_table("z", records=[(1, "x")] * 1000) == "COPY 1000"
    async with db.transaction():
        rows = [row async for row in db.cursor("select * from z", prefetch=7)]
    assert len(rows) == 1100
    statement = await db.prepare("select a from z where b = $1")
    assert len(await statement.fetch("x")) == 1000
    await db.execute("alter table z add column c int default 9")
    assert (await db.fetchrow("select * from z limit 1"))["c"] == 9
    try:
        await db.execute("select pg_sleep(600)", timeout=0.3)
        raise SystemExit("no timeout")
    except asyncio.TimeoutError:
        pass
    assert await db.fetchval("show application_name") == "bot"
    await db.close()


async def many() -> None:
    pool = await asyncpg.create_pool(min_size=WORKERS, max_size=WORKERS)

    async def work(worker: int) -> None:
        for turn in range(ROUNDS):
            async with pool.acquire() as db:
                token = f"{worker} {turn}"
                assert await db.fetchval("select $1::text", token) == token

    await asyncio.gather(*(work(worker) for worker in range(2 * WORKERS)))
    await pool.close()


asyncio.run(one())
asyncio.run(many())
