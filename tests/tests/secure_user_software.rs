//! The uses of secure user software beside the secure boot: licence check, update over USART, initialisation of the
//! external flash. Each boots on the virtual chip, through RSS and its secure area, as on a product.

use ironroot_boot::Status;
use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_crypto::{Crypto, Signer, SigningKey, Software};
use ironroot_image::Version;
use ironroot_layout::stm32h735::{self as map, FLASH, KEY_STORE, SLOT, VENDOR_ID};
use ironroot_tests::assemble::assemble;
use ironroot_tests::device::{CONSOLE, Device, application, foreign_key, image, load_pieces, signing_key};
use ironroot_tests::firmware;

const LIMIT: u64 = 400_000_000;

/// A board with `program` in its secure area, the product's key store, and `image` in the slot.
fn board(program: &str, image: &[u8]) -> Board {
    let mut board = Board::with_serial(1);
    for (address, bytes) in load_pieces(&std::fs::read(firmware(program)).expect("readable")) {
        assert!(board.preload(address, &bytes));
    }
    let stored = StoredKey { key: signing_key().public_key(), demo: false };
    let page = keystore::build(&[stored], &mut Software).expect("a key store");
    assert!(board.preload(KEY_STORE.start().value(), &page));
    assert!(board.preload(SLOT.region.start().value(), image));
    board
}

/// A device with that board and SECURITY set, before its first boot.
fn device(board: &Board) -> Device {
    let rom = RomImage::from_segments(load_pieces(&std::fs::read(firmware("rss")).expect("readable")))
        .expect("the ROM fits system flash");
    let mut device =
        Device { machine: Machine::new(Stm32h735::from_board(board, &rom)), console: String::new() };
    device.set_security();
    device
}

/// The code of a boot that was refused: the same on the console and in the record.
#[track_caller]
fn refusal(device: &mut Device) -> Code {
    assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
    let Status::Refused(code) = device.hand_off().expect("a record").status else {
        panic!("not refused:\n{}", device.console)
    };
    assert!(device.console.contains(&format!("refused: {code}")), "{}", device.console);
    code
}

// ---- licence check ----

const LICENCE: u32 = 0x080E_0000;

/// A licence for the device `unique_id`, signed by `key`.
fn licence(unique_id: &[u8; 12], key: &SigningKey) -> Vec<u8> {
    let mut bytes = b"IRLC\x01\0\0\0".to_vec();
    bytes.extend_from_slice(unique_id);
    bytes.extend_from_slice(&7_u32.to_le_bytes());
    let signature = key.sign_digest(&Software.sha256_of(&bytes)).expect("a signature");
    bytes.extend_from_slice(&(signature.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&signature);
    bytes
}

fn licensed(licence: &[u8]) -> Board {
    let mut board = board("license-check", &image("hello-c", &signing_key()));
    assert!(board.preload(LICENCE, licence));
    board
}

#[test]
fn a_licensed_device_starts_its_application() {
    let uid = *Board::with_serial(1).uid();
    let mut device = device(&licensed(&licence(&uid, &signing_key())));
    assert_eq!(device.run(LIMIT), Stop::Idle);
    assert!(device.console.contains("licensed: features 00000007"), "{}", device.console);
    assert!(device.console.contains("hello from hello-c"), "{}", device.console);
    assert_eq!(device.hand_off().expect("a record").status, Status::Booted);
}

#[test]
fn a_cloned_flash_is_refused_on_the_other_device() {
    let uid = *Board::with_serial(1).uid();
    let original = licensed(&licence(&uid, &signing_key()));
    let mut clone = Board::with_serial(2);
    assert!(clone.preload(FLASH.start().value(), original.flash()));
    let mut device = device(&clone);
    assert_eq!(refusal(&mut device), codes::LICENCE_OTHER_DEVICE);
    assert!(!device.console.contains("hello"), "{}", device.console);
}

#[test]
fn a_licence_that_is_not_genuine_is_refused_with_its_code() {
    let uid = *Board::with_serial(1).uid();
    let good = licence(&uid, &signing_key());
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Somebody edits the licence of device 2 to name this one.
    let mut edited = licence(Board::with_serial(2).uid(), &signing_key());
    edited[8..20].copy_from_slice(&uid);
    for (what, bytes, code) in [
        ("none", vec![], codes::LICENCE_MISSING),
        ("other magic", changed(0), codes::LICENCE_MISSING),
        ("other version", changed(4), codes::LICENCE_CORRUPT),
        ("long signature", changed(26), codes::LICENCE_CORRUPT),
        ("edited id", edited, codes::LICENCE_SIGNATURE),
        ("more features", changed(20), codes::LICENCE_SIGNATURE),
        ("changed signature", changed(60), codes::LICENCE_SIGNATURE),
        ("foreign key", licence(&uid, &foreign_key()), codes::LICENCE_SIGNATURE),
    ] {
        assert_eq!(refusal(&mut device(&licensed(&bytes))), code, "{what}");
    }
}

// ---- update ----

const ACK: u8 = 0x79;
const NACK: u8 = 0x1F;

/// An update: version 2 of the example, with a security counter of its own.
fn update(counter: u32, key: &SigningKey) -> Vec<u8> {
    ironroot_image::build::Builder::new(Version { major: 2, minor: 0, revision: 0, build: 0 })
        .security_counter(counter)
        .vendor_id(VENDOR_ID)
        .class_id(map::CLASS_ID)
        .build(&application("hello-c"), Some(key as &dyn Signer), &mut Software)
        .expect("an image")
}

/// The host's side of a transfer.
struct Host<'a> {
    device: &'a mut Device,
    seen: usize,
}

impl<'a> Host<'a> {
    /// Waits until the device asks.
    fn connect(device: &'a mut Device) -> Self {
        while !device.console.ends_with("update?\r\n") {
            assert_ne!(device.run(50_000), Stop::Idle, "{}", device.console);
        }
        let seen = device.console.len();
        Host { device, seen }
    }

    fn send(&mut self, bytes: &[u8]) {
        assert!(self.device.machine.core.bus.feed_uart_input(CONSOLE, bytes));
    }

    /// The next byte that the device answers.
    fn answer(&mut self) -> u8 {
        loop {
            if let Some(&byte) = self.device.console.as_bytes().get(self.seen) {
                self.seen += 1;
                return byte;
            }
            assert_ne!(self.device.run(50_000), Stop::Idle, "{}", self.device.console);
        }
    }

    /// Announces `length` bytes. The answer.
    fn announce(&mut self, length: u32) -> u8 {
        self.send(b"IRUP");
        self.send(&length.to_le_bytes());
        self.answer()
    }

    /// Sends one piece with its checksum, which is xored with `damage`. The answer.
    fn piece(&mut self, piece: &[u8], damage: u32) -> u8 {
        self.send(piece);
        self.send(&(crc32(piece) ^ damage).to_le_bytes());
        self.answer()
    }

    /// Sends a whole image.
    fn transfer(&mut self, image: &[u8]) {
        assert_eq!(self.announce(image.len() as u32), ACK);
        for piece in image.chunks(256) {
            assert_eq!(self.piece(piece, 0), ACK);
        }
    }
}

/// CRC-32 as in zip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn slot(device: &Device, length: usize) -> Vec<u8> {
    let start = SLOT.region.start().value();
    (start..start + length as u32).map(|address| device.peek(address)).collect()
}

/// Lets `talk` speak to a device that has the example of security counter 5 installed, and boots it to the end.
fn after(talk: impl FnOnce(&mut Host<'_>)) -> Device {
    let mut device = device(&board("secure-update", &image("hello-c", &signing_key())));
    talk(&mut Host::connect(&mut device));
    assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
    device
}

/// The old image is in the slot, byte for byte, and was started.
#[track_caller]
fn old_image_runs(device: &Device, code: Code) {
    assert!(device.console.contains(&format!("update refused: {code}")), "{}", device.console);
    assert!(device.console.contains("hello from hello-c"), "{}", device.console);
    let old = image("hello-c", &signing_key());
    assert_eq!(slot(device, old.len()), old);
    assert_eq!(device.hand_off().expect("a record").security_counter, Some(5));
}

#[test]
fn without_an_update_the_installed_image_starts() {
    let device = after(|_| {});
    assert!(!device.console.contains("update refused") && !device.console.contains("installed"));
    assert_eq!(device.hand_off().expect("a record").security_counter, Some(5));
    assert!(device.console.contains("hello from hello-c"), "{}", device.console);
}

#[test]
fn a_signed_update_is_programmed_and_started() {
    let new = update(6, &signing_key());
    let device = after(|host| host.transfer(&new));
    assert!(device.console.contains("update installed"), "{}", device.console);
    assert!(device.console.contains("hello from hello-c"), "{}", device.console);
    assert_eq!(slot(&device, new.len()), new);
    let record = device.hand_off().expect("a record");
    assert_eq!((record.status, record.security_counter), (Status::Booted, Some(6)));
    assert_eq!(record.version, Some(Version { major: 2, minor: 0, revision: 0, build: 0 }));
}

#[test]
fn a_device_without_an_application_takes_an_update() {
    let new = update(1, &signing_key());
    let mut device = device(&board("secure-update", &[]));
    Host::connect(&mut device).transfer(&new);
    assert_eq!(device.run(LIMIT), Stop::Idle);
    assert!(device.console.contains("hello from hello-c"), "{}", device.console);
}

#[test]
fn a_bad_update_is_refused_and_the_old_image_kept() {
    let mut flipped = update(6, &signing_key());
    flipped[0x500] ^= 1;
    for (bad, code) in [
        (flipped, image_codes::HASH_MISMATCH),
        (update(6, &foreign_key()), image_codes::UNKNOWN_KEY),
        (update(4, &signing_key()), image_codes::COUNTER_TOO_OLD),
        (update(6, &signing_key())[..1500].to_vec(), image_codes::TRUNCATED),
    ] {
        old_image_runs(&after(|host| host.transfer(&bad)), code);
    }
}

#[test]
fn a_broken_transfer_leaves_the_old_image() {
    let new = update(6, &signing_key());
    let wrong_sum = after(|host| {
        assert_eq!(host.announce(new.len() as u32), ACK);
        assert_eq!(host.piece(&new[..256], 0), ACK);
        assert_eq!(host.piece(&new[256..512], 1 << 31), NACK);
    });
    old_image_runs(&wrong_sum, codes::UPDATE_FRAME);
    let half = after(|host| {
        assert_eq!(host.announce(new.len() as u32), ACK);
        host.send(&new[..100]);
        assert_eq!(host.answer(), NACK);
    });
    old_image_runs(&half, codes::UPDATE_FRAME);
    for length in [0, 320 * 1024 + 1] {
        let device = after(|host| assert_eq!(host.announce(length), NACK));
        old_image_runs(&device, codes::UPDATE_TOO_LARGE);
    }
}

// ---- initialisation ----

const RESULT: u32 = 0x2400_0010;
const RETURNED: u32 = 0x0801_8000;
const MARKER: u32 = 0x5EED_CAFE;
/// The published example: adds r0, r1; adds r0, #15; bx lr, encrypted for the key, nonce and version of secure-init.
const CIPHER: [u32; 2] = [0x82BC_10D8, 0xF714_0591];
const SEIF: u32 = 1;
const XONEIF: u32 = 2;

fn initialised() -> Board {
    let mut board = board("secure-init", &[]);
    for (address, bytes) in assemble("external_app", SLOT.vector_table().expect("a slot has one").value()) {
        assert!(board.preload(address, &bytes));
    }
    let cipher: Vec<u8> = CIPHER.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(board.preload_external(0x9000_0400, &cipher));
    assert!(board.preload(RETURNED, &MARKER.to_le_bytes()));
    board
}

fn results(device: &Device) -> Vec<u32> {
    let byte = |address| device.peek(address);
    (0..10).map(|i| RESULT + 4 * i).map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| byte(at + i)))).collect()
}

#[test]
fn initialisation_locks_the_key_and_makes_its_area_smaller() {
    let mut device = device(&initialised());
    let expected = [18, 0, XONEIF, SEIF, SEIF, 0, 0, 18, 0, MARKER];
    assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
    assert!(device.console.contains("key loaded and locked"), "{}", device.console);
    assert_eq!(results(&device), expected);
    assert_eq!(device.machine.core.bus.options().scar, 0x80FF_0000, "64 KB instead of 128");
    let resets = device.machine.resets;
    assert_eq!(resets, 4, "SECURITY, the area request, the area, the smaller area");

    device.console.clear();
    device.machine.system_reset();
    assert_eq!(device.run(LIMIT), Stop::Idle);
    assert_eq!((results(&device), device.machine.resets), (expected.to_vec(), resets + 1));
    assert!(!device.console.contains("secure area:"), "only once:\n{}", device.console);
}

#[test]
fn initialisation_without_an_application_stays() {
    let mut device = device(&board("secure-init", &[]));
    assert_eq!(refusal(&mut device), codes::SLOT_EMPTY);
}
