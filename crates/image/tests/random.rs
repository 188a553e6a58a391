//! Whatever the bytes are, parser and verifier answer: no panic, no acceptance, no read out of bounds.

mod common;

use common::{ANY, LIMITS, check_with, data, key};
use ironroot_image::{Image, Version};
use proptest::prelude::*;

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(check_with(&bytes[..], &[key()], &ANY).is_err());
    }

    /// Random bytes that get past the magic.
    #[test]
    fn random_behind_a_magic(
        mut bytes in prop::collection::vec(any::<u8>(), 32..512),
        header_size in 0_u16..64, protected_size in 0_u16..64, payload_size in 0_u32..256, flags in 0_u32..32,
    ) {
        bytes[0..4].copy_from_slice(&ironroot_image::MAGIC.to_le_bytes());
        bytes[8..10].copy_from_slice(&header_size.to_le_bytes());
        bytes[10..12].copy_from_slice(&protected_size.to_le_bytes());
        bytes[12..16].copy_from_slice(&payload_size.to_le_bytes());
        bytes[16..20].copy_from_slice(&flags.to_le_bytes());
        bytes[28..32].fill(0);
        prop_assert!(check_with(&bytes[..], &[key()], &ANY).is_err());
    }

    /// A good image with some bytes replaced in what it consists of: refused, or nothing was changed.
    #[test]
    fn damaged_images(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let good = data("small.bin");
        let size = Image::parse(&good[..], LIMITS).expect("parses").size() as usize;
        let mut bytes = good.clone();
        for (index, value) in changes {
            bytes[index.index(size)] = value;
        }
        prop_assert_eq!(check_with(&bytes[..], &[key()], &ANY).is_ok(), bytes == good);
    }

    #[test]
    fn versions_are_read_as_they_are_shown(major: u8, minor: u8, revision: u16, build: u32) {
        let version = Version { major, minor, revision, build };
        prop_assert_eq!(version.to_string().parse(), Ok(version));
    }

    #[test]
    fn no_text_panics_the_version_parser(text in "[0-9.+ -]{0,20}") {
        let _ = text.parse::<Version>();
    }
}

#[test]
fn versions() {
    for (text, expected) in
        [("1", "1.0.0"), ("1.2", "1.2.0"), ("0.0.0+7", "0.0.0+7"), ("255.255.65535", "255.255.65535")]
    {
        assert_eq!(text.parse::<Version>().map(|version| version.to_string()), Ok(expected.to_owned()));
    }
    for text in [
        "",
        "1.",
        ".1",
        "1.2.3.4",
        "256",
        "1.256",
        "1.2.65536",
        "1.2.3+",
        "1.2.3+4294967296",
        "+1",
        "1.-2",
        "v1",
        "1.2.3 ",
    ] {
        assert!(text.parse::<Version>().is_err(), "{text:?} was taken");
    }
}
