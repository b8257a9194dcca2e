use std::sync::Arc;

use proptest::prelude::*;

use super::bot::{Bot, Floats, only_fast};
use super::*;
use crate::model::clock::Timestamp;
use crate::model::name::{Name, Remote};
use crate::model::observation::RemoteSurvey;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;

/// What a policy can tell apart.
fn flat(seen: &Observation) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut cells: Vec<_> = cells_of(seen)
        .into_iter()
        .map(|(column, reading)| (column.to_string(), reading.map(f64::to_bits)))
        .collect();
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    (Moment::of(seen), cells)
}

fn full_block(floats: Floats) -> (Block, Vec<Observation>) {
    let mut bot = Bot::new(floats);
    let samples: Vec<_> = (0..300).map(|second| bot.sample(second)).collect();
    let mut block = Block::default();
    for seen in &samples {
        block.push(seen).unwrap();
    }
    (block, samples)
}

#[test]
fn a_block_gives_back_what_it_took() {
    let (block, samples) = full_block(Floats::Raw);
    let again = decode(&encode(&block)).unwrap();
    assert_eq!(again, block);
    let seen: Vec<_> = again.into_observations().map(|seen| flat(&seen)).collect();
    assert_eq!(seen, samples.iter().map(flat).collect::<Vec<_>>());
}

/// A full tick each second, and the worst case of every value new in all its bits; then a full tick each fifth
/// second; then the same with values rounded where they are measured.
#[test]
fn thirty_days_fit_many_times_over() {
    for (floats, full_every, most) in [(Floats::Raw, 1, 140), (Floats::Raw, 5, 60), (Floats::Rounded, 5, 40)]
    {
        let mut bot = Bot::new(floats);
        let (mut bytes, mut second) = (0, 0);
        let mut full = bot.sample(second);
        for _ in 0..12 {
            let mut block = Block::default();
            loop {
                let mut seen = bot.sample(second);
                if !second.is_multiple_of(full_every) {
                    seen = only_fast(&seen, &full);
                }
                if block.push(&seen).is_err() {
                    break;
                }
                full = seen;
                second += 1;
            }
            bytes += encode(&block).len();
        }
        let each = bytes / second as usize;
        println!("{each} bytes a sample, 30 days at 1 Hz take {} MiB", each * 86_400 * 30 / (1 << 20));
        assert!(each < most, "{each} bytes a sample");
    }
}

#[test]
fn columns_come_and_go_within_a_block() {
    let mut bot = Bot::new(Floats::Raw);
    let mut samples: Vec<_> = (0..6).map(|second| bot.sample(second)).collect();
    samples[1].remotes = Reading::Unavailable(Gap::NotPermitted);
    samples[2].remotes = Reading::Known(Arc::default());
    samples[3].named = Arc::default();
    samples[4].kinds = Reading::Unavailable(Gap::Late);
    samples[5].surveyed = samples[4].at;
    samples[5].life = Life::Exited;
    let mut block = Block::default();
    for seen in &samples {
        block.push(seen).unwrap();
    }
    let seen: Vec<_> = decode(&encode(&block)).unwrap().into_observations().map(|seen| flat(&seen)).collect();
    assert_eq!(seen, samples.iter().map(flat).collect::<Vec<_>>());
    let mut after = bot.sample(7);
    assert_eq!(block.push(&after), Err(Refused::NextBlock), "the process has ended");
    after.at = Timestamp::ZERO;
    assert_eq!(block.push(&after), Err(Refused::NextBlock), "time went back");
}

#[test]
fn a_block_is_bounded() {
    let mut bot = Bot::new(Floats::Raw);
    let mut wide = bot.sample(0);
    let name = |i: usize| Name::parse(&format!("pool-{i}")).unwrap();
    wide.named =
        Arc::new((0..COLUMNS_MAX).map(|i| ((Signal::PoolIdle, name(i)), Reading::Known(0.0))).collect());
    assert_eq!(Block::default().push(&wide), Err(Refused::TooWide));

    let mut block = Block::default();
    let mut churn = 0..;
    let taken = churn.by_ref().take_while(|second| {
        let mut seen = bot.sample(*second);
        let remote = Remote::parse(&format!("10.{}.{}.1:443", second / 200, second % 200)).unwrap();
        let survey = RemoteSurvey {
            remote,
            count: 1,
            established: 1,
            close_wait: 0,
            syn_sent: 0,
            fin_wait: 0,
            connect_rate: 0.0,
        };
        seen.remotes = Reading::Known(Arc::new(vec![survey; 1]));
        block.push(&seen).is_ok()
    });
    assert_eq!(taken.count(), SAMPLES_MAX, "a new remote each second still fits");
    assert_eq!(decode(&encode(&block)).unwrap(), block);
}

#[test]
fn one_column_is_read_alone() {
    let (block, _) = full_block(Floats::Raw);
    let bytes = encode(&block);
    let column = Column::Plain(Signal::FdOpen);
    let (moments, series) = decode_column(&bytes, &column).unwrap();
    assert_eq!(moments, block.moments());
    assert_eq!(series.as_ref(), block.columns().get(&column));
    assert_eq!(decode_column(&bytes, &Column::parse("pool.x.idle").unwrap()).unwrap().1, None);
}

#[test]
fn damage_is_told_by_name() {
    let (block, _) = full_block(Floats::Raw);
    let bytes = encode(&block);
    assert_eq!(decode(&bytes[..3]), Err(BlockError::NotABlock));
    assert_eq!(decode(b"something else"), Err(BlockError::NotABlock));
    assert_eq!(decode(&[b"fdb\x09", &bytes[4..]].concat()), Err(BlockError::Version(9)));
    for place in [8, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert_eq!(decode(&damaged), Err(BlockError::Checksum));
    }
}

/// With a checksum that fits, so that the content itself is what is tried.
fn forged(body: &[u8]) -> Vec<u8> {
    let check = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body);
    [b"fdb\x01".as_slice(), &check.to_le_bytes(), body].concat()
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(decode(&body));
        if let Ok(block) = decode(&forged(&body)) {
            prop_assert!(block.moments().len() <= SAMPLES_MAX);
            let samples = block.moments().len();
            prop_assert_eq!(block.into_observations().count(), samples);
        }
    }

    #[test]
    fn no_damage_under_a_fitting_checksum_panics(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bot = Bot::new(Floats::Raw);
        let mut block = Block::default();
        (0..20).for_each(|second| block.push(&bot.sample(second)).unwrap());
        let mut body = encode(&block).split_off(8);
        for (place, byte) in hits {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(block) = decode(&forged(&body)) {
            prop_assert!(block.into_observations().count() <= SAMPLES_MAX);
        }
    }
}
