//! The format as another tool has it: images made by imgtool (tests/data/make.sh).

mod common;

use common::{ANY, LIMITS, check, check_with, code, data, key, other_key, signing_key};
use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{Signer, Software};
use ironroot_image::build::{Builder, KeyFormat, pad_to_slot};
use ironroot_image::{Dependencies, Image, KeyId, Kind, Policy, ReadAt, TlvType, Version};
use ironroot_layout::stm32h735::{CLASS_ID, VENDOR_ID};

const VERSION: Version = Version { major: 1, minor: 2, revision: 3, build: 4 };

/// Every image, and how verification with its key ends.
const IMAGES: [(&str, Option<Code>); 19] = [
    ("p256.bin", None),
    ("p256-ids.bin", None),
    ("p256-custom.bin", None),
    ("p256-full.bin", None),
    ("p256-depends.bin", None),
    ("p256-record.bin", None),
    ("p256-fixed.bin", None),
    ("small.bin", None),
    ("padded8.bin", None),
    ("padded32.bin", None),
    ("p256-ram.bin", Some(codes::RAM_LOAD)),
    ("p256-data.bin", Some(codes::NON_BOOTABLE)),
    ("p256-encrypted.bin", Some(codes::ENCRYPTED)),
    ("p256-encrypted256.bin", Some(codes::ENCRYPTED)),
    ("p384.bin", Some(codes::HASH_UNSUPPORTED)),
    ("ed25519.bin", Some(codes::SIGNATURE_UNSUPPORTED)),
    ("ed25519-pure.bin", Some(codes::HASH_UNSUPPORTED)),
    ("rsa2048.bin", Some(codes::SIGNATURE_UNSUPPORTED)),
    ("unsigned.bin", Some(codes::SIGNATURE_MISSING)),
];

#[test]
fn every_image_is_parsed_and_judged() {
    for (name, expected) in IMAGES {
        let bytes = data(name);
        let image = Image::parse(&bytes[..], LIMITS).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(image.header().version, VERSION, "{name}");
        // An encrypted payload is as long as the plain one only because the plain one is a multiple of 16.
        assert_eq!(image.header().payload_size, 256, "{name}");
        assert_eq!(code(check(&bytes[..])), expected, "{name}");
    }
}

#[test]
fn another_key_verifies_none() {
    for (name, expected) in IMAGES {
        let result = code(check_with(&data(name)[..], &[other_key()], &ANY));
        assert_eq!(result, Some(expected.unwrap_or(codes::UNKNOWN_KEY)), "{name}");
    }
    assert_eq!(code(check_with(&data("p256.bin")[..], &[], &ANY)), Some(codes::NO_TRUSTED_KEYS));
}

#[test]
fn a_verified_image_says_what_it_is() {
    let bytes = data("p256-ids.bin");
    let verified = check_with(&bytes[..], &[other_key(), key()], &ANY).expect("verifies");
    let image = verified.image();
    assert_eq!(verified.key_index(), 1);
    assert_eq!(Some(&KeyId::Sha256(*verified.key_hash())), image.key_id());
    assert_eq!(Some(verified.digest()), image.sha256());
    assert_eq!(verified.security_counter(), Some(7));
    assert_eq!(image.payload(), 0x400..0x500);
    assert_eq!(image.size() as usize, bytes.len());
    assert!(verified.is_intact().is_accepted());
    let kinds: Vec<_> = image.tlvs(&bytes[..]).map(|tlv| tlv.expect("parsed before").ty.kind).collect();
    let expected =
        [Kind::SecurityCounter, Kind::VendorId, Kind::ClassId, Kind::Hash, Kind::KeyId, Kind::Signature];
    assert_eq!(kinds, expected);
    let named = Image::parse(&data("p256-full.bin")[..], LIMITS).expect("parses");
    assert!(matches!(named.key_id(), Some(KeyId::P256(_))));
}

#[test]
fn policy_is_asked_after_the_signature() {
    let ids = data("p256-ids.bin");
    let plain = data("p256.bin");
    let parsed = Image::parse(&ids[..], LIMITS).expect("parses");
    let (vendor_id, class_id) = (parsed.vendor_id().copied(), parsed.class_id().copied());
    let wrong = Some([0x5a; 16]);
    let cases: [(&[u8], Policy, Option<Code>); 11] = [
        (&ids, Policy { vendor_id, class_id, min_security_counter: Some(7), ..ANY }, None),
        (&ids, Policy { min_security_counter: Some(8), ..ANY }, Some(codes::COUNTER_TOO_OLD)),
        (&plain, Policy { min_security_counter: Some(0), ..ANY }, Some(codes::COUNTER_MISSING)),
        (&ids, Policy { vendor_id: wrong, ..ANY }, Some(codes::WRONG_VENDOR)),
        (&ids, Policy { class_id: wrong, ..ANY }, Some(codes::WRONG_CLASS)),
        // An image that names no class is for all of them.
        (&plain, Policy { vendor_id: wrong, class_id: wrong, ..ANY }, None),
        (&data("p256-fixed.bin"), Policy { slot_address: Some(0x0802_0000), ..ANY }, None),
        (
            &data("p256-fixed.bin"),
            Policy { slot_address: Some(0x0804_0000), ..ANY },
            Some(codes::LOAD_ADDRESS),
        ),
        (
            &data("p256-depends.bin"),
            Policy { dependencies: Dependencies::Refuse, ..ANY },
            Some(codes::DEPENDENCY),
        ),
        (&plain, Policy::default(), None),
        (&plain, Policy { slot_address: Some(0x0802_0000), ..ANY }, None),
    ];
    for (index, (bytes, policy, expected)) in cases.iter().enumerate() {
        assert_eq!(code(check_with(*bytes, &[key()], policy)), *expected, "case {index}");
        // Whatever the policy says, a wrong signature is what counts: unauthentic values decide nothing.
        let mut damaged = bytes.to_vec();
        let image = Image::parse(&damaged[..], LIMITS).expect("parses");
        let signature = image.signature().expect("is signed");
        let last = signature.offset as usize + usize::from(signature.len) - 1;
        damaged[last] ^= 1;
        if *expected != Some(codes::LOAD_ADDRESS) {
            assert_eq!(
                code(check_with(&damaged[..], &[key()], policy)),
                Some(codes::SIGNATURE_INVALID),
                "case {index}"
            );
        }
    }
}

#[test]
fn builder_gives_the_same_bytes_but_for_the_signature() {
    let app = data("app.bin");
    let signer = signing_key("p256.pem");
    let new = || Builder::new(VERSION);
    let recipes = [
        ("p256.bin", new()),
        ("p256-ids.bin", new().security_counter(7).vendor_id(VENDOR_ID).class_id(CLASS_ID)),
        (
            "p256-custom.bin",
            new()
                .security_counter(7)
                .custom_tlv(0x03a0, &[0x11, 0x22, 0x33, 0x44, 0x55])
                .custom_tlv(0xb1, b"text"),
        ),
        ("p256-full.bin", new().key_format(KeyFormat::Full)),
        ("p256-fixed.bin", new().rom_fixed(0x0802_0000)),
        ("p256-ram.bin", new().ram_load(0x2400_0000)),
        ("p256-data.bin", new().non_bootable()),
        ("small.bin", new().header_size(0x20).security_counter(7)),
    ];
    for (name, recipe) in recipes {
        let theirs = data(name);
        let ours = recipe.build(&app, Some(&signer), &mut Software).expect("builds");
        assert_equal_but_for_signature(name, &ours, &theirs);
    }
    let unsigned = new().build(&app, None, &mut Software).expect("builds");
    assert!(unsigned == data("unsigned.bin"), "unsigned.bin");
}

/// Signatures are random and 70 to 72 bytes, so the total of the area differs with them.
fn assert_equal_but_for_signature(name: &str, ours: &[u8], theirs: &[u8]) {
    let parse = |bytes: &[u8]| Image::parse(bytes, LIMITS).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (a, b) = (parse(ours), parse(theirs));
    let (covered, info_end) = (a.protected().end as usize, a.unprotected().start as usize + 4);
    assert!(ours[..covered] == theirs[..covered], "{name}: header, payload or protected TLVs differ");
    let (sig_a, sig_b) = (a.signature().expect("signed"), b.signature().expect("signed"));
    assert_eq!(sig_a.ty, sig_b.ty);
    assert_eq!(sig_a.offset, sig_b.offset, "{name}: what is before the signature differs");
    // Up to the type of the signature; its length is part of the signature.
    let end = sig_a.offset as usize - 2;
    assert!(ours[info_end..end] == theirs[info_end..end], "{name}: hash or key differ");
    assert_eq!(a.size() as usize, ours.len());
}

#[test]
fn padding_is_that_of_imgtool() {
    for (name, max_align, trailer) in [("padded8.bin", 8, 2 * 8 + 16), ("padded32.bin", 32, 2 * 32 + 32)] {
        let theirs = data(name);
        let size = Image::parse(&theirs[..], LIMITS).expect("parses").size() as usize;
        let mut ours = theirs[..size].to_vec();
        pad_to_slot(&mut ours, 0x800, trailer, max_align).expect("fits");
        assert!(ours == theirs, "{name}");
        assert!(pad_to_slot(&mut ours, 0x800, trailer, max_align).is_err(), "{name}: no room left");
    }
    assert!(pad_to_slot(&mut vec![0; 64], 0x800, 0, 4).is_err());
}

#[test]
fn signing_key_and_image_name_the_same_key() {
    let public = signing_key("p256.pem").public_key();
    let image = Image::parse(&data("p256.bin")[..], LIMITS).expect("parses");
    assert_eq!(image.key_id(), Some(&KeyId::Sha256(public.key_hash(&mut Software))));
    let hash = image.hash().expect("has a hash");
    assert_eq!((hash.ty, hash.len), (TlvType::SHA256, 32));
    assert!(!data("p256.bin")[..].is_empty() && ReadAt::is_empty(&[0_u8; 0][..]));
}
