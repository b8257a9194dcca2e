//! A server in the test: each connection is handled by a thread of its own, and can be broken off from outside.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::guard::free_address;
use super::wait_for;

/// What was accepted.
#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
    ends: AtomicBool,
}

/// A server; stops listening, and ends its connections, when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Says back what it is told, up to the end of that, and then ends as well.
    pub(crate) fn echo() -> Self {
        Self::doing(echo)
    }

    /// One that handles each connection so.
    pub(crate) fn doing(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        // Somebody else may be quicker.
        let listener = wait_for("a free port", || TcpListener::bind(free_address()).ok());
        Self::on(listener, handle)
    }

    /// The same at a given place.
    pub(crate) fn at(address: SocketAddr, handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::on(wait_for("its port", || TcpListener::bind(address).ok()), handle)
    }

    fn on(listener: TcpListener, handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (own, handle) = (Arc::clone(&shared), Arc::new(handle));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if own.ends.load(Ordering::Acquire) {
                    return;
                }
                own.accepted.fetch_add(1, Ordering::AcqRel);
                own.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let handle = Arc::clone(&handle);
                std::thread::spawn(move || handle(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// Closes what it knows of them: their handlers decide how they end.
    pub(crate) fn forget(&self) {
        self.shared.connections.lock().unwrap().clear();
    }

    /// Ends all connections in order.
    pub(crate) fn hang_up(&self) {
        for stream in self.shared.connections.lock().unwrap().drain(..) {
            // One that has ended already needs no end.
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        // Wakes the listener.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.hang_up();
    }
}

/// Says back what it is told, up to the end of that.
pub(crate) fn echo(mut stream: TcpStream) {
    let mut room = vec![0; 64 << 10];
    while let Ok(count) = stream.read(&mut room) {
        if count == 0 || stream.write_all(&room[..count]).is_err() {
            break;
        }
    }
    // Its clone in the books keeps the descriptor.
    let _gone = stream.shutdown(Shutdown::Both);
}
