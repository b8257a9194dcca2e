//! The threads of running proxies, and their end.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::proxy::console::Word;
use crate::proxy::postgres::desk::Post;
use crate::proxy::postgres::worker::Message;
use crate::proxy::proxies::{Line, Proxies, Question};

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

impl Line for Post {
    fn ask(&self, place: u16, question: Question) {
        self.send(Message::Asked(place, question));
    }

    fn end(&self) {
        self.send(Message::End);
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
        for thread in &mut self.threads {
            // The worker comes first: where the desk ends, the worker sees it at its next errand and ends as well.
            let _dropped = (&mut thread.bell).await;
            if !self.proxies.is_ending() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Gathers the threads after the end, and logs what went wrong in them. Where the worker hangs nobody waits for it:
    /// it ends with the process.
    pub fn end(self) {
        if !self.proxies.has_ended() {
            tracing::error!("the proxies' thread does not end and is given up");
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
