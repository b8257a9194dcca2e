//! Bringing a server connection to the settings of the client that gets it.

use std::rc::Rc;

use crate::proxy::postgres::side::{ClientSide, Extra, ServerSide, Settled};
use crate::wire::postgres::exchange::{Owed, Reply};
use crate::wire::postgres::frontend::write_query;
use crate::wire::postgres::settings::{Parameter, Settings, write_literal};
use crate::wire::postgres::statement::Pin;

/// A client with the settings that it asked for at its start. Those that are not followed pin it.
pub(super) fn newcomer(asked: Vec<(Vec<u8>, Vec<u8>)>) -> ClientSide {
    let mut wants = Settings::default();
    let mut extras = Vec::new();
    for (name, value) in asked {
        let kept = Parameter::of(&name).is_some_and(|parameter| wants.put(parameter, &value).is_ok());
        if !kept {
            extras.push(Extra { name, value, due: true });
        }
    }
    let pinned = (!extras.is_empty()).then_some(Pin::Setting);
    let startup = Rc::new(wants);
    ClientSide { wants: Rc::clone(&startup), startup, extras, pinned, ..ClientSide::default() }
}

/// Writes what brings the server's settings to the client's, as a request of ours; nothing where they are the same.
pub(super) fn bring(server: &mut ServerSide, client: &mut ClientSide, out: &mut Vec<u8>) {
    server.settings = Settled::Yes;
    let same = Rc::ptr_eq(&server.has, &client.wants) || server.has == client.wants;
    if same && client.extras.iter().all(|extra| !extra.due) {
        return;
    }
    let mut text = String::new();
    server.has.write_towards(&client.wants, &mut text);
    for extra in client.extras.iter_mut().filter(|extra| extra.due) {
        write_extra(&mut text, &String::from_utf8_lossy(&extra.name), &String::from_utf8_lossy(&extra.value));
        extra.due = false;
        server.stateful = true;
    }
    server.has = Rc::clone(&client.wants);
    write_query(out, text.as_bytes());
    server.exchange.enter(Owed::Query(Reply::Swallow));
}

/// A setting by its name as a value, so that no name can be more than that.
fn write_extra(text: &mut String, name: &str, value: &str) {
    *text += "SELECT pg_catalog.set_config(";
    write_literal(text, name);
    *text += ", ";
    write_literal(text, value);
    *text += ", false);";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
        (name.into(), value.into())
    }

    #[test]
    fn equal_settings_cost_nothing_and_differences_one_request() {
        let mut server = ServerSide::default();
        let mut client = newcomer(vec![pair("application_name", "bot"), pair("DateStyle", "iso")]);
        let mut out = Vec::new();
        bring(&mut server, &mut client, &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(text.contains("SET application_name TO 'bot';"), "{text}");
        assert!(!server.exchange.quiet() && client.pinned.is_none());
        out.clear();
        bring(&mut server, &mut client, &mut out);
        assert_eq!(out, b"");
        bring(&mut server, &mut newcomer(Vec::new()), &mut out);
        assert!(String::from_utf8_lossy(&out).contains("RESET application_name;"));
    }

    #[test]
    fn settings_that_are_not_followed_are_set_once_and_pin() {
        let mut server = ServerSide::default();
        let mut client = newcomer(vec![pair("statement_timeout", "1'); drop table t; --")]);
        assert_eq!(client.pinned, Some(Pin::Setting));
        let mut out = Vec::new();
        bring(&mut server, &mut client, &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(text.contains("set_config('statement_timeout', '1''); drop table t; --', false)"), "{text}");
        assert!(server.stateful);
    }
}
