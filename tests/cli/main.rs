//! The built binary as people and scripts meet it: arguments, exit codes, output on terminals, pipes and files.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod doctor;
mod exec;
mod fdguard;
mod files;
mod history;
mod init;
mod inspect;
mod leaker;
mod output;
mod pages;
mod proxies;
mod reference;
mod terminal;
mod usage;
