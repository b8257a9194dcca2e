//! The rules, each a function from the tree to its offences.

use crate::tree::{File, Tree, crates_named};

/// Rooms by rank. A room imports only lower ranks.
pub(crate) const RANKS: &[&[&str]] = &[
    &["model"],
    &["document", "gate", "wire"],
    &["config", "sys"],
    &["policy", "pool", "stream", "call"],
    &["proxy", "journal", "sim"],
    &["sampler", "actuator"],
    &["agent"],
    &["admin"],
    &["cli"],
];

/// Rooms that may only import these, whatever their rank.
const NARROW: &[(&str, &[&str])] = &[
    ("policy", &["model", "document"]),
    ("gate", &["model"]),
    ("wire", &["model"]),
    ("pool", &["model"]),
    ("stream", &["model"]),
    ("config", &["model", "document", "gate", "wire"]),
    ("sim", &["model", "document", "policy"]),
];

/// Rooms without I/O, clock, randomness, threads, logging or unordered maps.
const PURE: &[&str] = &["model", "document", "gate", "config", "wire", "policy", "pool", "stream", "sim"];

/// What a pure room may not name: each a run of path segments.
const IMPURE: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "net", "TcpStream"],
    &["std", "net", "TcpListener"],
    &["std", "net", "UdpSocket"],
    &["std", "net", "ToSocketAddrs"],
    &["std", "process"],
    &["std", "env"],
    &["std", "thread"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "collections", "HashMap"],
    &["std", "collections", "HashSet"],
    &["HashMap"],
    &["HashSet"],
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["Zoned", "now"],
    &["Timestamp", "now"],
    &["tokio"],
    &["nix"],
    &["libc"],
    &["procfs"],
    &["sysinfo"],
    &["tracing"],
    &["sqlx"],
    &["hyper"],
];

/// Crates with a home: nothing else may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("nix", &["sys"]),
    ("libc", &["sys"]),
    ("procfs", &["sys"]),
    ("sysinfo", &["sys"]),
    ("sqlx", &["journal", "sampler"]),
    ("hyper", &["call", "admin", "proxy", "cli"]),
    ("hyper_util", &["call", "admin", "proxy", "cli"]),
    ("hyper_rustls", &["call", "proxy"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("annotate_snippets", &["cli"]),
    ("plotters", &["cli"]),
    ("crossterm", &["cli"]),
    ("tracing_subscriber", &["journal"]),
    ("tracing_journald", &["journal"]),
];

/// The most production lines a file may have.
const LINES_MAX: usize = 500;

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// A room imports only lower ranks, never a sibling, and what is narrower still.
pub(crate) fn ranks(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in inner(tree) {
        let room = file.room();
        let Some(own) = rank(room) else {
            offences.push(format!("src/{}: room `{room}` has no rank", file.path));
            continue;
        };
        for (target, line) in rooms_named(file) {
            let Some(other) = rank(&target) else { continue };
            let place = format!("src/{}:{line}: {room}({own}) imports {target}({other})", file.path);
            let narrow = NARROW.iter().find(|(name, _)| *name == room);
            if target != room && other >= own {
                offences.push(place);
            } else if let Some((_, allowed)) = narrow
                && target != room
                && !allowed.contains(&target.as_str())
            {
                offences.push(format!("{place}; it may import only {allowed:?}"));
            }
        }
    }
    offences
}

/// Pure rooms name nothing impure.
pub(crate) fn purity(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in inner(tree).filter(|file| PURE.contains(&file.room())) {
        for named in &file.paths {
            let hit = IMPURE.iter().find(|run| starts_with(&named.segments, run));
            if let Some(run) = hit {
                let place = format!("src/{}:{}", file.path, named.line);
                offences.push(format!("{place}: pure room names {}", run.join("::")));
            }
        }
    }
    offences
}

/// Crates with a home are named only there.
pub(crate) fn homes(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in inner(tree) {
        let named = crates_named(file);
        for (krate, rooms) in HOMES {
            if named.contains(krate) && !rooms.contains(&file.room()) {
                offences.push(format!("src/{}: `{krate}` lives only in {rooms:?}", file.path));
            }
        }
    }
    offences
}

/// `unsafe` stands only in `sys`.
pub(crate) fn unsafe_code(tree: &Tree) -> Vec<String> {
    let outside = tree.files.iter().filter(|file| file.room() != "sys");
    outside
        .flat_map(|file| {
            file.unsafe_lines.iter().map(|line| format!("src/{}:{line}: unsafe outside sys", file.path))
        })
        .collect()
}

/// No file has more production lines than its budget.
pub(crate) fn sizes(tree: &Tree) -> Vec<String> {
    let over = tree.files.iter().filter(|file| file.production_lines > LINES_MAX);
    over.map(|file| {
        format!("src/{}: {} production lines, at most {LINES_MAX}", file.path, file.production_lines)
    })
    .collect()
}

/// Paths from the root name a room: nothing is re-exported at the crate root for use inside.
pub(crate) fn root_paths(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in inner(tree) {
        for named in &file.paths {
            if named.segments[0] == "crate" && named.segments.get(1).is_some_and(|room| rank(room).is_none())
            {
                let path = named.segments.join("::");
                offences.push(format!("src/{}:{}: `{path}` names no room", file.path, named.line));
            }
        }
    }
    offences
}

/// The files that belong to rooms: all but the roots of library and binary.
fn inner(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| !matches!(file.path.as_str(), "lib.rs" | "main.rs"))
}

/// The rooms a file reaches by `crate::room` or by enough `super`s.
fn rooms_named(file: &File) -> Vec<(String, usize)> {
    let depth = file.path.matches('/').count() + 1;
    let mut rooms = Vec::new();
    for named in &file.paths {
        let supers = named.segments.iter().take_while(|segment| *segment == "super").count();
        let room = if named.segments[0] == "crate" || named.segments[0] == "fdguard" {
            named.segments.get(1)
        } else if supers >= depth {
            named.segments.get(supers)
        } else {
            None
        };
        if let Some(room) = room {
            rooms.push((room.clone(), named.line));
        }
    }
    rooms
}

fn starts_with(segments: &[String], run: &[&str]) -> bool {
    segments.len() >= run.len() && segments.iter().zip(run).all(|(segment, wanted)| segment == wanted)
}
