//! A way to a server that can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A relay that ends when dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    way: Arc<Way>,
}

/// What the relay's threads share.
#[derive(Debug)]
struct Way {
    to: SocketAddr,
    cut: AtomicBool,
    ended: AtomicBool,
    /// Connections that are through.
    live: AtomicUsize,
    /// Both ends of all that were ever through, since the last cut.
    ends: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// One that leads there.
    pub(crate) fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(Way {
            to,
            cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            ends: Mutex::new(Vec::new()),
        });
        let own = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if own.ended.load(Ordering::SeqCst) {
                    return;
                }
                // One whose other side is gone already is no loss.
                let _gone = client.and_then(|client| own.carry(client));
            }
        });
        Self { address, way }
    }

    /// Ends all that is through, and lets nobody through any more.
    pub(crate) fn cut(&self) {
        let mut ends = self.way.ends.lock().unwrap();
        self.way.cut.store(true, Ordering::SeqCst);
        for end in ends.drain(..) {
            let _gone = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets them through again.
    pub(crate) fn mend(&self) {
        self.way.cut.store(false, Ordering::SeqCst);
    }

    /// Connections that are through.
    pub(crate) fn live(&self) -> usize {
        self.way.live.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.way.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the one that listens.
        let _woken = TcpStream::connect(self.address);
    }
}

impl Way {
    fn carry(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let mut ends = self.ends.lock().unwrap();
        if self.cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let server = TcpStream::connect(self.to)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        ends.extend([client.try_clone()?, server.try_clone()?]);
        self.live.fetch_add(1, Ordering::SeqCst);
        let way = Arc::clone(self);
        let back = (server.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || pass(back));
        std::thread::spawn(move || {
            pass((client, server));
            way.live.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(())
    }
}

/// Passes bytes on until either side ends, and ends the other.
fn pass((mut from, mut to): (TcpStream, TcpStream)) {
    let _passed = io::copy(&mut from, &mut to);
    let _gone = from.shutdown(Shutdown::Both);
    let _gone = to.shutdown(Shutdown::Both);
}
