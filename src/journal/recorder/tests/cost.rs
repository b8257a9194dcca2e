//! What the recorder costs. Run by hand, optimised:
//! `cargo test --lib --config 'profile.dev.package.fdguard.opt-level=3' -- --ignored --nocapture recorder::tests::cost::measure`

use super::*;
use crate::journal::block::bot::{Bot, Floats, only_fast};

/// Resident bytes of this process that are no file's, since a test binary's code is not the agent's; and CPU time used so far.
fn used() -> (u64, Duration) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
    }
    (kib << 10, Duration::from_nanos(nanos))
}

#[test]
#[ignore = "measures; means something only when optimised and alone"]
fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut bot_made = Bot::new(Floats::Raw);
    let mut full = bot_made.sample(0);
    let before = used();
    let (recorder, _hear) = start(history(path.clone()));
    let seconds = 86_400;
    let mut made = Duration::ZERO;
    let mut most = 0;
    for second in 1..=seconds {
        let start = used_if(second % 8 == 0);
        full = if second % 5 == 0 {
            bot_made.sample(second)
        } else {
            only_fast(&bot_made.sample(second), &full)
        };
        made += used_if(second % 8 == 0).saturating_sub(start);
        recorder.sample(&bot(), process(7), &full);
        if second % 600 == 0 {
            recorder.event(event(i64::from(second)));
            recorder.remember(&bot(), format!("{{\"second\":{second}}}"));
        }
        // As the clock would have it: a write each eight seconds.
        if second % 8 == 0 {
            assert_eq!(recorder.flush(WITHIN), Written::All);
            most = most.max(used().0);
        }
    }
    let after = used();
    recorder.close(WITHIN);
    let size = std::fs::metadata(&path).unwrap().len();
    println!("a day at 1 Hz: {} KiB on disk, {} bytes a sample", size >> 10, size / u64::from(seconds));
    println!("resident and no file: {} KiB before, at most {} KiB", before.0 >> 10, most >> 10);
    println!(
        "CPU: {:?} for the day, of it {:?} to make the samples",
        after.1.saturating_sub(before.1),
        made * 8
    );
}

fn used_if(wanted: bool) -> Duration {
    if wanted { used().1 } else { Duration::ZERO }
}
