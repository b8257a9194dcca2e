//! A PostgreSQL of the bench's own, careless of its data on purpose.

use std::process::Output;

use crate::common::Attempt;
use crate::common::Length;
use crate::common::child::{Account, End, Running, command};
use crate::postgres::client;
use crate::postgres::lab::Lab;
use crate::postgres::options::Options;

/// For each: pools of all subjects, and a load without a pooler.
const MAX_CONNECTIONS: u32 = 400;
/// Rows per unit of scale: 100,000. Fits the buffers.
const SCALE_FULL: &str = "10";
const SCALE_SHORT: &str = "1";

/// A running server with pgbench's tables.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Ended with this.
    _process: Running,
}

impl Server {
    pub(crate) fn start(lab: &Lab, options: &Options) -> Attempt<Self> {
        let data = lab.path("data");
        let mut make = command(&lab.program("initdb"), &lab.account, End::Kill);
        make.arg("--pgdata").arg(&data).args(["--username", client::USER, "--auth", "trust", "--no-sync"]);
        make.args(["--encoding", "UTF8", "--locale", "C"]).current_dir(lab.path(""));
        succeeded(&make.output()?, "initdb")?;
        let port = lab.port()?;
        let mut run = command(&lab.program("postgres"), &lab.account, End::Quit);
        run.arg("-D").arg(&data).current_dir(lab.path(""));
        for setting in settings(lab, port) {
            run.args(["-c", &setting]);
        }
        let mut process = Running::start(&mut run, End::Quit, &lab.path("postgres.log"))?;
        client::wait_ready(port, || lab.go_on().is_ok() && process.lives())
            .map_err(|error| format!("PostgreSQL did not come up: {error}"))?;
        let server = Self { port, _process: process };
        server.fill(lab, options)?;
        Ok(server)
    }

    fn fill(&self, lab: &Lab, options: &Options) -> Attempt<()> {
        let scale = match options.args.length {
            Length::Short => SCALE_SHORT,
            Length::Full => SCALE_FULL,
        };
        let mut fill = command(&lab.program("pgbench"), &Account::Own, End::Kill);
        fill.args(["-i", "-q", "-I", "dtGvp", "-s", scale]).args(client::pgbench_target(self.port));
        succeeded(&fill.output()?, "pgbench -i")?;
        let mut client = client::Client::connect(self.port)?;
        client.ask("CREATE TABLE sink (id int, line text)")?;
        Ok(())
    }
}

fn settings(lab: &Lab, port: u16) -> Vec<String> {
    vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", lab.path("").display()),
        format!("max_connections={MAX_CONNECTIONS}"),
        "shared_buffers=512MB".to_owned(),
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        // Nothing of its own accord while something else is measured.
        "autovacuum=off".to_owned(),
        "checkpoint_timeout=1d".to_owned(),
        "max_wal_size=4GB".to_owned(),
        "jit=off".to_owned(),
    ]
}

/// Its output where it ended well and without an error: pgbench goes on after some, and counts what is left.
pub(crate) fn succeeded(output: &Output, name: &str) -> Attempt<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.contains("error:") || line.contains("FATAL"));
    if output.status.success() && error.is_none() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = error.or(said.lines().last()).unwrap_or("without a word");
    Err(format!("{name} failed ({}): {why}", output.status).into())
}
