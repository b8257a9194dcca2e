//! Asking the agent from a command: a runtime for one exchange, and what to say when nobody answers.

use std::io;

use crate::agent::request::{Answer, Request};
use crate::cli::args::AgentArgs;
use crate::cli::client::{self, ClientError};
use crate::cli::exit::Exit;
use crate::cli::{print, usual};
use crate::model::chain::chain;

/// Sends a request; a failure is told and becomes the exit.
pub(super) fn ask(args: &AgentArgs, request: &Request) -> Result<Answer, Exit> {
    let socket = usual::socket(args.socket.as_deref());
    let answer = runtime()?.block_on(async {
        let local = tokio::task::LocalSet::new();
        local.run_until(client::ask(&socket, request)).await
    });
    answer.map_err(|error| {
        print::complain(&format!("{}{}", chain(&error), hint(&error)));
        match error {
            ClientError::Unreachable { .. } | ClientError::Late | ClientError::Broken(_) => Exit::Unreachable,
            ClientError::Refused(_) | ClientError::Unreadable(_) => Exit::Usage,
        }
    })
}

/// What to do about an agent that is not reached.
fn hint(error: &ClientError) -> &'static str {
    let ClientError::Unreachable { source, .. } = error else { return "" };
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; this user may not enter its folder: root and the user that the agent runs as may, and those whom \
             `[admin] allow` names once they may enter the folder"
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "; is one running? `--socket` or FDGUARD_SOCKET names another place, the log of an `exec` says its own"
        }
        _ => "",
    }
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
        Answer::Status(_)
        | Answer::Explained(_)
        | Answer::Events(_)
        | Answer::Trading(_)
        | Answer::Taken(_) => {
            print::complain("the agent answered something else; is it of another version?");
            Exit::Unreachable
        }
    }
}
