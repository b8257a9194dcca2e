"""psycopg and SQLAlchemy as bots use them; where the server is, libpq's variables say. Ends with 0 where all was right."""

import psycopg
from sqlalchemy import create_engine, text


def plain() -> None:
    with psycopg.connect() as db:
        for number in range(20):  # prepared from the fifth time on
            row = db.execute("select %s::int * 2", (number,)).fetchone()
            assert row == (2 * number,)
        db.commit()
        db.execute("create table tt (a int)")
        with db.cursor().copy("copy tt from stdin") as copy:
            for number in range(1000):
                copy.write_row((number,))
        db.commit()
        with db.cursor().copy("copy tt to stdout") as copy:
            assert sum(1 for _ in copy.rows()) == 1000
        with db.pipeline():
            cursors = [db.execute("select %s::int", (number,)) for number in range(50)]
            assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(50)]
        db.commit()
        with db.cursor("on_server") as cursor:
            cursor.itersize = 100
            cursor.execute("select * from tt")
            assert sum(1 for _ in cursor) == 1000
        db.commit()


def errors() -> None:
    with psycopg.connect() as db:
        try:
            with db.pipeline():
                db.execute("insert into tt values (-1)")
                db.execute("select 1 / 0")
                db.execute("select 3")
            raise SystemExit("no error")
        except psycopg.errors.DivisionByZero:
            db.rollback()
        assert db.execute("select count(*) from tt").fetchone() == (1000,)
        try:
            with db.transaction():
                db.execute("insert into tt values (-2)")
                db.execute("insert into absent values (1)")
            raise SystemExit("no error")
        except psycopg.errors.UndefinedTable:
            pass
        try:
            with db.cursor().copy("copy tt from stdin") as copy:
                copy.write("no number\n")
            raise SystemExit("no error")
        except psycopg.errors.InvalidTextRepresentation:
            db.rollback()
        assert db.execute("select count(*) from tt").fetchone() == (1000,)


def engine() -> None:
    engine = create_engine("postgresql+psycopg://", pool_size=5)
    with engine.begin() as db:
        db.execute(text("insert into tt values (:a)"), [{"a": number} for number in range(10)])
    with engine.connect() as db:
        for _ in range(10):
            assert db.execute(text("select count(*) from tt where a >= :least"), {"least": 0}).scalar() == 1010
    engine.dispose()


plain()
errors()
engine()
