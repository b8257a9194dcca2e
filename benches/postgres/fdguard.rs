//! fdguard as a pooler: the release binary with one proxy.

use std::path::Path;
use std::process::Command;

use crate::common::Attempt;
use crate::common::child::{Account, End, command};
use crate::postgres::subject::Task;

/// Its command, with its file written.
pub(crate) fn prepare(folder: &Path, task: Task) -> Attempt<Command> {
    let file = folder.join("fdguard.toml");
    std::fs::write(&file, settings(folder, task))?;
    let mut command = command(Path::new(env!("CARGO_BIN_EXE_fdguard")), &Account::Own, End::Kill);
    command.args(["run", "--config"]).arg(file);
    Ok(command)
}

fn settings(folder: &Path, task: Task) -> String {
    let Task { listen, upstream, pool } = task;
    let path = |name: &str| folder.join(name).display().to_string();
    format!(
        "schema = 1\n\n\
         [proxy.bench]\n\
         protocol = \"postgres\"\n\
         listen   = \"127.0.0.1:{listen}\"\n\
         upstream = [\"127.0.0.1:{upstream}\"]\n\
         pool     = {{ mode = \"transaction\", min = 0, max = {pool}, wait = \"30s\" }}\n\
         clients  = {{ max = 2000 }}\n\n\
         [history]\nstore = \"sqlite:{}\"\n\n\
         [admin]\nsocket = \"{}\"\n\n\
         [agent]\nevidence = {{ dir = \"{}\" }}\n",
        path("history.db"),
        path("agent.sock"),
        path("evidence"),
    )
}
