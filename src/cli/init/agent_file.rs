//! The text of the agent's file.

use std::fmt::Write as _;

use super::bot::{Bot, Matches, quoted};
use super::fronts::Front;
use super::{Fronting, Known};
use crate::model::units::format_span;

/// The file, ready to be written.
pub(super) fn text(known: &Known, bot: &Bot) -> String {
    let mut text = head(known, bot);
    text.push_str(&target(known, bot));
    text.push_str(&proxies(known, bot.unvouched));
    text.push_str(TAIL);
    text
}

fn head(known: &Known, bot: &Bot) -> String {
    let looked = format_span(std::time::Duration::from_secs(known.looked.as_secs().max(1)));
    format!(
        "# Written by `fdguard init` on {} from {looked} of pid {}:\n#     {}\n# Every key: docs/agent-file.md and docs/proxies.md. \
         Check it after each change: fdguard config check --strict\n\nschema = 1\n\n",
        known.day,
        bot.process.id().pid,
        bot.shown,
    )
}

fn target(known: &Known, bot: &Bot) -> String {
    let name = &known.name;
    let mut text = format!("[target.{}]\n", quoted_key(name.as_str()));
    if bot.processes > 1 {
        let _ = writeln!(text, "# It fits {} processes now. Each has a ladder of its own.", bot.processes);
    }
    let how = match &bot.matches {
        Matches::Unit(_) => "",
        Matches::Command(_) => {
            "        # a regular expression on its command line; a unit or a pidfile is surer"
        }
    };
    let _ = writeln!(text, "match  = {}{how}", bot.matches);
    let _ = writeln!(text, "policy = [\"policies/{name}.toml\"]");
    text.push_str(
        "# Nothing disruptive is allowed until you allow it, word by word:\n\
         # allow = [\"stop\"]\n\
         # Remotes whose sockets no action may destroy or reap, such as the gateway that takes its orders:\n",
    );
    let gateway = known.fronts.iter().find(|front| front.protocol != "postgres");
    let gateway = gateway.map_or_else(|| "gateway.broker.example:443".to_owned(), bare);
    let _ = writeln!(text, "# protect = [{}]", quoted(&gateway));
    text
}

/// An upstream as `protect` names it.
fn bare(front: &Front) -> String {
    let told = front.upstream.to_string();
    let place = told.split_once("://").map_or(told.as_str(), |(_, place)| place);
    let has_port = place.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { place.to_owned() } else { format!("{place}:*") }
}

fn proxies(known: &Known, unvouched: Option<u32>) -> String {
    if known.fronts.is_empty() {
        return String::new();
    }
    let mut text = "\n# What it connects to. Behind a proxy it may open and forget connections as it likes: the server sees a few that are \
                    kept in order.\n"
        .to_owned();
    if unvouched.is_some() {
        text.push_str("# `allow` names its user: a command line is anybody's word, so the target's match lets nobody in.\n");
    }
    if known.fronting == Fronting::Proposed {
        text.push_str(
            "# Take one out of its comments, point the bot there, restart the bot, look at `fdguard status`; then the next.\n",
        );
    }
    for front in &known.fronts {
        let _ = write!(text, "\n# {}\n", advice(front));
        for line in settings(front, unvouched).lines() {
            let mark = if known.fronting == Fronting::Proposed { "# " } else { "" };
            let _ = writeln!(text, "{mark}{line}");
        }
    }
    text
}

/// How the bot comes to meet it.
fn advice(front: &Front) -> String {
    let sockets = front.sockets;
    let place = match front.scheme {
        Some(scheme) => format!("{scheme}://127.0.0.1:{}", front.listen),
        None => format!("127.0.0.1:{}", front.listen),
    };
    let how = match &front.variable {
        Some(name) if name == "PGHOST" => format!("set PGHOST=127.0.0.1 and PGPORT={}", front.listen),
        Some(name) => format!("{name} then names {place} in place of {}", front.upstream),
        None => format!("its settings then name {place} in place of {}", front.upstream),
    };
    let doubt = match front.protocol {
        "http" if front.variable.is_none() => {
            "; a feed over WebSockets there wants protocol = \"websocket\" and ws(s)://"
        }
        _ => "",
    };
    format!("{sockets} socket(s) seen; {how}{doubt}.")
}

fn settings(front: &Front, unvouched: Option<u32>) -> String {
    let mut text = format!("[proxy.{}]\nprotocol = \"{}\"\n", quoted_key(&front.name), front.protocol);
    let _ = writeln!(text, "listen   = \"127.0.0.1:{}\"", front.listen);
    let _ = writeln!(text, "upstream = {}", quoted(&front.upstream.to_string()));
    if let Some(uid) = unvouched {
        let _ = writeln!(text, "allow    = {{ uid = [{uid}] }}");
    }
    if front.protocol == "postgres" {
        text.push_str("pool     = { mode = \"transaction\", max = 5, idle = \"30s\" }\n");
    }
    text
}

/// A name with a dot would be two keys.
fn quoted_key(name: &str) -> String {
    if name.contains('.') { quoted(name) } else { name.to_owned() }
}

/// What most people add next.
const TAIL: &str = r#"
# Who is told. Policies write to the journal; a webhook takes three lines and a receiver in the policy (`to = "slack"`):
# [notify.slack]
# url_file = "/etc/fdguard/slack-url"        # closed to others: chmod o= /etc/fdguard/slack-url

# [admin]
# metrics = { listen = "127.0.0.1:9465" }    # for Prometheus; alerts and a dashboard are in deploy/
"#;
