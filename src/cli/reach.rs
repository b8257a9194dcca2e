//! Asking the agent from a command: a runtime for one exchange, and what to say when nobody answers.

use crate::agent::request::{Answer, Request};
use crate::cli::args::AgentArgs;
use crate::cli::client::{self, ClientError};
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::model::chain::chain;

/// Sends a request; a failure is told and becomes the exit.
pub(super) fn ask(args: &AgentArgs, request: &Request) -> Result<Answer, Exit> {
    let answer = runtime()?.block_on(async {
        let local = tokio::task::LocalSet::new();
        local.run_until(client::ask(&args.socket, request)).await
    });
    answer.map_err(|error| {
        print::complain(&chain(&error));
        match error {
            ClientError::Unreachable { .. } | ClientError::Late | ClientError::Broken(_) => Exit::Unreachable,
            ClientError::Refused(_) | ClientError::Unreadable(_) => Exit::Usage,
        }
    })
}

/// A runtime on the calling thread.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        print::complain(&format!("can't start: {error}"));
        Exit::Usage
    })
}

/// An answer of a kind that was not asked for, or a refusal.
pub(super) fn unexpected(answer: &Answer) -> Exit {
    match answer {
        Answer::Refused(why) => {
            print::complain(why);
            Exit::Finding
        }
        Answer::Status(_) | Answer::Explained(_) | Answer::Events(_) | Answer::Taken(_) => {
            print::complain("the agent answered something else; is it of another version?");
            Exit::Unreachable
        }
    }
}
