//! Stub upstreams of the demo, on loopback: a feed that ticks, and an order server that answers and, on
//! every other connection, hangs up first.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Time between two ticks of the feed.
const TICK: Duration = Duration::from_millis(100);

/// The ports that were given out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// Sends one line per tick.
    pub feed: u16,
    /// Answers each line with the same line.
    pub orders: u16,
    /// Accepts and hangs up: where the leak connects to.
    pub hangup: u16,
}

/// Starts the three servers on the current local set.
pub(super) async fn start() -> io::Result<Ports> {
    let feed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let orders = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let hangup = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ports = Ports {
        feed: feed.local_addr()?.port(),
        orders: orders.local_addr()?.port(),
        hangup: hangup.local_addr()?.port(),
    };
    tokio::task::spawn_local(accept(feed, tick));
    tokio::task::spawn_local(accept(orders, echo));
    tokio::task::spawn_local(accept(hangup, async |stream| drop(stream)));
    Ok(ports)
}

async fn accept(listener: TcpListener, serve: impl AsyncFn(TcpStream) + Clone + 'static) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let serve = serve.clone();
                tokio::task::spawn_local(async move { serve(stream).await });
            }
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

async fn tick(mut stream: TcpStream) {
    let mut price = 10_000_u32;
    loop {
        price = price.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % 200 + 9_900;
        if stream.write_all(format!("{price}\n").as_bytes()).await.is_err() {
            return;
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn echo(stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
