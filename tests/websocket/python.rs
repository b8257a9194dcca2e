//! Python's `websockets`, which bots use, on both sides of the proxy.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::guard::Guard;

const SERVER: &str = r#"
import asyncio, os, websockets
async def echo(ws):
    async for message in ws:
        await ws.send(message)
async def main():
    # It ends with the test, whichever way that ends.
    asyncio.get_running_loop().add_reader(0, lambda: os._exit(0))
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["json"], max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"#;

const CLIENT: &str = r#"
import asyncio, sys, websockets
async def one(number):
    uri = f"ws://127.0.0.1:{sys.argv[1]}/quotes"
    async with websockets.connect(uri, subprotocols=["json"], max_size=None) as ws:
        assert ws.subprotocol == "json", ws.subprotocol
        for size in (0, 5, 70_000, 2_000_000):
            await ws.send("é" * size)
            assert await ws.recv() == "é" * size
            await ws.send(b"\x00" * size)
            assert await ws.recv() == b"\x00" * size
        async def pieces():
            for part in ("a", "b", "c"):
                yield part
        await ws.send(pieces())
        assert await ws.recv() == "abc"
        await asyncio.wait_for(await ws.ping(), 5)
async def main():
    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(20))), 60)
asyncio.run(main())
print("done")
"#;

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[test]
fn pythons_client_and_server_meet_through_the_proxy() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bots/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup", python.display());
    let server = Command::new(&python)
        .args(["-c", SERVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Ended(server);
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let guard = Guard::start(&[([127, 0, 0, 1], port.trim().parse().unwrap()).into()], "pool.max = 50");
    let own = guard.address.port().to_string();
    let output = Command::new(&python).args(["-c", CLIENT, &own]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}
