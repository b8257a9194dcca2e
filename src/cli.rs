//! Operators at a terminal: arguments, commands, rendering, exit codes. The composition root.

pub mod args;
mod client;
mod config;
mod ctl;
mod demo;
mod equip;
mod exec;
pub mod exit;
mod load;
mod lookup;
mod policy;
mod print;
mod quantity;
mod reach;
mod reference;
pub mod render;
mod run;
mod status;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use exit::Exit;

/// Runs what was typed.
pub fn main() -> ExitCode {
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
        Command::Inspect(_) | Command::Doctor(_) | Command::History(_) => Exit::Usage,
        Command::Policy(command) => policy::run(&command),
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Explain(args) => ctl::explain(&args),
        Command::Config(command) => config::run(command),
        Command::Ctl(args) => ctl::run(args),
        Command::Completions { shell } => reference::completions(shell),
        Command::Man { out } => reference::man(out.as_deref()),
        Command::DemoBot(args) => demo::bot::main(&args),
        Command::Keeper => exec::keeper(),
    }
}
