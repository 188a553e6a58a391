//! Images: structure, TLVs, verification.

use std::sync::OnceLock;

use ironroot_crypto::seal::EncryptionKey;
use ironroot_crypto::{
    ContentKey, ContentKeys, Digest, HashAlgorithm, KeyBits, KeyWrapKey, OpenError, P256ContentKeys, Sealing,
    Signer, Software, X25519ContentKeys, aes_ctr,
};
use ironroot_image::build::{Builder, KeyFormat, KeySource, Seal};
use ironroot_image::{
    Area, Dependencies, Dialect, Image, Limits, Plain, Policy, PublicKey, RamWindow, VerifiedImage, open_key,
    verify,
};

use crate::{knobs, seed};

/// Images that imgtool made, signed with one key of ours.
pub const GENUINE: &[&[u8]] = &[
    include_bytes!("../../crates/image/tests/data/small.bin"),
    include_bytes!("../../crates/image/tests/data/p256.bin"),
    include_bytes!("../../crates/image/tests/data/p256-ids.bin"),
    include_bytes!("../../crates/image/tests/data/p256-custom.bin"),
    include_bytes!("../../crates/image/tests/data/p256-full.bin"),
    include_bytes!("../../crates/image/tests/data/p256-depends.bin"),
    include_bytes!("../../crates/image/tests/data/p256-record.bin"),
    include_bytes!("../../crates/image/tests/data/p256-fixed.bin"),
    include_bytes!("../../crates/image/tests/data/p256-ram.bin"),
    include_bytes!("../../crates/image/tests/data/p256-data.bin"),
    include_bytes!("../../crates/image/tests/data/padded32.bin"),
];

/// Images of other algorithms, and encrypted ones: no key here fits.
const OTHERS: &[&[u8]] = &[
    include_bytes!("../../crates/image/tests/data/p256-encrypted.bin"),
    include_bytes!("../../crates/image/tests/data/p256-encrypted256.bin"),
    include_bytes!("../../crates/image/tests/data/p384.bin"),
    include_bytes!("../../crates/image/tests/data/ed25519.bin"),
    include_bytes!("../../crates/image/tests/data/ed25519-pure.bin"),
    include_bytes!("../../crates/image/tests/data/rsa2048.bin"),
    include_bytes!("../../crates/image/tests/data/unsigned.bin"),
];

/// The private key of [`GENUINE`].
pub const KEY: &[u8] = include_bytes!("../../crates/image/tests/data/p256.pem");

/// The private key of [`GENUINE`].
pub fn signing_key() -> ironroot_crypto::SigningKey {
    ironroot::keyfile::parse(KEY).ok().and_then(|key| key.private).expect("a key of the tests")
}

/// Its public half.
pub fn key() -> PublicKey {
    static PUBLIC: OnceLock<PublicKey> = OnceLock::new();
    *PUBLIC.get_or_init(|| Signer::public_key(&signing_key()))
}

fn limits(max_size: u32) -> Limits {
    Limits { max_size, dialect: Dialect::Mcuboot }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let image = Image::parse(bytes, limits(u32::MAX)).expect("a genuine image");
    ironroot_image::digest(&image, bytes, &mut Software).expect("a genuine image")
}

/// Digest of everything that this key ever signed.
fn signed() -> &'static [Digest] {
    static SIGNED: OnceLock<Vec<Digest>> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let mut digests: Vec<Digest> = GENUINE.iter().map(|bytes| digest_of(bytes)).collect();
        digests.push(digest_of(bootable()));
        digests.extend(encrypted_images().iter().map(|(_, digest)| *digest));
        digests
    })
}

/// An application that the device can start: linked for its slot, with its class and a security counter.
pub fn bootable() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut app = vec![0; 128];
        app[..8].copy_from_slice(&[0, 0, 5, 0x24, 0x41, 4, 2, 8]);
        Builder::new("1.2.3".parse().expect("a version"))
            .security_counter(9)
            .vendor_id(ironroot_layout::stm32h735::VENDOR_ID)
            .class_id(ironroot_layout::stm32h735::CLASS_ID)
            .build(&app, Some(&signing_key()), &mut Software)
            .expect("a good recipe")
    })
}

/// An accepted image must be one that the key's owner signed.
pub fn assert_genuine(verified: &VerifiedImage) {
    assert!(verified.is_intact().is_accepted());
    assert!(signed().contains(verified.hash()), "an image that nobody signed was accepted");
}

/// What [`Image::parse`] promises of an image that it accepts.
fn assert_sound(image: &Image, bytes: &[u8], limits: Limits) {
    let header = image.header();
    let (payload, protected, unprotected) = (image.payload(), image.protected(), image.unprotected());
    assert!(image.size() <= limits.max_size && image.size() as usize <= bytes.len());
    assert_eq!(payload.start, u32::from(header.header_size));
    assert!(payload.start >= 32 && payload.end > payload.start);
    assert_eq!(payload.end, protected.start);
    assert_eq!(protected.end, unprotected.start);
    assert_eq!(unprotected.end, image.size());
    assert_eq!(header.encode()[..], bytes[..32], "the header means all of its bytes");
    // The TLVs fill their areas without gap or overlap.
    let mut position = if protected.is_empty() { unprotected.start } else { protected.start } + 4;
    for tlv in image.tlvs(bytes) {
        let tlv = tlv.expect("parsed before");
        if position == protected.end && !protected.is_empty() {
            position += 4;
        }
        assert_eq!(tlv.offset, position + 4);
        position = tlv.offset + u32::from(tlv.len);
        let area = if tlv.offset < protected.end { Area::Protected } else { Area::Unprotected };
        assert_eq!(tlv.ty.area, area);
        assert!((tlv.ty.min..=tlv.ty.max).contains(&tlv.len));
    }
    assert!(position == unprotected.end || position == protected.end && unprotected.len() == 4);
    // Nothing behind the image is looked at.
    let alone = &bytes[..image.size() as usize];
    assert_eq!(Image::parse(alone, limits).as_ref(), Ok(image));
    assert!(Image::parse(&alone[..alone.len() - 1], limits).is_err());
}

/// Knobs: least counter (0: none), bits of the policy, slot size in units of 64 bytes (0: no limit).
pub fn image(data: &[u8]) {
    let ([counter, policy, size], bytes) = knobs::<3>(data);
    let limits = limits(if size == 0 { u32::MAX } else { u32::from(size) * 64 });
    let Ok(image) = Image::parse(bytes, limits) else { return };
    assert_sound(&image, bytes, limits);
    let policy = Policy {
        min_security_counter: (counter != 0).then_some(u32::from(counter)),
        vendor_id: (policy & 1 != 0).then_some(ironroot_layout::stm32h735::VENDOR_ID),
        class_id: (policy & 2 != 0).then_some([0x5A; 16]),
        slot_address: (policy & 4 != 0).then_some(0x0802_0000),
        dependencies: if policy & 8 != 0 { Dependencies::Refuse } else { Dependencies::LeaveToDevice },
        encrypted: policy & 16 != 0,
        non_bootable: policy & 32 != 0,
        ram_load: (policy & 64 != 0).then_some(RamWindow { start: 0x2400_0000, size: 0x400 }),
    };
    let result = verify(&image, bytes, &[key()], &policy, &mut Software);
    assert!(verify(&image, bytes, &[], &policy, &mut Software).is_err(), "accepted without a key");
    let Ok(verified) = result else { return };
    assert_genuine(&verified);
    assert!(policy.min_security_counter.is_none_or(|least| verified.security_counter() >= Some(least)));
    assert!(policy.dependencies == Dependencies::LeaveToDevice || image.dependencies() == 0);
    if let Some(window) = policy.ram_load {
        let into = image.header().load_address - window.start;
        assert!(into + image.size() <= window.size, "an image outside of the RAM it may have");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    GENUINE.iter().chain(OTHERS).map(|image| seed(&[0, 0, 0], image)).collect()
}

/// What devices of these tests decrypt with.
const DEVICE: [u8; 32] = [0x33; 32];

/// A device with a key of every short kind: RSA takes too long to be tried often.
struct Device;

impl ContentKeys for Device {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        match sealing {
            Sealing::EciesP256 => match P256ContentKeys::from_scalar(&DEVICE) {
                Ok(holder) => holder.open(sealing, sealed),
                Err(_) => Err(OpenError::Unsupported),
            },
            Sealing::AesKeyWrap => match KeyWrapKey::from_bytes(&DEVICE) {
                Some(holder) => holder.open(sealing, sealed),
                None => Err(OpenError::Unsupported),
            },
            _ => X25519ContentKeys::from_bytes(&DEVICE).open(sealing, sealed),
        }
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}

/// Images for [`Device`], and the digests of their plain content. Equal on every run.
fn encrypted_images() -> &'static [(Vec<u8>, Digest)] {
    static IMAGES: OnceLock<Vec<(Vec<u8>, Digest)>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let device = ironroot_crypto::SigningKey::from_scalar(&DEVICE).expect("below the order");
        let p256 = EncryptionKey::P256(device.public_key());
        let wrap = EncryptionKey::KeyWrap(KeyWrapKey::from_bytes(&DEVICE).expect("32 bytes"));
        [
            (&p256, KeyBits::Aes128, 0, KeyFormat::Hash),
            (&p256, KeyBits::Aes256, 9, KeyFormat::Full),
            (&wrap, KeyBits::Aes256, 0, KeyFormat::Hash),
        ]
        .into_iter()
        .map(|(to, bits, counter, format)| {
            let mut recipe = Builder::new("1.2.3".parse().expect("a version"))
                .header_size(32)
                .hash(HashAlgorithm::Sha256)
                .key_format(format)
                .encrypted(bits);
            if counter != 0 {
                recipe = recipe.security_counter(counter);
            }
            let seal = Seal { to, sealing: to.sealing(), source: KeySource::Derived(&DEVICE), clear: false };
            let payload: Vec<u8> = (0..100).collect();
            let mut bytes = Vec::new();
            let mut out = |piece: &[u8]| {
                bytes.extend_from_slice(piece);
                Ok(())
            };
            let built =
                recipe.write(&&payload[..], Some(&signing_key()), Some(seal), &mut Software, &mut out);
            let digest = built.expect("a good recipe").digest;
            (bytes, digest)
        })
        .collect()
    })
}

/// Knobs: bit 0 the policy refuses encrypted images.
pub fn encrypted(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let limits = limits(u32::MAX);
    let Ok(image) = Image::parse(bytes, limits) else { return };
    assert_sound(&image, bytes, limits);
    let Some(encryption) = image.encryption() else { return };
    assert_eq!(usize::from(encryption.tlv.len), encryption.sealing.sealed_len(encryption.bits));
    let Ok(key) = open_key(&image, bytes, &Device) else { return };
    assert_eq!(key.bits(), encryption.bits);
    let plain = Plain::new(bytes, &image, &key, &Device);
    let (refuses, signer) = (knob & 1 != 0, self::key());
    let policy = Policy { encrypted: !refuses, dependencies: Dependencies::LeaveToDevice, ..Policy::NONE };
    match verify(&image, &plain, &[signer], &policy, &mut Software) {
        Ok(verified) => {
            assert!(!refuses, "an encrypted image where none may be");
            assert_genuine(&verified);
        }
        Err(error) => assert!(error.code().entry().is_some()),
    }
    // What is encrypted is not what is signed.
    assert!(verify(&image, bytes, &[signer], &policy, &mut Software).is_err());
}

pub fn encrypted_seeds() -> Vec<Vec<u8>> {
    let made = encrypted_images().iter().map(|(image, _)| image.as_slice());
    let theirs = OTHERS.iter().copied().take(2);
    made.chain(theirs).flat_map(|image| [seed(&[0], image), seed(&[1], image)]).collect()
}
