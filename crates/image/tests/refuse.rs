//! What must be refused, and by which check.

mod common;

use std::cell::Cell;

use common::{ANY, LIMITS, check, check_with, code, data, key, signing_key};
use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Sha256Digest, Software, Verdict};
use ironroot_image::build::{BuildError, Builder};
use ironroot_image::{Image, Limits, ReadAt, ReadError, Version, verify};

/// Every bit of an image, one at a time: the refusal is that of the region's own check.
#[test]
fn every_flipped_bit_is_refused() {
    for name in ["small.bin", "p256-ids.bin"] {
        let good = data(name);
        let image = Image::parse(&good[..], LIMITS).expect("parses");
        let tlvs: Vec<_> = image.tlvs(&good[..]).map(|tlv| tlv.expect("parsed before")).collect();
        let keys = [key()];
        let mut bytes = good.clone();
        for bit in 0..image.size() as usize * 8 {
            let at = (bit / 8) as u32;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let actual = code(check_with(&bytes[..], &keys, &ANY));
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Some(actual) = actual else { panic!("{name}: bit {bit} was accepted") };
            let in_value =
                tlvs.iter().find(|tlv| (tlv.offset..tlv.offset + u32::from(tlv.len)).contains(&at));
            let expected: &[Code] = match in_value.map(|tlv| tlv.ty.name()) {
                Some("SHA256" | "SEC_CNT" | "UUID_VID" | "UUID_CID") => &[codes::HASH_MISMATCH],
                Some("KEYHASH") => &[codes::UNKNOWN_KEY],
                Some("ECDSASIG") => &[codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED],
                Some(other) => panic!("{name}: no expectation for {other}"),
                // The fields of the version, the padding and the payload have no structure of their own.
                None if (20..28).contains(&at) || (32..image.payload().end).contains(&at) => {
                    &[codes::HASH_MISMATCH]
                }
                // Header fields, info headers and TLV headers: one of the structural checks.
                None => {
                    assert!((2001..2310).contains(&actual.number()), "{name}: bit {bit} gives {actual}");
                    continue;
                }
            };
            assert!(expected.contains(&actual), "{name}: bit {bit} gives {actual}, not {expected:?}");
        }
        assert!(bytes == good && code(check(&bytes[..])).is_none(), "the untouched image still verifies");
    }
}

#[test]
fn every_truncation_is_refused() {
    for name in ["small.bin", "p256-ids.bin", "p256-encrypted.bin"] {
        let good = data(name);
        for len in 0..good.len() {
            let result = Image::parse(&good[..len], LIMITS).map_err(|error| error.code());
            assert_eq!(result.err(), Some(codes::TRUNCATED), "{name} at {len}");
        }
    }
}

#[test]
fn the_slot_bounds_the_image() {
    let good = data("small.bin");
    let size = good.len() as u32;
    for (max_size, expected) in
        [(size, None), (size - 1, Some(codes::TOO_LARGE)), (0, Some(codes::TOO_LARGE))]
    {
        let result = Image::parse(&good[..], Limits { max_size, ..LIMITS });
        assert_eq!(result.err().map(|error| error.code()), expected, "{max_size}");
    }
    // Sizes that overflow are too large, not small.
    for field in [12, 10, 8] {
        let mut bytes = good.clone();
        bytes[field..field + 2].fill(0xFF);
        bytes[14..16].fill(0xFF);
        assert_eq!(code(check(&bytes[..])), Some(codes::TOO_LARGE));
    }
}

/// An image put together by hand around a payload: TLVs as given, the hash right, the signature right.
struct Craft {
    flags: u32,
    protected: Vec<u8>,
    stated_protected: Option<u16>,
    protected_magic: u16,
    before: Vec<u8>,
    after: Vec<u8>,
    extra_total: i32,
}

impl Default for Craft {
    fn default() -> Self {
        Self {
            flags: 0,
            protected: Vec::new(),
            stated_protected: None,
            protected_magic: 0x6908,
            before: Vec::new(),
            after: Vec::new(),
            extra_total: 0,
        }
    }
}

fn tlv(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((value.len() as u16).to_le_bytes());
    bytes.extend(value);
    bytes
}

impl Craft {
    fn build(&self) -> Vec<u8> {
        let mut protected = Vec::new();
        if !self.protected.is_empty() {
            protected.extend(self.protected_magic.to_le_bytes());
            protected.extend((self.protected.len() as u16 + 4).to_le_bytes());
            protected.extend(&self.protected);
        }
        let plan = Builder::new(Version::default()).header_size(32).plan(64, None, &mut Software);
        let mut image = plan.expect("a header").header().to_vec();
        image[10..12].copy_from_slice(&self.stated_protected.unwrap_or(protected.len() as u16).to_le_bytes());
        image[16..20].copy_from_slice(&self.flags.to_le_bytes());
        image.extend([0x11; 64]);
        image.extend(protected);
        let signer = signing_key("p256.pem");
        let digest = Software.sha256_of(&image);
        let mut area = self.before.clone();
        area.extend(tlv(0x10, &digest));
        area.extend(tlv(0x01, &signer.public_key().key_hash(&mut Software)));
        area.extend(tlv(0x22, &signer.sign_digest(&digest).expect("signs")));
        area.extend(&self.after);
        image.extend(0x6907_u16.to_le_bytes());
        image.extend(((area.len() as i32 + 4 + self.extra_total) as u16).to_le_bytes());
        image.extend(area);
        image.extend([0xFF; 64]);
        image
    }
}

#[test]
fn every_trick_with_tlvs_has_its_code() {
    let new = Craft::default;
    let counter = tlv(0x50, &[1, 0, 0, 0]);
    let vendor = tlv(0x74, &[1; 16]);
    let cases = [
        ("nothing wrong", new(), None),
        ("a counter", Craft { protected: counter.clone(), ..new() }, None),
        (
            "several dependencies and custom TLVs",
            Craft {
                protected: [tlv(0x40, &[0; 12]), tlv(0x40, &[1; 12]), tlv(0x1a1, b""), tlv(0xa0, b"x")]
                    .concat(),
                ..new()
            },
            None,
        ),
        (
            "a counter twice",
            Craft { protected: [counter.clone(), counter.clone()].concat(), ..new() },
            Some(codes::TLV_DUPLICATE),
        ),
        (
            "a vendor twice",
            Craft { protected: [vendor.clone(), vendor.clone()].concat(), ..new() },
            Some(codes::TLV_DUPLICATE),
        ),
        (
            "a counter nobody signed",
            Craft { before: counter.clone(), ..new() },
            Some(codes::TLV_WRONG_SECTION),
        ),
        (
            "a custom TLV nobody signed",
            Craft { after: tlv(0xa0, b"x"), ..new() },
            Some(codes::TLV_WRONG_SECTION),
        ),
        (
            "a protected hash",
            Craft { protected: tlv(0x10, &[0; 32]), ..new() },
            Some(codes::TLV_WRONG_SECTION),
        ),
        ("a second hash", Craft { before: tlv(0x10, &[0; 32]), ..new() }, Some(codes::TLV_DUPLICATE)),
        ("a longer hash besides", Craft { after: tlv(0x11, &[0; 48]), ..new() }, Some(codes::TLV_DUPLICATE)),
        ("a second key", Craft { before: tlv(0x01, &[0; 32]), ..new() }, Some(codes::TLV_DUPLICATE)),
        ("a second signature", Craft { after: tlv(0x22, &[0x30; 70]), ..new() }, Some(codes::TLV_DUPLICATE)),
        ("an empty hash", Craft { before: tlv(0x10, b""), ..new() }, Some(codes::TLV_LENGTH)),
        ("a short counter", Craft { protected: tlv(0x50, &[1, 0]), ..new() }, Some(codes::TLV_LENGTH)),
        ("a long vendor", Craft { protected: tlv(0x74, &[1; 17]), ..new() }, Some(codes::TLV_LENGTH)),
        ("an unknown type", Craft { after: tlv(0x0d, b"?"), ..new() }, Some(codes::TLV_UNKNOWN)),
        ("type 0xffff", Craft { protected: tlv(0xffff, b""), ..new() }, Some(codes::TLV_UNKNOWN)),
        ("type 0x9f", Craft { protected: tlv(0x9f, b""), ..new() }, Some(codes::TLV_UNKNOWN)),
        ("the last vendor type", Craft { protected: tlv(0xff, b""), ..new() }, None),
        (
            "a key hash of another length",
            Craft { before: tlv(0x01, &[0; 48]), ..new() },
            Some(codes::TLV_DUPLICATE),
        ),
        (
            "an unknown protected type",
            Craft { protected: tlv(0x80, b"?"), ..new() },
            Some(codes::TLV_UNKNOWN),
        ),
        (
            "a value out of its area",
            Craft { protected: [0x50, 0, 5, 0, 1, 2, 3, 4].to_vec(), ..new() },
            Some(codes::TLV_OUT_OF_AREA),
        ),
        ("a header out of its area", Craft { after: vec![0x22], ..new() }, Some(codes::TLV_OUT_OF_AREA)),
        (
            "a protected area that the header does not state",
            Craft { protected: counter.clone(), stated_protected: Some(0), ..new() },
            Some(codes::PROTECTED_SIZE),
        ),
        (
            "a protected area that the header makes longer",
            Craft { protected: counter.clone(), stated_protected: Some(13), ..new() },
            Some(codes::PROTECTED_SIZE),
        ),
        (
            "a stated area without one",
            Craft { stated_protected: Some(4), ..new() },
            Some(codes::PROTECTED_MISSING),
        ),
        (
            "a protected area with the other magic",
            Craft { protected: counter, protected_magic: 0x6907, ..new() },
            Some(codes::PROTECTED_MISSING),
        ),
        ("a total that cuts the last TLV", Craft { extra_total: -1, ..new() }, Some(codes::TLV_OUT_OF_AREA)),
        ("a total behind the end", Craft { extra_total: 500, ..new() }, Some(codes::TRUNCATED)),
        ("a total that takes padding in", Craft { extra_total: 1, ..new() }, Some(codes::TLV_OUT_OF_AREA)),
        ("an encryption flag alone", Craft { flags: 4, ..new() }, Some(codes::ENCRYPTION_MISMATCH)),
        ("both encryption flags", Craft { flags: 12, ..new() }, Some(codes::ENCRYPTION_MISMATCH)),
        (
            "an encrypted key alone",
            Craft { after: tlv(0x32, &[4; 113]), ..new() },
            Some(codes::ENCRYPTION_MISMATCH),
        ),
        (
            "a key of the other length",
            Craft { flags: 8, after: tlv(0x32, &[4; 113]), ..new() },
            Some(codes::ENCRYPTION_MISMATCH),
        ),
        (
            "an encrypted image",
            Craft { flags: 4, after: tlv(0x32, &[4; 113]), ..new() },
            Some(codes::ENCRYPTED),
        ),
        ("a compressed image", Craft { flags: 0x400, ..new() }, Some(codes::COMPRESSED)),
        ("a position-independent image", Craft { flags: 1, ..new() }, Some(codes::POSITION_INDEPENDENT)),
        ("a flag of another dialect", Craft { flags: 2, ..new() }, Some(codes::RESERVED_FLAGS)),
        ("the highest flag", Craft { flags: 1 << 31, ..new() }, Some(codes::RESERVED_FLAGS)),
        (
            "a pure signature by a key that signs digests",
            Craft { before: tlv(0x25, &[1]), ..new() },
            Some(codes::SIGNATURE_NOT_FOR_KEY),
        ),
        ("a pure mark that says no", Craft { before: tlv(0x25, &[0]), ..new() }, Some(codes::TLV_VALUE)),
    ];
    for (name, craft, expected) in cases {
        assert_eq!(code(check(&craft.build()[..])), expected, "{name}");
    }
}

#[test]
fn missing_pieces_have_their_codes() {
    // The unprotected area of a signed image, rebuilt from some of its TLVs.
    let good = data("small.bin");
    let image = Image::parse(&good[..], LIMITS).expect("parses");
    let start = image.unprotected().start as usize;
    let tlvs: Vec<&[u8]> = image
        .tlvs(&good[..])
        .map(|tlv| tlv.expect("parsed before"))
        .filter(|tlv| tlv.offset as usize > start)
        .map(|tlv| &good[tlv.offset as usize - 4..tlv.offset as usize + usize::from(tlv.len)])
        .collect();
    let [hash, key_id, signature] = tlvs[..] else { panic!("three TLVs") };
    let cases: [(&[&[u8]], Option<Code>); 7] = [
        (&[hash, key_id, signature], None),
        (&[key_id, signature, hash], None),
        (&[key_id, signature], Some(codes::HASH_MISSING)),
        (&[hash, key_id], Some(codes::SIGNATURE_MISSING)),
        (&[hash, signature], Some(codes::KEY_ID_MISSING)),
        (&[hash, signature, key_id], Some(codes::TLV_ORDER)),
        (&[], Some(codes::HASH_MISSING)),
    ];
    for (index, (parts, expected)) in cases.into_iter().enumerate() {
        let area = parts.concat();
        let mut bytes = good[..start].to_vec();
        bytes.extend(0x6907_u16.to_le_bytes());
        bytes.extend((area.len() as u16 + 4).to_le_bytes());
        bytes.extend(area);
        assert_eq!(code(check(&bytes[..])), expected, "case {index}");
    }
    for (total, expected) in [(0_u16, codes::TLV_SIZE), (3, codes::TLV_SIZE)] {
        let mut bytes = good.clone();
        bytes[start + 2..start + 4].copy_from_slice(&total.to_le_bytes());
        assert_eq!(code(check(&bytes[..])), Some(expected));
    }
    let mut bytes = good.clone();
    bytes[start] ^= 0x10;
    assert_eq!(code(check(&bytes[..])), Some(codes::TLV_INFO_MISSING));
}

#[test]
fn header_fields_have_their_codes() {
    let cases: [(usize, &[u8], Code); 8] = [
        (0, &[0x3c], codes::BAD_MAGIC),
        (0, &[0xff; 4], codes::BAD_MAGIC),
        (4, &[1], codes::LOAD_ADDRESS),
        (8, &[31, 0], codes::HEADER_SIZE),
        (8, &[0, 0], codes::HEADER_SIZE),
        (12, &[0; 4], codes::EMPTY_PAYLOAD),
        (16, &[0x40], codes::RESERVED_FLAGS),
        (28, &[1], codes::RESERVED_FIELD),
    ];
    for (offset, value, expected) in cases {
        let mut bytes = data("small.bin");
        bytes[offset..offset + value.len()].copy_from_slice(value);
        assert_eq!(code(check(&bytes[..])), Some(expected), "offset {offset}");
    }
}

/// Flash in which one byte cannot be read.
struct Broken<'a>(&'a [u8], u32);

impl ReadAt for Broken<'_> {
    fn len(&self) -> u32 {
        ReadAt::len(self.0)
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.saturating_add(buffer.len() as u32);
        if (offset..end).contains(&self.1) {
            Err(ReadError::Unreadable)
        } else {
            self.0.read_at(offset, buffer)
        }
    }
}

#[test]
fn an_unreadable_byte_anywhere_is_refused() {
    let good = data("small.bin");
    for at in 0..good.len() as u32 {
        assert_eq!(code(check(&Broken(&good, at))), Some(codes::READ_FAILED), "byte {at}");
    }
}

/// Memory that shows another security counter to the first reading than to all later ones.
struct Changing<'a>(&'a [u8], u32, Cell<bool>);

impl ReadAt for Changing<'_> {
    fn len(&self) -> u32 {
        ReadAt::len(self.0)
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_at(offset, buffer)?;
        if offset == self.1 && !self.2.replace(true) {
            buffer[0] = 99;
        }
        Ok(())
    }
}

#[test]
fn a_value_that_was_not_hashed_is_not_believed() {
    let good = data("small.bin");
    let image = Image::parse(&good[..], LIMITS).expect("parses");
    let counter = image.tlvs(&good[..]).next().expect("a TLV").expect("parsed before").offset;
    let changing = Changing(&good, counter, Cell::new(false));
    assert_eq!(Image::parse(&changing, LIMITS).expect("parses").security_counter(), Some(99));
    let changing = Changing(&good, counter, Cell::new(false));
    assert_eq!(code(check(&changing)), Some(codes::CHANGED_WHILE_VERIFIED));
}

/// A backend whose n-th verification is glitched into acceptance.
struct Glitched {
    glitch: u32,
    verification: u32,
}

impl Crypto for Glitched {
    type Sha256 = <Software as Crypto>::Sha256;

    fn sha256(&mut self) -> Self::Sha256 {
        Software.sha256()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        self.verification += 1;
        if self.verification == self.glitch {
            return Verdict::ACCEPTED;
        }
        Software.verify_p256(key, digest, signature)
    }
}

#[test]
fn one_glitched_verification_is_not_enough() {
    let mut bytes = data("small.bin");
    bytes[40] ^= 1;
    // The attacker also puts the right hash: only the signature stands in the way.
    let image = Image::parse(&bytes[..], LIMITS).expect("parses");
    let mut sha = Software.sha256();
    sha.update(&bytes[..image.protected().end as usize]);
    let hash = image.hash().expect("has a hash").offset as usize;
    bytes[hash..hash + 32].copy_from_slice(&sha.finish());
    let image = Image::parse(&bytes[..], LIMITS).expect("parses");
    for glitch in 0..3 {
        let mut crypto = Glitched { glitch, verification: 0 };
        let result = verify(&image, &bytes[..], &[key()], &ANY, &mut crypto);
        assert_eq!(code(result), Some(codes::SIGNATURE_INVALID), "glitch {glitch}");
    }
    let good = data("small.bin");
    let image = Image::parse(&good[..], LIMITS).expect("parses");
    let mut crypto = Glitched { glitch: 0, verification: 0 };
    assert!(verify(&image, &good[..], &[key()], &ANY, &mut crypto).is_ok());
    assert_eq!(crypto.verification, 2);
}

#[test]
fn the_builder_refuses_what_it_cannot_build() {
    let new = || Builder::new(Version::default());
    let cases = [
        (new().header_size(31), BuildError::HeaderSize),
        (new().custom_tlv(0x50, b"x"), BuildError::CustomTlv(0x50)),
        (new().custom_tlv(0xa0, b"x").custom_tlv(0xa0, b"y"), BuildError::CustomTlv(0xa0)),
        (new().custom_tlv(0xa0, &[0; 65536]), BuildError::CustomTlv(0xa0)),
        (new().custom_tlv(0xa0, &[0; 65535]), BuildError::TooLarge),
        (new().ram_load(0), BuildError::LoadAddress),
        (new().ram_load(4).rom_fixed(4), BuildError::LoadAddress),
    ];
    for (builder, expected) in cases {
        assert_eq!(builder.build(&[1], None, &mut Software), Err(expected));
    }
    assert_eq!(new().build(&[], None, &mut Software), Err(BuildError::EmptyPayload));
}

/// The unprotected area of a good image with another TLV in the place of one.
fn with_tlv(good: &[u8], replaced: &str, number: u16, value: &[u8]) -> Vec<u8> {
    let image = Image::parse(good, LIMITS).expect("parses");
    let start = image.unprotected().start as usize;
    let mut area = Vec::new();
    for old in image.tlvs(good).map(|tlv| tlv.expect("parsed before")) {
        let at = old.offset as usize;
        if at < start {
            continue;
        }
        if old.ty.name() == replaced {
            area.extend(tlv(number, value));
        } else {
            area.extend(&good[at - 4..at + usize::from(old.len)]);
        }
    }
    let mut bytes = good[..start].to_vec();
    bytes.extend(0x6907_u16.to_le_bytes());
    bytes.extend((area.len() as u16 + 4).to_le_bytes());
    bytes.extend(area);
    bytes
}

/// What belongs to different algorithms must not be combined, however right each part is.
#[test]
fn algorithms_are_not_mixed() {
    let p256 = data("small.bin");
    let ed25519 = data("ed25519.bin");
    let pure = data("ed25519-pure.bin");
    let rsa = data("rsa2048.bin");
    let covered = |bytes: &[u8]| {
        let image = Image::parse(bytes, LIMITS).expect("parses");
        bytes[..image.protected().end as usize].to_vec()
    };
    let hash = |algorithm, bytes: &[u8]| {
        let mut hasher = ironroot_crypto::Hasher::new(algorithm, &mut Software).expect("is available");
        hasher.update(bytes);
        hasher.finish()
    };
    use ironroot_crypto::HashAlgorithm::{Sha384, Sha512};
    let name = |key: &str, algorithm| {
        common::signer(key).public_key().hash(algorithm, &mut Software).expect("is available")
    };
    // A right hash and a right name, and no such pair.
    let rehashed = |bytes: &[u8], key: &str, algorithm| {
        with_hash(bytes, hash(algorithm, &covered(bytes)).as_bytes(), name(key, algorithm).as_bytes())
    };
    let cases: [(&str, Vec<u8>, Code); 7] = [
        ("SHA-384 with P-256", rehashed(&p256, "p256", Sha384), codes::HASH_NOT_FOR_KEY),
        ("SHA-512 with RSA", rehashed(&rsa, "rsa2048", Sha512), codes::HASH_NOT_FOR_KEY),
        (
            "a P-256 key with an Ed25519 signature",
            with_tlv(&p256, "ECDSASIG", 0x24, &[1; 64]),
            codes::SIGNATURE_NOT_FOR_KEY,
        ),
        (
            "an Ed25519 key with an RSA signature",
            with_tlv(&ed25519, "ED25519", 0x20, &[1; 256]),
            codes::SIGNATURE_NOT_FOR_KEY,
        ),
        (
            "RSA-2048 with the type of 3072",
            with_tlv(&rsa, "RSA2048", 0x23, &[1; 384]),
            codes::SIGNATURE_NOT_FOR_KEY,
        ),
        (
            "a name of another length than the hash",
            with_tlv(&p256, "KEYHASH", 0x01, &[1; 48]),
            codes::TLV_LENGTH,
        ),
        ("a pure signature of zeros", with_tlv(&pure, "ED25519", 0x24, &[0; 64]), codes::SIGNATURE_INVALID),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(code(check_with(&bytes[..], &common::keys(), &ANY)), Some(expected), "{what}");
    }
}

/// The same with another hash, and the key named by it.
fn with_hash(good: &[u8], digest: &[u8], name: &[u8]) -> Vec<u8> {
    let number = if digest.len() == 48 { 0x11 } else { 0x12 };
    let image = Image::parse(good, LIMITS).expect("parses");
    let start = image.unprotected().start as usize;
    let signature = image.signature().expect("signed");
    let at = signature.offset as usize;
    let area = [tlv(number, digest), tlv(0x01, name), good[at - 4..at + usize::from(signature.len)].to_vec()]
        .concat();
    let mut bytes = good[..start].to_vec();
    bytes.extend(0x6907_u16.to_le_bytes());
    bytes.extend((area.len() as u16 + 4).to_le_bytes());
    bytes.extend(area);
    bytes
}

/// Every byte that hash and signature cover, and every byte of the signature, for each algorithm; every bit for the small
/// image is above.
#[test]
fn every_changed_byte_is_refused_for_every_algorithm() {
    for name in
        ["p384-full.bin", "ed25519-512.bin", "ed25519-pure-full.bin", "rsa2048-full.bin", "rsa3072.bin"]
    {
        let good = data(name);
        let keys = common::keys();
        let image = Image::parse(&good[..], LIMITS).expect("parses");
        let signature = image.signature().expect("signed");
        let mut bytes = good.clone();
        for at in 0..image.size() as usize {
            bytes[at] ^= 0x10;
            let actual = code(check_with(&bytes[..], &keys, &ANY));
            bytes[at] ^= 0x10;
            let Some(actual) = actual else { panic!("{name}: byte {at} was accepted") };
            let value = signature.offset as usize..signature.offset as usize + usize::from(signature.len);
            if value.contains(&at) {
                assert!(
                    [codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED].contains(&actual),
                    "{name}: {at} gives {actual}"
                );
            } else if image.payload().contains(&(at as u32)) {
                assert_eq!(actual, codes::HASH_MISMATCH, "{name}: {at}");
            }
        }
    }
}

#[test]
fn the_builder_refuses_combinations_that_do_not_exist() {
    use ironroot_crypto::{HashAlgorithm, KeyBits};
    let new = || Builder::new(Version::default());
    let build = |recipe: Builder, signer: &str| {
        recipe.build(&[1; 64], Some(&*common::signer(signer)), &mut Software).map(|_| ())
    };
    let cases = [
        (new().hash(HashAlgorithm::Sha384), "p256", BuildError::SignatureKind),
        (new().hash(HashAlgorithm::Sha256), "p384", BuildError::SignatureKind),
        (new().hash(HashAlgorithm::Sha512), "rsa2048", BuildError::SignatureKind),
        (new().pure(true), "p256", BuildError::SignatureKind),
        (new().pure(true).hash(HashAlgorithm::Sha256), "ed25519", BuildError::SignatureKind),
        (new().boot_record("thirteen char"), "p256", BuildError::BootRecord),
        (new().encrypted(KeyBits::Aes128), "p256", BuildError::Encryption),
    ];
    for (recipe, signer, expected) in cases {
        assert_eq!(build(recipe, signer), Err(expected));
    }
    assert_eq!(build(new().hash(HashAlgorithm::Sha512), "p256"), Ok(()), "P-256 takes the first half of it");
    assert_eq!(new().pure(true).build(&[1], None, &mut Software), Err(BuildError::SignatureKind));
}

#[test]
fn an_output_that_fails_ends_the_image() {
    let recipe = Builder::new(Version::default());
    for fail_at in 0..4 {
        let mut calls = 0;
        let result = recipe.write(&&[1_u8; 64][..], None, None, &mut Software, &mut |_| {
            calls += 1;
            if calls > fail_at { Err(ironroot_image::build::WriteError) } else { Ok(()) }
        });
        assert_eq!(result, Err(BuildError::Output), "{fail_at}");
        assert_eq!(calls, fail_at + 1);
    }
    let unreadable = Broken(&[1; 64], 5);
    let result = recipe.write(&unreadable, None, None, &mut Software, &mut |_| Ok(()));
    assert_eq!(result, Err(BuildError::Payload));
}
