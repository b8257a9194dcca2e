"""requests: a fresh Session for each call through a proxy that refuses CONNECT.

Re-enacts urllib3/urllib3#548 (a failed CONNECT leaks its socket) inside
psf/requests#4575 (sessions kept, CLOSE_WAIT up to EMFILE). The first is cured:
with urllib3 2.8 a refused CONNECT leaves no socket behind, even where session
and exception are both kept. The second is not: the bot falls back to the direct
address on the same Session, keeps the Session for a later that never comes, and
its pooled connection turns CLOSE_WAIT, EOF unread, once the server's keep-alive
runs out. Nobody polls that socket; only the next use of that pool would.
"""

import argparse

import requests

import botkit

VENUE = "https://gateway.broker.example/quote"


class RequestsProxy(botkit.Bot):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.sessions: list[requests.Session] = []
        self.refusals = 0

    def leak(self) -> None:
        session = requests.Session()
        self.sessions.append(session)
        session.proxies = {"https": botkit.url(self.servers.proxy)}
        try:
            session.get(VENUE, timeout=botkit.TIMEOUT)
        except requests.exceptions.ProxyError:
            self.refusals += 1
        try:
            session.get(botkit.url(self.servers.http, "/quote"), timeout=botkit.TIMEOUT).json()
            self.feed += 1
        except requests.RequestException:
            pass  # as bots do: no quote this time. EMFILE hides here until an order fails

    def extra(self) -> dict[str, int]:
        return {"refusals": self.refusals}


if __name__ == "__main__":
    botkit.main(RequestsProxy)
