"""web3.py on a node: tells of each block and each log that it is told of.

    python web3_client.py URL

Each line of stdin has it ask the node by the same connection for its height. It ends with its stdin.
"""

import asyncio
import json
import os
import sys

from web3 import AsyncWeb3, WebSocketProvider


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    async with AsyncWeb3(WebSocketProvider(sys.argv[1])) as web3:
        heads = await web3.eth.subscribe("newHeads")
        logs = await web3.eth.subscribe("logs", {})
        tell(ready=await web3.eth.block_number)

        async def answer() -> None:
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while await reader.readline():
                tell(height=await web3.eth.block_number)
            os._exit(0)

        answering = asyncio.create_task(answer())
        async for message in web3.socket.process_subscriptions():
            name, result = message["subscription"], message["result"]
            if name == heads:
                tell(head={"number": result["number"], "hash": result["hash"].to_0x_hex()})
            elif name == logs:
                removed = result.get("removed", False)
                tell(log={"block": result["blockHash"].to_0x_hex(), "index": result["logIndex"], "removed": removed})
        await answering


asyncio.run(main())
