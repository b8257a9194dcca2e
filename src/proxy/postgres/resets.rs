//! Settings that a client gives back by RESET or DISCARD ALL. A server connection goes back to what it logged in with; to its
//! client these are the settings of its own start.

use std::rc::Rc;

use crate::proxy::postgres::side::{ClientSide, OLDEST, ServerSide, Settled};
use crate::wire::postgres::settings::Parameter;

/// Which settings the texts under way give back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Resets {
    all: bool,
    names: Vec<Vec<u8>>,
    except: Vec<Vec<u8>>,
}

impl Resets {
    /// All of them.
    pub(super) fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// One more, by its name.
    pub(super) fn add(&mut self, name: Vec<u8>) {
        self.except.retain(|other| !other.eq_ignore_ascii_case(&name));
        self.names.push(name);
    }

    /// This one is set behind that.
    pub(super) fn set(&mut self, name: Vec<u8>) {
        self.names.retain(|other| !other.eq_ignore_ascii_case(&name));
        self.except.push(name);
    }

    /// Whether it is given back.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        let among = |names: &[Vec<u8>]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        (self.all || among(&self.names)) && !among(&self.except)
    }

    /// What comes of both, `later` being sent behind.
    pub(super) fn then(&mut self, later: Self) {
        if later.all {
            *self = later;
            return;
        }
        later.names.into_iter().for_each(|name| self.add(name));
        later.except.into_iter().for_each(|name| self.set(name));
    }
}

/// What a server connection is asked to give back, until all that it was asked is answered.
#[derive(Debug, Default)]
pub(super) struct Resetting {
    /// By the texts that were read.
    asked: Option<Box<Resets>>,
    /// Whether it has said that it gave something back.
    done: bool,
}

impl Resetting {
    /// A text is sent that gives these back, or sets them.
    pub(super) fn ask(&mut self, resets: Box<Resets>) {
        match &mut self.asked {
            Some(before) => before.then(*resets),
            None => self.asked = Some(resets),
        }
    }

    /// One has succeeded.
    pub(super) fn succeed(&mut self) {
        self.done = true;
    }

    /// Whether this setting is asked back.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.asked.as_ref().is_some_and(|resets| resets.has(name))
    }

    /// Whether there is anything to settle.
    pub(super) fn is_under_way(&self) -> bool {
        self.done || self.asked.is_some()
    }
}

/// All is answered: settings that were given back are, for the client, those of its start again. What the server does
/// not report is not relied on: its transaction may yet be rolled back.
pub(super) fn settle(server: &mut ServerSide, client: Option<&mut ClientSide>) {
    let Resetting { asked, done } = std::mem::take(&mut server.resets);
    if !done {
        return;
    }
    for parameter in Parameter::ALL.into_iter().filter(|parameter| !parameter.reported(OLDEST)) {
        if server.has.get(parameter).is_some() {
            Rc::make_mut(&mut server.has).doubt(parameter);
        }
    }
    server.settings = Settled::No;
    let Some(client) = client else { return };
    // By a text that was not read: prepared long before, or by SQL.
    let resets = asked.map_or_else(Resets::everything, |resets| *resets);
    let wants = Rc::make_mut(&mut client.wants);
    for parameter in Parameter::ALL.into_iter().filter(|parameter| resets.has(parameter.name().as_bytes())) {
        match client.startup.get(parameter) {
            Some(value) => drop(wants.put(parameter, value.as_bytes())),
            None => wants.remove(parameter),
        }
    }
    for extra in client.extras.iter_mut().filter(|extra| resets.has(&extra.name)) {
        extra.due = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_setting_counts() {
        let mut resets = Resets::everything();
        resets.set(b"timezone".to_vec());
        assert!(resets.has(b"DateStyle") && !resets.has(b"TimeZone"));
        resets.add(b"TimeZone".to_vec());
        assert!(resets.has(b"timezone"));
        let mut one = Resets::default();
        one.add(b"search_path".to_vec());
        resets = Resets::default();
        resets.set(b"search_path".to_vec());
        resets.then(one);
        assert!(resets.has(b"search_path") && !resets.has(b"timezone"));
        resets.then(Resets::everything());
        assert!(resets.has(b"timezone"));
    }
}
