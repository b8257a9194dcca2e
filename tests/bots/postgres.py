"""A PostgreSQL of the test's own: made in a temporary folder, gone when the test is.

    python postgres.py [NAME=VALUE ...]

Each NAME=VALUE is a setting of the server, over those below. Prints `{"postgres": PORT, "dir": FOLDER}` once the server answers; stops it
and removes the folder on EOF of stdin or on SIGTERM. SIGUSR1 has it crash and start anew on the same port, after which the line comes again. Trusts every loopback
client as user `postgres`. Small and careless of its data on purpose: 60
connections, no fsync. Started as root it runs the server as `postgres`, which
refuses to be root.
"""

import ctypes
import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loopback import end_with_owner, listener

MAX_CONNECTIONS = 60
START_DEADLINE = 30.0
PR_SET_PDEATHSIG = 1


def binary(name: str) -> str:
    """The newest installed one: Debian keeps the server's tools off PATH."""
    versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    found = max(versions, key=lambda path: int(Path(path).parts[-3])) if versions else shutil.which(name)
    if found is None:
        sys.exit(f"postgres.py: {name} is not installed (Debian package: postgresql)")
    return found


def unprivileged() -> dict[str, Any]:
    """`subprocess` arguments for a process that is not root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def die_with_parent() -> None:
    """Even a SIGKILL of this script ends the server: by SIGINT, its fast shutdown."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def make_cluster(folder: str) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    command = [binary("initdb"), "--pgdata", f"{folder}/data", "--username", "postgres"]
    command += ["--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **unprivileged())
    if done.returncode != 0:
        sys.exit(f"postgres.py: initdb failed\n{done.stderr}")


def start(folder: str, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": MAX_CONNECTIONS,
        "fsync": "off",
        "shared_buffers": "16MB",
        "log_min_messages": "panic",
    } | dict(word.split("=", 1) for word in sys.argv[1:])
    command = [binary("postgres"), "-D", f"{folder}/data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with open(f"{folder}/log", "ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=die_with_parent, **unprivileged(),
        )


def wait_ready(folder: str, server: subprocess.Popen[bytes], port: int) -> bool:
    """False where the server gave up: most likely the port was taken meanwhile."""
    probe = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return False
        if subprocess.run(probe, cwd=folder).returncode == 0:
            return server.poll() is None
        time.sleep(0.05)
    server.kill()
    sys.exit(f"postgres.py: not ready within {START_DEADLINE:.0f} s\n{Path(folder, 'log').read_text()}")


def start_on_free_port(folder: str) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(5):
        with listener() as sock:
            port: int = sock.getsockname()[1]
        server = start(folder, port)
        if wait_ready(folder, server, port):
            return server, port
    sys.exit(f"postgres.py: would not start\n{Path(folder, 'log').read_text()}")


def crash_and_restart(folder: str, port: int, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """As `pg_ctl restart -m immediate` does: no goodbye, and a recovery before the next client."""
    server.send_signal(signal.SIGQUIT)
    server.wait()
    server = start(folder, port)
    if not wait_ready(folder, server, port):
        sys.exit(f"postgres.py: did not come back\n{Path(folder, 'log').read_text()}")
    return server


def stop(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
        try:
            server.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            continue


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    folder = tempfile.mkdtemp(prefix="fdguard-postgres-")
    server = None
    try:
        make_cluster(folder)
        server, port = start_on_free_port(folder)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        print(json.dumps({"postgres": port, "dir": folder}), flush=True)
        end_with_owner()
        while True:
            signal.pause()
            server = crash_and_restart(folder, port, server)
            print(json.dumps({"postgres": port, "dir": folder}), flush=True)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # EOF and TERM may both come
        if server is not None:
            stop(server)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
