//! Random runs of everything that can happen, against the toy.

use std::time::Duration;

use proptest::prelude::*;

use super::toy::{Doing, Toy, Work};
use crate::model::action::ResetHow;
use crate::model::clock::Timestamp;
use crate::pool::address::Lookup;
use crate::pool::id::{ClientId, ConnectionId, Key};
use crate::pool::limits::Limits;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell};
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::pool::state::{Pool, Settings};
use crate::pool::upstream::{Balance, Blame, UpstreamSettings};

const CLIENTS: u32 = 9;
const KEYS: u16 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    CheckOut(u32, u16),
    CheckIn(usize),
    Discard(usize, CloseReason),
    Leave(u32),
    Connected(usize),
    Failed(usize, ConnectFailure),
    Pong(usize),
    Pass(u64),
    /// Time in which nothing is swept.
    Lapse(u64),
    Reset(ResetHow, u32),
    Pause,
    Resume,
    Adjust(u32, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let reason = prop::sample::select(vec![
        CloseReason::UpstreamLost,
        CloseReason::UpstreamClosed,
        CloseReason::Unclean,
        CloseReason::PingFailed,
    ]);
    let failure = prop::sample::select(ConnectFailure::ALL);
    let how = prop::sample::select(vec![ResetHow::Idle, ResetHow::Drain, ResetHow::Hard]);
    prop_oneof![
        12 => (0..CLIENTS, 0..KEYS).prop_map(|(client, key)| Step::CheckOut(client, key)),
        10 => any::<usize>().prop_map(Step::CheckIn),
        2 => (any::<usize>(), reason).prop_map(|(which, reason)| Step::Discard(which, reason)),
        2 => (0..CLIENTS).prop_map(Step::Leave),
        8 => any::<usize>().prop_map(Step::Connected),
        1 => (any::<usize>(), failure).prop_map(|(which, failure)| Step::Failed(which, failure)),
        3 => any::<usize>().prop_map(Step::Pong),
        8 => (0u64..1_500).prop_map(Step::Pass),
        2 => (0u64..4_000).prop_map(Step::Lapse),
        1 => (how, prop::sample::select(vec![0, 25, 100])).prop_map(|(how, percent)| Step::Reset(how, percent)),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => (1u32..6, 1u64..8).prop_map(|(max, wait)| Step::Adjust(max, wait)),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let numbers = (1u32..6, 0u32..3, 1u32..4, 1u32..10);
    (numbers, 1u64..8, 0u64..2_000, 1u64..20).prop_map(
        |((max, min, connects, waiters), wait, patience, idle)| Limits {
            max,
            min,
            connects,
            waiters,
            wait: Duration::from_secs(wait),
            patience: Duration::from_millis(patience),
            idle: Duration::from_secs(idle),
            lifetime: Duration::from_secs(30),
            ping_after: Duration::from_secs(3),
            drain: Duration::from_secs(4),
            uses: 20,
            ..Limits::default()
        },
    )
}

/// A pool and the toy that watches it.
struct Run {
    pool: Pool,
    toy: Toy,
}

impl Run {
    fn new(limits: &Limits, seed: u64) -> Self {
        let now = Timestamp::from_millis(5_000_000);
        let upstreams = vec![UpstreamSettings { lookup: Lookup::Never }];
        let settings =
            Settings { limits: *limits, upstreams, balance: Balance::Priority, blame: Blame::Upstream };
        let mut run = Self { pool: Pool::new(&settings, seed, now), toy: Toy::new(limits, now) };
        (0..CLIENTS).for_each(|client| run.pool.attach(ClientId(client), now).unwrap());
        run
    }

    /// The nth connection that does something of that kind.
    fn nth(&self, which: usize, doing: impl Fn(Doing) -> bool) -> Option<ConnectionId> {
        let fitting: Vec<_> = self.toy.lines.iter().filter(|line| doing(line.doing)).collect();
        Some(fitting.get(which % fitting.len().max(1))?.id)
    }

    fn obey(&mut self) {
        while let Some(order) = self.pool.next_order() {
            self.toy.obey(order);
        }
        self.pool.audit();
        let seen = self.pool.snapshot(self.toy.now);
        assert_eq!(seen.waiting as usize, self.toy.waiting.len());
        assert_eq!((seen.active + seen.idle + seen.connecting) as usize, self.toy.lines.len());
        assert_eq!(seen.connecting as usize, self.toy.count(|doing| doing == Doing::Opening));
        assert_eq!(seen.max_wait, self.toy.longest_wait());
    }

    fn take(&mut self, step: Step) {
        // Every step has a time of its own, so that "last" and "oldest" are never in doubt.
        self.toy.now = self.toy.now + Duration::from_nanos(1);
        let now = self.toy.now;
        let leased = |doing| matches!(doing, Doing::Held(_) | Doing::Left);
        match step {
            Step::CheckOut(client, key) => self.check_out(ClientId(client), Key(key)),
            Step::CheckIn(which) => {
                let Some(id) = self.nth(which, leased) else { return };
                self.toy.put_down(id);
                self.toy.released(id, self.pool.check_in(id, now));
            }
            Step::Discard(which, reason) => {
                let Some(id) = self.nth(which, |_| true) else { return };
                self.toy.trouble |= reason.counts_against_upstream();
                self.pool.discard(id, reason, now);
            }
            Step::Leave(client) => self.leave(ClientId(client)),
            Step::Connected(which) => {
                let Some(id) = self.nth(which, |doing| doing == Doing::Opening) else { return };
                self.toy.released(id, self.pool.connected(id, now));
            }
            Step::Failed(which, failure) => {
                let Some(id) = self.nth(which, |doing| doing == Doing::Opening) else { return };
                self.toy.trouble = true;
                self.pool.failed(id, failure, now);
            }
            Step::Pong(which) => {
                let Some(id) = self.nth(which, |doing| doing == Doing::Asked) else { return };
                self.toy.released(id, self.pool.pong(id, now));
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Step::Lapse(millis) => self.toy.now = now + Duration::from_millis(millis),
            Step::Reset(how, percent) => self.reset(how, percent),
            Step::Pause => self.pause(),
            Step::Resume => {
                self.toy.work = Work::Goes;
                self.pool.resume(now);
            }
            Step::Adjust(max, wait) => {
                let limits = Limits { max, wait: Duration::from_secs(wait), ..self.toy.limits };
                self.toy.limits = limits.settled();
                self.pool.adjust(&limits, now);
            }
        }
        self.obey();
    }

    fn check_out(&mut self, client: ClientId, key: Key) {
        let waits = self.toy.waiting.iter().any(|waiter| waiter.client == client);
        if !waits && self.pool.lease(client).is_none() {
            let said = self.pool.check_out(client, key, self.toy.now);
            self.toy.checked_out(client, key, said);
        }
    }

    /// A client leaves, and another takes its number.
    fn leave(&mut self, client: ClientId) {
        self.toy.waiting.retain(|waiter| waiter.client != client);
        if let Some(id) = self.pool.detach(client, Farewell::Lost, self.toy.now) {
            self.toy.put_down(id);
        }
        self.pool.attach(client, self.toy.now).unwrap();
    }

    fn pass(&mut self, span: Duration) {
        self.toy.now = self.toy.now + span;
        // A connect that takes too long has failed.
        let late = |doing| doing == Doing::Opening || doing == Doing::Asked;
        self.toy.trouble |= self.toy.count(late) > 0;
        self.pool.tick(self.toy.now);
    }

    fn reset(&mut self, how: ResetHow, percent: u32) {
        let idle = |doing| matches!(doing, Doing::Idle | Doing::Asked);
        let concerned = self.toy.count(|doing| idle(doing) || how != ResetHow::Idle);
        let share = f64::from(percent) / 100.0;
        let reset = Reset { how, share, scope: Scope::All, cause: ResetCause::Asked };
        let before = self.pool.generation();
        let taken = self.pool.reset(reset, self.toy.now);
        assert!(self.pool.generation() > before, "a generation never returns");
        assert_eq!(taken, (concerned * percent as usize).div_ceil(100));
        if percent == 100 && how != ResetHow::Idle {
            self.toy.outdate();
        }
    }

    fn pause(&mut self) {
        if self.toy.work == Work::Goes {
            self.toy.work = Work::Rests;
            self.pool.pause(self.toy.now);
            self.toy.outdate();
        }
    }

    /// From here on all goes well: everybody who waits is served or refused in time.
    fn end(&mut self) {
        self.take(Step::Resume);
        for _ in 0..400 {
            self.take(Step::Connected(0));
            self.take(Step::Pong(0));
            self.take(Step::CheckIn(0));
            self.take(Step::Pass(100));
            if self.toy.waiting.is_empty() {
                return;
            }
        }
        panic!("forgotten: {:?}", self.toy.waiting);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_500))]

    #[test]
    fn the_toy_never_objects(
        limits in limits(), seed in any::<u64>(), steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut run = Run::new(&limits, seed);
        let mut asked = 0;
        for step in steps {
            let before = run.toy.waiting.len() + run.toy.served + run.toy.refused;
            run.take(step);
            asked += usize::from(run.toy.waiting.len() + run.toy.served + run.toy.refused > before);
        }
        run.end();
        prop_assert!(run.toy.served + run.toy.refused <= asked, "nobody is answered twice");
    }
}
