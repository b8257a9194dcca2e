"""Asserts that every bot dies as its users report, and that the healthy one does not.

    .venv/bin/python selftest.py [PART OF A NAME ...]

Prints a line for each check and exits 1 where one failed. Takes under 90 s;
needs root for `ss -K`.
"""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cases import HEALTHY, LEAKING, Case, running, servers, waiting_in
from sockets import destroy, sockets_of

AT_ONCE = 11
HEALTHY_SECONDS = 15.0
HEALTHY_CEILING = 40
"""Descriptors: 20 pooled, and 20 for the interpreter, its streams and an order."""


class Failed(Exception):
    """A bot did not do as it should."""


def dies_of_emfile(case: Case, ports: str) -> str:
    with running(case, ports) as bot:
        code = bot.wait_exit(case.deadline)
        took = time.monotonic() - bot.born
        lines, errors = bot.lines(), bot.errors.read_text()
        peak = max((line["fds"] for line in lines), default=0)
        if code is None:
            raise Failed(f"alive after {case.deadline:.0f} s with {peak} descriptors")
        if code != 24 or "[Errno 24]" not in errors:
            raise Failed(f"exit code {code}, last words: {errors[-300:]!r}")
        if not any(line["event"] == "died" for line in lines) or not any(line["orders_ok"] for line in lines):
            raise Failed(f"died without having traded, or without a word: {lines[-1:]}")
        if took < 2.0:
            raise Failed(f"died at once, after {took:.1f} s")
        return f"died of EMFILE after {took:.1f} s, at {peak} descriptors"


def answers_term(case: Case, ports: str) -> str:
    with running(case, ports) as bot:
        if not bot.wait_for(lambda line: line["tick"] >= 2, 15.0):
            raise Failed(f"never ticked: {bot.errors.read_text()[-300:]!r}")
        bot.process.terminate()
        if not case.answers_term:
            if not bot.wait_for(lambda line: line["event"] == "term_ignored", 5.0):
                raise Failed("did not say that it ignores SIGTERM")
            heard = bot.last()["tick"]
            if not bot.wait_for(lambda line: line["tick"] > heard + 5, 5.0):
                raise Failed("did not go on after SIGTERM")
            return "ignored SIGTERM and went on"
        code = bot.wait_exit(5.0)
        if code != 0 or bot.last()["event"] != "stopped":
            raise Failed(f"exit code {code} after SIGTERM, last line {bot.last()}")
        return "stopped by SIGTERM, exit code 0"


def stays_healthy(case: Case, ports: str) -> str:
    with running(case, ports, "--duration", str(HEALTHY_SECONDS)) as bot:
        suspects = 0
        while bot.process.poll() is None:
            suspects = max(suspects, sum(each.state == "CLOSE-WAIT" for each in sockets_of(bot.process.pid)))
            time.sleep(0.2)
        peak = max(line["fds"] for line in bot.lines())
        if bot.process.returncode != 0 or bot.last()["orders_failed"]:
            raise Failed(f"exit code {bot.process.returncode}: {bot.errors.read_text()[-300:]!r}")
        if peak > HEALTHY_CEILING:
            raise Failed(f"leaks: {peak} descriptors")
        if suspects < 20:
            raise Failed(f"only {suspects} CLOSE_WAIT: does not look sick, so it proves nothing")
        return f"healthy: at most {peak} descriptors, with up to {suspects} of them CLOSE_WAIT"


def notices_a_broken_order_line(case: Case, ports: str) -> str:
    """The order check can fail: else "order connection untouched" would prove nothing."""
    with running(case, ports) as bot:
        if not bot.wait_for(lambda line: line["tick"] >= 2, 15.0):
            raise Failed("never ticked")
        order_fd = bot.last()["order_fd"]
        destroy([each for each in sockets_of(bot.process.pid) if each.fd == order_fd])
        code, errors = bot.wait_exit(5.0), bot.errors.read_text()
        if code != 70 or "order connection broken" not in errors:
            raise Failed(f"exit code {code}, last words: {errors[-300:]!r}")
        return "exit code 70 once its order connection was destroyed"


def notices_interruptions(case: Case, ports: str) -> str:
    """The count of EINTR can rise: epoll_wait() is never restarted after SIGCONT."""
    with running(case, ports, "--rate", "0") as bot:
        if not bot.wait_for(lambda line: line["tick"] >= 5, 15.0):
            raise Failed("never ticked")
        bot.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, bot.process.pid, os.WSTOPPED)
        bot.process.send_signal(signal.SIGCONT)
        if not bot.wait_for(lambda line: line["eintr"] > 0, 5.0):
            raise Failed(f"no EINTR seen: {bot.last()}")
        return "saw the EINTR of a stop and continue"


FATES = {
    HEALTHY: (stays_healthy, answers_term),
    waiting_in("recv"): (dies_of_emfile, answers_term, notices_a_broken_order_line),
    waiting_in("epoll"): (dies_of_emfile, answers_term, notices_interruptions),
}


def main() -> None:
    wanted = sys.argv[1:]
    chosen = [case for case in (*LEAKING, HEALTHY) if not wanted or any(part in case.name for part in wanted)]
    failures = 0
    began = time.monotonic()
    with servers() as ports, ThreadPoolExecutor(AT_ONCE) as pool:
        checks = []
        for case in chosen:
            for check in FATES.get(case, (dies_of_emfile, answers_term)):
                checks.append((case, pool.submit(check, case, ports)))
        for case, outcome in checks:
            try:
                print(f"ok      {case.name}: {outcome.result()}", flush=True)
            except Failed as failure:
                failures += 1
                print(f"FAILED  {case.name}: {failure}", flush=True)
    print(f"{len(checks)} checks, {failures} failed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
