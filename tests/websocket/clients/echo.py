"""Python's WebSocket clients against an upstream that says back what it is told: python echo.py CLIENT URL"""

import asyncio
import sys
import threading

import aiohttp
import websocket

TEXTS = ("", "plain", "é" * 70_000)
BYTES = (b"", b"\x07" * 2_000_000)


def of_websocket_client(url: str) -> None:
    connection = websocket.create_connection(url + "/quotes", timeout=20)
    for text in TEXTS:
        connection.send(text)
        assert connection.recv() == text
    for data in BYTES:
        connection.send_binary(data)
        assert connection.recv() == data
    connection.ping("there?")
    opcode, said = connection.recv_data(control_frame=True)
    assert (opcode, said) == (websocket.ABNF.OPCODE_PONG, b"there?"), (opcode, said)
    connection.close()

    # As bots use it: callbacks on a thread of its own.
    heard: list[str] = []

    def listen(app: websocket.WebSocketApp, text: str) -> None:
        heard.append(text)
        app.send(str(len(heard))) if len(heard) < 50 else app.close()

    app = websocket.WebSocketApp(url, on_open=lambda app: app.send("0"), on_message=listen)
    thread = threading.Thread(target=app.run_forever, kwargs={"ping_interval": 1, "ping_timeout": 0.5})
    thread.start()
    thread.join(20)
    assert heard == [str(number) for number in range(50)] and not thread.is_alive(), heard


def of_aiohttp(url: str) -> None:
    async def one(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(url, max_msg_size=0, heartbeat=1, compress=15) as connection:
            for text in TEXTS:
                await connection.send_str(text)
                assert await connection.receive_str(timeout=20) == text
            for data in BYTES:
                await connection.send_bytes(data)
                assert await connection.receive_bytes(timeout=20) == data
            assert connection.compress == 0

    async def all_at_once() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(one(session) for _ in range(20)))

    asyncio.run(all_at_once())


if __name__ == "__main__":
    {"websocket-client": of_websocket_client, "aiohttp": of_aiohttp}[sys.argv[1]](sys.argv[2])
    print("done")
