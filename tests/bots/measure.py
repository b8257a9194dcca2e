"""Measures the table in README.md: how each bot dies, what it leaves to see, and whether SOCK_DESTROY heals it.

    .venv/bin/python measure.py [PART OF A NAME ...]

Needs root (`ss -K`). A bot is healed where its own descriptor count falls:
socket states prove nothing. Runs the bots one at a time, about 8 minutes.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass

from cases import HEALTHY, LEAKING, Case, Running, running, servers
from sockets import Socket, destroy, sockets_of, watched_by_epoll

LEAKS = 30
SETTLE = 2.5
"""Seconds after the last leak, by when the servers have idled out and cut what they will."""


@dataclass(frozen=True)
class Healing:
    """What was to be seen of the leak, and the bot's count before and after it was destroyed."""

    sight: str
    watched: int
    leaked: int
    dialled_again: int
    before: int
    after: int
    still_trades: bool

    def __str__(self) -> str:
        trades = "" if self.still_trades else ", **stopped trading**"
        return f"{self.sight} | {self.watched} | {self.verdict()}: {self.before} → {self.after}{trades}"

    def verdict(self) -> str:
        freed = self.before - self.after
        if self.leaked == 0:
            return "nothing to destroy"
        if freed >= 0.9 * self.leaked:
            return "healed"
        if self.dialled_again >= 0.9 * self.leaked:
            return "undone, dials again"
        return "not healed" if freed <= 0.1 * self.leaked else "partly healed"


def heal(case: Case, ports: str) -> Healing:
    leaks = 0 if case is HEALTHY else LEAKS
    more = ("--leaks", str(leaks), "--rate", "20") if leaks else ()
    with running(case, ports, *more) as bot:
        if not bot.wait_for(lambda line: line["tick"] > 0 and line["leaks"] >= leaks, 30.0):
            sys.exit(f"{case.name}: did not leak")
        time.sleep(SETTLE)
        pid = victim(bot)
        leaked = [each for each in sockets_of(pid) if not is_order_connection(bot, each)]
        watched = watched_by_epoll(pid) & {each.fd for each in leaked}
        before = fds_of(bot, pid)
        destroy(leaked)
        tick = bot.last()["tick"]
        trades = bot.wait_for(lambda line: line["tick"] > tick + 20, 5.0)
        now = sockets_of(pid)
        if left := {each.local_port for each in leaked} & {each.local_port for each in now}:
            sys.exit(f"{case.name}: {len(left)} sockets survived SOCK_DESTROY")
        again = sum(each.remote_port in {each.remote_port for each in leaked} for each in now)
        return Healing(sight(leaked), len(watched), len(leaked), again, before, fds_of(bot, pid), trades)


def victim(bot: Running) -> int:
    """The process that leaks most: a bot may have several."""
    newest = {line["pid"]: line["fds"] for line in bot.lines()}
    return int(max(newest, key=lambda pid: newest[pid]))


def fds_of(bot: Running, pid: int) -> int:
    return int([line["fds"] for line in bot.lines() if line["pid"] == pid][-1])


def is_order_connection(bot: Running, each: Socket) -> bool:
    return each.fd == bot.last().get("order_fd")


def sight(leaked: list[Socket]) -> str:
    kinds = Counter(f"{each.state}, Recv-Q {'> 0' if each.recv_queue else '0'}" for each in leaked)
    return "; ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "no state: orphans"


def death(case: Case, ports: str) -> str:
    if case is HEALTHY:
        with running(case, ports, "--duration", "30") as bot:
            bot.wait_exit(60.0)
            return f"lives; at most {max(line['fds'] for line in bot.lines())}"
    with running(case, ports) as bot:
        code = bot.wait_exit(2 * case.deadline)
        peak = max(line["fds"] for line in bot.lines())
        where = "its order" if bot.last()["orders_failed"] else "its own leak"
        return f"{bot.last()['t']:.1f} s, exit {code} at {peak}, in {where}"


def main() -> None:
    wanted = sys.argv[1:]
    chosen = [case for case in (*LEAKING, HEALTHY) if not wanted or any(part in case.name for part in wanted)]
    print("| bot | library | unguarded: dies after | of 30 leaks it leaves to see | in an epoll set | SOCK_DESTROY |")
    print("|---|---|---|---|---|---|")
    with servers() as ports:
        for case in chosen:
            print(f"| `{case.name}` | {case.library} | {death(case, ports)} | {heal(case, ports)} |", flush=True)


if __name__ == "__main__":
    main()
