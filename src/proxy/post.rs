//! The way to a worker: a message, and what wakes it.

use std::sync::Arc;
use std::sync::mpsc::Sender;

/// The way to a worker that takes messages of this kind.
#[derive(Debug)]
pub(in crate::proxy) struct Post<M> {
    sender: Sender<M>,
    waker: Arc<mio::Waker>,
}

impl<M> Clone for Post<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<M> Post<M> {
    /// To the worker that reads the other end, and whose poll this wakes.
    pub(in crate::proxy) fn new(sender: Sender<M>, waker: mio::Waker) -> Self {
        Self { sender, waker: Arc::new(waker) }
    }

    /// Hands a message over. A worker that has ended takes none; then this thread ends soon as well.
    pub(in crate::proxy) fn send(&self, message: M) {
        let _ended = self.sender.send(message);
        let _ended = self.waker.wake();
    }
}
