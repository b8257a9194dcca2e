//! Who is measured: something that listens, and leads to the upstream.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::Attempt;
use crate::common::child::{Account, End, Running, command};
use crate::common::contest::lab::Lab;
use crate::common::contest::peers;
use crate::common::process::{self, Usage, descendants, usage};

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

/// How the upstream is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upstream {
    Plain,
    Tls,
}

/// Where the upstream listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) plain: u16,
    pub(crate) tls: u16,
}

impl Origin {
    /// Where it is spoken to so.
    pub(crate) fn at(self, kind: Upstream) -> u16 {
        match kind {
            Upstream::Plain => self.plain,
            Upstream::Tls => self.tls,
        }
    }
}

/// What all subjects are set to do.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// What fdguard calls the protocol, and its URLs do; these have an `s` more with TLS.
    pub(crate) protocol: [&'static str; 2],
    /// More lines for fdguard's proxy.
    pub(crate) fdguard: String,
    /// More for nginx's upstream, and for its way there.
    pub(crate) nginx: [String; 2],
    /// More for HAProxy's defaults, and for its server.
    pub(crate) haproxy: [String; 2],
    /// Asks once at a port.
    pub(crate) ask: fn(u16) -> Attempt<TcpStream>,
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

    /// Starts it; returns once it has answered.
    pub(crate) fn start(
        &self,
        lab: &Lab,
        work: &Work,
        (upstream, kind): (u16, Upstream),
    ) -> Attempt<Started> {
        let task = Task { listen: lab.port()?, upstream, kind };
        // A start has a folder of its own, named by its port.
        let folder = lab.path(&task.listen.to_string());
        std::fs::create_dir(&folder)?;
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        let place = (self.program.as_path(), folder.as_path());
        let (mut command, end) = match self.kind {
            Kind::Fdguard => (fdguard(lab, place, work, task)?, End::Kill),
            Kind::Nginx => (peers::nginx(lab, place, work, task)?, End::Terminate),
            Kind::HaProxy => (peers::haproxy(lab, place, work, task)?, End::Kill),
        };
        let log = folder.join("log");
        let mut process = Running::start(&mut command, end, &log)?;
        let mut last = String::new();
        for _ in 0..UP_WITHIN.as_millis() / LOOK.as_millis() {
            match (work.ask)(task.listen) {
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

fn fdguard(lab: &Lab, (program, folder): (&Path, &Path), work: &Work, task: Task) -> Attempt<Command> {
    let Task { listen, upstream, kind } = task;
    let [protocol, scheme] = work.protocol;
    let (secure, tls) = match kind {
        Upstream::Plain => ("", String::new()),
        Upstream::Tls => {
            let cert = lab.path("ca.pem");
            ("s", format!("tls = {{ ca_file = \"{}\", name = \"localhost\" }}\n", cert.display()))
        }
    };
    let path = |name: &str| folder.join(name).display().to_string();
    let settings = format!(
        "schema = 1\n\n[proxy.bench]\nprotocol = \"{protocol}\"\nlisten   = \"127.0.0.1:{listen}\"\n\
         upstream = \"{scheme}{secure}://127.0.0.1:{upstream}\"\n{more}\n{tls}\n\
         [history]\nstore = \"sqlite:{}\"\n\n[admin]\nsocket = \"{}\"\n\n[agent]\nevidence = {{ dir = \"{}\" }}\n",
        path("history.db"),
        path("agent.sock"),
        path("evidence"),
        more = work.fdguard,
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
