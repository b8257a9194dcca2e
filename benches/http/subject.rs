//! Who is measured: something that listens, and asks the upstream by kept connections.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::Attempt;
use crate::common::child::{Account, End, Running, command};
use crate::common::process::{self, Usage, descendants, usage};
use crate::http::cell::{Cell, Upstream};
use crate::http::lab::Lab;
use crate::http::{load, peers};

/// A start takes no longer.
const UP_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks whether it is up.
const LOOK: Duration = Duration::from_millis(50);

/// One that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    kind: Kind,
    program: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Fdguard,
    Nginx,
    HaProxy,
}

/// What a subject is told when it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Where it listens.
    pub(crate) listen: u16,
    /// Where the upstream listens, and how it is spoken to.
    pub(crate) upstream: u16,
    pub(crate) kind: Upstream,
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) port: u16,
    process: Running,
}

impl Subject {
    /// fdguard and its peers; one that is missing is told, with the reason.
    pub(crate) fn all(mut lacks: impl FnMut(&str, &str)) -> Vec<Self> {
        let mut found = vec![Self { name: "fdguard", kind: Kind::Fdguard, program: process::fdguard() }];
        let peers = [
            ("nginx", Kind::Nginx, "FDGUARD_BENCH_NGINX"),
            ("haproxy", Kind::HaProxy, "FDGUARD_BENCH_HAPROXY"),
        ];
        for (name, kind, variable) in peers {
            match peers::find(variable, name) {
                Ok(program) => found.push(Self { name, kind, program }),
                Err(error) => lacks(name, &error.to_string()),
            }
        }
        found
    }

    /// Whether it is a peer.
    pub(crate) fn is_peer(&self) -> bool {
        self.kind != Kind::Fdguard
    }

    /// Starts it; returns once it has answered a request.
    pub(crate) fn start(&self, lab: &Lab, upstream: u16, kind: Upstream) -> Attempt<Started> {
        let task = Task { listen: lab.port()?, upstream, kind };
        // A start has a folder of its own, named by its port.
        let folder = lab.path(&task.listen.to_string());
        std::fs::create_dir(&folder)?;
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        let mut command = match self.kind {
            Kind::Fdguard => fdguard(lab, &self.program, &folder, task)?,
            Kind::Nginx => peers::nginx(lab, &self.program, &folder, task)?,
            Kind::HaProxy => peers::haproxy(lab, &self.program, &folder, task)?,
        };
        let log = folder.join("log");
        let mut process = Running::start(&mut command, End::Kill, &log)?;
        let one = Cell { upstream: kind, body: crate::http::cell::SMALL, connections: 1 };
        let mut last = String::new();
        for _ in 0..UP_WITHIN.as_millis() / LOOK.as_millis() {
            match load::run(&one, task.listen, LOOK) {
                Ok(_) => return Ok(Started { port: task.listen, process }),
                Err(error) => last = error.to_string(),
            }
            if !process.lives() {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Err(format!("{} did not come up: {last}\n{}", self.name, said.trim()).into())
    }
}

fn fdguard(lab: &Lab, program: &Path, folder: &Path, task: Task) -> Attempt<Command> {
    let Task { listen, upstream, kind } = task;
    let (scheme, tls) = match kind {
        Upstream::Plain => ("http", String::new()),
        Upstream::Tls => {
            let cert = lab.path("ca.pem");
            ("https", format!("tls = {{ ca_file = \"{}\", name = \"localhost\" }}\n", cert.display()))
        }
    };
    let path = |name: &str| folder.join(name).display().to_string();
    let settings = format!(
        "schema = 1\n\n[proxy.bench]\nprotocol = \"http\"\nlisten   = \"127.0.0.1:{listen}\"\n\
         upstream = \"{scheme}://127.0.0.1:{upstream}\"\n\
         pool     = {{ max = {kept}, per_host = {kept}, lifetime = \"none\" }}\nclients  = {{ max = 4000 }}\n{tls}\n\
         [history]\nstore = \"sqlite:{}\"\n\n[admin]\nsocket = \"{}\"\n\n[agent]\nevidence = {{ dir = \"{}\" }}\n",
        path("history.db"),
        path("agent.sock"),
        path("evidence"),
        kept = peers::KEPT,
    );
    let file = folder.join("fdguard.toml");
    std::fs::write(&file, settings)?;
    let mut started = command(program, &Account::Own, End::Kill);
    started.args(["run", "--config"]).arg(file);
    Ok(started)
}

impl Started {
    /// CPU of all its threads and processes so far, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.sum(|usage| usage.cpu * 1e6)
    }

    /// What would be free if it ended, in bytes.
    pub(crate) fn memory(&self) -> f64 {
        self.sum(|usage| usage.private * 1_024.0)
    }

    fn sum(&self, figure: impl Fn(Usage) -> f64) -> f64 {
        let all = std::iter::once(self.process.pid()).chain(descendants(self.process.pid()));
        all.filter_map(usage).map(figure).sum()
    }
}
