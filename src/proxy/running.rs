//! The threads of running proxies, and their end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::proxy::console::Word;
use crate::proxy::proxies::Proxies;

/// Running proxies.
#[derive(Debug)]
pub struct Running {
    proxies: Proxies,
    threads: Vec<Thread>,
    words: Option<mpsc::Receiver<Word>>,
}

/// One of their threads.
#[derive(Debug)]
pub(super) struct Thread {
    handle: JoinHandle<io::Result<()>>,
    /// Rings by being dropped, whichever way the thread ends.
    bell: oneshot::Receiver<()>,
}

impl Thread {
    /// Starts one.
    pub(super) fn start(
        name: &str,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (rope, bell) = oneshot::channel();
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _rope: oneshot::Sender<()> = rope;
            work()
        })?;
        Ok(Self { handle, bell })
    }
}

impl Running {
    pub(super) fn new(proxies: Proxies, threads: Vec<Thread>, words: mpsc::Receiver<Word>) -> Self {
        Self { proxies, threads, words: Some(words) }
    }

    /// What consoles tell the agent; none where it was taken before.
    pub fn words(&mut self) -> Option<mpsc::Receiver<Word>> {
        self.words.take()
    }

    /// The hand on them.
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone()
    }

    /// Waits until a thread has ended that nobody told to: a fault of this program. Clients that are still connected
    /// would hang, so the process has to end.
    pub async fn lost(&mut self) {
        let threads = &mut self.threads;
        poll_fn(|cx| {
            let rung =
                |bell: &mut oneshot::Receiver<()>| bell.is_terminated() || Pin::new(bell).poll(cx).is_ready();
            let lost = threads.iter_mut().map(|thread| &mut thread.bell).any(rung);
            if lost { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if self.proxies.is_ending() {
            std::future::pending::<()>().await;
        }
    }

    /// Gathers the threads after the end, and logs what went wrong in them. Where a worker hangs nobody waits for it:
    /// it ends with the process.
    pub fn end(self) {
        if !self.proxies.has_ended() {
            tracing::error!("a thread of the proxies does not end and is given up");
            return;
        }
        for thread in self.threads {
            let name = thread.handle.thread().name().unwrap_or_default().to_owned();
            match thread.handle.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(thread = name, %error, "a thread of the proxies has failed");
                }
                // Where and why was said by the panic itself.
                Err(_) => tracing::error!(thread = name, "a thread of the proxies has panicked"),
            }
        }
    }
}
