//! Events told to journald, or to a terminal.
//!
//! The message is constant, the facts are fields. The names of the fields are a contract: in journald they
//! stand in upper case after `FDGUARD_` (`journalctl FDGUARD_TARGET=bot FDGUARD_FACT=decision`), on a terminal
//! as they are here.
//!
//! | field | what |
//! |---|---|
//! | `fact` | the kind of the event, as in the history: `transition`, `decision`, `finished` … |
//! | `target`, `process` | the target and the process's number; absent for the agent itself |
//! | `rule` | `policy/ladder/tier`, or the policy alone |
//! | `from`, `to` | the tier before and now; absent is normal |
//! | `because` | the condition or expectation with the values it saw |
//! | `decision` | the number that joins a decision with its end and its judgement |
//! | `action` | the word for the action or hold: `reset_pool` |
//! | `work` | `do`, `take` or `release` |
//! | `cause` | `entry`, `again`, `every`, `upkeep`, `command` |
//! | `dry_run` | which scope asked for it: `agent`, `policy`, `action`, `shadow` |
//! | `refusal` | why an action was refused |
//! | `outcome` | `effective`, `ineffective`, `unknown` |
//! | `result`, `error` | what was done, or what failed |
//! | `took_seconds` | how long it took |
//! | `why` | the reason of what is not a decision |
//! | `signal`, `gap` | the signal, and why it can't be seen |
//! | `command`, `uid` | a command line; or what a person asked for, and who |
//! | `token`, `peer` | where it was asked over the status API: by which token, from where |
//! | `code`, `restarts` | exit code; starts before this one |
//! | `version`, `settings` | of the agent |
//! | `lost` | records of the history lost |
//! | `proxy`, `client` | the proxy, and the client whose stream changed |
//! | `bound`, `receiver`, `sought` | which bound was hit, who could not be told, what was looked for |

mod fields;

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;
use crate::model::event::{Event, Loudness};
use fields::Fields;

/// Where the log goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogTo {
    /// journald, with fields.
    Journald,
    /// Lines of text on standard error, in colour where that is a terminal.
    Terminal,
}

/// Why the log can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// journald's socket can't be reached.
    #[error("journald can't be reached")]
    Journald(#[source] std::io::Error),
    /// A log has been set up before.
    #[error("the log is set up already")]
    Again,
}

impl LogTo {
    /// journald where standard error leads there by what the environment says (`JOURNAL_STREAM`), else lines.
    pub fn detect() -> Self {
        let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
        let own = std::fs::metadata("/proc/self/fd/2").map(|file| (file.dev(), file.ino()));
        match own {
            Ok(own) if stream_of(&stream) == Some(own) => Self::Journald,
            Ok(_) | Err(_) => Self::Terminal,
        }
    }
}

/// Device and inode of `device:inode`.
fn stream_of(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// Sets the log up for the whole process. What is finer than info is told of this program alone: what libraries say
/// there is theirs, and may hold what is nobody's business.
pub fn init_logging(to: LogTo, level: LogLevel) -> Result<(), LogError> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_default(level.min(LevelFilter::INFO)).with_target("fdguard", level);
    let registry = tracing_subscriber::registry().with(filter);
    let set = match to {
        LogTo::Journald => {
            let layer = tracing_journald::layer().map_err(LogError::Journald)?;
            let layer = layer
                .with_field_prefix(Some("FDGUARD".to_owned()))
                .with_syslog_identifier("fdguard".to_owned());
            registry.with(layer).try_init()
        }
        LogTo::Terminal => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false);
            registry.with(lines).try_init()
        }
    };
    set.map_err(|_| LogError::Again)
}

/// Tells an event.
pub fn log(event: &Event) {
    let (loudness, message) = event.fact.headline();
    let f = Fields::of(event);
    // The level and the names of the fields belong to the place in the code: one place a level.
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                fact = f.fact,
                target = f.target,
                process = f.process,
                rule = f.rule,
                from = f.from,
                to = f.to,
                because = f.because,
                decision = f.decision,
                action = f.action,
                work = f.work,
                cause = f.cause,
                dry_run = f.dry_run,
                refusal = f.refusal,
                outcome = f.outcome,
                result = f.result,
                error = f.error,
                took_seconds = f.took_seconds,
                why = f.why.as_deref(),
                signal = f.signal,
                gap = f.gap,
                command = f.command,
                uid = f.uid,
                token = f.token,
                peer = f.peer,
                code = f.code,
                restarts = f.restarts,
                version = f.version,
                settings = f.settings,
                lost = f.lost,
                bound = f.bound,
                receiver = f.receiver,
                proxy = f.proxy,
                client = f.client,
                sought = f.sought,
                "{message}"
            )
        };
    }
    match loudness {
        Loudness::Info => tell!(info),
        Loudness::Warn => tell!(warn),
        Loudness::Error => tell!(error),
    }
}

#[cfg(test)]
mod tests;
