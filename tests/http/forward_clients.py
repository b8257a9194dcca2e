"""Real HTTP clients, unchanged, through a forward proxy.

    python forward_clients.py CLIENT PROXY AUTHORITY URL...     asks for each URL, and prints "done"

Each answer is the `Host` that the server was told.
"""

import asyncio
import os
import ssl
import sys
import urllib.request
from urllib.parse import urlsplit

import aiohttp
import ccxt
import httpx
import requests


def of_requests(proxy: str, authority: str, urls: list[str]) -> None:
    with requests.Session() as session:
        for url in urls:
            proxies = {"http": proxy, "https": proxy}
            for _ in range(3):
                answer = session.get(url, proxies=proxies, verify=authority, timeout=10)
                assert answer.text == urlsplit(url).netloc, answer.text


def of_httpx(proxy: str, authority: str, urls: list[str]) -> None:
    with httpx.Client(proxy=proxy, verify=ssl.create_default_context(cafile=authority)) as client:
        for url in urls:
            assert [client.get(url).text for _ in range(3)] == [urlsplit(url).netloc] * 3


def of_aiohttp(proxy: str, authority: str, urls: list[str]) -> None:
    async def ask() -> None:
        context = ssl.create_default_context(cafile=authority)
        async with aiohttp.ClientSession() as session:
            async def one(url: str) -> None:
                async with session.get(url, proxy=proxy, ssl=context) as answer:
                    assert await answer.text() == urlsplit(url).netloc

            await asyncio.gather(*(one(url) for url in urls * 20))

    asyncio.run(ask())


def of_ccxt(proxy: str, _authority: str, urls: list[str]) -> None:
    for url in urls:
        key = "httpsProxy" if url.startswith("https") else "httpProxy"
        venue = ccxt.binance({key: proxy, "validateServerSsl": False, "enableRateLimit": False})
        assert venue.fetch(url) == urlsplit(url).netloc


def of_environment(proxy: str, authority: str, urls: list[str]) -> None:
    os.environ.update({"https_proxy": proxy, "http_proxy": proxy})
    context = ssl.create_default_context(cafile=authority)
    for url in urls:
        with urllib.request.urlopen(url, timeout=10, context=context if url.startswith("https") else None) as answer:
            assert answer.read().decode() == urlsplit(url).netloc


def of_leak(proxy: str, authority: str, urls: list[str]) -> None:
    """A session for each call, kept for a later that never comes, as in psf/requests#4575."""
    os.environ.update({"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": authority})
    kept = []
    for _ in range(9):
        session = requests.Session()
        kept.append(session)
        assert session.get(urls[0], timeout=30).status_code == 200


CLIENTS = {
    "requests": of_requests, "httpx": of_httpx, "aiohttp": of_aiohttp, "ccxt": of_ccxt,
    "environment": of_environment, "leak": of_leak,
}

if __name__ == "__main__":
    CLIENTS[sys.argv[1]](sys.argv[2], sys.argv[3], sys.argv[4:])
    print("done")
