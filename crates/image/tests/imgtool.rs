//! The format as another tool has it: images made by imgtool (tests/data/make.sh).

mod common;

use common::{
    ANY, LIMITS, app, check, check_with, code, data, holder, key, keys, odd, other_key, signer, signing_key,
};
use ironroot_codes::{Code, image as codes};
use ironroot_crypto::seal::{EncryptionKey, SystemEntropy};
use ironroot_crypto::{HashAlgorithm, KeyBits, Sealing, Software};
use ironroot_image::build::{Builder, KeyFormat, KeySource, Padding, Seal, pad_to_slot};
use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_image::{
    Dependencies, Dependency, Image, Kind, Plain, Policy, RamWindow, ReadAt, TlvType, Version, open_key,
    stated_hash, verify,
};
use ironroot_layout::stm32h735::{CLASS_ID, VENDOR_ID};

const VERSION: Version = Version { major: 1, minor: 2, revision: 3, build: 4 };

/// Every image around the payload of 256 bytes, and how verification with all keys ends.
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
    ("p384.bin", None),
    ("ed25519.bin", None),
    ("ed25519-pure.bin", None),
    ("rsa2048.bin", None),
    ("p256-ram.bin", Some(codes::RAM_LOAD)),
    ("p256-data.bin", Some(codes::NON_BOOTABLE)),
    ("p256-encrypted.bin", Some(codes::ENCRYPTED)),
    ("p256-encrypted256.bin", Some(codes::ENCRYPTED)),
    ("unsigned.bin", Some(codes::SIGNATURE_MISSING)),
];

/// The plain ones around the payload of 250 bytes.
const ODD: [&str; 6] = [
    "p384-full.bin",
    "ed25519-512.bin",
    "ed25519-full.bin",
    "ed25519-pure-full.bin",
    "rsa2048-full.bin",
    "rsa3072.bin",
];

/// The encrypted ones around it, with whom they are sealed for.
const ENCRYPTED: [(&str, &str, Sealing, KeyBits); 9] = [
    ("enc-p256-128.bin", "other", Sealing::EciesP256, KeyBits::Aes128),
    ("enc-p256-256.bin", "other", Sealing::EciesP256, KeyBits::Aes256),
    ("enc-x25519-128.bin", "x25519", Sealing::EciesX25519, KeyBits::Aes128),
    ("enc-x25519-256.bin", "x25519", Sealing::EciesX25519, KeyBits::Aes256),
    ("enc-x25519-sha512-128.bin", "x25519", Sealing::EciesX25519Sha512, KeyBits::Aes128),
    ("enc-x25519-sha512-256.bin", "x25519", Sealing::EciesX25519Sha512, KeyBits::Aes256),
    ("enc-rsa-128.bin", "rsa2048", Sealing::RsaOaep, KeyBits::Aes128),
    ("enc-rsa-256.bin", "rsa2048", Sealing::RsaOaep, KeyBits::Aes256),
    ("enc-p256-clear.bin", "other", Sealing::EciesP256, KeyBits::Aes128),
];

#[test]
fn every_image_is_parsed_and_judged() {
    for (name, expected) in IMAGES {
        let bytes = data(name);
        let image = Image::parse(&bytes[..], LIMITS).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(image.header().version, VERSION, "{name}");
        // An encrypted payload is as long as the plain one only because the plain one is a multiple of 16.
        assert_eq!(image.header().payload_size, 256, "{name}");
        assert_eq!(code(check_with(&bytes[..], &keys(), &ANY)), expected, "{name}");
    }
    for name in ODD {
        let bytes = data(name);
        assert_eq!(code(check_with(&bytes[..], &keys(), &ANY)), None, "{name}");
        let image = Image::parse(&bytes[..], LIMITS).expect("parses");
        assert_eq!(&bytes[image.payload().start as usize..][..250], &odd()[..], "{name}");
    }
}

#[test]
fn another_key_verifies_none() {
    for (name, expected) in IMAGES.into_iter().chain(ODD.map(|name| (name, None))) {
        let result = code(check_with(&data(name)[..], &[other_key()], &ANY));
        assert_eq!(result, Some(expected.unwrap_or(codes::UNKNOWN_KEY)), "{name}");
    }
    assert_eq!(code(check_with(&data("p256.bin")[..], &[], &ANY)), Some(codes::NO_TRUSTED_KEYS));
}

#[test]
fn encrypted_images_open_and_verify() {
    let policy = Policy { encrypted: true, ..ANY };
    for (name, recipient, sealing, bits) in ENCRYPTED {
        let bytes = data(name);
        let image = Image::parse(&bytes[..], LIMITS).unwrap_or_else(|error| panic!("{name}: {error}"));
        let encryption = image.encryption().expect("is encrypted");
        assert_eq!((encryption.sealing, encryption.bits), (sealing, bits), "{name}");
        assert_eq!(code(check_with(&bytes[..], &keys(), &ANY)), Some(codes::ENCRYPTED), "{name}");

        let holder = holder(recipient);
        let key = open_key(&image, &bytes[..], &*holder).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.bits(), bits);
        let plain = Plain::new(&bytes[..], &image, &key, &*holder);
        let clear = name.contains("clear");
        let as_stored = code(check_with(&bytes[..], &keys(), &policy));
        let decrypted = verify(&image, &plain, &keys(), &policy, &mut Software).map(|_| ());
        if clear {
            assert_eq!(as_stored, None, "{name}");
            assert_eq!(decrypted.map_err(|error| error.code()), Err(codes::HASH_MISMATCH), "{name}");
            continue;
        }
        assert_eq!(as_stored, Some(codes::HASH_MISMATCH), "{name}");
        assert_eq!(decrypted, Ok(()), "{name}");

        // The view at every offset and length, and what is outside the payload as it is.
        let mut payload = odd();
        payload.resize(image.header().payload_size as usize, 0);
        let start = image.payload().start as usize;
        let mut expected = bytes.clone();
        expected[start..start + payload.len()].copy_from_slice(&payload);
        for (offset, len) in (0..bytes.len()).flat_map(|offset| [1, 3, 16, 33, 100].map(|len| (offset, len)))
        {
            let mut read = vec![0; len.min(bytes.len() - offset)];
            plain.read_at(offset as u32, &mut read).expect("reads");
            assert_eq!(read, expected[offset..offset + read.len()], "{name}: {len} at {offset}");
        }
        assert!(plain.read_at(bytes.len() as u32, &mut [0]).is_err());
        // Another device, and a holder of another kind.
        for (wrong, expected) in [("p256", codes::IMAGE_KEY_REFUSED), ("kw", codes::IMAGE_KEY_UNSUPPORTED)] {
            let expected =
                if sealing == Sealing::EciesP256 { expected } else { codes::IMAGE_KEY_UNSUPPORTED };
            let error = open_key(&image, &bytes[..], &*common::holder(wrong)).expect_err("not for this key");
            assert_eq!(error.code(), expected, "{name} {wrong}");
        }
    }
}

#[test]
fn every_bit_of_a_sealed_key_counts() {
    for (name, recipient, _, _) in ENCRYPTED {
        // RSA is slow, and one damaged bit is like the other there.
        let step = if recipient == "rsa2048" { 97 } else { 1 };
        let mut bytes = data(name);
        let image = Image::parse(&bytes[..], LIMITS).expect("parses");
        let tlv = image.encryption().expect("is encrypted").tlv;
        let holder = holder(recipient);
        for bit in (0..usize::from(tlv.len) * 8).step_by(step) {
            let at = tlv.offset as usize + bit / 8;
            bytes[at] ^= 1 << (bit % 8);
            let error = open_key(&image, &bytes[..], &*holder).map(|_| ());
            // X25519 ignores the top bit of its public key, which is no part of the number.
            if recipient == "x25519" && bit == 255 {
                assert_eq!(error, Ok(()));
            } else {
                assert_eq!(
                    error.map_err(|error| error.code()),
                    Err(codes::IMAGE_KEY_REFUSED),
                    "{name}: {bit}"
                );
            }
            bytes[at] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_verified_image_says_what_it_is() {
    let bytes = data("p256-ids.bin");
    let verified = check_with(&bytes[..], &[other_key(), key()], &ANY).expect("verifies");
    let image = verified.image();
    assert_eq!(verified.key_index(), 1);
    let id = image.key_id().expect("names a key");
    assert_eq!(id.ty, TlvType::KEYHASH);
    assert_eq!(verified.key_hash()[..], bytes[id.offset as usize..][..32]);
    assert_eq!(*verified.hash(), stated_hash(image, &bytes[..]).expect("reads"));
    assert_eq!(verified.digest()[..], *verified.hash().as_bytes());
    assert_eq!(verified.security_counter(), Some(7));
    assert_eq!(image.payload(), 0x400..0x500);
    assert_eq!(image.size() as usize, bytes.len());
    assert!(verified.is_intact().is_accepted());
    let kinds: Vec<_> = image.tlvs(&bytes[..]).map(|tlv| tlv.expect("parsed before").ty.kind).collect();
    let expected =
        [Kind::SecurityCounter, Kind::VendorId, Kind::ClassId, Kind::Hash, Kind::KeyId, Kind::Signature];
    assert_eq!(kinds, expected);
    let longer = data("p384.bin");
    let verified = check_with(&longer[..], &keys(), &ANY).expect("verifies");
    assert_eq!(verified.hash().algorithm(), HashAlgorithm::Sha384);
    assert_eq!(verified.digest()[..], verified.hash().as_bytes()[..32]);
}

#[test]
fn dependencies_are_listed() {
    let bytes = data("ed25519-512.bin");
    let image = Image::parse(&bytes[..], LIMITS).expect("parses");
    let list: Result<Vec<_>, _> = image.dependency_list(&bytes[..]).collect();
    let version = |major, minor, revision, build| Version { major, minor, revision, build };
    let expected = [
        Dependency { image: 1, version: version(2, 3, 4, 5) },
        Dependency { image: 7, version: version(1, 0, 0, 0) },
    ];
    assert_eq!(list.expect("well-formed"), expected);
    assert_eq!(image.dependencies(), 2);
    // The reserved bytes behind the number of the image.
    let at = image.tlvs(&bytes[..]).next().expect("one").expect("parsed before").offset as usize;
    let mut damaged = bytes.clone();
    damaged[at + 2] = 1;
    let list: Result<Vec<_>, _> = image.dependency_list(&damaged[..]).collect();
    assert_eq!(list.map_err(|error| error.code()), Err(codes::TLV_VALUE));
}

#[test]
fn policy_is_asked_after_the_signature() {
    let ids = data("p256-ids.bin");
    let plain = data("p256.bin");
    let ram = data("p256-ram.bin");
    let parsed = Image::parse(&ids[..], LIMITS).expect("parses");
    let (vendor_id, class_id) = (parsed.vendor_id().copied(), parsed.class_id().copied());
    let wrong = Some([0x5a; 16]);
    let cases: [(&[u8], Policy, Option<Code>); 12] = [
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
        (&data("p256-data.bin"), Policy { non_bootable: true, ..ANY }, None),
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
    let size = Image::parse(&ram[..], LIMITS).expect("parses").size();
    let window = |start, size| Policy { ram_load: Some(RamWindow { start, size }), ..ANY };
    let cases = [
        (&ram, window(0x2400_0000, size), None),
        (&ram, window(0x2400_0000, size - 1), Some(codes::RAM_WINDOW)),
        (&ram, window(0x2400_0001, size), Some(codes::RAM_WINDOW)),
        (&ram, window(0x23FF_FFFF, size), Some(codes::RAM_WINDOW)),
        (&ram, window(0, u32::MAX), None),
        (&plain, window(0, u32::MAX), Some(codes::NOT_RAM_LOAD)),
    ];
    for (bytes, policy, expected) in cases {
        assert_eq!(code(check_with(&bytes[..], &[key()], &policy)), expected, "{policy:?}");
    }
}

fn plain_recipes() -> Vec<(&'static str, &'static str, Builder)> {
    let new = || Builder::new(VERSION);
    let tiny = || new().header_size(0x20);
    let version = |major, minor, revision, build| Version { major, minor, revision, build };
    vec![
        ("p256.bin", "p256", new()),
        ("p256-ids.bin", "p256", new().security_counter(7).vendor_id(VENDOR_ID).class_id(CLASS_ID)),
        (
            "p256-custom.bin",
            "p256",
            new()
                .security_counter(7)
                .custom_tlv(0x03a0, &[0x11, 0x22, 0x33, 0x44, 0x55])
                .custom_tlv(0xb1, b"text"),
        ),
        ("p256-full.bin", "p256", new().key_format(KeyFormat::Full)),
        ("p256-fixed.bin", "p256", new().rom_fixed(0x0802_0000)),
        ("p256-ram.bin", "p256", new().ram_load(0x2400_0000)),
        ("p256-data.bin", "p256", new().non_bootable()),
        ("p256-record.bin", "p256", new().boot_record("SPE")),
        ("p256-depends.bin", "p256", new().dependency(1, version(2, 0, 0, 0))),
        ("small.bin", "p256", tiny().security_counter(7)),
        ("p384.bin", "p384", new()),
        ("ed25519.bin", "ed25519", new()),
        ("ed25519-pure.bin", "ed25519", new().pure(true)),
        ("rsa2048.bin", "rsa2048", new()),
        ("p384-full.bin", "p384", tiny().key_format(KeyFormat::Full).boot_record("SPE")),
        (
            "ed25519-512.bin",
            "ed25519",
            tiny()
                .hash(HashAlgorithm::Sha512)
                .dependency(1, version(2, 3, 4, 5))
                .dependency(7, version(1, 0, 0, 0)),
        ),
        ("ed25519-full.bin", "ed25519", tiny().key_format(KeyFormat::Full).boot_record("CoFM")),
        (
            "ed25519-pure-full.bin",
            "ed25519",
            tiny().pure(true).key_format(KeyFormat::Full).security_counter(0x0102_0003),
        ),
        ("rsa2048-full.bin", "rsa2048", tiny().key_format(KeyFormat::Full)),
        (
            "rsa3072.bin",
            "rsa3072",
            tiny().security_counter(9).boot_record("NSPE").vendor_id(VENDOR_ID).class_id(CLASS_ID),
        ),
    ]
}

#[test]
fn builder_gives_the_same_bytes_but_for_random_signatures() {
    for (name, key, recipe) in plain_recipes() {
        let theirs = data(name);
        let payload = if Image::parse(&theirs[..], LIMITS).expect("parses").header().payload_size == 250 {
            odd()
        } else {
            app()
        };
        let signer = signer(key);
        let ours = recipe.build(&payload, Some(&*signer), &mut Software).expect("builds");
        // Ed25519 has no random number: everything is equal.
        if key == "ed25519" {
            assert!(ours == theirs, "{name}");
        }
        assert_equal_but_for_signature(name, &ours, &theirs);
        assert_eq!(
            code(check_with(&ours[..], &keys(), &Policy { ram_load: None, ..ANY })),
            code(check_with(&theirs[..], &keys(), &ANY)),
            "{name}"
        );
        // The same inputs give the same bytes, whatever the algorithm.
        assert!(ours == recipe.build(&payload, Some(&*signer), &mut Software).expect("builds"), "{name}");
    }
    let unsigned = Builder::new(VERSION).build(&app(), None, &mut Software).expect("builds");
    assert!(unsigned == data("unsigned.bin"), "unsigned.bin");
}

/// Signatures are random and of random length, so the total of the area differs with them.
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
fn encrypted_images_are_those_of_imgtool() {
    let policy = Policy { encrypted: true, ..ANY };
    for (name, recipient, sealing, bits) in ENCRYPTED {
        let theirs = data(name);
        let parsed = Image::parse(&theirs[..], LIMITS).expect("parses");
        let holder = holder(recipient);
        let key = open_key(&parsed, &theirs[..], &*holder).expect("opens");
        let signing = match recipient {
            "other" => "p256",
            "x25519" => "ed25519",
            rsa => rsa,
        };
        let signer = signer(signing);
        let to = EncryptionKey::from_der(&common::public_der(recipient)).expect("a key that seals");
        let recipe = Builder::new(VERSION).header_size(parsed.header().header_size).encrypted(bits);
        let write = |source: KeySource<'_>| {
            let mut image = Vec::new();
            let seal = Seal { to: &to, sealing, source, clear: name.contains("clear") };
            let built = recipe
                .write(&&odd()[..], Some(&*signer), Some(seal), &mut Software, &mut |piece| {
                    image.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(built.size as usize, image.len());
            assert_eq!(usize::from(built.sealed_len), sealing.sealed_len(bits));
            image
        };
        // With their image key: header and ciphertext to the byte.
        let ours = write(KeySource::Given(&key, &mut SystemEntropy));
        assert_equal_but_for_signature(name, &ours, &theirs);
        let mine = Image::parse(&ours[..], LIMITS).expect("parses");
        let opened = open_key(&mine, &ours[..], &*holder).expect("opens");
        assert_eq!(opened.as_bytes(), key.as_bytes());

        // With a derived one: the same twice, another for another secret, and it verifies.
        let derived = write(KeySource::Derived(b"a secret of more than 16 bytes"));
        assert!(derived == write(KeySource::Derived(b"a secret of more than 16 bytes")), "{name}");
        assert!(derived != write(KeySource::Derived(b"another secret of more than 16 bytes")), "{name}");
        assert!(ours != write(KeySource::Random(&mut SystemEntropy)), "{name}");
        let image = Image::parse(&derived[..], LIMITS).expect("parses");
        let key = open_key(&image, &derived[..], &*holder).expect("opens");
        let verified = if name.contains("clear") {
            verify(&image, &derived[..], &keys(), &policy, &mut Software)
        } else {
            verify(&image, &Plain::new(&derived[..], &image, &key, &*holder), &keys(), &policy, &mut Software)
        };
        assert_eq!(code(verified), None, "{name}");
    }
}

#[test]
fn two_images_never_share_a_derived_key() {
    let holder = holder("other");
    let to = EncryptionKey::from_der(&common::public_der("other")).expect("a key that seals");
    let mut keys = Vec::new();
    for (payload, counter) in [(app(), 1), (odd(), 1), (app(), 2)] {
        let recipe = Builder::new(VERSION).security_counter(counter).encrypted(KeyBits::Aes128);
        let source = KeySource::Derived(b"the same secret in each of them");
        let seal = Seal { to: &to, sealing: Sealing::EciesP256, source, clear: false };
        let mut image = Vec::new();
        recipe
            .write(&&payload[..], Some(&signing_key("p256.pem")), Some(seal), &mut Software, &mut |piece| {
                image.extend_from_slice(piece);
                Ok(())
            })
            .expect("builds");
        let parsed = Image::parse(&image[..], LIMITS).expect("parses");
        keys.push(open_key(&parsed, &image[..], &*holder).expect("opens").as_bytes().to_vec());
    }
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
}

#[test]
fn what_is_signed_elsewhere_is_what_is_hashed() {
    for (name, key, recipe) in plain_recipes() {
        let theirs = data(name);
        let image = Image::parse(&theirs[..], LIMITS).expect("parses");
        let payload = theirs[image.payload().start as usize..image.payload().end as usize].to_vec();
        let public = signer(key).public_key();
        let mut covered = Vec::new();
        let digest = recipe
            .covered(&&payload[..], Some(&public), &mut Software, &mut |piece| {
                covered.extend_from_slice(piece);
                Ok(())
            })
            .expect("builds");
        assert!(covered == theirs[..image.protected().end as usize], "{name}");
        assert_eq!(Ok(digest), stated_hash(&image, &theirs[..]), "{name}");
        // Their signature, attached to our image.
        let tlv = image.signature().expect("signed");
        let signature = theirs[tlv.offset as usize..][..usize::from(tlv.len)].to_vec();
        let attached = ironroot_crypto::Attached { public_key: public, signature };
        assert!(recipe.build(&payload, Some(&attached), &mut Software).expect("builds") == theirs, "{name}");
    }
}

/// A slot with its trailer, and the parameters that imgtool was given.
#[test]
fn padding_is_that_of_imgtool() {
    let layout =
        |write, align, keys| TrailerLayout::new(Mode::SwapMove, write, align, 4, keys).expect("valid");
    let overwrite =
        |align| TrailerLayout::new(Mode::OverwriteOnly, 8, align, 4, SavedKeys::None).expect("valid");
    let cases = [
        ("padded8.bin", overwrite(8), 0xFF, false),
        ("padded32.bin", overwrite(32), 0xFF, false),
        ("slot-align8.bin", layout(8, 8, SavedKeys::None), 0xFF, false),
        ("slot-align8-confirm.bin", layout(4, 8, SavedKeys::None), 0xFF, true),
        ("slot-align16-confirm.bin", layout(16, 16, SavedKeys::None), 0xFF, true),
        ("slot-align32-confirm-erased0.bin", layout(32, 32, SavedKeys::None), 0, true),
        ("slot-max32.bin", layout(8, 32, SavedKeys::None), 0xFF, false),
        ("slot-overwrite-confirm.bin", overwrite(8), 0xFF, true),
        ("slot-enc.bin", layout(8, 8, SavedKeys::Plain(16)), 0xFF, false),
        ("slot-enc256-saved.bin", layout(16, 16, SavedKeys::Sealed(129)), 0xFF, true),
    ];
    for (name, layout, erased, confirm) in cases {
        let theirs = data(name);
        let size = Image::parse(&theirs[..], LIMITS).expect("parses").size();
        let mut ours = theirs[..size as usize].to_vec();
        let padding = Padding { slot_size: 0x800, layout, erased, confirm };
        let write = |ours: &mut Vec<u8>, padding: Padding| {
            padding.write(size, &mut |piece| {
                ours.extend_from_slice(piece);
                Ok(())
            })
        };
        write(&mut ours, padding).expect("fits");
        assert!(ours == theirs, "{name}");
        // The last image that fits, and the first that does not.
        let room = 0x800 - layout.imgtool_size();
        assert_eq!((padding.check(room).is_ok(), padding.check(room + 1).is_ok()), (true, false), "{name}");
        let small = Padding { slot_size: size + layout.imgtool_size() - 1, ..padding };
        assert!(write(&mut Vec::new(), small).is_err(), "{name}");
    }
    let theirs = data("padded32.bin");
    let size = Image::parse(&theirs[..], LIMITS).expect("parses").size() as usize;
    let mut ours = theirs[..size].to_vec();
    pad_to_slot(&mut ours, 0x800, 2 * 32 + 32, 32).expect("fits");
    assert!(ours == theirs);
    assert!(pad_to_slot(&mut ours, 0x800, 2 * 32 + 32, 32).is_err(), "no room left");
    assert!(pad_to_slot(&mut vec![0; 64], 0x800, 0, 4).is_err());
}

#[test]
fn signing_key_and_image_name_the_same_key() {
    let public = signing_key("p256.pem").public_key();
    let bytes = data("p256.bin");
    let image = Image::parse(&bytes[..], LIMITS).expect("parses");
    let id = image.key_id().expect("names a key");
    assert_eq!(bytes[id.offset as usize..][..32], public.key_hash(&mut Software));
    let hash = image.hash().expect("has a hash");
    assert_eq!((hash.ty, hash.len), (TlvType::SHA256, 32));
    assert!(!data("p256.bin")[..].is_empty() && ReadAt::is_empty(&[0_u8; 0][..]));
    assert_eq!(code(check(&bytes[..])), None);
}
