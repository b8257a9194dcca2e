//! Operators at a terminal: arguments, commands, rendering, exit codes. The composition root.

pub mod args;
mod bars;
mod client;
mod columns;
mod config;
mod ctl;
mod demo;
mod doctor;
mod equip;
mod exec;
pub mod exit;
mod fleet;
mod history;
mod init;
mod inspect;
mod load;
mod lookup;
mod page;
mod policy;
mod pools;
mod print;
mod quantity;
mod reach;
mod reference;
pub mod render;
mod run;
mod status;
mod store;
mod top;
mod usual;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use exit::Exit;

/// The word that makes this program a keeper; see [`crate::sys::keeper`].
const KEEPER: &str = "__keeper";

/// Runs what was typed.
pub fn main() -> ExitCode {
    // It lives as long as the agent and waits: to build the parser of arguments would be most of its memory.
    if std::env::args_os().skip(1).eq([KEEPER]) {
        return exec::keeper().into();
    }
    let exit = match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command),
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Good };
            // A closed pipe is no error.
            drop(error.print());
            exit
        }
    };
    exit.into()
}

fn dispatch(command: Command) -> Exit {
    match command {
        Command::Policy(command) => policy::run(&command),
        Command::Inspect(args) => inspect::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::History(args) => history::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Explain(args) => ctl::explain(&args),
        Command::Config(command) => config::run(command),
        Command::Ctl(args) => ctl::run(args),
        Command::Completions { shell } => reference::completions(shell),
        Command::Man { out } => reference::man(out.as_deref()),
        Command::DemoBot(args) => demo::bot::main(&args),
        Command::Patient => doctor::patient(),
    }
}
