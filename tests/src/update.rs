//! Updates on the virtual device: what lies in its slots, and what is left after the power went at any flash operation of a
//! whole boot.

use std::sync::OnceLock;

use ironroot_boot::keystore::{self, DeviceKey, StoredKey};
use ironroot_boot::stm32h735::{EXTERNAL_TRAILER, TRAILER};
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip::supply::POWER_CUT;
use ironroot_chip::{Board, CutEffect, FlashOperation, PowerCut, Stm32h735, power_cycle};
use ironroot_cpu::machine::Stop;
use ironroot_cpu::snapshot::Snapshot;
use ironroot_crypto::seal::EncryptionKey;
use ironroot_crypto::{KeyBits, P256ContentKeys, Sealing, Signer, Software};
use ironroot_image::Version;
use ironroot_image::build::{Builder, KeySource, Seal};
use ironroot_image::trailer::TrailerLayout;
use ironroot_layout::stm32h735::{self as map, ERASED, FLASH};
use ironroot_layout::{Address, Slot};

use crate::device::{Device, signing_key};

/// More instructions than any boot with an update needs.
pub const LIMIT: u64 = 400_000_000;

/// What is asked of the secure boot with an image in a secondary slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing: the image lies there.
    Nothing,
    /// Run it on trial.
    Test,
    /// Install it for good.
    Permanent,
}

/// A payload of `size` bytes that sleeps: vector table, two instructions, and bytes that depend on `mark`. Linked for the
/// primary slot of image 0.
pub fn sleeper(mark: u8, size: usize) -> Vec<u8> {
    let start = map::SLOT.vector_table().expect("a slot has one").value();
    let code = start + 0x40;
    let mut bytes = map::APPLICATION_RAM.end().value().to_le_bytes().to_vec();
    for _ in 0..15 {
        bytes.extend_from_slice(&(code | 1).to_le_bytes());
    }
    // wfi; b to it.
    bytes.extend_from_slice(&[0x30, 0xBF, 0xFD, 0xE7]);
    let mut value = u32::from(mark) + 1;
    while bytes.len() < size {
        // A number generator, so that no sixteen bytes of two payloads are equal.
        value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The scalar of the device's own key in the encrypted tests.
pub const DEVICE_SCALAR: [u8; 32] = [0x2B; 32];

/// A signed image of version `major`.0.0, encrypted for the device of [`provisioned_with_device_key`].
pub fn encrypted(major: u8, counter: u32, payload: &[u8]) -> Vec<u8> {
    let device = P256ContentKeys::from_scalar(&DEVICE_SCALAR).expect("a valid scalar");
    let to = EncryptionKey::P256(device.public_key().expect("a public key"));
    let key = signing_key();
    let secret = [major; 32];
    let seal =
        Seal { to: &to, sealing: Sealing::EciesP256, source: KeySource::Derived(&secret), clear: false };
    let mut image = Vec::new();
    builder(major, counter)
        .encrypted(KeyBits::Aes128)
        .write(&payload, Some(&key as &dyn Signer), Some(seal), &mut Software, &mut |piece| {
            image.extend_from_slice(piece);
            Ok(())
        })
        .expect("an image");
    image
}

/// The builder of image 0 of version `major`.0.0 with a security counter, as `image sign --device stm32h735` makes it.
pub fn builder(major: u8, counter: u32) -> Builder {
    Builder::new(Version { major, minor: 0, revision: 0, build: 0 })
        .security_counter(counter)
        .vendor_id(map::VENDOR_ID)
        .class_id(map::CLASS_ID)
}

/// A signed image of version `major`.0.0.
pub fn signed(major: u8, counter: u32, payload: &[u8]) -> Vec<u8> {
    let key = signing_key();
    builder(major, counter).build(payload, Some(&key as &dyn Signer), &mut Software).expect("an image")
}

/// A board with our secure boot, key store and secure area, that has booted once and found its slots empty.
pub fn provisioned() -> Board {
    static BOARD: OnceLock<Board> = OnceLock::new();
    BOARD
        .get_or_init(|| {
            let mut device = Device::secured(&[]);
            assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
            assert!(device.console.contains("refused: IR-"), "{}", device.console);
            device.machine.core.bus.to_board()
        })
        .clone()
}

/// The same with the device's own key in its key store.
pub fn provisioned_with_device_key() -> Board {
    let stored = StoredKey { key: signing_key().public_key(), demo: false };
    let device = DeviceKey::new(DEVICE_SCALAR, false);
    let page = keystore::build_with_device_key(&[stored], Some(&device), &mut Software).expect("a key store");
    let mut board = provisioned();
    assert!(board.preload(map::KEY_STORE.start().value(), &page));
    board
}

/// Puts bytes into internal or external flash past all rules, as a programmer for the bare chip does. Internal flash words
/// that are erased stay so.
pub fn place(board: &mut Board, address: u32, bytes: &[u8]) {
    if !FLASH.contains(Address::new(address)) {
        assert!(board.preload_external(address, bytes), "{address:#x}");
        return;
    }
    let word = map::FLASH_WORD.bytes();
    assert!(address.is_multiple_of(word), "{address:#x}");
    for (at, piece) in (address..).step_by(word as usize).zip(bytes.chunks(word as usize)) {
        if piece.iter().any(|byte| *byte != ERASED) {
            assert!(board.preload(at, piece), "{at:#x}");
        }
    }
}

/// The trailer of a slot.
pub fn trailer(slot: &Slot) -> TrailerLayout {
    if FLASH.contains_region(slot.region) { TRAILER } else { EXTERNAL_TRAILER }
}

/// Puts `image` into `slot` where the secure boot looks for it, and a request into the slot's trailer.
pub fn install(board: &mut Board, slot: &Slot, image: &[u8], request: Request) {
    let offset = if *slot == map::EXTERNAL_SECONDARY_SLOT { map::EXTERNAL_SECTOR.bytes() } else { 0 };
    place(board, slot.region.start().value() + offset, image);
    let (layout, end) = (trailer(slot), slot.region.end().value());
    let align = map::TRAILER_ALIGN.bytes() as usize;
    if request != Request::Nothing {
        let mut magic = vec![ERASED; align - 16];
        magic.extend_from_slice(&layout.magic_bytes());
        place(board, end - align as u32, &magic);
    }
    if request == Request::Permanent {
        let mut flag = vec![ERASED; align];
        flag[0] = 1;
        place(board, end - layout.image_ok(), &flag);
    }
}

/// A provisioned board with `old` installed and `new` waiting.
pub fn board(old: &[u8], new: &[u8], request: Request) -> Board {
    let mut board = provisioned();
    install(&mut board, &map::SLOT, old, Request::Nothing);
    install(&mut board, &map::SECONDARY_SLOT, new, request);
    board
}

/// The first bytes of a slot, past all protections.
pub fn content(device: &Device, slot: &Slot, length: usize) -> Vec<u8> {
    let start = slot.region.start().value();
    if FLASH.contains_region(slot.region) {
        return device.peek_bytes(start, length as u32);
    }
    let flash = device.machine.core.bus.external_flash(start).expect("a window");
    let offset = start & 0x0FFF_FFFF;
    (offset..offset + length as u32).map(|at| flash.byte(at)).collect()
}

/// Flash words of the first bytes of a slot that cannot be read.
pub fn unreadable(device: &Device, slot: &Slot, length: usize) -> usize {
    let word = map::FLASH_WORD.bytes();
    let start = slot.region.start().value() - FLASH.start().value();
    let words = start / word..(start + length as u32).div_ceil(word);
    let ecc = device.machine.core.bus.flash().ecc();
    ecc.damaged().filter(|(at, damage)| words.contains(at) && *damage == Damage::Double).count()
}

/// Whether `needle` is anywhere in the flash or RAM of the device from `from` to `to`.
pub fn holds(device: &Device, from: u32, to: u32, needle: &[u8]) -> bool {
    device.peek_bytes(from, to - from).windows(needle.len()).any(|window| window == needle)
}

/// A boot, from power-on to the sleep of the application, that is repeated with power cuts.
pub struct Rehearsal {
    device: Device,
    moments: Vec<(u64, Snapshot<Stm32h735>)>,
    /// The flash operations of the boot without a cut.
    pub operations: Vec<FlashOperation>,
    /// What the console showed without a cut.
    pub console: String,
}

impl Rehearsal {
    /// Boots `board` once without a cut.
    pub fn of(board: &Board) -> Self {
        /// Operations between two snapshots: the boot up to the cut is not run again and again.
        const STEP: u64 = 8;
        let mut device = Device::on(board);
        device.machine.core.bus.record_flash_operations(true);
        let mut moments = vec![(0, device.machine.snapshot())];
        let mut ran = 0;
        loop {
            let stop = device.run(20_000);
            let done = device.machine.core.bus.flash_operations();
            if moments.last().is_none_or(|(last, _)| done >= last + STEP) {
                moments.push((done, device.machine.snapshot()));
            }
            ran += 20_000;
            match stop {
                Stop::Limit => assert!(ran < LIMIT, "{}", device.console),
                Stop::Idle => break,
                other => panic!("{other:?}\n{}", device.console),
            }
        }
        let operations = device.machine.core.bus.take_flash_operations();
        let console = std::mem::take(&mut device.console);
        device.machine.core.bus.record_flash_operations(false);
        Self { device, moments, operations, console }
    }

    /// The same boot with the power cut; the device is off then. `None` if there is no such operation.
    pub fn cut(&mut self, cut: PowerCut) -> &mut Device {
        let before = self.moments.partition_point(|(done, _)| *done < cut.operation);
        let (done, moment) = &self.moments[before.saturating_sub(1)];
        self.device.machine.restore(moment);
        let chip = &mut self.device.machine.core.bus;
        chip.record_flash_operations(false);
        chip.cut_power_at(Some(PowerCut { operation: cut.operation - done, ..cut }));
        self.device.console.clear();
        let stop = self.device.run(LIMIT);
        assert_eq!(stop, Stop::Chip(POWER_CUT), "{cut:?}\n{}", self.device.console);
        &mut self.device
    }
}

/// Power comes back, and the device boots until it sleeps.
#[track_caller]
pub fn recover(device: &mut Device) {
    recover_from(device, "power-on");
}

/// The same after `what`.
#[track_caller]
pub fn recover_from(device: &mut Device, what: &str) {
    device.console.clear();
    power_cycle(&mut device.machine);
    let stop = device.run(LIMIT);
    let pc = device.machine.core.r[15];
    assert_eq!(stop, Stop::Idle, "{what}: at {pc:#010x}\n{}", device.console);
}

/// As [`recover`], with another cut at an operation of the recovery. True if it came.
pub fn recover_until(device: &mut Device, cut: PowerCut) -> bool {
    device.console.clear();
    power_cycle(&mut device.machine);
    device.machine.core.bus.cut_power_at(Some(cut));
    let stop = device.run(LIMIT);
    device.machine.core.bus.cut_power_at(None);
    match stop {
        Stop::Chip(POWER_CUT) => true,
        Stop::Idle => false,
        other => panic!("{other:?}\n{}", device.console),
    }
}

/// Every effect that makes a difference for an operation.
pub fn effects(operation: FlashOperation) -> &'static [CutEffect] {
    match operation {
        FlashOperation::Program { .. } => {
            &[CutEffect::Before, CutEffect::After, CutEffect::Torn, CutEffect::Broken]
        }
        FlashOperation::ExternalProgram { .. } => &[CutEffect::Before, CutEffect::After, CutEffect::Torn],
        FlashOperation::Options => &[CutEffect::Before, CutEffect::After],
        FlashOperation::Erase { .. } | FlashOperation::ExternalErase { .. } => &CutEffect::ALL,
    }
}
