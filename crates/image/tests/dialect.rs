//! ST's dialects: named, never guessed; other flags, other magics, fewer TLVs, and rules of their own. No tool of ST's can
//! be had as a package, so these images are built here, by its documented differences, and taken apart by hand.

mod common;

use common::{ANY, LIMITS, app, check, code, data, holder, key, signing_key};
use ironroot_codes::image as codes;
use ironroot_crypto::seal::{EncryptionKey, SystemEntropy};
use ironroot_crypto::{Crypto, KeyBits, Sealing, Software};
use ironroot_image::build::{BuildError, Builder, KeySource, Seal};
use ironroot_image::{
    Dialect, Flags, Image, Limits, Plain, Policy, Version, check_tail, open_key, stated_hash, verify,
};

const ST: [(Dialect, u32); 4] = [
    (Dialect::St, 0x96f3_b83d),
    (Dialect::StirotH5Code, 0x73ab_1024),
    (Dialect::StirotH5Data, 0x55f7_394e),
    (Dialect::StirotH7s, 0xc159_2ee9),
];

fn limits(dialect: Dialect) -> Limits {
    Limits { dialect, ..LIMITS }
}

fn new() -> Builder {
    Builder::new(Version::default()).header_size(0x20).security_counter(3)
}

fn encrypted(recipe: &Builder, bits: KeyBits) -> Result<Vec<u8>, BuildError> {
    let to = EncryptionKey::from_der(&common::public_der("other")).expect("a key that seals");
    let seal = Seal {
        to: &to,
        sealing: Sealing::EciesP256,
        source: KeySource::Random(&mut SystemEntropy),
        clear: false,
    };
    let mut image = Vec::new();
    let recipe = recipe.clone().encrypted(bits);
    recipe.write(&&app()[..], Some(&signing_key("p256.pem")), Some(seal), &mut Software, &mut |piece| {
        image.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(image)
}

#[test]
fn each_dialect_reads_its_own() {
    for (dialect, magic) in ST {
        let bytes = new()
            .dialect(dialect)
            .build(&app(), Some(&signing_key("p256.pem")), &mut Software)
            .expect("builds");
        assert_eq!(bytes[..4], magic.to_le_bytes());
        let image = Image::parse(&bytes[..], limits(dialect)).expect("parses");
        let signature_len = image.signature().expect("signed").len;
        assert!(signature_len == 72 || dialect == Dialect::St && signature_len < 72, "{dialect:?}");
        assert_eq!(code(verify(&image, &bytes[..], &[key()], &ANY, &mut Software)), None, "{dialect:?}");
        for (other, other_magic) in ST.into_iter().chain([(Dialect::Mcuboot, 0x96f3_b83d)]) {
            let result = Image::parse(&bytes[..], limits(other)).map(|_| ()).map_err(|error| error.code());
            let expected = if magic == other_magic { Ok(()) } else { Err(codes::BAD_MAGIC) };
            assert_eq!(result, expected, "{dialect:?} read as {other:?}");
        }
    }
}

#[test]
fn the_same_flag_means_another_thing() {
    let st = encrypted(&new().dialect(Dialect::St), KeyBits::Aes256).expect("builds");
    assert_eq!(st[16..20], 0x2000_0000_u32.to_le_bytes());
    let image = Image::parse(&st[..], limits(Dialect::St)).expect("parses");
    assert_eq!(image.encryption().expect("is encrypted").bits, KeyBits::Aes256);
    assert_eq!(code(check(&st[..])), Some(codes::RESERVED_FLAGS), "upstream has no such flag");

    // Upstream's AES-256 is ST's on-the-fly decryption, which is no encryption of the image by itself.
    let upstream = data("enc-p256-256.bin");
    let result = Image::parse(&upstream[..], limits(Dialect::St)).map_err(|error| error.code());
    assert_eq!(result, Err(codes::ENCRYPTION_MISMATCH));
    assert!(Image::parse(&upstream[..], LIMITS).expect("parses").encryption().is_some());

    // ROM_FIXED came after the fork.
    let fixed = Image::parse(&data("p256-fixed.bin")[..], limits(Dialect::St)).map_err(|error| error.code());
    assert_eq!(fixed, Err(codes::RESERVED_FLAGS));
}

/// An image for a single slot is decrypted where it lies, and its flag is cleared; both forms have one signature.
#[test]
fn primary_only_images_are_signed_without_their_flag() {
    for (dialect, _) in ST {
        let bytes = encrypted(&new().dialect(dialect).primary_only(), KeyBits::Aes128).expect("builds");
        let image = Image::parse(&bytes[..], limits(dialect)).expect("parses");
        assert!(image.header().flags.intersects(Flags::ST_PRIMARY_ONLY));
        let holder = holder("other");
        let image_key = open_key(&image, &bytes[..], &*holder).expect("opens");
        let plain = Plain::new(&bytes[..], &image, &image_key, &*holder);
        let policy = Policy { encrypted: true, ..ANY };
        assert_eq!(code(verify(&image, &plain, &[key()], &policy, &mut Software)), None, "{dialect:?}");

        // By hand: the header without the flag, the plain payload, the protected TLVs.
        let mut covered = bytes[..image.protected().end as usize].to_vec();
        covered[16..20].copy_from_slice(&2_u32.to_le_bytes());
        covered[32..32 + 256].copy_from_slice(&app());
        let stated = stated_hash(&image, &bytes[..]).expect("reads");
        assert_eq!(*stated.prefix(), Software.sha256_of(&covered), "{dialect:?}");
    }
    let upstream = new().primary_only().build(&app(), None, &mut Software);
    assert_eq!(upstream, Err(BuildError::Dialect));
}

#[test]
fn only_what_st_loads_is_allowed() {
    let others = ["p384-full.bin", "ed25519-full.bin", "rsa3072.bin", "p256-ids.bin", "enc-x25519-128.bin"];
    for name in others {
        let result =
            Image::parse(&data(name)[..], limits(Dialect::St)).map(|_| ()).map_err(|error| error.code());
        assert_eq!(result, Err(codes::TLV_UNKNOWN), "{name}");
    }
    for name in ["p256.bin", "p256-custom.bin", "p256-full.bin", "p256-depends.bin", "p256-record.bin"] {
        let bytes = data(name);
        let image =
            Image::parse(&bytes[..], limits(Dialect::St)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(code(verify(&image, &bytes[..], &[key()], &ANY, &mut Software)), None, "{name}");
    }
    let st = || new().dialect(Dialect::St);
    let cases: [(Builder, &str); 4] = [
        (st().vendor_id([1; 16]), "p256"),
        (st().rom_fixed(4), "p256"),
        (st(), "ed25519"),
        (st(), "rsa2048"),
    ];
    for (recipe, signer) in cases {
        let result = recipe.build(&app(), Some(&*common::signer(signer)), &mut Software);
        assert_eq!(result, Err(BuildError::Dialect), "{signer}");
    }
}

/// Zeros behind a signature, where the dialect has them; nothing else, and nowhere else.
#[test]
fn padded_signatures_are_of_their_dialect() {
    let dialect = Dialect::StirotH7s;
    let recipe = new().dialect(dialect);
    // A signature that is shorter than 72 bytes; of every few there is one.
    let signer = signing_key("p256.pem");
    let (bytes, der_len) = (0..64_u8)
        .find_map(|number| {
            let bytes =
                recipe.clone().custom_tlv(0x3a0, &[number]).build(&app(), Some(&signer), &mut Software);
            let bytes = bytes.expect("builds");
            let tlv = Image::parse(&bytes[..], limits(dialect)).expect("parses").signature().expect("signed");
            let der_len = usize::from(bytes[tlv.offset as usize + 1]) + 2;
            (der_len < 72).then_some((bytes, der_len))
        })
        .expect("half of all signatures are shorter");
    let image = Image::parse(&bytes[..], limits(dialect)).expect("parses");
    let at = image.signature().expect("signed").offset as usize;
    assert_eq!(code(verify(&image, &bytes[..], &[key()], &ANY, &mut Software)), None);
    for byte in der_len..72 {
        let mut damaged = bytes.clone();
        damaged[at + byte] = 1;
        let result = code(verify(&image, &damaged[..], &[key()], &ANY, &mut Software));
        assert_eq!(result, Some(codes::SIGNATURE_MALFORMED), "{byte}");
    }
    // The same bytes in a dialect without padding.
    let mut upstream = bytes.clone();
    upstream[..4].copy_from_slice(&0x96f3_b83d_u32.to_le_bytes());
    let digest = Software.sha256_of(&upstream[..image.protected().end as usize]);
    let stated = image.hash().expect("has a hash").offset as usize;
    upstream[stated..stated + 32].copy_from_slice(&digest);
    assert_eq!(code(check(&upstream[..])), Some(codes::SIGNATURE_MALFORMED));
}

#[test]
fn the_tail_of_a_slot_must_be_erased() {
    let image_bytes = data("small.bin");
    let image = Image::parse(&image_bytes[..], LIMITS).expect("parses");
    let size = image_bytes.len();
    for erased in [0xFF, 0x00] {
        let mut slot = image_bytes.clone();
        slot.resize(2048, erased);
        slot[2032..].fill(0x77);
        let refused = |slot: &[u8], until| {
            check_tail(&image, slot, until, erased).map_err(|error| (error.code(), error.offset()))
        };
        assert_eq!(refused(&slot, 2032), Ok(()));
        assert_eq!(refused(&slot, 2033), Err((codes::TAIL_NOT_ERASED, 2032)));
        assert_eq!(refused(&slot, size as u32), Ok(()), "nothing behind it");
        assert_eq!(refused(&slot, 0), Ok(()), "a trailer that begins inside is the parser's");
        for at in [size, size + 1, size + 63, size + 64, 2031] {
            slot[at] ^= 1;
            assert_eq!(refused(&slot, 2032), Err((codes::TAIL_NOT_ERASED, at as u32)));
            slot[at] ^= 1;
        }
    }
    let outside = check_tail(&image, &image_bytes[..], size as u32 + 1, 0xFF).map_err(|error| error.code());
    assert_eq!(outside, Err(codes::TRUNCATED));
}
