//! A session that may end at any moment, and notes what no session may meet.

use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;

use fdguard::wire::postgres::backend::Reported;
use fdguard::wire::postgres::frontend::write_query;

use crate::support::message::{Message, tags, text};
use crate::support::wire::{Wire, start};

/// What a session may be told at its end: ended or crashed server, none to be had, too long a wait, lost.
const ENDS: [&str; 7] = ["57P01", "57P02", "57P03", "53300", "08006", "08001", "08003"];
/// Those that say that nothing was begun.
const REFUSALS: [&str; 2] = ["53300", "57P03"];
/// So many faults are told.
const FAULTS_MAX: usize = 20;

/// What must not happen, as it happened.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<String>>);

impl Faults {
    pub(super) fn note(&self, fault: String) {
        let mut faults = self.0.lock().unwrap();
        if faults.len() < FAULTS_MAX {
            faults.push(fault);
        }
    }

    /// Fails where there are any.
    pub(super) fn assert_none(&self) {
        let faults = self.0.lock().unwrap();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

/// A session has ended; the code that it was told.
#[derive(Debug)]
pub(super) struct Gone(pub(super) Option<String>);

impl Gone {
    /// Whether it was told that nothing was begun.
    pub(super) fn refused(&self) -> bool {
        self.0.as_deref().is_some_and(|code| REFUSALS.contains(&code))
    }
}

/// A session.
#[derive(Debug)]
pub(super) struct Talk<'f> {
    pub(super) wire: Wire,
    faults: &'f Faults,
    /// The named statements of the moves are prepared.
    pub(super) prepared: bool,
}

impl<'f> Talk<'f> {
    pub(super) fn open(address: SocketAddr, database: &str, faults: &'f Faults) -> Result<Self, Gone> {
        let wire = match Wire::try_dial(address) {
            Ok(wire) => wire,
            Err(error) => {
                faults.note(format!("nobody listens: {error}"));
                return Err(Gone(None));
            }
        };
        let mut talk = Self { wire, faults, prepared: false };
        talk.say(|out| start(out, database, &[]));
        talk.hear().map(|_| talk)
    }

    /// Sends what `write` writes, all at once. Where that fails, hearing tells why.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        let _sent = self.wire.stream.write_all(&out);
    }

    /// Everything up to a ReadyForQuery, but for what may come at any time.
    pub(super) fn hear(&mut self) -> Result<Vec<Message>, Gone> {
        self.hear_to(b'Z')
    }

    /// Everything up to a message with this tag.
    pub(super) fn hear_to(&mut self, tag: u8) -> Result<Vec<Message>, Gone> {
        let mut heard = Vec::new();
        loop {
            let message = self.message()?;
            let ends = message.tag == tag;
            if !matches!(message.tag, b'N' | b'S' | b'A') {
                heard.push(message);
            }
            if ends {
                return Ok(heard);
            }
        }
    }

    fn message(&mut self) -> Result<Message, Gone> {
        match self.wire.next() {
            Ok(Some(message)) if message.tag == b'E' => self.error(message),
            Ok(Some(message)) => Ok(message),
            Ok(None) => {
                self.fault("ended without a word");
                Err(Gone(None))
            }
            // What was said before may be lost with a connection that was closed while more was on its way to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Gone(None)),
            Err(error) => {
                self.fault(&format!("no answer: {error}"));
                Err(Gone(None))
            }
        }
    }

    fn error(&mut self, message: Message) -> Result<Message, Gone> {
        let report = Reported::parse(&message.body).unwrap();
        let code = report.code().map(text).unwrap_or_default();
        if !report.ends_session() {
            return Ok(message);
        }
        if !ENDS.contains(&code.as_str()) {
            self.fault(&format!("ended with {message:?}"));
        }
        Err(Gone(Some(code)))
    }

    /// Says a text and hears its answer, which must have these tags, these values, and end in this state.
    pub(super) fn ask(&mut self, sql: &str, wanted: (&str, &[&str], char)) -> Result<(), Gone> {
        self.say(|out| write_query(out, sql.as_bytes()));
        let heard = self.hear()?;
        self.expect(&heard, wanted)
    }

    /// What was heard must be the answer to what was asked; otherwise the session is given up.
    pub(super) fn expect(
        &self,
        heard: &[Message],
        (told, values, state): (&str, &[&str], char),
    ) -> Result<(), Gone> {
        let rows = heard.iter().filter(|message| message.tag == b'D').flat_map(Message::values);
        let own = rows.map(Option::unwrap_or_default).eq(values.iter().copied());
        let last = heard.last().is_some_and(|message| message.body == [state as u8]);
        if own && last && tags(heard) == told {
            return Ok(());
        }
        self.fault(&format!("wanted {told} {values:?} {state}, heard {heard:?}"));
        Err(Gone(None))
    }

    pub(super) fn fault(&self, fault: &str) {
        self.faults.note(format!("session {}: {fault}", self.wire.key.0));
    }
}
