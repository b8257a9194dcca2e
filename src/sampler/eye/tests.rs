use super::*;
use crate::model::observation::SignalKey;
use crate::sys::proc_root::ProcRoot;
use crate::sys::victim::Victim;

const STANDS: Duration = Duration::from_secs(20);

/// An eye on this process.
fn eye() -> Eye {
    let process = Adopted::open(&ProcRoot::new("/proc"), std::process::id()).unwrap();
    let minute = Duration::from_mins(1);
    let settings = EyeSettings { pace: PaceBounds::default(), short: minute, long: minute };
    Eye::new(Arc::new(process), None, &settings)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

fn look(eye: &mut Eye, seconds: u64) -> &Observation {
    eye.look(at(seconds), WallTime::default())
}

fn name() -> Name {
    Name::parse("orders").unwrap()
}

fn answers(reading: Reading<f64>, asked: u64) -> Answers {
    let answer = Answer { reading, feeds: Some(Signal::OrdersOpen), asked: at(asked), stands: STANDS };
    Answers::from([(name(), answer)])
}

fn both(seen: &Observation) -> [Reading<f64>; 2] {
    [seen.plain(Signal::OrdersOpen), seen.read(&SignalKey::Named(Signal::ProbeValue, name()))]
}

#[test]
fn an_answer_of_a_probe_stands_for_a_while_and_is_late_then() {
    let mut eye = eye();
    assert_eq!(look(&mut eye, 0).probed, at(0));
    eye.tell_answers(answers(Reading::Known(0.0), 1));
    for seconds in [2, 21] {
        let seen = look(&mut eye, seconds);
        assert_eq!((both(seen), seen.probed), ([Reading::Known(0.0); 2], at(1)), "{seconds} s");
    }
    let late = [Reading::Unavailable(Gap::Late); 2];
    assert_eq!(both(look(&mut eye, 22)), late, "no order live 21 s ago says nothing of now");
    assert_eq!(both(look(&mut eye, 100)), late);
    eye.tell_answers(answers(Reading::Known(3.0), 101));
    assert_eq!(both(look(&mut eye, 102)), [Reading::Known(3.0); 2]);
}

#[test]
fn an_answer_that_comes_late_already_is_late() {
    let mut eye = eye();
    look(&mut eye, 50);
    eye.tell_answers(answers(Reading::Known(0.0), 1));
    assert_eq!(both(eye.latest()), [Reading::Unavailable(Gap::Late); 2]);
}

#[test]
fn what_failed_keeps_its_reason() {
    let mut eye = eye();
    eye.tell_answers(answers(Reading::Unavailable(Gap::Failed), 1));
    assert_eq!(both(look(&mut eye, 2)), [Reading::Unavailable(Gap::Failed); 2]);
}

#[test]
fn the_host_is_late_with_the_scans_that_bring_it() {
    let mut eye = eye();
    let gap = Reading::Unavailable(Gap::NotYet);
    let mut view = FullView::blank(at(0));
    view.period = Duration::from_secs(1);
    view.plain.push((Signal::SocketCloseWait, Reading::Known(4.0)));
    eye.absorb(Arc::new(view));
    eye.tell(Signal::HostLoad, Reading::Known(0.5));
    let seen = look(&mut eye, 10);
    assert_eq!([seen.plain(Signal::HostLoad), seen.plain(Signal::HostCpu)], [Reading::Known(0.5), gap]);
    let seen = look(&mut eye, 11);
    for signal in [Signal::SocketCloseWait, Signal::HostLoad, Signal::HostPsiMemory] {
        assert_eq!(seen.plain(signal), Reading::Unavailable(Gap::Late), "{signal}");
    }
    assert!(seen.plain(Signal::FdOpen).known().is_some());
}

#[test]
fn a_count_has_moved_until_it_is_looked_at() {
    let mut victim = Victim::python(
        "
import os, sys
print('ready', flush=True)
for line in sys.stdin:
    print(os.dup(0), flush=True)
",
    );
    victim.line();
    let (short, long) = (Duration::from_mins(1), Duration::from_mins(10));
    let settings = EyeSettings { pace: PaceBounds::default(), short, long };
    let mut eye = Eye::new(Arc::new(victim.adopt()), None, &settings);
    assert!(eye.has_moved(), "nothing is known yet");
    for second in 1..4 {
        eye.look(Timestamp::from_millis(second * 1_000), WallTime::default());
        assert!(!eye.has_moved());
        victim.ask("one more");
        assert!(eye.has_moved());
    }
    victim.end();
    assert!(eye.has_moved(), "it is gone");
    eye.look(Timestamp::from_millis(9_000), WallTime::default());
    assert!(!eye.has_moved(), "and known to be");
}
