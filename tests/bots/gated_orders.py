"""A bot that trades through the order gate of its guard: it leaks sessions, is paused, lets go of them, and trades on.

Each tick it asks for a quote, places an order, places one that only reduces, and cancels one, as SDKs do: by one kept
session, on which a refused order is an answer like any other and no lost connection. Besides it leaks a session a tick, with its
connection, until it has heard that trading is halted; then it closes them all and leaks no more.

One JSON line a tick: its descriptors, and the status and the venue's words that each request brought.
"""

import argparse
import asyncio
import json
import os
import sys
import time

import aiohttp
import requests

TIMEOUT = 10.0
PERIOD = 0.05
REQUESTS = (
    ("data", "GET", "/quote", None),
    ("order", "POST", "/api/v3/order", {"side": "BUY", "quantity": 1}),
    ("reduce", "POST", "/api/v3/order", {"side": "SELL", "quantity": 1, "reduceOnly": True}),
    ("cancel", "DELETE", "/api/v3/order?orderId=7", None),
)


def tell(seen: dict[str, object]) -> None:
    line = {"pid": os.getpid(), "fds": len(os.listdir("/proc/self/fd")), **seen}
    print(json.dumps(line), flush=True)


def has_halted(seen: dict[str, object]) -> bool:
    return any("halted" in str(said) for said in seen.values())


def with_requests(url: str) -> None:
    session, leaked, leaks = requests.Session(), [], True
    while True:
        seen: dict[str, object] = {}
        for name, method, path, body in REQUESTS:
            answer = session.request(method, url + path, json=body, timeout=TIMEOUT)
            seen[name] = [answer.status_code, answer.json()]
        tell(seen)
        if has_halted(seen):
            leaks = False
            for lost in leaked:
                lost.close()
            leaked.clear()
        if leaks:
            lost = requests.Session()
            lost.get(url + "/quote", timeout=TIMEOUT)
            leaked.append(lost)
        time.sleep(PERIOD)


async def with_aiohttp(url: str) -> None:
    limit = aiohttp.ClientTimeout(total=TIMEOUT)
    session, leaked, leaks = aiohttp.ClientSession(timeout=limit), [], True
    while True:
        seen: dict[str, object] = {}
        for name, method, path, body in REQUESTS:
            async with session.request(method, url + path, json=body) as answer:
                seen[name] = [answer.status, await answer.json()]
        tell(seen)
        if has_halted(seen):
            leaks = False
            for lost in leaked:
                await lost.close()
            leaked.clear()
        if leaks:
            lost = aiohttp.ClientSession(timeout=limit)
            async with lost.get(url + "/quote") as answer:
                await answer.read()
            leaked.append(lost)
        await asyncio.sleep(PERIOD)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--library", choices=("requests", "aiohttp"), default="requests")
    options.add_argument("--log", required=True)
    chosen = options.parse_args()
    sys.stdout = open(chosen.log, "a", encoding="utf-8")
    url = os.environ["VENUE_URL"].rstrip("/")
    if chosen.library == "requests":
        with_requests(url)
    else:
        asyncio.run(with_aiohttp(url))


if __name__ == "__main__":
    main()
