"""What the kernel knows of a bot's TCP sockets, asked from outside through `ss`."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

AT_ONCE = 50
"""Sockets in one filter of `ss -K`."""


@dataclass(frozen=True)
class Socket:
    fd: int
    state: str
    recv_queue: int
    local_port: int
    remote_port: int


def sockets_of(pid: int) -> list[Socket]:
    """Those of the process itself that still have a state, listeners excepted."""
    listing = subprocess.run(["ss", "-tnpHO"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in listing.splitlines():
        if owner := re.search(rf"pid={pid},fd=(\d+)\)", line):
            state, recv_queue, _, local, remote = line.split()[:5]
            ports = [int(end.rpartition(":")[2]) for end in (local, remote)]
            found.append(Socket(int(owner[1]), state, int(recv_queue), *ports))
    return found


def destroy(sockets: list[Socket]) -> None:
    """SOCK_DESTROY each, by its own two ports: no stranger on this machine is hit."""
    for start in range(0, len(sockets), AT_ONCE):
        chunk = sockets[start : start + AT_ONCE]
        wanted = " or ".join(f"( sport = :{each.local_port} and dport = :{each.remote_port} )" for each in chunk)
        command = ["ss", "-K", "-tnH", "dst", "127.0.0.1", "and", "(", *wanted.split(), ")"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def watched_by_epoll(pid: int) -> set[int]:
    """Descriptors that are in some epoll set of the process."""
    watched: set[int] = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        if os.readlink(entry.path) == "anon_inode:[eventpoll]":
            info = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
            watched |= {int(fd) for fd in re.findall(r"^tfd:\s*(\d+)", info, re.MULTILINE)}
    return watched
