//! What breaks around a pool.

use std::time::Duration;

use fdguard::model::action::ResetHow;

use super::scene::Scene;
use super::talk::{Faults, Talk};
use crate::support::relay::Relay;
use crate::support::wait::{PATIENCE, wait_to_see};

/// How long a server is silent.
const SILENCE: Duration = Duration::from_millis(700);

/// Does it each time the span has passed, until the scene's time is up; gives how often it worked.
fn each(span: Duration, scene: &Scene<'_>, mut upset: impl FnMut(usize) -> bool) -> usize {
    let (mut tries, mut worked) = (0, 0);
    while !scene.time_up.wait(span) {
        worked += usize::from(upset(tries));
        tries += 1;
    }
    worked
}

/// A server process is told to end, whatever it does.
pub(super) fn terminate(scene: &Scene<'_>) -> usize {
    let sql = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' \
         and backend_type = 'client backend' order by random() limit 1",
        scene.proxy.database
    );
    // Others may end the server under this session: that is no fault of the proxy's.
    let own = Faults::default();
    each(Duration::from_millis(60), scene, |_| {
        let Ok(mut talk) = Talk::open(scene.server.address, "postgres", &own) else { return false };
        talk.ask(&sql, ("TDCZ", &["t"], 'I')).is_ok()
    })
}

/// The server crashes and comes back.
pub(super) fn crash(scene: &Scene<'_>) -> usize {
    each(Duration::from_millis(900), scene, |_| {
        scene.server.crash();
        true
    })
}

/// The server stands still for a while: nobody is told, nothing ends.
pub(super) fn freeze(scene: &Scene<'_>) -> usize {
    each(Duration::from_millis(600), scene, |_| {
        let frozen = scene.server.freeze();
        scene.time_up.wait(SILENCE);
        drop(frozen);
        true
    })
}

/// All three ways, one after the other.
pub(super) fn reset(scene: &Scene<'_>) -> usize {
    const WAYS: [ResetHow; 3] = [ResetHow::Idle, ResetHow::Drain, ResetHow::Hard];
    each(Duration::from_millis(100), scene, |turn| {
        scene.proxy.reset(WAYS[turn % WAYS.len()]);
        true
    })
}

/// Idle connections and those that come free: whatever a client does is left alone.
pub(super) fn reset_gently(scene: &Scene<'_>) -> usize {
    const WAYS: [ResetHow; 2] = [ResetHow::Idle, ResetHow::Drain];
    each(Duration::from_millis(100), scene, |turn| {
        scene.proxy.reset(WAYS[turn % WAYS.len()]);
        true
    })
}

/// Other limits each time.
pub(super) fn reload(scene: &Scene<'_>) -> usize {
    each(Duration::from_secs(1), scene, |turn| {
        let (old, new) = if turn % 2 == 0 { ("max = 3", "max = 5") } else { ("max = 5", "max = 3") };
        scene.proxy.reload(|settings| settings.replace(old, new));
        true
    })
}

/// One of two ways to the server is cut, and the sessions come back over the other.
pub(super) fn fail_over(ways: &[Relay; 2], scene: &Scene<'_>) -> usize {
    let done = each(Duration::from_millis(400), scene, |turn| {
        let (cut, other) = (&ways[turn % 2], &ways[(turn + 1) % 2]);
        other.mend();
        cut.cut();
        let before = scene.commits();
        wait_to_see("sessions over the other way", PATIENCE, || {
            let (live, commits) = (other.live(), scene.commits() - before);
            if live > 0 && commits > 10 {
                return Ok(());
            }
            Err(format!("{live} over it, {commits} commits since; {:#?}", scene.proxy.pool()))
        });
        true
    });
    ways.iter().for_each(Relay::mend);
    done
}
