//! The one thread for system work that blocks: tracing, freezing, destroying sockets, collecting evidence.
//!
//! Jobs run one after the other in the order they came. A job that was given up while it still waited is never
//! started; one that runs can see that it is given up, and a started one that must be undone says how.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// Jobs that may wait.
pub(super) const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Whether a job is still wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

/// Ends the wish when the one who waits goes away.
struct Wish(Wanted);

/// Why a job gave no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// Too many wait.
    #[error("{WAITING_MAX} jobs already wait for the system worker")]
    Full,
    /// The worker has ended, or the job has panicked.
    #[error("the system worker did not finish the job")]
    Lost,
}

/// The thread, by its inbox. Cheap to clone; it ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    jobs: SyncSender<Job>,
}

impl Wanted {
    /// Whether somebody still waits for the result.
    pub(super) fn still(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("fdg-sys".to_owned()).spawn(move || work(&inbox))?;
        Ok((Self { jobs }, thread))
    }

    /// Runs a job and waits for its result. Dropping the future gives the job up: it is not started any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let wanted = Wanted::default();
        let wish = Wish(wanted.clone());
        let (answer, result) = oneshot::channel();
        let job = Box::new(move || {
            if wanted.still() {
                let outcome = job(&wanted);
                // Nobody waits any more: the result is of no use to anyone.
                drop(answer.send(outcome));
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WorkError::Full,
            TrySendError::Disconnected(_) => WorkError::Lost,
        })?;
        let result = result.await.map_err(|_| WorkError::Lost);
        drop(wish);
        result
    }
}

fn work(inbox: &Receiver<Job>) {
    for job in inbox {
        // A panic in one job must not take the thread, and with it every later release of a hold, away. What the
        // job held is dropped by the unwinding; its waiter sees its answer go away.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job of the system worker panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn jobs_run_in_order_and_a_given_up_one_never_starts() {
        let (worker, thread) = Worker::start().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = sync_channel::<()>(0);
        let first = {
            let (worker, log) = (worker.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                worker
                    .run(move |_| {
                        gate.recv().unwrap();
                        log.lock().unwrap().push(1);
                    })
                    .await
            })
        };
        tokio::task::yield_now().await;
        let noted = Arc::clone(&log);
        let given_up = worker.run(move |_| noted.lock().unwrap().push(2));
        assert!(tokio::time::timeout(Duration::from_millis(20), given_up).await.is_err());
        open.send(()).unwrap();
        let noted = Arc::clone(&log);
        worker.run(move |_| noted.lock().unwrap().push(3)).await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(*log.lock().unwrap(), [1, 3]);
        drop(worker);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_one_job_only() {
        let (worker, _thread) = Worker::start().unwrap();
        assert_eq!(worker.run(|_| -> u32 { panic!("planted") }).await, Err(WorkError::Lost));
        assert_eq!(worker.run(|_| 7).await, Ok(7));
    }
}
