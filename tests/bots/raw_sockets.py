"""Raw sockets dropped on the floor after the peer closed.

Re-enacts OpenSprinkler/OpenSprinkler-Firmware#415 and fxcm/RestAPI#19, code
that talks to a gateway itself and forgets the socket on its error path. The
ways to forget differ in what they leave to see and in what heals them:

--how unread   (default) never read again: CLOSE_WAIT, Recv-Q 1, outside any loop
--how read     the EOF was read, close() was not called: CLOSE_WAIT, Recv-Q 0
--how streams  asyncio streams whose writer is never closed: the loop reads the
               EOF, stops watching the descriptor, and waits for us: Recv-Q 0
--how epoll    a hand-written epoll loop that ignores EOF but closes on errors:
               CLOSE_WAIT and watched, so SOCK_DESTROY makes the bot close it
--how reset    the peer resets: no protocol table knows the socket any more, the
               descriptor stays open (an orphan)
"""

import argparse
import asyncio
import select
import socket

import botkit


class Raw(botkit.Bot):
    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--how", choices=WAYS, default="unread")


class Unread(Raw):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.forgotten: list[socket.socket] = []

    def leak(self) -> None:
        self.forgotten.append(botkit.connect(self.servers.drop))


class Read(Unread):
    def leak(self) -> None:
        super().leak()
        if self.forgotten[-1].recv(1):
            self.feed += 1
        # else: EOF; the path that lacks a close()


class Reset(Unread):
    def leak(self) -> None:
        self.forgotten.append(botkit.connect(self.servers.reset))
        self.forgotten[-1].send(b"?")  # answered by a reset


class Streams(botkit.AsyncBot, Raw):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.forgotten: list[asyncio.StreamWriter] = []

    async def leak(self) -> None:
        reader, writer = await asyncio.open_connection(botkit.LOOPBACK, self.servers.drop)
        self.forgotten.append(writer)
        self.feed += len(await reader.read())


class Epoll(Raw):
    """Its loop runs between the ticks."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.epoll = select.epoll()
        self.watched: dict[int, socket.socket] = {}
        self.closed = 0

    def leak(self) -> None:
        sock = botkit.connect(self.servers.drop)
        self.watched[sock.fileno()] = sock
        self.epoll.register(sock, select.EPOLLIN)

    def sleep(self, seconds: float) -> None:
        for fd, events in self.epoll.poll(seconds):
            if events & (select.EPOLLERR | select.EPOLLHUP):
                self.epoll.unregister(fd)
                self.watched.pop(fd).close()
                self.closed += 1
            elif self.watched[fd].recv(4096) == b"":
                # "The peer may still be sending": it never will. Errors are reported whatever is asked.
                self.epoll.modify(fd, 0)

    def extra(self) -> dict[str, int]:
        return {"closed": self.closed}


WAYS: dict[str, type[Raw]] = {"unread": Unread, "read": Read, "streams": Streams, "epoll": Epoll, "reset": Reset}


def chosen() -> type[Raw]:
    """Which bot to be; the rest of its options are the kit's to parse."""
    parser = argparse.ArgumentParser(add_help=False)
    Raw.arguments(parser)
    return WAYS[parser.parse_known_args()[0].how]


if __name__ == "__main__":
    botkit.main(chosen())
