use std::collections::BTreeMap;

use super::*;
use crate::cli::inspect::draw;
use crate::cli::inspect::report::{Identity, KindRow, Look, RemoteRow};
use crate::cli::page::Page;
use crate::model::kind::Kind;
use crate::model::name::Remote;
use crate::model::observation::RemoteSurvey;
use crate::model::signal::CATALOGUE;

/// A process at rest: 85 of 1024, nothing dead.
fn calm() -> Report {
    let mut signals: BTreeMap<Signal, Reading<f64>> =
        CATALOGUE.iter().map(|row| (row.signal, Reading::Known(0.0))).collect();
    for (signal, value) in [
        (Signal::FdOpen, 85.0),
        (Signal::FdLimit, 1_024.0),
        (Signal::FdHardLimit, 1_024.0),
        (Signal::FdRatio, 85.0 / 1_024.0),
        (Signal::FdTte, f64::INFINITY),
        (Signal::ProcessThreads, 4.0),
    ] {
        signals.insert(signal, Reading::Known(value));
    }
    Report {
        process: Identity {
            pid: 7,
            command: "python3 bot.py".to_owned(),
            executable: None,
            uid: Some(0),
            user: Some("root".to_owned()),
            parent: Some(1),
        },
        look: Look { seconds: 6.0, looks: 60, scans: 6, ended: false },
        signals,
        range: None,
        growth: Some(0),
        kinds: vec![KindRow { kind: Kind::Socket, count: 60, growth: 0 }],
        remotes: Vec::new(),
        dead: Vec::new(),
        deleted: Vec::new(),
        suspects: Vec::new(),
        hints: Vec::new(),
        unseen: Vec::new(),
    }
}

fn group(sockets: usize, watched: &'static str) -> DeadGroup {
    DeadGroup {
        remote: Some("10.0.0.1:443".to_owned()),
        death: "close_wait",
        watched,
        sockets,
        oldest_seconds: 6.0,
        descriptors: vec![5, 6],
    }
}

fn with_dead(sockets: usize, watched: &'static str) -> Report {
    let mut report = calm();
    report.dead.push(group(sockets, watched));
    report.signals.insert(Signal::SocketCloseWait, Reading::Known(sockets as f64));
    report.signals.insert(Signal::SocketUnreadEof, Reading::Known(sockets as f64));
    report.signals.insert(Signal::FdEpoll, Reading::Known(1.0));
    report
}

fn kinds(report: &Report) -> Vec<SuspectKind> {
    suspects(report).iter().map(|suspect| suspect.kind).collect()
}

#[test]
fn a_calm_process_and_an_idle_pool_are_not_suspected() {
    assert_eq!(kinds(&calm()), []);
    let pool = with_dead(POOL_MAX, "no");
    assert_eq!(kinds(&pool), []);
    assert!(hints(&pool).iter().any(|hint| hint.contains("keep-alive pool")));
}

#[test]
fn many_unwatched_sockets_to_one_remote_are_abandoned() {
    let found = suspects(&with_dead(37, "no"));
    assert_eq!(found[0].text, "37 CLOSE_WAIT sockets to 10.0.0.1:443 in no epoll set: abandoned");
    assert!(found[0].why.contains("never read"));
}

#[test]
fn a_loop_that_is_told_and_does_not_close_is_suspected_sooner() {
    assert_eq!(kinds(&with_dead(LOOP_MAX, "yes")), []);
    assert_eq!(kinds(&with_dead(LOOP_MAX + 1, "yes")), [SuspectKind::Unclosed]);
}

#[test]
fn many_small_groups_add_up() {
    let mut report = with_dead(POOL_MAX, "no");
    for _ in 0..2 {
        report.dead.push(group(POOL_MAX, "no"));
    }
    assert_eq!(kinds(&report), [SuspectKind::Abandoned]);
}

#[test]
fn a_sustained_rise_names_its_remote_and_its_end() {
    let mut report = calm();
    report.growth = Some(12);
    report.signals.insert(Signal::FdRate, Reading::Known(0.2));
    report.signals.insert(Signal::FdTte, Reading::Known(4_695.3));
    report.kinds[0].growth = 12;
    let survey = RemoteSurvey {
        remote: Remote::parse("10.0.0.2:5432").unwrap(),
        count: 20,
        established: 20,
        close_wait: 0,
        syn_sent: 0,
        fin_wait: 0,
        connect_rate: 0.0,
    };
    report.remotes.push(RemoteRow { now: survey, growth: 11, close_wait_growth: 0 });
    let found = suspects(&report);
    assert_eq!(found[0].text, "descriptors rise 12.0/min, most of them to 10.0.0.2:5432");
    assert!(found[0].why.contains("the limit of 1024 is reached in 1h18m15s"), "{}", found[0].why);
    report.growth = Some(GROWTH_MIN - 1);
    assert_eq!(kinds(&report), [], "too little to tell");
}

#[test]
fn counts_have_their_bars() {
    for (signal, most, kind) in [
        (Signal::SocketOrphans, ORPHANS_MAX, SuspectKind::Orphans),
        (Signal::FdDeleted, DELETED_MAX, SuspectKind::DeletedFiles),
        (Signal::FdEpoll, EPOLL_MAX, SuspectKind::EpollSets),
    ] {
        let mut report = calm();
        report.signals.insert(signal, Reading::Known(most));
        assert_eq!(kinds(&report), [], "{signal}");
        report.signals.insert(signal, Reading::Known(most + 1.0));
        assert_eq!(kinds(&report), [kind], "{signal}");
        report.signals.insert(signal, Reading::Unavailable(Gap::NotPermitted));
        assert_eq!(kinds(&report), [], "{signal}: what is not seen is not suspected");
    }
    let mut full = calm();
    full.signals.insert(Signal::FdOpen, Reading::Known(820.0));
    assert_eq!(kinds(&full), [SuspectKind::NearLimit]);
}

#[test]
fn the_drawing_fits_its_page() {
    let mut report = with_dead(37, "no");
    report.suspects = suspects(&report);
    report.hints = hints(&report);
    for width in [80, 100] {
        let mut page = Page::plain(width);
        draw::onto(&report, &mut page);
        assert!(page.text().contains("LEAK SUSPECTS"), "{}", page.text());
        for line in page.text().lines() {
            assert!(line.chars().count() <= width, "{line}");
        }
    }
}
