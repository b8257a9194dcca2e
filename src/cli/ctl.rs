//! `fdguard ctl` and `fdguard explain`: commands and questions to the running agent.

use crate::agent::request::{Answer, Command, PoolWork, Request};
use crate::cli::args::{After, CtlArgs, ExplainArgs, PoolVerb, TradingWord, Verb, Which};
use crate::cli::exit::Exit;
use crate::cli::status::told;
use crate::cli::{print, reach};
use crate::model::action::{ResetHow, Then};
use crate::model::name::Name;
use crate::model::trading::Trading;

/// `fdguard ctl`
pub(super) fn run(args: CtlArgs) -> Exit {
    if let Verb::Trading { state: TradingWord::Status, proxy, .. } = &args.verb {
        return trading(&args, proxy.clone());
    }
    match reach::ask(&args.agent, &Request::Do(command(args.verb))) {
        Ok(Answer::Taken(what)) => {
            if args.agent.json {
                print::json(&serde_json::json!({ "taken": what }));
            } else {
                print::out(&format!("{what}\n"));
            }
            Exit::Good
        }
        Ok(other) => reach::unexpected(&other),
        Err(exit) => exit,
    }
}

/// How the order gates stand.
fn trading(args: &CtlArgs, proxy: Option<Name>) -> Exit {
    match reach::ask(&args.agent, &Request::Trading { proxy }) {
        Ok(Answer::Trading(gates)) if args.agent.json => {
            print::json(&gates);
            Exit::Good
        }
        Ok(Answer::Trading(gates)) => {
            gates.iter().for_each(|(name, trading)| print::out(&format!("{name}: {}\n", told(trading))));
            Exit::Good
        }
        Ok(other) => reach::unexpected(&other),
        Err(exit) => exit,
    }
}

/// `fdguard explain`
pub(super) fn explain(args: &ExplainArgs) -> Exit {
    match reach::ask(&args.agent, &Request::Explain { target: args.target.clone() }) {
        Ok(Answer::Explained(all)) => {
            if all.is_empty() && !args.agent.json {
                print::out("no process is guarded now; `fdguard history` tells what became of it\n");
            }
            for one in &all {
                if args.agent.json {
                    print::json(one);
                } else {
                    print::out(&format!("{} pid {}\n{}\n", one.target, one.pid, one.text));
                }
            }
            Exit::Good
        }
        Ok(other) => reach::unexpected(&other),
        Err(exit) => exit,
    }
}

fn command(verb: Verb) -> Command {
    match verb {
        Verb::Reload => Command::Reload,
        Verb::Reset { pool, how, share } => {
            let how = match how {
                Which::Idle => ResetHow::Idle,
                Which::Drain => ResetHow::Drain,
                Which::Hard => ResetHow::Hard,
            };
            Command::ResetPool { pool, how, share }
        }
        Verb::Pool { work } => pool(work),
        Verb::Connect { stream } => Command::Pool { pool: stream, work: PoolWork::Connect },
        Verb::Close { stream } => Command::Pool { pool: stream, work: PoolWork::Close },
        Verb::Trading { state, proxy, limit } => {
            let state = match state {
                TradingWord::Active | TradingWord::Status => Trading::Active,
                TradingWord::Reducing => Trading::Reducing,
                TradingWord::Halted => Trading::Halted,
            };
            Command::Trading { state, proxy, limit }
        }
        Verb::Release { target, rule } => Command::Release { target, rule },
        Verb::Hold { target } => Command::Hold { target },
        Verb::Resume { target } => Command::Resume { target },
        Verb::Snapshot { target } => Command::Snapshot { target },
        Verb::Freeze { target, limit } => Command::Freeze { target, limit },
        Verb::Thaw { target } => Command::Thaw { target },
        Verb::Start { target } => Command::Start { target },
        Verb::Stop { target, grace, then } => {
            let then = match then {
                After::Restart => Then::Restart,
                After::Stay => Then::Stay,
            };
            Command::Stop { target, grace, then }
        }
    }
}

fn pool(work: PoolVerb) -> Command {
    let (pool, work) = match work {
        PoolVerb::Pause { pool } => (pool, PoolWork::Pause),
        PoolVerb::Resume { pool } => (pool, PoolWork::Resume),
        PoolVerb::Reconnect { pool } => (pool, PoolWork::Reconnect),
        PoolVerb::Disable { pool } => (pool, PoolWork::Disable),
        PoolVerb::Enable { pool } => (pool, PoolWork::Enable),
        PoolVerb::Kill { pool } => (pool, PoolWork::Kill),
        PoolVerb::FlushCache { pool } => (pool, PoolWork::FlushCache),
    };
    Command::Pool { pool, work }
}
