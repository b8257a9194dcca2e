//! `stop`.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::{Action, Then};
use crate::model::decision::Work;

use super::super::*;
use super::support::*;

fn stop(before: &[&str], grace: u64, then: Then) -> Work {
    let before = before.iter().map(|hook| name(hook)).collect();
    Work::Do(Action::Stop { before, grace: Duration::from_millis(grace), then })
}

const POLITE: &str = "
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('ready', flush=True)
sys.stdin.read()
";
const STUBBORN: &str = "
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
sys.stdin.read()
";

#[test]
fn hooks_run_first_and_a_polite_child_is_given_back_to_the_agent() {
    let room = tempfile::tempdir().unwrap();
    let mark = room.path().join("mark");
    let mut bot = Bot::python(POLITE);
    bot.line();
    let subject = Arc::new(Subject { tenancy: Tenancy::Child, ..bot.subject() });
    let script = format!("kill -0 $FDGUARD_PID && echo alive > {}", mark.display());
    let bench =
        Bench::with_hooks(&[("cancel-all", &["sh", "-c", &script], 9_000), ("bad", &["false"], 9_000)]);
    let finished = bench.carry(order(&subject, 1, stop(&["bad", "cancel-all"], 20_000, Then::Restart)));
    let said = finished.result.unwrap().summary;
    assert!(
        said.starts_with("failed: hook bad: exit code 1; hook cancel-all: exit code 0; ended "),
        "{said}"
    );
    assert_eq!(finished.restart, Some(Then::Restart));
    assert_eq!(fs::read_to_string(&mark).unwrap(), "alive\n");
    assert!(!bot.is_running());
}

#[test]
fn one_that_ignores_term_is_killed_after_the_grace() {
    let mut bot = Bot::python(STUBBORN);
    bot.line();
    let bench = Bench::with_hooks(&[]);
    let finished = bench.carry(order(&Arc::new(bot.subject()), 1, stop(&[], 300, Then::Stay)));
    assert_eq!(finished.result.unwrap().summary, "ignored TERM for 300ms, ended by KILL");
    assert!(finished.took >= Duration::from_millis(300));
    assert_eq!(finished.restart, None);
    assert!(!bot.is_running());
}

#[test]
fn one_stopped_by_job_control_hears_term_all_the_same() {
    let mut bot = Bot::python(POLITE);
    bot.line();
    let subject = Arc::new(bot.subject());
    subject.process.pidfd().signal(crate::sys::pidfd::Signal::STOP).unwrap();
    let bench = Bench::with_hooks(&[]);
    let said = bench.carry(order(&subject, 1, stop(&[], 20_000, Then::Stay))).result.unwrap().summary;
    assert!(said.starts_with("ended ") && said.ends_with("after TERM"), "{said}");
}

#[test]
fn one_that_has_ended_is_not_signalled_and_a_stranger_cannot_be_restarted() {
    let mut bot = Bot::python(POLITE);
    bot.line();
    let subject = Arc::new(bot.subject());
    let bench = Bench::with_hooks(&[]);
    bench.carry(order(&subject, 1, stop(&[], 20_000, Then::Stay))).result.unwrap();
    let again = bench.carry(order(&subject, 2, stop(&[], 20_000, Then::Restart)));
    let said = again.result.unwrap_err().to_string();
    assert!(said.starts_with("it had ended by itself; but nobody knows how to start it again"), "{said}");
}

#[test]
fn a_unit_is_started_again_or_kept_stopped_by_systemctl() {
    let room = tempfile::tempdir().unwrap();
    let (log, program) = (room.path().join("log"), room.path().join("systemctl"));
    fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\n[ \"$1\" = start ]\n", log.display()))
        .unwrap();
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let bench = Bench::start(room.path(), |settings| settings.systemctl = program.clone());
    let end = |then| {
        let mut bot = Bot::python(POLITE);
        bot.line();
        let subject = Subject { tenancy: Tenancy::Unit("bot.service".to_owned()), ..bot.subject() };
        bench.carry(order(&Arc::new(subject), 1, stop(&[], 20_000, then))).result
    };
    assert!(end(Then::Restart).unwrap().summary.ends_with("systemctl start bot.service done"));
    assert!(end(Then::Stay).unwrap_err().to_string().contains("systemctl stop bot.service: exit code 1"));
    assert!(end(Then::Systemd).unwrap().summary.ends_with("systemd decides what follows"));
    let asked = fs::read_to_string(&log).unwrap();
    assert_eq!(asked, "is-active -- bot.service\nstart -- bot.service\nstop -- bot.service\n");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let said = end(Then::Restart).unwrap().summary;
    assert!(said.ends_with("systemd had started it again, or other processes of it go on"), "{said}");
}
