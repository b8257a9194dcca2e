//! A made-up bot, for tests and measurements of the recording.

use std::sync::Arc;
use std::time::Duration;

use crate::model::ages::Ages;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::{Name, Remote};
use crate::model::observation::{Observation, RemoteSurvey};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, CATALOGUE, Signal, Source};

/// How the sampler writes values that are not whole.
#[derive(Clone, Copy)]
pub(crate) enum Floats {
    /// As they come out of a division.
    Raw,
    /// To three decimals.
    Rounded,
}

impl Floats {
    fn write(self, value: f64) -> f64 {
        match self {
            Self::Raw => value,
            Self::Rounded => (value * 1e3).round() / 1e3,
        }
    }
}

/// A bot as it is: a leak of 25 descriptors a minute, a pool, five remotes, jitter in every clock, and a full
/// tick each second.
pub(crate) struct Bot {
    floats: Floats,
    seed: u64,
    rss: f64,
}

impl Bot {
    pub(crate) fn new(floats: Floats) -> Self {
        Self { floats, seed: 42, rss: 180e6 }
    }

    fn random(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
    pub(crate) fn sample(&mut self, second: u32) -> Observation {
        let nanos = u64::from(second) * 1_000_000_000 + (self.random() * 400_000.0) as u64;
        let at = Timestamp::from_nanos(9_000_000_000_000 + nanos);
        let wall = WallTime::from_millis(1_700_000_000_000 + (nanos / 1_000_000).cast_signed());
        let mut seen = Observation::blank(at, wall, Gap::NotConfigured);
        let floats = self.floats;
        let float = |value: f64| floats.write(value);
        let leaked = second * 25 / 60;
        let noise = (self.random() * 6.0).floor() as u32;
        let open = 85 + leaked % 900 + noise;
        self.rss +=
            if second.is_multiple_of(7) { 4096.0 * (self.random() * 40.0 - 18.0).floor() } else { 0.0 };
        for (signal, value) in [
            (Signal::FdOpen, f64::from(open)),
            (Signal::FdLimit, 1024.0),
            (Signal::FdHardLimit, 524_288.0),
            (Signal::FdRatio, float(f64::from(open) / 1024.0)),
            (Signal::FdTte, float(f64::from(1024 - open.min(1024)) / 0.416_65)),
            (Signal::FdRate, float(0.416_65)),
            (Signal::FdSockets, f64::from(open - 40)),
            (Signal::FdFiles, 22.0),
            (Signal::FdPipes, 6.0),
            (Signal::FdEpoll, 2.0),
            (Signal::FdOpened, float(f64::from(noise) / (1.0 + self.random() * 1e-4))),
            (Signal::FdClosed, float(f64::from(noise / 2) / (1.0 + self.random() * 1e-4))),
            (Signal::FdChurn, float(f64::from(noise * 3 / 2) / (1.0 + self.random() * 1e-4))),
            (Signal::SocketCloseWait, f64::from(leaked % 900)),
            (Signal::SocketCloseWaitOldest, float(f64::from(second) + self.random() * 1e-3)),
            (Signal::SocketEstablished, f64::from(18 + noise)),
            (Signal::SocketTimeWait, f64::from(noise / 3)),
            (Signal::SocketConnects, float(f64::from(noise / 2) / (1.0 + self.random() * 1e-4))),
            (Signal::ProcessRss, self.rss),
            (Signal::ProcessRssRate, float(312.77)),
            (Signal::ProcessThreads, 14.0),
            (
                Signal::ProcessCpu,
                float((self.random() * 12.0).floor() / 100.0 / (1.0 + self.random() * 1e-4)),
            ),
            (Signal::ProcessUptime, float(at.as_nanos() as f64 / 1e9)),
            (Signal::ProcessState, 1.0),
            (Signal::ProcessMajfaults, 0.0),
            (Signal::ProcessIo, float((self.random() * 2e4).floor() / (1.0 + self.random() * 1e-4))),
            (Signal::HostMemoryAvailable, 4096.0 * (2e6 + self.random() * 2e3).floor()),
            (Signal::HostPsiCpu, (self.random() * 300.0).floor() / 1e4),
            (Signal::HostCpu, float(0.1 + self.random() / 20.0)),
            (Signal::HostLoad, (self.random() * 20.0).floor() / 100.0 + 0.4),
        ] {
            seen.know(signal, value);
        }
        self.groups(&mut seen, second, noise);
        seen
    }

    /// What is not a plain signal.
    fn groups(&self, seen: &mut Observation, second: u32, noise: u32) {
        let leaked = second * 25 / 60 % 900;
        let open = 85 + leaked + noise;
        let mut kinds = [0; Kind::COUNT];
        kinds[Kind::Socket as usize] = open - 40;
        kinds[Kind::File as usize] = 22;
        seen.kinds = Reading::Known(Arc::new(kinds));
        let mut ages = Ages::default();
        for i in 0..leaked {
            ages.add(Duration::from_millis(u64::from(i) * 2_400));
        }
        seen.leaked = Reading::Known(Arc::new(ages));
        let surveys = (0..5).map(|remote| RemoteSurvey {
            remote: Remote::parse(&format!("10.0.0.{remote}:5432")).unwrap(),
            count: 3 + noise * u32::from(remote == 0) + leaked * u32::from(remote == 1),
            established: 3 + noise * u32::from(remote == 0),
            close_wait: leaked * u32::from(remote == 1),
            syn_sent: 0,
            fin_wait: 0,
            connect_rate: if remote == 1 && noise == 0 { self.floats.write(1.000_13) } else { 0.0 },
        });
        seen.remotes = Reading::Known(Arc::new(surveys.collect()));
        let named = [
            (Signal::PoolActive, f64::from(noise % 2)),
            (Signal::PoolQueries, f64::from(second * 9 + noise)),
        ];
        let pool = Name::parse("orders-db").unwrap();
        seen.named =
            Arc::new(named.into_iter().map(|(s, v)| ((s, pool.clone()), Reading::Known(v))).collect());
    }
}

/// What a fast tick sees, the rest as the full tick before saw it.
pub(crate) fn only_fast(fast: &Observation, full: &Observation) -> Observation {
    let mut seen = full.clone();
    (seen.at, seen.wall, seen.named) = (fast.at, fast.wall, Arc::clone(&fast.named));
    for row in CATALOGUE.iter().filter(|row| row.source == Source::FastTick && row.argument == Argument::None)
    {
        seen.set(row.signal, fast.plain(row.signal));
    }
    seen
}
