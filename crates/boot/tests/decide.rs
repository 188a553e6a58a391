//! The boot decision, from power-on to proof or refusal: each refusal by its code and how far the boot got.

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_boot::{BootPolicy, DeviceKind, HandOff, Launch, Refusal, Stage, Status, decide};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest, SigningKey, Software, Verdict};
use ironroot_image::build::Builder;
use ironroot_image::{ReadAt, ReadError, Version};
use ironroot_layout::Address;
use ironroot_layout::stm32h735::{CLASS_ID, SLOT, VENDOR_ID};

const VERSION: Version = Version { major: 1, minor: 2, revision: 3, build: 4 };
const STACK: u32 = 0x2405_0000;
const RESET: u32 = 0x0802_0441;

fn key(number: u8) -> SigningKey {
    SigningKey::from_scalar(&[number; 32]).expect("a valid number")
}

fn page(keys: &[(u8, bool)]) -> [u8; keystore::PAGE_LEN] {
    let keys: Vec<_> =
        keys.iter().map(|(number, demo)| StoredKey { key: key(*number).public_key(), demo: *demo }).collect();
    keystore::build(&keys, &mut Software).expect("a page")
}

fn payload(stack: u32, reset: u32) -> Vec<u8> {
    let mut payload = vec![0x5a; 256];
    payload[0..4].copy_from_slice(&stack.to_le_bytes());
    payload[4..8].copy_from_slice(&reset.to_le_bytes());
    payload
}

/// A slot as it is in flash: the image, then erased.
fn slot(image: &[u8]) -> Vec<u8> {
    let mut bytes = image.to_vec();
    bytes.resize(SLOT.region.size().bytes() as usize, 0xFF);
    bytes
}

fn signed(builder: Builder, payload: &[u8]) -> Vec<u8> {
    slot(&builder.build(payload, Some(&key(1)), &mut Software).expect("builds"))
}

fn good() -> Vec<u8> {
    signed(
        Builder::new(VERSION).security_counter(5).vendor_id(VENDOR_ID).class_id(CLASS_ID),
        &payload(STACK, RESET),
    )
}

fn boot(slot: &(impl ReadAt + ?Sized), keys: &[(u8, bool)], device: DeviceKind) -> Result<Launch, Refusal> {
    decide(slot, &page(keys)[..], &BootPolicy::stm32h735(device), &mut Software)
}

fn refusal(result: Result<Launch, Refusal>) -> (Code, Stage) {
    let refusal = result.expect_err("must be refused");
    assert_eq!(refusal.record().status, Status::Refused(refusal.code()));
    assert_eq!(refusal.record().vector_table, Address::new(0));
    assert_eq!(HandOff::decode(&refusal.record().encode()).as_ref(), Ok(refusal.record()));
    (refusal.code(), refusal.stage())
}

#[test]
fn a_good_image_is_launched() {
    let slot = good();
    for (device, demo) in
        [(DeviceKind::Real, false), (DeviceKind::Virtual, false), (DeviceKind::Virtual, true)]
    {
        let launch = boot(&slot[..], &[(2, false), (1, demo)], device).expect("boots");
        assert_eq!(launch.vector_table(), Ok(Address::new(0x0802_0400)));
        let record = launch.record();
        assert_eq!(record.status, Status::Booted);
        assert_eq!((record.version, record.security_counter), (Some(VERSION), Some(5)));
        assert_eq!(&record.digest, launch.image().digest());
        assert_eq!(record.key_id[..], key(1).public_key().key_hash(&mut Software)[..8]);
        assert_eq!((record.demo_key, record.debug_closed), (demo, true));
        assert_eq!(HandOff::decode(&record.encode()).as_ref(), Ok(record));
    }
}

#[test]
fn refusals_of_the_slot() {
    let size = SLOT.region.size().bytes() as usize;
    let good = good();
    let flipped = |offset: usize| {
        let mut slot = good.clone();
        slot[offset] ^= 0x20;
        slot
    };
    let app = payload(STACK, RESET);
    let new = || Builder::new(VERSION);
    let unsigned = slot(&new().build(&app, None, &mut Software).expect("builds"));
    let other = slot(&new().build(&app, Some(&key(9)), &mut Software).expect("builds"));
    // The largest payload that still ends before the trailer with its TLVs, and one byte more.
    let overhead = new().build(&[0], Some(&key(1)), &mut Software).expect("builds").len() - 1;
    let mut large = payload(STACK, RESET);
    large.resize(SLOT.max_image().bytes() as usize - overhead + 8, 0);
    let cases: [(&str, Vec<u8>, (Code, Stage)); 13] = [
        ("erased", vec![0xFF; size], (codes::SLOT_EMPTY, Stage::Slot)),
        ("zeros", vec![0; size], (image_codes::BAD_MAGIC, Stage::Parse)),
        ("a payload bit", flipped(0x480), (image_codes::HASH_MISMATCH, Stage::Verify)),
        ("a header padding bit", flipped(0x80), (image_codes::HASH_MISMATCH, Stage::Verify)),
        ("unsigned", unsigned, (image_codes::SIGNATURE_MISSING, Stage::Verify)),
        ("another key", other, (image_codes::UNKNOWN_KEY, Stage::Verify)),
        ("another class", signed(new().class_id([1; 16]), &app), (image_codes::WRONG_CLASS, Stage::Verify)),
        (
            "another vendor",
            signed(new().vendor_id([1; 16]), &app),
            (image_codes::WRONG_VENDOR, Stage::Verify),
        ),
        (
            "another slot",
            signed(new().rom_fixed(0x0804_0000), &app),
            (image_codes::LOAD_ADDRESS, Stage::Verify),
        ),
        ("not bootable", signed(new().non_bootable(), &app), (image_codes::NON_BOOTABLE, Stage::Verify)),
        ("into the trailer", signed(new(), &large), (image_codes::TOO_LARGE, Stage::Parse)),
        (
            "another header",
            signed(new().header_size(0x200), &app),
            (codes::VECTOR_TABLE_MISPLACED, Stage::Vectors),
        ),
        ("too small", signed(new(), &app[..63]), (codes::VECTOR_TABLE_MISPLACED, Stage::Vectors)),
    ];
    for (name, slot, expected) in cases {
        assert_eq!(refusal(boot(&slot[..], &[(1, false)], DeviceKind::Real)), expected, "{name}");
    }
}

#[test]
fn refusals_of_the_vector_table() {
    let cases = [
        (STACK, RESET, None),
        (0x2000_0008, RESET, None),
        (0x2002_0000, 0x0802_0401, None),
        (STACK, 0x0802_04FF, None),
        (0, RESET, Some(codes::BAD_STACK_POINTER)),
        (0x0001_0000, RESET, Some(codes::BAD_STACK_POINTER)),
        (0xFFFF_FFFF, RESET, Some(codes::BAD_STACK_POINTER)),
        (0x2000_0000, RESET, Some(codes::BAD_STACK_POINTER)),
        (0x2002_0008, RESET, Some(codes::BAD_STACK_POINTER)),
        (STACK - 4, RESET, Some(codes::BAD_STACK_POINTER)),
        (STACK, RESET - 1, Some(codes::BAD_RESET_VECTOR)),
        (STACK, 0x0802_03FF, Some(codes::BAD_RESET_VECTOR)),
        (STACK, 0x0802_0501, Some(codes::BAD_RESET_VECTOR)),
        (STACK, 0x0800_0401, Some(codes::BAD_RESET_VECTOR)),
        (STACK, 0xFFFF_FFFF, Some(codes::BAD_RESET_VECTOR)),
    ];
    for (stack, reset, expected) in cases {
        let slot = signed(Builder::new(VERSION), &payload(stack, reset));
        let result = boot(&slot[..], &[(1, false)], DeviceKind::Real);
        match expected {
            None => assert!(result.is_ok(), "{stack:#x} {reset:#x}"),
            Some(code) => assert_eq!(refusal(result), (code, Stage::Vectors), "{stack:#x} {reset:#x}"),
        }
    }
}

#[test]
fn refusals_of_the_key_store() {
    let slot = good();
    let good = page(&[(1, false)]);
    let decide = |page: &[u8], device| decide(&slot[..], page, &BootPolicy::stm32h735(device), &mut Software);
    let mut version = good;
    version[4] = 2;
    let cases: [(&[u8], Code); 5] = [
        (&[0xFF; keystore::PAGE_LEN], codes::KEY_STORE_MISSING),
        (&[0; keystore::PAGE_LEN], codes::KEY_STORE_CORRUPT),
        (&version, codes::KEY_STORE_VERSION),
        (&good[..100], codes::KEY_STORE_CORRUPT),
        (&[], codes::KEY_STORE_CORRUPT),
    ];
    for (page, code) in cases {
        assert_eq!(refusal(decide(page, DeviceKind::Virtual)), (code, Stage::KeyStore));
    }
    // One demo key is enough, whichever key signed.
    for keys in [&[(1, true)][..], &[(1, false), (2, true)], &[(2, true), (1, false)]] {
        let demo = page(keys);
        assert!(decide(&demo, DeviceKind::Virtual).is_ok());
        assert_eq!(refusal(decide(&demo, DeviceKind::Real)), (codes::DEMO_KEY_ON_REAL_CHIP, Stage::KeyStore));
    }
}

#[test]
fn only_the_prefix_makes_a_device_virtual() {
    assert_eq!(DeviceKind::from_unique_id(b"IRVD\0\0\0\0\0\0\0\x01"), DeviceKind::Virtual);
    for id in [[0; 12], [0xFF; 12], *b"\0IRVD\0\0\0\0\0\0\0", *b"irvd\0\0\0\0\0\0\0\0"] {
        assert_eq!(DeviceKind::from_unique_id(&id), DeviceKind::Real);
    }
}

/// Flash whose first word of the slot was torn by a power cut.
struct Torn;

impl ReadAt for Torn {
    fn len(&self) -> u32 {
        SLOT.region.size().bytes()
    }

    fn read_at(&self, _: u32, _: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::Unreadable)
    }
}

#[test]
fn flash_that_cannot_be_read_is_a_refusal() {
    let result = boot(&Torn, &[(1, false)], DeviceKind::Real);
    assert_eq!(refusal(result), (image_codes::READ_FAILED, Stage::Slot));
    let result = decide(&good()[..], &Torn, &BootPolicy::stm32h735(DeviceKind::Real), &mut Software);
    assert_eq!(refusal(result), (codes::KEY_STORE_UNREADABLE, Stage::KeyStore));
}

/// A backend that never accepts, and one that returns a word that is neither verdict.
struct Never;

impl Crypto for Never {
    type Sha256 = <Software as Crypto>::Sha256;

    fn sha256(&mut self) -> Self::Sha256 {
        Software.sha256()
    }

    fn verify_p256(&mut self, _: &P256PublicKey, _: &Sha256Digest, _: &[u8]) -> Verdict {
        Verdict::REFUSED
    }
}

#[test]
fn a_refusing_backend_refuses() {
    let policy = BootPolicy::stm32h735(DeviceKind::Real);
    let result = decide(&good()[..], &page(&[(1, false)])[..], &policy, &mut Never);
    assert_eq!(refusal(result), (image_codes::SIGNATURE_INVALID, Stage::Verify));
}

#[test]
fn a_refused_image_is_named_in_the_record() {
    let mut slot = good();
    slot[0x480] ^= 1;
    let refusal = boot(&slot[..], &[(1, false)], DeviceKind::Real).expect_err("must be refused");
    let record = refusal.record();
    assert_eq!((record.version, record.security_counter), (Some(VERSION), Some(5)));
    assert_eq!((record.digest, record.key_id), ([0; 32], [0; 8]), "nothing was verified");
}
