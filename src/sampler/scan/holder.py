# Holds descriptors and does with them what it is told, a line at a time; i and j are places in its list, wrapped around.
import array, ctypes, fcntl, os, socket, struct, sys, tempfile

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
ours, its = socket.socketpair()
parent = os.getpid()


def with_parent():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: a child ends with its parent
    if os.getppid() != parent:
        os._exit(0)


if os.fork() == 0:  # takes descriptors and keeps them
    with_parent()
    kept = []
    while True:
        _, rights, _, _ = its.recvmsg(1, socket.CMSG_SPACE(4))
        kept.append(rights)
        its.send(b"k")
its.close()
held = []


def give(number):
    rights = array.array("i", [number])
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    assert ours.recv(1) == b"k"


def move():
    """To a network namespace of its own, where the loopback is to be raised first."""
    global listener
    flags = 0x40000000 | (0 if os.geteuid() == 0 else 0x10000000)  # CLONE_NEWNET, CLONE_NEWUSER
    assert ctypes.CDLL(None).unshare(flags) == 0
    held.append(listener.detach())
    listener = socket.socket()
    fcntl.ioctl(listener, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)


def do(word, i, j):
    if word == "move":
        move()
    elif word == "connect":
        near = socket.create_connection(listener.getsockname())
        held.extend([near.detach(), listener.accept()[0].detach()])
    elif word == "file":
        held.append(os.open("/etc/passwd", os.O_RDONLY))
    elif word == "pipe":
        held.extend(os.pipe())
    elif word == "tcp":
        held.append(socket.socket().detach())
    elif word == "fork":
        if os.fork() == 0:
            with_parent()
            signal_wait()
    elif not held:
        return
    elif word == "close":
        os.close(held.pop(i % len(held)))
    elif word == "dup":
        held.append(os.dup(held[i % len(held)]))
    elif word == "high":
        held.append(fcntl.fcntl(held[i % len(held)], fcntl.F_DUPFD, 300 + j))
    elif word == "dup2":
        os.dup2(held[i % len(held)], held[j % len(held)])
    elif word == "give":
        give(held[i % len(held)])
    elif word in ("half", "reset"):
        end = socket.socket(fileno=os.dup(held[i % len(held)])) if is_tcp(held[i % len(held)]) else None
        if end is None:
            return
        try:
            if word == "half":
                end.shutdown(socket.SHUT_WR)
            else:  # disconnects with a reset; the socket stays
                libc = ctypes.CDLL(None)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                libc.connect(end.fileno(), bytes(16), 16)
        except OSError:
            pass
        end.close()


def is_tcp(number):
    try:
        return os.readlink("/proc/self/fd/%d" % number).startswith("socket:")
    except OSError:
        return False


def signal_wait():
    import signal

    while True:
        signal.pause()


print("ready", flush=True)
for line in sys.stdin:
    for order in line.split(";"):
        word, *places = order.split()
        do(word, *([int(place) for place in places] + [0, 0])[:2])
    print(" ".join(map(str, held)), flush=True)
