//! Random histories.

use proptest::prelude::*;

use super::super::Link;
use super::toy::Scene;

/// Histories in each run: one has up to sixty steps.
const CASES: u32 = 64;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_block_and_log_comes_once_whatever_happens(
        steps in prop::collection::vec((0_u8..7, 0_usize..5), 0..60),
        since in 0_usize..3,
    ) {
        let mut scene = Scene::new();
        (0..since).for_each(|_| scene.node.mine(1));
        let first = scene.node.chain.len() - 1;
        for what in ["newHeads", "logs"] {
            scene.subscribe(what);
        }
        for (step, count) in steps {
            // Its queues are not far apart.
            if scene.node.queues.iter().any(|queue| queue.len() > 12) {
                scene.hear_all();
            }
            match step {
                0 | 1 => scene.node.mine(count as u64),
                2 => {
                    // Never below where the subscriptions began.
                    let depth = count.min(scene.node.chain.len() - 1 - first);
                    scene.node.revert(depth);
                    (0..=depth).for_each(|_| scene.node.mine(1));
                }
                3 | 4 => scene.hear(count, 1 + usize::from(step)),
                5 => scene.lose(),
                _ if scene.link == Link::Down && count > 1 => scene.reconnect(),
                _ if scene.link == Link::Down => scene.walk(),
                _ => scene.hear_all(),
            }
        }
        scene.lose();
        scene.walk();
        scene.walk();
        scene.assert_whole(first);
    }
}
