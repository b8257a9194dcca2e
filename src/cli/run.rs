//! `fdguard run`: builds the agent and looks after everything that is not its control loop: signals, the
//! socket, file changes, addresses, probes.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::actuator;
use crate::agent::fleet::FleetDesk;
use crate::agent::mailbox::{Mailbox, Message};
use crate::agent::settings::Settings;
use crate::agent::{Agent, Ends, Pieces};
use crate::call::probe;
use crate::call::web::Web;
use crate::cli::args::RunArgs;
use crate::cli::exit::Exit;
use crate::cli::load::{self, Loaded, Source};
use crate::cli::pools::Gates;
use crate::cli::{fleet, lookup, pools, print, reach, usual};
use crate::config::{Config, Probe};
use crate::journal::log::{LogTo, init_logging};
use crate::journal::place::Place;
use crate::journal::query::Blocking;
use crate::journal::recorder::History;
use crate::journal::retention::Keep;
use crate::model::chain::chain;
use crate::model::clock::Clock as _;
use crate::model::name::{Name, Remote};
use crate::proxy::{Residents, Running};
use crate::sampler::remotes::RemoteBook;
use crate::sys::clock::SystemClock;
use crate::sys::inotify::FileWatch;
use crate::sys::limits::NoFile;
use crate::sys::notify::{Notifier, watchdog_interval};
use crate::sys::pidfd::Signal;

/// How long the start waits for what an earlier agent remembered: until then nothing is guarded.
const MEMORY_WITHIN: Duration = Duration::from_secs(4);

mod doors;

/// Changed files are looked for so often; asking the kernel costs a microsecond.
const LOOK: Duration = Duration::from_millis(500);
/// A change of files is read after so long without another: editors write more than once.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs the agent from its file.
pub(super) fn run(args: &RunArgs) -> Exit {
    let mut sets = args.set.clone();
    if args.dry_run {
        sets.push("agent.dry_run=true".to_owned());
    }
    let source = Source { file: Some(args.file.path().to_owned()), sets, ..Source::default() };
    serve(&source, Ends::Never)
}

/// Runs an agent until it is told to stop or, with [`Ends::WithChild`], until its child has ended.
pub(super) fn serve(source: &Source, ends: Ends) -> Exit {
    let loaded = match load::load(source) {
        Ok(loaded) => loaded,
        Err(refused) => {
            print::aside(&refused.drawn);
            return Exit::Usage;
        }
    };
    if let Err(error) = init_logging(LogTo::detect(), loaded.config.agent.log) {
        print::complain(&chain(&error));
        return Exit::Usage;
    }
    print::aside(&loaded.doubts);
    let runtime = match reach::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    runtime.block_on(tokio::task::LocalSet::new().run_until(attend(source, loaded, ends)))
}

async fn attend(source: &Source, loaded: Loaded, ends: Ends) -> Exit {
    let Loaded { settings, config, mut actuator, remotes, files, .. } = loaded;
    // Before anything is started or guarded.
    let door = match doors::listen(&config, &ends) {
        Ok(door) => door,
        Err(error) => {
            print::complain(&chain(&error));
            return Exit::Usage;
        }
    };
    let (listener, _file) = door.unzip();
    if listener.is_some() && ends != Ends::Never {
        let ask = format!("fdguard status --socket {}", config.admin.socket.display());
        tracing::info!(ask, "this run is reached by `status`, `explain` and `ctl`");
    }
    let residents = Residents::default();
    // Before the proxies raise it: children get the limit that the agent was given.
    let nofile = NoFile::own().ok();
    let (memory, closed) = pools::recall(&config);
    let mut running = match pools::start(&config, &residents, closed) {
        Ok(running) => running,
        Err(error) => {
            print::complain(&chain(&error));
            return Exit::Usage;
        }
    };
    let proxies = running.as_ref().map(Running::proxies);
    actuator.proxies.clone_from(&proxies);
    let (fleet, fleet_asked) = fleet::desk(&config);
    let around = Around { ends: ends.clone(), residents, nofile, fleet };
    let pieces = match pieces(&config, actuator, around) {
        Ok(pieces) => pieces,
        Err(why) => {
            print::complain(&why);
            return Exit::Usage;
        }
    };
    let known = Known::new(source.clone(), settings.clone(), (files, remotes));
    let agent = match Agent::start(settings, pieces) {
        Ok(agent) => agent,
        Err(error) => {
            print::complain(&chain(&error));
            return Exit::Usage;
        }
    };
    let mailbox = agent.mailbox();
    let known = Rc::new(known);
    signals(&mailbox, &known, &ends);
    attach(&config, running.as_mut(), &mailbox, &known);
    fleet::begin(&config, &mailbox, fleet_asked);
    let gates = Gates { names: config.gates().cloned().collect(), memory };
    let desk = doors::desk(&config, agent.feed(), (mailbox.clone(), proxies, gates), Rc::clone(&known));
    if let Some(listener) = listener {
        tokio::task::spawn_local(doors::socket(listener, config.admin.clone(), Rc::clone(&desk)));
    }
    if let Some(place) = config.admin.api.clone() {
        tokio::task::spawn_local(doors::api(place, desk));
    }
    let (code, fault) = ended(agent, running.as_mut(), &mailbox).await;
    if let Some(running) = running {
        running.end();
    }
    if fault == Fault::Proxies {
        return Exit::Finding;
    }
    match (ends, code) {
        (Ends::WithChild(_), Some(code)) => Exit::Child(u8::try_from(code & 0xff).unwrap_or(1)),
        (Ends::WithChild(_), None) => Exit::Finding,
        (Ends::Never, _) => Exit::Good,
    }
}

/// What feeds the control loop from here: probes, pools, consoles, names and files. All of it ends with the runtime.
fn attach(config: &Config, running: Option<&mut Running>, mailbox: &Mailbox, known: &Rc<Known>) {
    probes(config.probes.values(), mailbox);
    if let Some(place) = &config.admin.metrics {
        tokio::task::spawn_local(doors::metrics(place.clone(), mailbox.clone()));
    }
    if let Some(running) = running {
        let proxies = running.proxies();
        pools::watch(&proxies, mailbox);
        pools::ask_upstreams(config, &proxies, mailbox);
        if let Some(words) = running.words() {
            let known = Rc::clone(known);
            tokio::task::spawn_local(pools::hear(words, mailbox.clone(), move || known.reload()));
        }
    }
    tokio::task::spawn_local(addresses(Rc::clone(known), mailbox.clone()));
    tokio::task::spawn_local(changes(Rc::clone(known), mailbox.clone()));
}

/// What ended the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    None,
    /// A thread of the proxies was lost.
    Proxies,
}

/// Waits for the end of the agent. Where a thread of the proxies is lost, clients would hang: then the agent ends in
/// order, with a code by which whoever watches over it starts it again.
async fn ended(agent: Agent, running: Option<&mut Running>, mailbox: &Mailbox) -> (Option<i32>, Fault) {
    let mut ended = std::pin::pin!(agent.ended());
    tokio::select! {
        code = &mut ended => return (code, Fault::None),
        () = pools::lost(running) => {}
    }
    tracing::error!("a thread of the proxies has ended by itself: the agent ends");
    drop(mailbox.post(Message::Stop("a thread of the proxies has ended by itself".to_owned())));
    (ended.await, Fault::Proxies)
}

/// What stands around the agent.
struct Around {
    ends: Ends,
    residents: Residents,
    nofile: Option<NoFile>,
    fleet: Option<FleetDesk>,
}

fn pieces(config: &Config, actuator: actuator::Settings, around: Around) -> Result<Pieces, String> {
    let var = |name: &str| std::env::var_os(name);
    let text = |name: &str| var(name).and_then(|value| value.into_string().ok());
    let notifier = Notifier::from_value(var("NOTIFY_SOCKET").as_deref()).map_err(|error| chain(&error))?;
    let watchdog = watchdog_interval(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref());
    let place = Place::of(&config.history, &usual::host());
    let memory = place.as_ref().map(|place| memory(config, place)).unwrap_or_default();
    let history = place.map(|place| history(config, place));
    let Around { ends, residents, nofile, fleet } = around;
    Ok(Pieces { actuator, history, fleet, memory, manager: (notifier, watchdog), ends, residents, nofile })
}

fn history(config: &Config, place: Place) -> History {
    if let Some(folder) = config.history.beside().and_then(Path::parent) {
        // Where it can't be made the recorder finds out, tells, and tries again.
        let _told_later = std::fs::create_dir_all(folder);
    }
    History { place, keep: Keep { age: config.history.keep_for, size: config.history.keep_size } }
}

/// What an earlier agent remembered of the rules. A history that can't be read in time is no reason not to start: the
/// recorder tells why.
fn memory(config: &Config, place: &Place) -> Vec<(Name, String)> {
    // The reader has a runtime of its own, which may not run inside ours.
    let (place, names) = (place.clone(), config.targets.keys().cloned().collect::<Vec<_>>());
    let (found, find) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let Ok(mut reader) = Blocking::open(&place) else { return };
        let of = |name: &Name| Some((name.clone(), reader.memory(name).ok()??.json));
        // Nobody waits for it any more where it came too late.
        found.send(names.iter().filter_map(of).collect()).ok();
    });
    find.recv_timeout(MEMORY_WITHIN).unwrap_or_default()
}

/// SIGTERM and SIGINT end the agent; SIGHUP reads settings anew. In an `exec` signals are the child's.
fn signals(mailbox: &Mailbox, known: &Rc<Known>, ends: &Ends) {
    let kinds = [
        (SignalKind::terminate(), Signal::TERM),
        (SignalKind::interrupt(), Signal::INT),
        (SignalKind::hangup(), Signal::HUP),
        (SignalKind::quit(), Signal::QUIT),
        (SignalKind::user_defined1(), Signal::USR1),
        (SignalKind::user_defined2(), Signal::USR2),
    ];
    for (kind, number) in kinds {
        let Ok(mut stream) = signal(kind) else { continue };
        let (mailbox, known, ends) = (mailbox.clone(), Rc::clone(known), ends.clone());
        tokio::task::spawn_local(async move {
            while stream.recv().await.is_some() {
                let message = match (&ends, number) {
                    (Ends::WithChild(_), number) => Message::Forward(number),
                    (Ends::Never, Signal::TERM | Signal::INT) => {
                        Message::Stop(format!("signal {}", number.number()))
                    }
                    (Ends::Never, Signal::HUP) => Message::Reload(known.reload(), None),
                    (Ends::Never, _) => continue,
                };
                drop(mailbox.post(message));
            }
        });
    }
}

/// The settings as last taken over, and what follows from them outside of the control loop.
struct Known {
    source: Source,
    taken: RefCell<Taken>,
}

struct Taken {
    settings: Settings,
    files: Vec<PathBuf>,
    remotes: Vec<Remote>,
}

impl Known {
    fn new(source: Source, settings: Settings, (files, remotes): (Vec<PathBuf>, Vec<Remote>)) -> Self {
        Self { source, taken: RefCell::new(Taken { settings, files, remotes }) }
    }

    /// Reads settings anew. What the loop is going to refuse changes nothing here either.
    fn reload(&self) -> Result<Box<Settings>, String> {
        let loaded = load::load(&self.source).map_err(|refused| refused.line())?;
        let Loaded { settings, files, remotes, .. } = loaded;
        let mut taken = self.taken.borrow_mut();
        if taken.settings.needs_restart(&settings).is_empty() {
            *taken = Taken { settings: settings.clone(), files, remotes };
        }
        Ok(Box::new(settings))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.taken.borrow().files.clone()
    }

    fn remotes(&self) -> Vec<Remote> {
        self.taken.borrow().remotes.clone()
    }
}

/// Looks names of remotes up, now and again: addresses change.
async fn addresses(known: Rc<Known>, mailbox: Mailbox) {
    let mut book = RemoteBook::default();
    loop {
        let remotes = known.remotes();
        lookup::note(&mut book, &remotes).await;
        drop(mailbox.post(Message::Book(std::sync::Arc::new(book.clone()))));
        let again = tokio::time::Instant::now() + lookup::AGAIN;
        // Others after a reload are looked up at once.
        while tokio::time::Instant::now() < again && known.remotes() == remotes {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Reads settings anew when one of their files has changed.
async fn changes(known: Rc<Known>, mailbox: Mailbox) {
    let mut files = known.files();
    let mut watch = match FileWatch::new(files.clone()) {
        Ok(watch) => watch,
        Err(error) => {
            tracing::warn!(error = chain(&error), "files can't be watched for changes");
            return;
        }
    };
    loop {
        tokio::time::sleep(LOOK).await;
        if watch.changed().is_ok_and(|files| !files.is_empty()) {
            tokio::time::sleep(SETTLE).await;
            drop(watch.changed());
            drop(mailbox.post(Message::Reload(known.reload(), None)));
        }
        if known.files() != files {
            files = known.files();
            match FileWatch::new(files.clone()) {
                Ok(anew) => watch = anew,
                Err(error) => tracing::warn!(error = chain(&error), "new files can't be watched for changes"),
            }
        }
    }
}

/// Asks every probe in its own time.
fn probes<'p>(probes: impl Iterator<Item = &'p Probe>, mailbox: &Mailbox) {
    let web = Web::new();
    for probe in probes.cloned() {
        let (mailbox, web) = (mailbox.clone(), web.clone());
        tokio::task::spawn_local(async move {
            loop {
                let asked = SystemClock.now();
                let reading = probe::ask(&probe, &web).await;
                drop(mailbox.post(Message::Probed { probe: probe.name.clone(), asked, reading }));
                tokio::time::sleep(probe.every).await;
            }
        });
    }
}
