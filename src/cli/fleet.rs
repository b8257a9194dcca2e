//! Asks the fleet for leave, beside the control loop: places are taken, given back, and told over when their time is up.
//!
//! Where etcd does not answer, leave is granted without it: a bot that needs help must not wait for a third party. That is told
//! once at each end.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::agent::fleet::{ASKS_MAX, Ask, FleetDesk, News, Ticket};
use crate::agent::mailbox::{Mailbox, Message};
use crate::call::etcd::{Etcd, Lease, holder};
use crate::cli::usual;
use crate::config::{Config, Fleet};
use crate::model::chain::chain;
use crate::model::event::Fact;
use crate::model::name::Name;

/// Time between two attempts to take a place while others have them all.
const AGAIN: Duration = Duration::from_secs(1);

/// The two ends: one for the loop, where it is to ask; the other one for who asks etcd.
pub(super) fn desk(config: &Config) -> (Option<FleetDesk>, mpsc::Receiver<Ask>) {
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    (config.fleet.is_some().then_some(FleetDesk(asks)), asked)
}

/// Begins to answer, where there is a fleet. It ends with the runtime.
pub(super) fn begin(config: &Config, mailbox: &Mailbox, asked: mpsc::Receiver<Ask>) {
    if let Some(fleet) = config.fleet.clone() {
        let agent = usual::agent(&config.history);
        tokio::task::spawn_local(attend(fleet, agent, mailbox.clone(), asked));
    }
}

/// Whether the fleet answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    Comes,
    Fails,
}

/// A leave that is out.
struct Held {
    /// None where it was granted without the fleet.
    lease: Option<Lease>,
    ticket: Ticket,
    until: Instant,
}

struct Clerk {
    etcd: Etcd,
    agent: Name,
    lasts: Duration,
    mailbox: Mailbox,
    waiting: BTreeMap<Name, Ticket>,
    held: BTreeMap<Name, Held>,
    answers: Answers,
    again: Instant,
}

/// Answers what the loop asks, for as long as it does.
async fn attend(fleet: Fleet, agent: Name, mailbox: Mailbox, mut asked: mpsc::Receiver<Ask>) {
    let etcd = match Etcd::new(&fleet) {
        Ok(etcd) => etcd,
        Err(error) => {
            tracing::error!(error = chain(&error), "the fleet can't be asked");
            return;
        }
    };
    let mut clerk = Clerk {
        etcd,
        agent,
        lasts: fleet.lease,
        mailbox,
        waiting: BTreeMap::new(),
        held: BTreeMap::new(),
        answers: Answers::Comes,
        again: Instant::now(),
    };
    loop {
        let next = clerk.next();
        tokio::select! {
            ask = asked.recv() => match ask {
                Some(ask) => clerk.hear(ask).await,
                None => return,
            },
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
        clerk.end_what_is_over();
        if Instant::now() >= clerk.again {
            clerk.ask_for_all().await;
        }
    }
}

impl Clerk {
    /// When there is something to do though nobody asks.
    fn next(&self) -> Option<Instant> {
        let over = self.held.values().map(|held| held.until).min();
        let again = (!self.waiting.is_empty()).then_some(self.again);
        over.into_iter().chain(again).min()
    }

    async fn hear(&mut self, ask: Ask) {
        match ask {
            Ask::Leave(target, ticket) => {
                self.waiting.insert(target, ticket);
            }
            Ask::Return(target) => {
                self.waiting.remove(&target);
                if let Some(Held { lease: Some(lease), .. }) = self.held.remove(&target)
                    && let Err(error) = self.etcd.give_back(&lease).await
                {
                    // It ends by itself.
                    tracing::debug!(error = chain(&error), "a place in the fleet was not given back");
                }
            }
        }
    }

    fn end_what_is_over(&mut self) {
        let now = Instant::now();
        let mailbox = &self.mailbox;
        // A loop that has no room must hear it all the same: it would stop what it has no leave for.
        self.held.retain(|target, held| {
            if held.until > now {
                return true;
            }
            held.until = now + AGAIN;
            mailbox.post(Message::Fleet(News::Over(target.clone(), held.ticket))).is_err()
        });
    }

    async fn ask_for_all(&mut self) {
        for (target, ticket) in std::mem::take(&mut self.waiting) {
            // A place is held from before it was asked for, as etcd counts it: never longer here than there.
            let until = Instant::now() + self.lasts;
            match self.etcd.take(&holder(&self.agent, &target)).await {
                Ok(Some(lease)) => {
                    self.answered();
                    self.grant(target, Held { lease: Some(lease), ticket, until });
                }
                Ok(None) => {
                    self.answered();
                    self.waiting.insert(target, ticket);
                }
                Err(error) => {
                    self.failed(&chain(&error));
                    self.grant(target, Held { lease: None, ticket, until });
                }
            }
        }
        self.again = Instant::now() + AGAIN;
    }

    fn grant(&mut self, target: Name, held: Held) {
        self.post(News::Granted(target.clone(), held.ticket));
        self.held.insert(target, held);
    }

    fn answered(&mut self) {
        if std::mem::replace(&mut self.answers, Answers::Comes) == Answers::Fails {
            self.post(News::Told(Fact::FleetBack {}));
        }
    }

    fn failed(&mut self, why: &str) {
        if std::mem::replace(&mut self.answers, Answers::Fails) == Answers::Comes {
            self.post(News::Told(Fact::FleetAway { why: why.to_owned() }));
        }
    }

    /// A loop that has no room hears of a leave when it is over, and asks again.
    fn post(&self, news: News) {
        drop(self.mailbox.post(Message::Fleet(news)));
    }
}
