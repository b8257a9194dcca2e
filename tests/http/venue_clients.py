"""Real HTTP clients of a venue, unchanged, through a proxy.

    python venue_clients.py stub                     a stub of Binance's spot REST; prints its port, ends with its stdin
    python venue_clients.py CLIENT URL               trades by one of CLIENTS; prints "done"

The stub holds each signed request against the key, and its orders against each other: what it is sent must be what the
client meant, to the byte.
"""

import asyncio
import hashlib
import hmac
import json
import sys
from urllib.parse import parse_qsl

import aiohttp
import ccxt
import ccxt.async_support
import httpx
import requests
from aiohttp import web

KEY, SECRET = "key", "secret"
RULES = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
]
MARKET = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8,
    "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT"], "isSpotTradingAllowed": True,
    "permissionSets": [["SPOT"]], "filters": RULES,
}


class Stub:
    def __init__(self) -> None:
        self.orders: dict[int, dict[str, str]] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=8 << 20)
        app.add_routes([
            web.get("/api/v3/exchangeInfo", self.markets),
            web.get("/api/v3/ticker/24hr", self.ticker),
            web.post("/api/v3/order", self.order),
            web.delete("/api/v3/order", self.cancel),
            web.get("/api/v3/openOrders", self.open),
            web.post("/echo", self.echo),
            web.get("/stream", self.stream),
        ])
        return app

    async def signed(self, request: web.Request) -> dict[str, str]:
        """What was signed: the query and the body as they stand."""
        text = request.query_string + await request.text()
        said, _, signature = text.rpartition("&signature=")
        meant = hmac.new(SECRET.encode(), said.encode(), hashlib.sha256).hexdigest()
        if signature != meant or request.headers.get("X-MBX-APIKEY") != KEY:
            raise web.HTTPUnauthorized(text=json.dumps({"code": -1022, "msg": "Signature for this request is not valid."}))
        return dict(parse_qsl(said))

    async def markets(self, _request: web.Request) -> web.Response:
        return web.json_response({"timezone": "UTC", "serverTime": 0, "rateLimits": [], "symbols": [MARKET]})

    async def ticker(self, request: web.Request) -> web.Response:
        return web.json_response({"symbol": request.query["symbol"], "lastPrice": "50000.10", "closeTime": 1})

    def said(self, number: int) -> dict[str, object]:
        order = self.orders[number]
        return {
            "symbol": order["symbol"], "orderId": number, "clientOrderId": order.get("newClientOrderId", ""), "price": order["price"],
            "origQty": order["quantity"], "executedQty": "0", "status": order["status"], "type": "LIMIT", "side": order["side"], "time": 1,
        }

    async def order(self, request: web.Request) -> web.Response:
        number = len(self.orders) + 1
        self.orders[number] = {**await self.signed(request), "status": "NEW"}
        return web.json_response(self.said(number))

    async def cancel(self, request: web.Request) -> web.Response:
        number = int((await self.signed(request))["orderId"])
        self.orders[number]["status"] = "CANCELED"
        return web.json_response(self.said(number))

    async def open(self, request: web.Request) -> web.Response:
        await self.signed(request)
        return web.json_response([self.said(number) for number, order in self.orders.items() if order["status"] == "NEW"])

    async def echo(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"X-Was": request.headers.get("Transfer-Encoding", "whole")})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(100):
            await response.write(f"{number}\n".encode())
        return response


def exchange_settings(url: str) -> dict[str, object]:
    rest = f"{url}/api/v3"
    return {
        "apiKey": KEY, "secret": SECRET, "enableRateLimit": False,
        "urls": {"api": {"public": rest, "private": rest, "v1": rest}},
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
    }


def of_ccxt(url: str) -> None:
    venue = ccxt.binance(exchange_settings(url))
    assert venue.fetch_ticker("BTC/USDT")["last"] == 50_000.1
    order = venue.create_order("BTC/USDT", "limit", "buy", 0.5, 42_000.25)
    assert [order["id"]] == [other["id"] for other in venue.fetch_open_orders("BTC/USDT")]
    assert (order["price"], order["amount"]) == (42_000.25, 0.5)
    assert venue.cancel_order(order["id"], "BTC/USDT")["status"] == "canceled"
    assert venue.fetch_open_orders("BTC/USDT") == []


def of_ccxt_async(url: str) -> None:
    async def trade() -> None:
        async with ccxt.async_support.binance(exchange_settings(url)) as venue:
            prices = await asyncio.gather(*(venue.fetch_ticker("BTC/USDT") for _ in range(40)))
            assert all(price["last"] == 50_000.1 for price in prices)
            order = await venue.create_order("BTC/USDT", "limit", "sell", 0.25, 60_000)
            assert (await venue.cancel_order(order["id"], "BTC/USDT"))["status"] == "canceled"

    asyncio.run(trade())


def of_ccxt_paused(url: str) -> None:
    """Trading is paused: an order is refused in the venue's own words, a cancel passes."""
    venue = ccxt.binance(exchange_settings(url))
    venue.load_markets()
    try:
        venue.create_order("BTC/USDT", "limit", "buy", 0.5, 42_000)
    except ccxt.ExchangeError as error:
        assert "trading is reducing" in str(error), error
    else:
        raise AssertionError("an order passed")
    assert venue.cancel_order("1", "BTC/USDT")["status"] == "canceled"


def of_httpx(url: str) -> None:
    body = bytes(range(256)) * 4_000
    with httpx.Client(base_url=url, timeout=10) as client:
        for _ in range(3):
            assert client.post("/echo", content=body).content == body
        pieces = client.post("/echo", content=iter([body, b"", body]))
        assert pieces.content == body * 2 and pieces.headers["x-was"] == "chunked"
        with client.stream("GET", "/stream") as stream:
            assert list(stream.iter_lines()) == [str(number) for number in range(100)]

    async def many() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            answers = await asyncio.gather(*(client.post("/echo", content=str(n)) for n in range(100)))
            assert [answer.text for answer in answers] == [str(n) for n in range(100)]

    asyncio.run(many())


def of_requests(url: str) -> None:
    body = bytes(range(256)) * 4_000
    with requests.Session() as session:
        assert session.post(url + "/echo", data=body, timeout=10).content == body
        assert session.post(url + "/echo", data=iter([body, body]), timeout=10).content == body * 2
        lines = session.get(url + "/stream", stream=True, timeout=10).iter_lines()
        assert list(lines) == [str(number).encode() for number in range(100)]


def of_aiohttp(url: str) -> None:
    async def ask() -> None:
        body = bytes(range(256)) * 4_000
        async with aiohttp.ClientSession() as session:
            async def echo(n: int) -> bool:
                async with session.post(url + "/echo", data=body[n:]) as answer:
                    return await answer.read() == body[n:]

            assert all(await asyncio.gather(*(echo(n) for n in range(50))))
            async with session.post(url + "/echo", data=body, expect100=True) as answer:
                assert await answer.read() == body

    asyncio.run(ask())


CLIENTS = {
    "ccxt": of_ccxt, "ccxt-async": of_ccxt_async, "ccxt-paused": of_ccxt_paused, "httpx": of_httpx,
    "requests": of_requests, "aiohttp": of_aiohttp,
}


async def serve() -> None:
    runner = web.AppRunner(Stub().app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, end.set)
    await end.wait()
    await runner.cleanup()


if __name__ == "__main__":
    if sys.argv[1] == "stub":
        asyncio.run(serve())
    else:
        CLIENTS[sys.argv[1]](sys.argv[2])
        print("done")
