//! Statements that clients have prepared, shared: clients of one text use one statement, under a name of ours, on
//! every server connection that has been asked for it.
//!
//! A text is hashed once, when it is parsed. A Bind finds its statement by the client's name, and whether the server
//! connection has it by a number.

use std::borrow::Borrow;
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::rc::Rc;

use crate::proxy::postgres::cache::Insight;

/// What our names of statements begin with. A client's own name that begins so is never taken for one of them.
pub(super) const PREFIX: &[u8] = b"fdguard_";
/// Room for a name: the prefix and eight digits.
const NAME_LEN: usize = PREFIX.len() + 8;

/// A statement that some client has prepared.
#[derive(Debug)]
pub(super) struct Statement {
    /// Its number; a new one when its plan has gone stale.
    id: Cell<u32>,
    /// A Parse without its name: text and parameter types.
    body: Box<[u8]>,
    /// What it is to the read cache, once somebody has asked.
    insight: OnceCell<Insight>,
}

impl Statement {
    pub(super) fn id(&self) -> u32 {
        self.id.get()
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn insight(&self) -> &OnceCell<Insight> {
        &self.insight
    }

    pub(super) fn name(&self) -> Name {
        Name::of(self.id.get())
    }

    /// The name of the statement of this number.
    pub(super) fn name_of(id: u32) -> Name {
        Name::of(id)
    }
}

/// The name of a statement on a server connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name([u8; NAME_LEN]);

impl Name {
    fn of(id: u32) -> Self {
        let mut name = [0; NAME_LEN];
        let mut room = &mut name[..];
        let written = room.write_all(PREFIX).and_then(|()| write!(room, "{id:08x}"));
        debug_assert!(written.is_ok(), "eight digits hold any number");
        Self(name)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A statement as the key of its own text.
#[derive(Debug)]
struct ByBody(Rc<Statement>);

impl Borrow<[u8]> for ByBody {
    fn borrow(&self) -> &[u8] {
        &self.0.body
    }
}

impl Hash for ByBody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.body.hash(state);
    }
}

impl PartialEq for ByBody {
    fn eq(&self, other: &Self) -> bool {
        self.0.body == other.0.body
    }
}

impl Eq for ByBody {}

/// All statements that clients hold, of one proxy.
#[derive(Debug, Default)]
pub(super) struct Statements {
    known: HashSet<ByBody>,
    last: u32,
    /// Bytes of their texts.
    texts: usize,
    /// Bytes after which those that nobody holds are looked for.
    sweep_at: usize,
    /// Names of them that went with their clients since they were looked for.
    departed: usize,
}

/// Fewer bytes are not swept for new ones: with what is around each text this is some hundred statements.
const SWEEP_LEAST: usize = 64 << 10;
/// The most bytes of all texts: whoever would add one is told that it is one too many.
const TEXTS_MAX: usize = 512 << 20;
/// What a statement takes beside its text.
const OVERHEAD: usize = 128;

impl Statements {
    /// The shared statement of this text and parameter types.
    pub(super) fn share(&mut self, body: &[u8]) -> Rc<Statement> {
        if let Some(known) = self.known.get(body) {
            return Rc::clone(&known.0);
        }
        if self.texts >= self.sweep_at.max(SWEEP_LEAST) {
            self.sweep();
        }
        self.texts += body.len() + OVERHEAD;
        let made =
            Rc::new(Statement { id: Cell::new(self.number()), body: body.into(), insight: OnceCell::new() });
        self.known.insert(ByBody(Rc::clone(&made)));
        made
    }

    /// Drops those that nobody holds.
    fn sweep(&mut self) {
        self.known.retain(|known| Rc::strong_count(&known.0) > 1);
        self.texts = self.known.iter().map(|known| known.0.body.len() + OVERHEAD).sum();
        self.sweep_at = self.texts * 2;
        self.departed = 0;
    }

    /// A client that had so many names is gone. A look at all is worth it once that may have freed half of them.
    pub(super) fn departed(&mut self, names: usize) {
        self.departed += names;
        if self.departed * 2 >= self.known.len() {
            self.sweep();
        }
    }

    /// Whether no more texts fit.
    pub(super) fn full(&self) -> bool {
        self.texts >= TEXTS_MAX
    }

    /// The statement of this text and parameter types, where there is one.
    pub(super) fn find(&self, body: &[u8]) -> Option<&Rc<Statement>> {
        self.known.get(body).map(|known| &known.0)
    }

    /// Gives the statement of this number another one, so that every server connection prepares it anew: its plan
    /// does not fit its tables any more.
    pub(super) fn renew(&mut self, id: u32) {
        let stale = self.known.iter().find(|known| known.0.id() == id).map(|known| Rc::clone(&known.0));
        if let Some(statement) = stale {
            statement.id.set(self.number());
        }
    }

    fn number(&mut self) -> u32 {
        // Four thousand million statements later a number may come again; its server connections are long gone.
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_is_one_statement_until_nobody_holds_it() {
        let mut statements = Statements::default();
        let one = statements.share(b"select 1\0\0\0");
        let again = statements.share(b"select 1\0\0\0");
        assert!(Rc::ptr_eq(&one, &again));
        assert_ne!(statements.share(b"select 2\0\0\0").id(), one.id());
        for number in 0..10_000 {
            statements.share(format!("select {number}").as_bytes());
        }
        let most = SWEEP_LEAST / OVERHEAD + 1;
        assert!(statements.known.len() <= most, "{}", statements.known.len());
        assert!(Rc::ptr_eq(&one, &statements.share(b"select 1\0\0\0")));
    }

    #[test]
    fn what_a_client_leaves_behind_goes_with_it() {
        let mut statements = Statements::default();
        let kept = statements.share(b"select 1");
        let held: Vec<_> =
            (0..300).map(|number| statements.share(format!("select {number}, 1").as_bytes())).collect();
        let count = held.len();
        drop(held);
        statements.departed(count);
        assert_eq!((statements.known.len(), statements.texts), (1, kept.body().len() + OVERHEAD));
        assert!(!statements.full());
    }

    #[test]
    fn a_stale_statement_has_a_new_name() {
        let mut statements = Statements::default();
        let one = statements.share(b"select 1");
        let name = one.name().bytes().to_vec();
        assert_eq!(name, b"fdguard_00000001");
        statements.renew(one.id());
        assert_ne!(one.name().bytes(), name);
        assert!(Rc::ptr_eq(&one, &statements.share(b"select 1")));
    }
}
