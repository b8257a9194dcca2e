"""First process of a pid namespace: ends guarded processes and has strangers born under their numbers at once.

Usage: reuse.py FDGUARD FOLDER ROUNDS. Prints one JSON line with what happened. A stranger has every signal blocked
from before its birth, so whatever reaches it stays pending until it looks; KILL and STOP its parent sees.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

FDGUARD, FOLDER, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
TARGETS = 10
MODES = ["stop", "freeze", "policy", "late"]
ALL = signal.valid_signals()


def ask(request):
    body = json.dumps(request)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"{FOLDER}/agent.sock")
        head = f"POST /v1/request HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        peer.sendall((head + body).encode())
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def eventually(what, look):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.01)
    sys.exit(f"not in time: {what}")


def born(program):
    """A child that ends for nothing but its own program."""
    pid = os.fork()
    if pid == 0:
        try:
            program()
        finally:
            os._exit(1)
    return pid


def guarded(mode):
    def program():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(50 if mode == "policy" else 0)]
        while held is not None:
            time.sleep(60)

    return born(program)


def stranger(report):
    def program():
        os.read(asked[0], 1)
        got = []
        while info := signal.sigtimedwait(ALL - {signal.SIGKILL, signal.SIGSTOP}, 0):
            got.append(signal.Signals(info.si_signo).name)
        os.write(report, json.dumps(got).encode())
        os._exit(0)

    asked = os.pipe()
    return born(program), asked[1], asked[0]


def left_over(pid, asked, report):
    """What a stranger got."""
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    os.write(asked, b"?")
    if found:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0) if os.WIFSTOPPED(status) else None
        return ["stopped" if os.WIFSTOPPED(status) else f"ended {status}"]
    os.waitpid(pid, 0)
    return json.loads(os.read(report, 4096) or b'["no report"]')


def watched():
    status = ask("status")["status"]
    return {target["name"]: [process["pid"] for process in target["processes"]] for target in status["targets"]}


def answers():
    """The socket is there a moment before anybody listens on it."""
    try:
        return watched()
    except (FileNotFoundError, ConnectionRefusedError):
        return None


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
    log = open(f"{FOLDER}/log", "w")
    unblock = lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
    agent = subprocess.Popen([FDGUARD, "run", "-c", f"{FOLDER}/agent.toml"], stdout=log, stderr=log, preexec_fn=unblock)
    eventually("the agent answers", answers)
    forced = missed = 0
    hit = []
    counts = dict.fromkeys(MODES, 0)
    adopted = {}
    turn = 0
    while forced < ROUNDS:
        turn += 1
        modes = [MODES[(turn + number) % len(MODES)] for number in range(TARGETS)]
        pids = {}
        for number in range(TARGETS):
            mode = modes[number]
            pid = pids[f"t{number}"] = guarded(mode)
            with open(f"{FOLDER}/pid{number}.new", "w") as out:
                out.write(str(pid))
            os.rename(f"{FOLDER}/pid{number}.new", f"{FOLDER}/pid{number}")
        # Not all at one time: those that the policy stops may be gone again.
        seen = set()
        all_seen = lambda: seen.update((name, pid) for name, found in watched().items() for pid in found) or seen
        eventually("all are guarded", lambda: all_seen() >= set(pids.items()))
        strangers = []
        for number in range(TARGETS):
            name, mode = f"t{number}", modes[number]
            order = {
                "stop": {"stop": {"target": name, "grace": {"secs": 0, "nanos": 150_000_000}, "then": "stay"}},
                "freeze": {"freeze": {"target": name, "limit": {"secs": 0, "nanos": 200_000_000}}},
            }.get(mode)
            if order:
                ask({"do": order})
                time.sleep(random.uniform(0, 0.02))
            pid = pids[name]
            report, reported = os.pipe()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            with open("/proc/sys/kernel/ns_last_pid", "w") as last:
                last.write(str(pid - 1))
            new, asked, kept = stranger(reported)
            os.close(reported)
            os.close(kept)
            if new == pid:
                forced += 1
                counts[mode] += 1
            else:
                missed += 1
            if mode == "late":
                # The agent may not have noticed the end yet.
                ask({"do": {"stop": {"target": name, "grace": {"secs": 0, "nanos": 0}, "then": "stay"}}})
            strangers.append((name, mode, new, asked, report))
        # Longer than every grace and limit above, while the strangers stand there.
        eventually("the ends are noticed", lambda: not any(watched().values()))
        time.sleep(0.9)
        for name, mode, pid, asked, report in strangers:
            if got := left_over(pid, asked, report):
                hit.append([name, mode, got])
            os.close(asked)
            os.close(report)
        if any(watched().values()):
            adopted.update(watched())
    agent.terminate()
    agent.wait(30)
    seen = []
    for sent in [signal.SIGTERM, signal.SIGCONT, signal.SIGSTOP]:
        # A signal that does reach a stranger is seen.
        report, reported = os.pipe()
        pid, asked, _ = stranger(reported)
        os.kill(pid, sent)
        if sent == signal.SIGSTOP:
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        seen.append(left_over(pid, asked, report))
    print(json.dumps({"forced": forced, "missed": missed, "hit": hit, "counts": counts, "seen": seen, "adopted": adopted}))


main()
