"""The first of its pid namespace: a bot with number 300 is guarded and ends, the agent ends, a stranger is born with the
number, the agent comes back."""

import os
import signal
import subprocess
import sys
import time

FDGUARD, FOLDER = sys.argv[1], sys.argv[2]
NUMBER = 300


def born() -> int:
    """Forks until the number is met."""
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(NUMBER - 1))
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    assert pid == NUMBER, pid
    return pid


def agent() -> subprocess.Popen:
    log = open(os.path.join(FOLDER, "log"), "a")
    return subprocess.Popen([FDGUARD, "run", "-c", os.path.join(FOLDER, "agent.toml")], stdout=log, stderr=log)


def until(text: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(os.path.join(FOLDER, "log")) as log:
            if text in log.read():
                return
        time.sleep(0.02)
    sys.exit(f"not seen: {text}")


bot = born()
first = agent()
until("process adopted")
os.kill(bot, signal.SIGKILL)
os.waitpid(bot, 0)
until("process ended")
first.send_signal(signal.SIGTERM)
first.wait()
stranger = born()
second = agent()
until("another process than the one guarded before")
second.send_signal(signal.SIGTERM)
second.wait()
ended, _ = os.waitpid(stranger, os.WNOHANG)
print("stranger lives" if ended == 0 else "stranger ended")
