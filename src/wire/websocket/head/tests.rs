use proptest::prelude::*;

use super::*;

const CLIENT: Rules = Rules { sender: Sender::Client, message_max: LENGTH_MAX };
const SERVER: Rules = Rules { sender: Sender::Server, ..CLIENT };

#[test]
fn the_examples_of_the_standard() {
    let hello = Head::whole(Opcode::Text, None, 5);
    assert_eq!(Head::parse(b"\x81\x05Hello", &SERVER), Ok(Some((hello, 2))));
    let masked = Head { key: Some([0x37, 0xfa, 0x21, 0x3d]), ..hello };
    assert_eq!(Head::parse(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f", &CLIENT), Ok(Some((masked, 6))));
    let long = Head::whole(Opcode::Binary, None, 256);
    assert_eq!(Head::parse(b"\x82\x7e\x01\x00", &SERVER), Ok(Some((long, 4))));
    let longer = Head { len: 65_536, ..long };
    assert_eq!(Head::parse(b"\x82\x7f\0\0\0\0\0\x01\0\0", &SERVER), Ok(Some((longer, 10))));
}

#[test]
fn each_offence_is_told() {
    let small = Rules { message_max: 200, ..SERVER };
    let cases: &[(&[u8], &Rules, Offence)] = &[
        (b"\xc1\x00", &SERVER, Offence::Reserved),
        (b"\xa1\x00", &SERVER, Offence::Reserved),
        (b"\x91\x00", &SERVER, Offence::Reserved),
        (b"\xc9\x00", &SERVER, Offence::Reserved),
        (b"\x83\x00", &SERVER, Offence::Opcode(3)),
        (b"\x8b\x00", &SERVER, Offence::Opcode(11)),
        (b"\x09\x00", &SERVER, Offence::FragmentedControl),
        (b"\x89\x7e", &SERVER, Offence::LongControl),
        (b"\x88\x7f", &SERVER, Offence::LongControl),
        (b"\x81\x05", &CLIENT, Offence::Unmasked),
        (b"\x81\x85", &SERVER, Offence::Masked),
        (b"\x82\x7e\x00\x7d", &SERVER, Offence::NotMinimal),
        (b"\x82\x7f\0\0\0\0\0\0\xff\xff", &SERVER, Offence::NotMinimal),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", &SERVER, Offence::LengthBit),
        (b"\x82\x7e\x00\xc9", &small, Offence::TooBig { max: 200 }),
    ];
    for (bytes, rules, offence) in cases {
        assert_eq!(Head::parse(bytes, rules), Err(*offence), "{bytes:?}");
        assert_eq!(Head::parse(&bytes[..1], rules), Ok(None), "one byte says nothing");
    }
}

proptest! {
    #[test]
    fn a_head_is_written_as_it_was_read(
        fin: bool, opcode in 0_u8..3, key in prop::option::of(any::<Key>()),
        len in prop_oneof![0_u64..300, 65_000_u64..66_000, 0..=LENGTH_MAX],
    ) {
        let head = Head { fin, opcode: Opcode::of(opcode).unwrap(), key, len };
        let rules = if key.is_some() { CLIENT } else { SERVER };
        let bytes = head.bytes();
        prop_assert_eq!(Head::parse(&bytes, &rules), Ok(Some((head, bytes.len()))));
        for end in 0..bytes.len() {
            prop_assert_eq!(Head::parse(&bytes[..end], &rules), Ok(None));
        }
    }

    #[test]
    fn more_bytes_never_change_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
        let whole = Head::parse(&bytes, &SERVER);
        for end in 0..bytes.len() {
            let early = Head::parse(&bytes[..end], &SERVER);
            prop_assert!(early == Ok(None) || early == whole);
        }
    }
}
