//! One wrong bit. For each region of an image: which checks may catch it there. The table is exact in both directions: a
//! code that is not in it fails the test, and so does one that never occurs.

use std::collections::{BTreeMap, BTreeSet};

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::Sealing;
use ironroot_image::Kind;

use crate::samples::{self, Sample};

/// A region, and the codes of the checks that catch a flipped bit in it.
const REGIONS: &[(&str, &[Code])] = &[
    ("magic", &[codes::BAD_MAGIC]),
    ("load address", &[codes::LOAD_ADDRESS]),
    ("header size", &[codes::TRUNCATED, codes::HEADER_SIZE, codes::PROTECTED_MISSING]),
    ("protected size", &[codes::TRUNCATED, codes::PROTECTED_SIZE]),
    ("payload size", &[codes::TRUNCATED, codes::PROTECTED_MISSING]),
    (
        "flags",
        &[
            codes::RESERVED_FLAGS,
            codes::ENCRYPTION_MISMATCH,
            codes::NON_BOOTABLE,
            codes::RAM_LOAD,
            codes::COMPRESSED,
            codes::POSITION_INDEPENDENT,
            // ROM_FIXED, to a verifier that does not know where the slot is.
            codes::HASH_MISMATCH,
        ],
    ),
    ("version", &[codes::HASH_MISMATCH]),
    ("reserved", &[codes::RESERVED_FIELD]),
    ("header padding", &[codes::HASH_MISMATCH]),
    ("payload", &[codes::HASH_MISMATCH]),
    ("protected info", &[codes::PROTECTED_MISSING, codes::PROTECTED_SIZE]),
    (
        "protected TLV type",
        &[
            codes::TLV_LENGTH,
            codes::TLV_WRONG_SECTION,
            codes::TLV_DUPLICATE,
            codes::TLV_UNKNOWN,
            // One vendor type became another, one kind of UUID the other.
            codes::HASH_MISMATCH,
        ],
    ),
    (
        "protected TLV length",
        &[
            codes::TLV_OUT_OF_AREA,
            codes::TLV_LENGTH,
            codes::TLV_WRONG_SECTION,
            codes::TLV_UNKNOWN,
            codes::HASH_MISMATCH,
        ],
    ),
    ("protected value", &[codes::HASH_MISMATCH]),
    (
        "unprotected info",
        &[codes::TRUNCATED, codes::TLV_INFO_MISSING, codes::TLV_OUT_OF_AREA, codes::ENCRYPTION_MISMATCH],
    ),
    (
        "TLV type",
        &[
            codes::TLV_LENGTH,
            codes::TLV_WRONG_SECTION,
            codes::TLV_DUPLICATE,
            codes::TLV_UNKNOWN,
            codes::ENCRYPTION_MISMATCH,
        ],
    ),
    ("TLV length", &[codes::TLV_OUT_OF_AREA, codes::TLV_LENGTH, codes::TLV_UNKNOWN]),
    ("hash", &[codes::HASH_MISMATCH]),
    ("key hash", &[codes::UNKNOWN_KEY]),
    ("whole key", &[codes::UNKNOWN_KEY]),
    ("ECDSA signature", &[codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED]),
    ("Ed25519 signature", &[codes::SIGNATURE_INVALID]),
    ("RSA signature", &[codes::SIGNATURE_INVALID]),
    ("mark of a pure signature", &[codes::TLV_VALUE]),
    ("sealed image key", &[codes::IMAGE_KEY_REFUSED]),
];

/// The one place where a wrong bit does nothing: X25519 takes no notice of the highest bit of a public key (RFC 7748,
/// section 5), here the last one of the ephemeral key, which no signature covers. The image key is the same, and so is
/// the image that runs.
const HARMLESS: &str = "the highest bit of an X25519 key";

/// The region that holds byte `at`.
fn region(sample: &Sample, at: u32) -> &'static str {
    let image = sample.image();
    match at {
        0..4 => return "magic",
        4..8 => return "load address",
        8..10 => return "header size",
        10..12 => return "protected size",
        12..16 => return "payload size",
        16..20 => return "flags",
        20..28 => return "version",
        28..32 => return "reserved",
        _ => {}
    }
    let (payload, protected, unprotected) = (image.payload(), image.protected(), image.unprotected());
    if at < payload.start {
        return "header padding";
    }
    if at < payload.end {
        return "payload";
    }
    let protects = protected.contains(&at);
    let info = if protects { protected.start } else { unprotected.start };
    if at < info + 4 {
        return if protects { "protected info" } else { "unprotected info" };
    }
    for tlv in image.tlvs(&sample.bytes[..]) {
        let tlv = tlv.expect("a good image");
        if !(tlv.offset - 4..tlv.offset + u32::from(tlv.len)).contains(&at) {
            continue;
        }
        if at < tlv.offset {
            return match (protects, at < tlv.offset - 2) {
                (true, true) => "protected TLV type",
                (true, false) => "protected TLV length",
                (false, true) => "TLV type",
                (false, false) => "TLV length",
            };
        }
        return match (tlv.ty.kind, tlv.ty.name()) {
            (Kind::Hash, _) => "hash",
            (_, "KEYHASH") => "key hash",
            (_, "PUBKEY") => "whole key",
            (_, "ECDSASIG") => "ECDSA signature",
            (_, "ED25519") => "Ed25519 signature",
            (Kind::Signature, _) => "RSA signature",
            (Kind::PureSignature, _) => "mark of a pure signature",
            (Kind::EncryptedKey, _) => "sealed image key",
            _ if protects => "protected value",
            (kind, name) => panic!("no region for {kind:?} {name}"),
        };
    }
    panic!("{}: byte {at} is in no region", sample.name)
}

/// Whether the bit is [`HARMLESS`].
fn is_harmless(sample: &Sample, at: u32, bit: u32) -> bool {
    matches!(sample.sealing, Some(Sealing::EciesX25519 | Sealing::EciesX25519Sha512))
        && sample.image().encryption().is_some_and(|encryption| at == encryption.tlv.offset + 31 && bit == 7)
}

type Histogram = BTreeMap<&'static str, BTreeMap<Code, u32>>;

/// Every bit of one sample.
fn flip_all(sample: &Sample, histogram: &mut Histogram, harmless: &mut u32) {
    let mut bytes = sample.bytes.clone();
    for at in 0..bytes.len() {
        let place = region(sample, at as u32);
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let verdict = sample.judge(&bytes[..]);
            bytes[at] ^= 1 << bit;
            match verdict {
                Err(code) => *histogram.entry(place).or_default().entry(code).or_default() += 1,
                Ok(verified) => {
                    assert!(
                        is_harmless(sample, at as u32, bit),
                        "{}: bit {bit} of byte {at} ({place}) was accepted",
                        sample.name
                    );
                    // Harmless means: the same image.
                    let good = sample.judge(&sample.bytes[..]).expect("a good image");
                    assert_eq!(verified.hash(), good.hash(), "{HARMLESS}");
                    *harmless += 1;
                }
            }
        }
    }
    assert!(bytes == sample.bytes && sample.judge(&bytes[..]).is_ok());
}

#[test]
fn every_flipped_bit_is_refused_by_the_check_of_its_region() {
    let samples = samples::all();
    // The samples are independent: one thread for each half.
    let names = samples.len();
    drop(samples);
    let parts: Vec<(Histogram, u32, u32)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|part| {
                scope.spawn(move || {
                    let (mut histogram, mut harmless, mut bits) = (Histogram::new(), 0, 0);
                    for (index, sample) in samples::all().iter().enumerate() {
                        if index % 2 == part {
                            flip_all(sample, &mut histogram, &mut harmless);
                            bits += sample.bytes.len() as u32 * 8;
                        }
                    }
                    (histogram, harmless, bits)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut histogram = Histogram::new();
    let (mut harmless, mut bits) = (0, 0);
    for (part, more_harmless, more_bits) in parts {
        harmless += more_harmless;
        bits += more_bits;
        for (place, counts) in part {
            for (code, count) in counts {
                *histogram.entry(place).or_default().entry(code).or_default() += count;
            }
        }
    }
    println!("{names} images, {bits} bits, {harmless} harmless");
    for (place, counts) in &histogram {
        println!("{place:26} {counts:?}");
    }
    let allowed: BTreeMap<&str, BTreeSet<Code>> =
        REGIONS.iter().map(|(place, codes)| (*place, codes.iter().copied().collect())).collect();
    let seen: BTreeMap<&str, BTreeSet<Code>> =
        histogram.iter().map(|(place, counts)| (*place, counts.keys().copied().collect())).collect();
    for (place, codes) in &seen {
        assert_eq!(Some(codes), allowed.get(place), "{place}");
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>());
    // One bit of each image with an X25519 key, and nothing else.
    assert_eq!(harmless, 4, "{HARMLESS}");
}
