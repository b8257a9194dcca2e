//! The keeper's own side: one loop, no decisions but the clock and the end of the connection.
#![expect(unsafe_code, reason = "setting a signal's disposition has no safe wrapper")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{self, SigHandler, Signal as Caught};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, send};

use super::DESCRIPTORS_PER_MESSAGE;
use super::message::{Message, Undo, UndoId, answer};
use crate::sys::deadline::{Deadline, monotonic};
use crate::sys::pidfd::{Signal, adopt_received, group_signal};

const MESSAGE_MAX: usize = 128;

/// One thing to undo.
struct Kept {
    undo: Undo,
    /// On the monotonic clock.
    until: Option<Duration>,
    on: Vec<OwnedFd>,
}

/// Serves the agent whose socket is standard input, until it is gone and all is undone.
///
/// The hidden `__keeper` command is nothing but a call of this.
pub fn keeper_main() -> io::Result<()> {
    // Before anything else: a signal to the agent's group or terminal must not take its keeper with it.
    ignore_polite_signals()?;
    // Fails only for the leader of a group, which has a group of its own already.
    let _leader_already = nix::unistd::setsid();
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut kept: BTreeMap<UndoId, Kept> = BTreeMap::new();
    confirm(&socket, UndoId(0));
    while let Some(received) = next(&socket, nearest(&kept))? {
        if let Some((message, on)) = received {
            let id = apply(&mut kept, message, on);
            confirm(&socket, id);
        }
        let now = monotonic();
        let due = kept.extract_if(.., |_, one| one.until.is_some_and(|until| until <= now));
        undo_all(due.map(|(_, one)| one).collect());
    }
    undo_all(kept.into_values().collect());
    Ok(())
}

/// Ignores the signals that ask a process to end, and those that tell of lost company.
fn ignore_polite_signals() -> nix::Result<()> {
    let asked = [Caught::SIGTERM, Caught::SIGINT, Caught::SIGHUP, Caught::SIGQUIT, Caught::SIGPIPE];
    for signal in asked.into_iter().chain([Caught::SIGTSTP, Caught::SIGUSR1, Caught::SIGUSR2]) {
        // SAFETY: ignoring installs no handler, so nothing of ours ever runs in signal context.
        unsafe { signal::signal(signal, SigHandler::SigIgn) }?;
    }
    Ok(())
}

fn confirm(socket: &OwnedFd, id: UndoId) {
    // An agent that cannot be answered is gone, which the next read tells.
    let _gone = send(socket.as_raw_fd(), answer(id).as_bytes(), MsgFlags::MSG_NOSIGNAL);
}

fn apply(kept: &mut BTreeMap<UndoId, Kept>, message: Message, on: Vec<OwnedFd>) -> UndoId {
    match message {
        Message::Release { id } => {
            kept.remove(&id);
            id
        }
        Message::Keep { id, undo, within } => {
            let until = within.map(|within| monotonic().saturating_add(within));
            kept.entry(id).or_insert(Kept { undo, until, on: Vec::new() }).on.extend(on);
            id
        }
    }
}

fn nearest(kept: &BTreeMap<UndoId, Kept>) -> PollTimeout {
    let Some(until) = kept.values().filter_map(|one| one.until).min() else { return PollTimeout::NONE };
    let left = until.saturating_sub(monotonic()) + Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

type Received = Option<(Message, Vec<OwnedFd>)>;

/// The next message, nothing when the time is up or the text is no message; `None` at the end of the connection.
fn next(socket: &OwnedFd, timeout: PollTimeout) -> io::Result<Option<Received>> {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(0) | Err(nix::Error::EINTR) => return Ok(Some(None)),
        Ok(_) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut text = [0u8; MESSAGE_MAX];
    let mut rights = cmsg_space!([i32; DESCRIPTORS_PER_MESSAGE]);
    let mut pieces = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let Ok(got) = recvmsg::<()>(socket.as_raw_fd(), &mut pieces, Some(&mut rights), flags) else {
        return Ok(None);
    };
    let mut on = Vec::new();
    for control in got.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            on.extend(numbers.into_iter().map(adopt_received));
        }
    }
    let length = got.bytes;
    if length == 0 {
        return Ok(None);
    }
    let message = text.get(..length).and_then(|text| Message::parse(std::str::from_utf8(text).ok()?));
    Ok(Some(message.map(|message| (message, on))))
}

/// Thaws first, since a frozen group cannot end; then ends the groups, all under their own grace at once.
fn undo_all(due: Vec<Kept>) {
    let mut ending = Vec::new();
    for Kept { undo, on, .. } in due {
        match undo {
            Undo::ThawV2 => on.into_iter().for_each(|file| write(file, b"0")),
            Undo::ThawV1 => on.into_iter().for_each(|file| write(file, b"THAWED")),
            Undo::Continue => on.iter().for_each(|process| tell(process.as_fd(), Signal::CONT)),
            Undo::End { grace } => ending.push((Deadline::after(grace), on)),
        }
    }
    for (_, leaders) in &ending {
        for leader in leaders {
            end(leader.as_fd(), Signal::TERM);
            // A stopped process acts on nothing but this.
            end(leader.as_fd(), Signal::CONT);
        }
    }
    for (deadline, leaders) in ending {
        for leader in &leaders {
            wait_for_end(leader.as_fd(), deadline);
            // Also where the leader has ended: members that outlived it are what would be orphaned.
            end(leader.as_fd(), Signal::KILL);
        }
    }
}

fn write(file: OwnedFd, word: &[u8]) {
    // Nobody is left to tell; a cgroup that is gone has nothing frozen in it.
    let _gone = File::from(file).write_all(word);
}

/// Signals of a keeper meet ended processes as often as not, which is well.
fn tell(process: BorrowedFd<'_>, signal: Signal) {
    let _ended = crate::sys::pidfd::raw_signal(process, signal);
}

fn end(leader: BorrowedFd<'_>, signal: Signal) {
    if group_signal(leader, signal).is_err() {
        tell(leader, signal);
    }
}

fn wait_for_end(process: BorrowedFd<'_>, deadline: Deadline) {
    loop {
        let mut fds = [PollFd::new(process, PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(deadline.poll_millis()).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(0) | Err(nix::Error::EINTR) if !deadline.passed() => {}
            Ok(_) | Err(_) => return,
        }
    }
}
