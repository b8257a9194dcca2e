"""What both server scripts need: a port of their own, and an owner they don't outlive."""

import os
import random
import signal
import socket
import sys
import threading
from contextlib import suppress


def listener() -> socket.socket:
    """Binds a free loopback port below the range that clients are given."""
    while True:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            sock.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            sock.listen(1024)
            return sock
        sock.close()


def end_with_owner() -> None:
    """Turns EOF on stdin into SIGTERM to this process.

    A thread, because no loop can watch a stdin that is a file or /dev/null.
    """

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
