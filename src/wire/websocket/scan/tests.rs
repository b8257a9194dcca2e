use proptest::prelude::*;

use super::*;
use crate::wire::websocket::close::{Close, Code};
use crate::wire::websocket::gather::{Gatherer, Whole};
use crate::wire::websocket::head::write;
use crate::wire::websocket::mask::{Key, apply};
use crate::wire::websocket::rules::{LENGTH_MAX, Sender};

const SERVER: Rules = Rules { sender: Sender::Server, message_max: LENGTH_MAX };
const CLIENT: Rules = Rules { sender: Sender::Client, ..SERVER };

/// What came of a stream: the messages, as text, and the frames as bytes.
type Come = (Vec<String>, Vec<Vec<u8>>, Option<Offence>);

fn told(whole: &Whole<'_>) -> String {
    match whole {
        Whole::Text(text) => format!("text {text}"),
        Whole::Binary(bytes) => format!("binary {bytes:?}"),
        Whole::Ping(bytes) => format!("ping {bytes:?}"),
        Whole::Pong(bytes) => format!("pong {bytes:?}"),
        Whole::Close(close) => format!("close {:?} {}", close.code.map(Code::number), close.reason),
    }
}

/// Follows a stream that is cut at these places.
fn followed(stream: &[u8], cuts: &[usize], rules: Rules) -> Come {
    let (mut scanner, mut gatherer) = (Scanner::new(rules), Gatherer::default());
    let (mut messages, mut frames, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut edges: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    edges.extend([0, stream.len()]);
    edges.sort_unstable();
    for pair in edges.windows(2) {
        let chunk = &stream[pair[0]..pair[1]];
        let pieces: Vec<_> = scanner.feed(chunk).collect();
        for piece in pieces {
            let piece = match piece {
                Ok(piece) => piece,
                Err(offence) => return (messages, frames, Some(offence)),
            };
            if let Part::Begins { carried } = piece.part {
                open = piece.head.bytes()[..carried].to_vec();
            }
            open.extend_from_slice(&chunk[piece.range.clone()]);
            match gatherer.take(&piece, &chunk[piece.payload()]) {
                Ok(whole) => messages.extend(whole.as_ref().map(told)),
                Err(offence) => return (messages, frames, Some(offence)),
            }
            if piece.ends() {
                frames.push(std::mem::take(&mut open));
            }
        }
    }
    (messages, frames, None)
}

#[test]
fn a_message_in_pieces_with_a_ping_between_them() {
    let stream = b"\x01\x03Hel\x89\x02hi\x00\x00\x80\x02lo\x82\x01\xff";
    let (messages, frames, offence) = followed(stream, &[], SERVER);
    assert_eq!(messages, ["ping [104, 105]", "text Hello", "binary [255]"]);
    assert_eq!((frames.len(), frames.concat(), offence), (5, stream.to_vec(), None));
}

#[test]
fn the_order_of_frames_is_kept_to() {
    let cases: &[(&[u8], Offence)] = &[
        (b"\x80\x01a", Offence::NothingToContinue),
        (b"\x81\x01a\x80\x01a", Offence::NothingToContinue),
        (b"\x01\x01a\x81\x01a", Offence::Interleaved),
        (b"\x01\x01a\x82\x01a", Offence::Interleaved),
        (b"\x01\x01a\x89\x00\x02\x01a", Offence::Interleaved),
        (b"\x01\x01\xc3\x80\x01a", Offence::Text),
        (b"\x81\x01\xc3", Offence::Text),
        (b"\x88\x01\x03", Offence::Close),
        (b"\x88\x02\x03\xed", Offence::Close),
        (b"\x88\x03\x03\xe8\xff", Offence::Close),
    ];
    for (stream, offence) in cases {
        let (_, _, told) = followed(stream, &[], SERVER);
        assert_eq!(told, Some(*offence), "{stream:?}");
        assert!([1002, 1007].contains(&offence.code().number()));
    }
}

#[test]
fn a_bound_counts_over_all_frames_of_a_message() {
    let rules = Rules { message_max: 8, ..SERVER };
    let over = Some(Offence::TooBig { max: 8 });
    assert_eq!(followed(b"\x01\x02ab\x00\x02cd\x80\x00", &[], rules).2, None);
    assert_eq!(followed(b"\x01\x02ab\x00\x02cd\x80\x01e", &[], rules).2, over);
    assert_eq!(followed(b"\x81\x08abcdefgh", &[], rules).2, None);
    assert_eq!(followed(b"\x81\x09abcdefghi", &[], rules).2, over);
    let empty = [b"\x01\x00".as_slice(), &b"\x00\x00".repeat(5)].concat();
    assert_eq!(followed(&empty, &[], rules).2, over, "the heads of further frames count");
    assert_eq!(followed(b"\x89\x05abcde", &[], rules).2, None, "control frames are bounded by themselves");
    assert_eq!(Offence::TooBig { max: 8 }.code(), Code::TOO_BIG);
}

#[test]
fn nothing_is_read_after_a_close_frame_and_nothing_after_an_offence() {
    let mut scanner = Scanner::new(SERVER);
    assert_eq!(scanner.feed(b"\x88\x00\x81\x01a").count(), 1);
    assert_eq!(scanner.feed(b"\xff\xff").count(), 0);
    let mut scanner = Scanner::new(SERVER);
    assert_eq!(scanner.feed(b"\x83\x00").last(), Some(Err(Offence::Opcode(3))));
    assert_eq!(scanner.feed(b"\x81\x00").last(), Some(Err(Offence::Opcode(3))));
}

/// A message or a control frame of a side that keeps to the rules.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Vec<usize>),
    Binary(Vec<u8>, Vec<usize>),
    Ping(Vec<u8>),
    Close(u16, String),
}

fn sent() -> impl Strategy<Value = Sent> {
    let cuts = || prop::collection::vec(any::<usize>(), 0..3);
    prop_oneof![
        ("[a-zé€😀]{0,20}", cuts()).prop_map(|(text, cuts)| Sent::Text(text, cuts)),
        (prop::collection::vec(any::<u8>(), 0..200), cuts())
            .prop_map(|(bytes, cuts)| Sent::Binary(bytes, cuts)),
        prop::collection::vec(any::<u8>(), 0..125).prop_map(Sent::Ping),
        (3000_u16..5000, "[a-z]{0,9}").prop_map(|(code, reason)| Sent::Close(code, reason)),
    ]
}

/// Writes frames of a message that is cut so; a ping stands between each two of them.
fn fragments(out: &mut Vec<u8>, (opcode, key): (Opcode, Option<Key>), bytes: &[u8], cuts: &[usize]) {
    let mut edges: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    edges.extend([0, bytes.len()]);
    edges.sort_unstable();
    let last = edges.len() - 2;
    for (at, pair) in edges.windows(2).enumerate() {
        let mut payload = bytes[pair[0]..pair[1]].to_vec();
        let opcode = if at == 0 { opcode } else { Opcode::Continuation };
        let head = Head { fin: at == last, ..Head::whole(opcode, key, payload.len() as u64) };
        out.extend_from_slice(&head.bytes());
        key.into_iter().for_each(|key| apply(&mut payload, key, 0));
        out.extend(payload);
        if at != last {
            write(out, Opcode::Ping, key, b"");
        }
    }
}

proptest! {
    #[test]
    fn any_split_of_what_a_side_sends_gives_the_same(
        script in prop::collection::vec(sent(), 0..8),
        key in prop::option::of(any::<Key>()),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let rules = if key.is_some() { CLIENT } else { SERVER };
        let (mut stream, mut meant) = (Vec::new(), Vec::new());
        for one in &script {
            let pings = |cuts: &[usize]| vec!["ping []".to_owned(); cuts.len()];
            match one {
                Sent::Text(text, cuts) => {
                    fragments(&mut stream, (Opcode::Text, key), text.as_bytes(), cuts);
                    meant.extend(pings(cuts));
                    meant.push(format!("text {text}"));
                }
                Sent::Binary(bytes, cuts) => {
                    fragments(&mut stream, (Opcode::Binary, key), bytes, cuts);
                    meant.extend(pings(cuts));
                    meant.push(format!("binary {bytes:?}"));
                }
                Sent::Ping(bytes) => {
                    write(&mut stream, Opcode::Ping, key, bytes);
                    meant.push(format!("ping {bytes:?}"));
                }
                Sent::Close(code, reason) => {
                    let close = Close { code: Code::of(*code), reason };
                    write(&mut stream, Opcode::Close, key, &close.payload());
                    meant.push(format!("close {:?} {reason}", Some(code)));
                    break;
                }
            }
        }
        let whole = followed(&stream, &[], rules);
        prop_assert_eq!(&whole.0, &meant);
        prop_assert_eq!(whole.1.concat(), stream.clone());
        prop_assert_eq!(followed(&stream, &cuts, rules), whole);
    }

    #[test]
    fn any_bytes_at_any_split_give_one_answer(
        stream in prop::collection::vec(prop_oneof![0x80_u8..0x8b, 0_u8..3, any::<u8>()], 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let rules = Rules { message_max: 100, ..SERVER };
        prop_assert_eq!(followed(&stream, &cuts, rules), followed(&stream, &[], rules));
    }
}
