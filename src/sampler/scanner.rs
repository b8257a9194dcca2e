//! The thread of full scans. It may block on /proc and netlink; nobody waits for it.
//!
//! The control loop hands in what is due and goes on. One scan of a process is under way at a time; a request
//! for a process whose scan is still queued or running is dropped, and its view grows old until it reads
//! *late*.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::process::ProcessId;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::{Memory, Scan, ScanSettings};
use crate::sys::adopted::Adopted;

/// Requests waiting at most; above, they are dropped and the views grow old.
const QUEUE_MAX: usize = 256;

/// A scan that is due.
#[derive(Debug)]
pub struct ScanRequest {
    /// The process.
    pub process: Arc<Adopted>,
    /// Names of remotes.
    pub book: Arc<RemoteBook>,
}

#[derive(Debug)]
enum Job {
    Scan(ScanRequest),
    Forget(ProcessId),
}

/// The hand that reaches the thread.
#[derive(Debug)]
pub struct Scanner {
    jobs: SyncSender<Job>,
    under_way: Arc<Mutex<BTreeSet<ProcessId>>>,
}

impl Scanner {
    /// Starts the thread. `done` is called on it after each scan.
    pub fn start(settings: ScanSettings, done: impl Fn(Scan) + Send + 'static) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel(QUEUE_MAX);
        let under_way = Arc::new(Mutex::new(BTreeSet::new()));
        let shared = Arc::clone(&under_way);
        std::thread::Builder::new()
            .name("fdg-scan".to_owned())
            .stack_size(512 * 1_024)
            .spawn(move || work(settings, &inbox, &shared, done))?;
        Ok(Self { jobs, under_way })
    }

    /// Asks for a scan; false where one is under way or the queue is full.
    pub fn request(&self, request: ScanRequest) -> bool {
        let id = request.process.id();
        if !lock(&self.under_way).insert(id) {
            return false;
        }
        match self.jobs.try_send(Job::Scan(request)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                lock(&self.under_way).remove(&id);
                false
            }
        }
    }

    /// Drops what was kept of a process that has ended.
    pub fn forget(&self, id: ProcessId) {
        // A full queue only means that its memory goes when its next scan finds it gone.
        drop(self.jobs.try_send(Job::Forget(id)));
    }
}

fn lock(set: &Mutex<BTreeSet<ProcessId>>) -> std::sync::MutexGuard<'_, BTreeSet<ProcessId>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(
    settings: ScanSettings,
    inbox: &Receiver<Job>,
    under_way: &Mutex<BTreeSet<ProcessId>>,
    done: impl Fn(Scan),
) {
    let mut memory = Memory::new(settings);
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Scan(request) => {
                let scan = memory.scan(&request.process, &request.book);
                lock(under_way).remove(&request.process.id());
                done(scan);
            }
            Job::Forget(id) => memory.forget(id),
        }
    }
}
