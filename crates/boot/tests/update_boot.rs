//! One boot as the firmware has it: key store, update, decision, record; on slots as the STM32H735 product has them.

mod support;

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_boot::update::{self, Action, ImageConfig, ImageSlots, LoadMemory, Mode, System, app};
use ironroot_boot::{BootPolicy, DeviceKind, HandOff, Launch, Refusal, Stage, Status};
use ironroot_codes::{boot as codes, image as image_codes};
use ironroot_crypto::Software;
use ironroot_image::build::Builder;
use ironroot_image::{Policy, RamWindow, Version};
use ironroot_layout::stm32h735::{CLASS_ID, SLOT, VENDOR_ID};
use ironroot_layout::{Address, Region, Slot};
use support::{Power, Ram, RamCounters, Remembering, signing_key};

const K: u32 = 1024;

fn payload(base: u32, len: usize) -> Vec<u8> {
    let mut payload = vec![0x5a; len];
    payload[0..4].copy_from_slice(&0x2405_0000_u32.to_le_bytes());
    payload[4..8].copy_from_slice(&(base + 0x441).to_le_bytes());
    payload
}

fn builder(major: u8) -> Builder {
    Builder::new(Version { major, minor: 0, revision: 0, build: 0 })
        .security_counter(u32::from(major))
        .vendor_id(VENDOR_ID)
        .class_id(CLASS_ID)
}

fn image(major: u8) -> Vec<u8> {
    // Into the third sector, which the trailer is in too.
    let payload = payload(SLOT.region.start().value(), 300 * K as usize);
    builder(major).build(&payload, Some(&signing_key()), &mut Software).expect("builds")
}

fn key_store(demo: bool) -> Vec<u8> {
    let key = StoredKey { key: signing_key().public_key(), demo };
    keystore::build(&[key], &mut Software).expect("a page").to_vec()
}

struct Board {
    primary: Ram,
    secondary: Ram,
    scratch: Ram,
    counters: RamCounters,
}

impl Board {
    fn new() -> Self {
        let power = Power::on();
        let slot = || Ram::new(&[128 * K; 3], 32, 0xFF, &power);
        Self {
            primary: slot(),
            secondary: slot(),
            scratch: Ram::new(&[128 * K], 32, 0xFF, &power),
            counters: RamCounters::new(&power),
        }
    }

    fn boot(&mut self, keys: &[u8], kind: DeviceKind) -> Result<Launch, Refusal> {
        let policy = BootPolicy::stm32h735(kind);
        let config = ImageConfig {
            policy: policy.image,
            require_counter: true,
            header_size: Some(0x400),
            ..ImageConfig::new(Mode::SwapScratch, 32, 128)
        };
        let mut images = [ImageSlots { primary: &mut self.primary, secondary: &mut self.secondary, config }];
        let mut buffer = [0; 512];
        let mut system = System::new(&mut images, &[], &mut self.counters, &mut buffer);
        system.scratch = Some(&mut self.scratch);
        ironroot_boot::boot(&mut system, keys, &policy, &mut Remembering)
    }
}

fn record(record: &HandOff) -> HandOff {
    let bytes = record.encode();
    assert_eq!(bytes[8..10], [2, 0], "with a report");
    assert_eq!(HandOff::decode(&bytes).as_ref(), Ok(record));
    record.clone()
}

#[test]
fn an_update_is_launched_and_recorded() {
    let keys = key_store(false);
    let mut board = Board::new();
    let trailer = ironroot_boot::stm32h735::TRAILER;
    board.primary.put(0, &image(1));
    let launch = board.boot(&keys, DeviceKind::Real).expect("boots");
    assert_eq!(launch.vector_table(), Ok(Address::new(0x0802_0400)));
    let first = record(launch.record());
    assert_eq!((first.status, first.version.map(|v| v.major)), (Status::Booted, Some(1)));
    let report = first.updates.images()[0];
    assert_eq!((report.mode, report.action, report.confirmed), (Some(Mode::SwapScratch), Action::None, true));

    board.secondary.put(0, &image(2));
    app::request(&mut board.secondary, &trailer, false).expect("requested");
    let launch = board.boot(&keys, DeviceKind::Real).expect("boots");
    let testing = record(launch.record());
    assert_eq!(testing.updates.images()[0].action, Action::Testing);
    assert_eq!(testing.version.map(|v| v.major), Some(2));

    // Not confirmed.
    let launch = board.boot(&keys, DeviceKind::Real).expect("boots");
    let report = record(launch.record()).updates.images()[0];
    assert_eq!((report.action, report.reverted), (Action::Reverted, Some(codes::UPDATE_NOT_CONFIRMED)));
    assert!(board.primary.bytes.starts_with(&image(1)) && board.secondary.bytes.starts_with(&image(2)));
}

#[test]
fn refusals_have_code_stage_and_report() {
    let keys = key_store(false);
    let mut board = Board::new();
    let refusal = board.boot(&keys, DeviceKind::Real).expect_err("empty");
    assert_eq!((refusal.code(), refusal.stage()), (codes::SLOT_EMPTY, Stage::Slot));

    board.primary.put(0, &image(1));
    board.primary.damage(0x1_0000);
    let mut bad = image(2);
    bad[0x2_0000] ^= 1;
    board.secondary.put(0, &bad);
    app::request(&mut board.secondary, &ironroot_boot::stm32h735::TRAILER, false).expect("requested");
    let refusal = board.boot(&keys, DeviceKind::Real).expect_err("both are bad");
    assert_eq!((refusal.code(), refusal.stage()), (image_codes::READ_FAILED, Stage::Parse));
    let record = record(refusal.record());
    assert_eq!(record.updates.images()[0].refused, Some(image_codes::HASH_MISMATCH));
    assert_eq!(record.version.map(|version| version.major), Some(1));

    let refusal = board.boot(&key_store(true), DeviceKind::Real).expect_err("a demo key");
    assert_eq!((refusal.code(), refusal.stage()), (codes::DEMO_KEY_ON_REAL_CHIP, Stage::KeyStore));
    let refusal = board.boot(&[0xFF; 4096], DeviceKind::Real).expect_err("no keys");
    assert_eq!((refusal.code(), refusal.stage()), (codes::KEY_STORE_MISSING, Stage::KeyStore));
}

#[test]
fn an_image_is_launched_from_ram() {
    const RAM: u32 = 0x2400_0000;
    let region = Region::checked(Address::new(RAM), SLOT.region.size()).expect("a region");
    let policy = BootPolicy { slot: Slot { region, ..SLOT }, ..BootPolicy::stm32h735(DeviceKind::Real) };
    let window = RamWindow { start: RAM, size: 0x1_0000 };
    let config = ImageConfig {
        policy: Policy { ram_load: Some(window), slot_address: None, ..policy.image },
        ..ImageConfig::new(Mode::RamLoad, 32, 128)
    };
    let mut board = Board::new();
    for (address, code) in [(RAM, None), (RAM + 0x100, Some(codes::VECTOR_TABLE_MISPLACED))] {
        let image = builder(1)
            .ram_load(address)
            .build(&payload(RAM, 0x800), Some(&signing_key()), &mut Software)
            .expect("builds");
        board.secondary.wipe();
        board.secondary.put(0, &image);
        let mut images =
            [ImageSlots { primary: &mut board.primary, secondary: &mut board.secondary, config }];
        let mut buffer = [0; 32];
        let mut system = System::new(&mut images, &[], &mut board.counters, &mut buffer);
        let mut ram = vec![0; 0x1_0000];
        let mut memory = LoadMemory { bytes: &mut ram, address: RAM };
        let keys = key_store(false);
        let result =
            ironroot_boot::boot_from_ram(&mut system, &mut memory, &keys[..], &policy, &mut Remembering);
        match code {
            None => {
                let launch = result.expect("boots");
                assert_eq!(launch.vector_table(), Ok(Address::new(RAM + 0x400)));
                assert_eq!(record(launch.record()).updates.images()[0].mode, Some(Mode::RamLoad));
            }
            Some(code) => assert_eq!(result.expect_err("elsewhere").code(), code),
        }
    }
    let mut images = [ImageSlots { primary: &mut board.primary, secondary: &mut board.secondary, config }];
    let mut buffer = [0; 32];
    let mut system = System::new(&mut images, &[], &mut board.counters, &mut buffer);
    let error = update::update(&mut system, &mut Remembering).expect_err("nothing is moved in flash");
    assert_eq!(error.code, codes::UPDATE_LAYOUT);
}
