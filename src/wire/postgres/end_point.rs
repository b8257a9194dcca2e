//! What `tls-server-end-point` binds to (RFC 5929, section 4): the hash of the server's certificate, by the hash function
//! of its signature; SHA-256 where that is MD5 or SHA-1. A signature with another hash function, or with none of its own
//! (Ed25519), has no binding.
//!
//! Of the certificate only the outermost fields are walked over; it was checked before, or nobody asked.

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const CONTEXT_0: u8 = 0xa0;

/// Signature algorithms by their identifiers, and the hash that binds.
const SIGNATURES: &[(&[u8], &Algorithm)] = &[
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", &SHA256), // md5WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", &SHA256), // sha1WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", &SHA256), // sha256WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", &SHA384), // sha384WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", &SHA512), // sha512WithRSAEncryption
    (b"\x2a\x86\x48\xce\x3d\x04\x01", &SHA256),         // ecdsa-with-SHA1
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", &SHA256),     // ecdsa-with-SHA256
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", &SHA384),     // ecdsa-with-SHA384
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", &SHA512),     // ecdsa-with-SHA512
];
/// RSASSA-PSS, whose parameters say by which hash.
const PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
/// Hash functions by their identifiers.
const HASHES: &[(&[u8], &Algorithm)] = &[
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", &SHA256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", &SHA384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", &SHA512),
];

/// The binding of a certificate in DER; none where it has none or is none.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (fields, _) = element(certificate, SEQUENCE)?;
    let (_to_be_signed, rest) = element(fields, SEQUENCE)?;
    let (signature, _) = element(rest, SEQUENCE)?;
    let (name, parameters) = element(signature, OBJECT)?;
    let hash = if name == PSS { hash_of_pss(parameters)? } else { find(SIGNATURES, name)? };
    Some(digest(hash, certificate).as_ref().to_vec())
}

/// Without parameters the hash is SHA-1 (RFC 4055), which binds by SHA-256.
fn hash_of_pss(parameters: &[u8]) -> Option<&'static Algorithm> {
    let (parameters, _) = element(parameters, SEQUENCE)?;
    let Some((hash, _)) = element(parameters, CONTEXT_0) else { return Some(&SHA256) };
    let (hash, _) = element(hash, SEQUENCE)?;
    let (name, _) = element(hash, OBJECT)?;
    find(HASHES, name)
}

fn find(known: &[(&[u8], &'static Algorithm)], name: &[u8]) -> Option<&'static Algorithm> {
    known.iter().find(|(own, _)| *own == name).map(|(_, hash)| *hash)
}

/// The content of the element at the start, where it has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [own, short, rest @ ..] = bytes else { return None };
    if *own != tag {
        return None;
    }
    if *short < 0x80 {
        return rest.split_at_checked(usize::from(*short));
    }
    let count = usize::from(short & 0x7f);
    let (length, rest) = rest.split_at_checked(count).filter(|_| count <= size_of::<u32>())?;
    let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    }

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let body = wrapped(SEQUENCE, b"what is signed");
        wrapped(SEQUENCE, &[&body, &wrapped(SEQUENCE, algorithm)[..], b"\x03\x01\x00"].concat())
    }

    fn length(algorithm: &[u8]) -> Option<usize> {
        end_point(&certificate(algorithm)).map(|hash| hash.len())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let of = |name: &[u8]| length(&[&wrapped(OBJECT, name)[..], b"\x05\x00"].concat());
        assert_eq!(of(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), Some(32));
        assert_eq!(of(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), Some(32), "SHA-1 is replaced");
        assert_eq!(of(b"\x2a\x86\x48\xce\x3d\x04\x03\x03"), Some(48));
        assert_eq!(of(b"\x2b\x65\x70"), None, "Ed25519");
        let whole = certificate(&wrapped(OBJECT, SIGNATURES[2].0));
        assert_eq!(end_point(&whole).unwrap(), digest(&SHA256, &whole).as_ref());
        assert!((0..whole.len()).all(|cut| end_point(&whole[..cut]).is_none()));
    }

    #[test]
    fn pss_names_its_hash_in_its_parameters() {
        let hash = wrapped(CONTEXT_0, &wrapped(SEQUENCE, &wrapped(OBJECT, HASHES[2].0)));
        let of = |parameters: &[u8]| length(&[wrapped(OBJECT, PSS), wrapped(SEQUENCE, parameters)].concat());
        assert_eq!(of(&hash), Some(64));
        assert_eq!(of(b""), Some(32));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _none = end_point(&bytes);
            let _none = end_point(&certificate(&bytes));
        }
    }
}
