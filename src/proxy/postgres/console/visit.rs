//! What a visitor of the console may have done, and how it is carried out: by questions to the pools, one after the other.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::clock::Clock as _;
use crate::proxy::command::{Command, Done};
use crate::proxy::console::Word;
use crate::proxy::postgres::console::command::{Order, Subject};
use crate::proxy::postgres::console::fault::Fault;
use crate::proxy::postgres::console::sight::{Look, Sight, is_paused};
use crate::proxy::postgres::console::{config, kept, pools, sockets, stats};
use crate::proxy::postgres::socket::Socket;
use crate::proxy::proxies::{Proxies, Unasked};
use crate::proxy::view::View;
use crate::sys::clock::SystemClock;
use crate::wire::postgres::backend::write_command_complete;
use crate::wire::postgres::sqlstate::SqlState;

/// A pool that does not answer for so long does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// While something is waited for, the pools are asked so often.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Whoever sends more than this while its command is under way is parted from.
const EARLY_MAX: usize = 64 << 10;

/// A visitor.
pub(super) struct Visit<'p> {
    pub(super) proxies: &'p Proxies,
    pub(super) words: &'p mpsc::Sender<Word>,
    /// The pools that it may see.
    pub(super) sights: Vec<&'p Sight>,
    pub(super) uid: u32,
}

impl Visit<'_> {
    /// Carries a command out and appends its answer; a fault is for the visitor, an error ends its session.
    pub(super) async fn carry_out(
        &self,
        order: Order,
        socket: &mut Socket,
        said: &mut Vec<u8>,
    ) -> io::Result<Result<(), Fault>> {
        let tag = match &order {
            Order::Show(subject) => return Ok(self.show(*subject, said).await),
            Order::Pause(_) => "PAUSE",
            Order::Resume(_) => "RESUME",
            Order::Reconnect(_) => "RECONNECT",
            Order::WaitClose(_) => "WAIT_CLOSE",
            Order::Kill(_) => "KILL",
            Order::Disable(_) => "DISABLE",
            Order::Enable(_) => "ENABLE",
            Order::KillClient(_) => "KILL_CLIENT",
            Order::Reload => "RELOAD",
            Order::Set => "SET",
        };
        let done = self.act(order, socket).await?;
        if done.is_ok() {
            write_command_complete(said, tag);
        }
        Ok(done)
    }

    async fn act(&self, order: Order, socket: &mut Socket) -> io::Result<Result<(), Fault>> {
        let done = match order {
            Order::Pause(name) => return self.pause(name.as_deref(), socket).await,
            Order::WaitClose(name) => return self.wait_close(name.as_deref(), socket).await,
            Order::Resume(name) => self.resume(name.as_deref()).await,
            Order::Reconnect(name) => self.tell(name.as_deref(), "reconnect", &Command::Reconnect).await,
            Order::Kill(name) => self.tell(name.as_deref(), "kill", &Command::Kill).await,
            Order::Disable(name) => self.tell(Some(&name), "disable", &Command::Disable).await,
            Order::Enable(name) => self.enable(&name).await,
            Order::KillClient(id) => self.kill_client(id).await,
            Order::Reload => self.reload().await,
            Order::Show(_) | Order::Set => Ok(()),
        };
        Ok(done)
    }

    async fn show(&self, subject: Subject, said: &mut Vec<u8>) -> Result<(), Fault> {
        let table = match subject {
            Subject::Help => {
                config::help(said);
                return Ok(());
            }
            Subject::Version => config::version(),
            Subject::Pools => pools::pools(&self.looks().await?),
            Subject::Clients => sockets::clients(&self.looks().await?),
            Subject::Servers => sockets::servers(&self.looks().await?),
            Subject::Sockets => sockets::sockets(&self.looks().await?),
            Subject::Databases => pools::databases(&self.looks().await?),
            Subject::Users => pools::users(&self.looks().await?),
            Subject::Stats => stats::stats(&self.looks().await?),
            Subject::StatsTotals => stats::stats_totals(&self.looks().await?),
            Subject::StatsAverages => stats::stats_averages(&self.looks().await?),
            Subject::Totals => stats::all(&self.looks().await?),
            Subject::Cache => kept::cache(&self.looks().await?),
            Subject::Lists => pools::lists(&self.looks().await?),
            Subject::Config => config::config(&self.looks().await?),
            Subject::State => config::state(&self.looks().await?),
        };
        table.write(said);
        Ok(())
    }

    async fn looks(&self) -> Result<Vec<Look<'_>>, Fault> {
        let mut looks = Vec::new();
        for sight in &self.sights {
            let view = self.view(sight).await?;
            looks.push(Look { sight, view, wall: SystemClock.wall() });
        }
        Ok(looks)
    }

    async fn view(&self, sight: &Sight) -> Result<Box<View>, Fault> {
        answered(self.proxies.view(&sight.name)).await
    }

    async fn told(&self, sight: &Sight, command: Command) -> Result<Done, Fault> {
        answered(self.proxies.tell(&sight.name, command)).await
    }

    /// The pool of this name, or all of them.
    fn meant(&self, name: Option<&str>) -> Result<Vec<&Sight>, Fault> {
        let Some(name) = name else { return Ok(self.sights.clone()) };
        let found: Vec<&Sight> =
            self.sights.iter().copied().filter(|sight| sight.name.as_str() == name).collect();
        if found.is_empty() {
            let known = pools::names(self.sights.iter().map(|sight| &sight.name));
            let fault = Fault::new(format!("no such database: {name}"));
            return Err(fault.hint(format!("Here a database is a pool, by the name of its proxy: {known}.")));
        }
        Ok(found)
    }

    /// Has pools do something that is done at once.
    async fn tell(&self, name: Option<&str>, verb: &str, command: &Command) -> Result<(), Fault> {
        for sight in self.meant(name)? {
            self.told(sight, command.clone()).await?;
            self.record(format!("pool {verb} {}", sight.name));
        }
        Ok(())
    }

    async fn resume(&self, name: Option<&str>) -> Result<(), Fault> {
        let mut resumed = 0;
        for sight in self.meant(name)? {
            if is_paused(&*self.view(sight).await?) {
                self.told(sight, Command::Resume).await?;
                self.record(format!("pool resume {}", sight.name));
                resumed += 1;
            }
        }
        match (resumed, name) {
            (0, None) => Err(Fault::new("pooler is not paused/suspended")),
            (0, Some(name)) => Err(Fault::new(format!("database {name} is not paused"))),
            (_, _) => Ok(()),
        }
    }

    /// A pool that is paused stays so: that is for RESUME.
    async fn enable(&self, name: &str) -> Result<(), Fault> {
        for sight in self.meant(Some(name))? {
            if !is_paused(&*self.view(sight).await?) {
                self.told(sight, Command::Resume).await?;
                self.record(format!("pool enable {}", sight.name));
            }
        }
        Ok(())
    }

    async fn kill_client(&self, id: u64) -> Result<(), Fault> {
        let client = sockets::client_of(id);
        for sight in &self.sights {
            if answered(self.proxies.kill_client(&sight.name, client)).await?.clients > 0 {
                self.record(format!("pool kill-client {} {id}", sight.name));
                return Ok(());
            }
        }
        Err(Fault::new("client not found"))
    }

    async fn pause(&self, name: Option<&str>, socket: &mut Socket) -> io::Result<Result<(), Fault>> {
        if let Err(fault) = self.tell(name, "pause", &Command::Pause).await {
            return Ok(Err(fault));
        }
        let is_through = |view: &View| {
            if !is_paused(view) {
                return Err(Fault::new(
                    "the pool was resumed before all its server connections were released",
                ));
            }
            Ok(view.servers.is_empty())
        };
        self.until(name, socket, is_through).await
    }

    async fn wait_close(&self, name: Option<&str>, socket: &mut Socket) -> io::Result<Result<(), Fault>> {
        let is_through = |view: &View| Ok(view.servers.iter().all(|server| server.retired.is_none()));
        self.until(name, socket, is_through).await
    }

    /// Waits until it is so of all pools that are meant, and the visitor stays.
    async fn until(
        &self,
        name: Option<&str>,
        socket: &mut Socket,
        is_so: impl Fn(&View) -> Result<bool, Fault>,
    ) -> io::Result<Result<(), Fault>> {
        loop {
            match self.are(name, &is_so).await {
                Ok(false) => {}
                Ok(true) => return Ok(Ok(())),
                Err(fault) => return Ok(Err(fault)),
            }
            match timeout(ASK_EVERY, socket.more()).await {
                Err(_) => {}
                Ok(Ok(())) if socket.unused().len() <= EARLY_MAX => {}
                Ok(Ok(())) => return Err(io::ErrorKind::InvalidData.into()),
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    async fn are(
        &self,
        name: Option<&str>,
        is_so: &impl Fn(&View) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        for sight in self.meant(name)? {
            if !is_so(&*self.view(sight).await?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The agent reads its files; how that went is its answer.
    async fn reload(&self) -> Result<(), Fault> {
        let (reply, answer) = oneshot::channel();
        let failed = |why: String| {
            Fault { state: SqlState::ObjectState, ..Fault::new(format!("RELOAD failed: {why}")) }
                .hint("fdguard config check names every fault of the file.")
        };
        let posted = self.words.try_send(Word::Reload { uid: self.uid, reply });
        posted.map_err(|_| failed("the agent has no room for it now".to_owned()))?;
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(done)) => done.map_err(failed),
            Ok(Err(_)) | Err(_) => Err(failed("the agent did not answer; it may still do it".to_owned())),
        }
    }

    /// What was done goes into the history, as what a person does by `fdguard ctl`.
    fn record(&self, command: String) {
        if self.words.try_send(Word::Done { command, uid: self.uid }).is_err() {
            tracing::warn!("the agent has no room for what was done from the console");
        }
    }
}

async fn answered<T>(asked: Result<oneshot::Receiver<T>, Unasked>) -> Result<T, Fault> {
    let busy = |text: String| Fault { state: SqlState::CannotConnectNow, ..Fault::new(text) };
    let answer = asked.map_err(|error| busy(error.to_string()))?;
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(busy("the proxies have ended".to_owned())),
        Err(_) => Err(busy("the pool did not answer in time".to_owned())),
    }
}
