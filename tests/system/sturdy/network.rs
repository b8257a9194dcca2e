//! Targets in other network namespaces, and an agent without privileges.

use std::collections::BTreeMap;

use fdguard::model::reading::{Gap, Reading};

use super::agent::{Agent, PATIENCE, Setup};
use super::target::{HOLDING, Target};
use crate::support::wait::wait_for;

/// Four sockets in CLOSE_WAIT by IPv4, three by IPv6, two by mapped addresses, and one connection that lives.
const CLOSED_ON: &str = "\
import socket, sys, time
def listen(family, address):
    server = socket.socket(family)
    server.bind((address, 0)); server.listen(20)
    return server
def pair(server, family, address):
    client = socket.socket(family)
    client.connect((address, server.getsockname()[1]))
    return client, server.accept()[0]
four, six = listen(socket.AF_INET, '127.0.0.1'), listen(socket.AF_INET6, '::1')
kept = [pair(four, socket.AF_INET, '127.0.0.1')]
for count, server, family, address in [(4, four, socket.AF_INET, '127.0.0.1'), (3, six, socket.AF_INET6, '::1'),
        (2, four, socket.AF_INET6, '::ffff:127.0.0.1')]:
    for _ in range(count):
        client, served = pair(server, family, address)
        served.shutdown(socket.SHUT_WR); served.close()
        kept.append(client)
print('ready', flush=True)
time.sleep(600)
";

/// The network namespace is the target's own.
const APART: [&str; 4] = ["unshare", "--net", "sh", "-c"];
const NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

type Signals = BTreeMap<String, Reading<f64>>;

/// The signals of the only process, once this one is no longer awaited.
fn signals(agent: &Agent, awaited: &str) -> Signals {
    let look = || {
        let signals = agent.processes().into_iter().next()?.signals;
        let there = !matches!(signals.get(awaited)?, Reading::Unavailable(Gap::NotYet | Gap::TooYoung));
        there.then_some(signals)
    };
    wait_for(awaited, PATIENCE, look, || format!("{:?}\n{}", agent.processes(), agent.log()))
}

fn value(signals: &Signals, name: &str) -> Reading<f64> {
    *signals.get(name).unwrap_or_else(|| panic!("no signal {name}"))
}

fn counts_right(agent: &Agent) {
    let signals = signals(agent, "socket.close_wait");
    assert_eq!(value(&signals, "socket.close_wait"), Reading::Known(9.0));
    assert_eq!(value(&signals, "socket.established"), Reading::Known(2.0));
    assert_eq!(value(&signals, "socket.unread_eof"), Reading::Known(9.0));
    // Nine clients, both ends of a live connection, two listeners.
    assert_eq!(value(&signals, "fd.sockets"), Reading::Known(13.0));
    assert_eq!(value(&signals, "socket.orphans"), Reading::Known(0.0));
}

#[test]
fn sockets_in_another_network_namespace_are_counted_right_from_outside() {
    let mut before = APART.to_vec();
    before.extend(["ip link set lo up && exec \"$@\"", "sh"]);
    let target = Target::under(&before, CLOSED_ON, &[]);
    let outside = std::fs::read_link("/proc/self/ns/net").expect("ours");
    assert_ne!(std::fs::read_link(format!("/proc/{}/ns/net", target.pid())).expect("its"), outside);
    let agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), "", "").start();
    counts_right(&agent);
    assert_eq!(std::fs::read_link(format!("/proc/{}/ns/net", agent.pid())).expect("the agent's"), outside);
}

#[test]
fn an_unprivileged_agent_on_a_target_of_root_says_what_it_can_not_see() {
    let target = Target::start(CLOSED_ON, &[]);
    let agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), "", "").under(&NOBODY).start();
    let signals = signals(&agent, "socket.close_wait");
    assert!(matches!(value(&signals, "fd.open"), Reading::Known(open) if open >= 13.0), "{signals:?}");
    assert!(matches!(value(&signals, "fd.limit"), Reading::Known(limit) if limit > 0.0), "{signals:?}");
    assert!(matches!(value(&signals, "process.rss"), Reading::Known(rss) if rss > 0.0), "{signals:?}");
    let denied = Reading::Unavailable(Gap::NotPermitted);
    for name in
        ["fd.sockets", "fd.files", "fd.pipes", "socket.close_wait", "socket.orphans", "socket.established"]
    {
        assert_eq!(value(&signals, name), denied, "{name}");
    }
    let text = agent.cli(&["status"]).1;
    assert!(text.contains("not permitted"), "{text}");
}

#[test]
fn an_unprivileged_agent_sees_all_of_a_target_of_its_own_user() {
    let target = Target::under(&NOBODY, CLOSED_ON, &[]);
    let matches = format!("{{ pid = {} }}", target.pid());
    let agent = Setup::bot(&matches, "", "allow = [\"destroy_sockets\", \"stop\"]\n").under(&NOBODY).start();
    counts_right(&agent);
    let (code, text) = agent.cli(&["ctl", "snapshot", "bot"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = agent.cli(&["ctl", "stop", "bot"]);
    assert_eq!(code, 0, "{text}");
    let mut target = target;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&target.wait_end()), Some(15));
}

#[test]
fn an_unprivileged_agent_refuses_to_destroy_sockets_and_says_why() {
    const DESTROYING: &str = "\
schema = 1
name = \"destroying\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"relief\"
raise = \"fd.open > 2\"
do = [{ destroy_sockets = { older = \"1s\", max = 10 } }]
";
    let target = Target::under(&NOBODY, HOLDING, &["4"]);
    let matches = format!("{{ pid = {} }}", target.pid());
    let setup = Setup::bot(&matches, DESTROYING, "allow = [\"destroy_sockets\"]\n");
    let agent = setup.under(&NOBODY).start();
    let why = agent.until("refused", |fact| match fact {
        fdguard::model::event::Fact::Decision(decision) => match &decision.verdict {
            fdguard::model::decision::Verdict::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        },
        _ => None,
    });
    assert!(why.contains("CAP_NET_ADMIN is missing"), "{why}");
}
