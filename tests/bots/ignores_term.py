"""Leaks like `raw_sockets.py` and will not stop on SIGTERM.

Re-enacts the bots of sammchardy/python-binance#1503 (hangs on close): a handler
begins a graceful shutdown that waits for ever, so only SIGKILL ends it. Each
SIGTERM it gets prints a line with `event` `term_ignored`.
"""

import argparse
import socket

import botkit


class IgnoresTerm(botkit.Bot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.forgotten: list[socket.socket] = []

    def leak(self) -> None:
        self.forgotten.append(botkit.connect(self.servers.drop))

    def on_term(self, _number: int, _frame: object) -> None:
        self.say("term_ignored")


if __name__ == "__main__":
    botkit.main(IgnoresTerm)
