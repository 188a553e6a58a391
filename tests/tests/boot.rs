//! The boot, step by step by PC range: ROM, secure boot, ROM exit service, application; for good and bad images.

use ironroot_boot::{Stage, Status};
use ironroot_codes::{Code, boot as boot_codes, image as image_codes, vdev};
use ironroot_cpu::bus::Size;
use ironroot_cpu::machine::Stop;
use ironroot_crypto::{Signer, Software};
use ironroot_debug::port::Port;
use ironroot_layout::stm32h735 as map;
use ironroot_tests::device::{Device, Place, application, builder, foreign_key, image, signing_key};

/// More than any boot here takes.
const LIMIT: u64 = 400_000_000;

/// The first boot: secure boot asks for its area through the library; the reset that this causes leads into RSS, which
/// serves the request and resets again, into RSS once more (one stretch of addresses); then the boot proper begins.
const TO_SECURE_BOOT: [Place; 5] =
    [Place::Rss, Place::SecureBoot, Place::Library, Place::Rss, Place::SecureBoot];

fn slot(offset: u32) -> u32 {
    map::SLOT.region.start().value() + offset
}

#[test]
fn boot_of_a_good_image_goes_rom_secure_boot_exit_service_application() {
    for name in ["hello-hal", "hello-c"] {
        let mut device = Device::secured(&image(name, &signing_key()));
        let (stop, places) = device.boot(LIMIT);
        assert_eq!(stop, Stop::Idle, "the application ends in WFI\n{}", device.console);
        assert!(device.console.contains(&format!("hello from {name}")), "{}", device.console);
        assert!(device.console.trim_end().ends_with("done"), "{}", device.console);
        let expected: Vec<Place> =
            TO_SECURE_BOOT.into_iter().chain([Place::Library, Place::Application]).collect();
        assert_eq!(places, expected);
        let record = device.hand_off().expect("a valid record");
        assert_eq!((record.status, record.stage), (Status::Booted, Stage::Launch));
        assert_eq!(record.security_counter, Some(5));
        assert!(record.debug_closed);
        assert_eq!(device.machine.resets, 3, "SECURITY, the area request, the area");
    }
}

#[test]
fn boot_after_the_first_goes_straight_through() {
    let mut device = Device::secured(&image("hello-c", &signing_key()));
    device.boot(LIMIT);
    device.machine.system_reset();
    let (stop, places) = device.boot(LIMIT);
    assert_eq!(stop, Stop::Idle);
    assert_eq!(places, [Place::Rss, Place::SecureBoot, Place::Library, Place::Application]);
}

/// Boots `device`, which must refuse with `wanted` at `stage`, without a single instruction outside ROM and secure boot.
#[track_caller]
fn refused(mut device: Device, wanted: Code, stage: Stage) {
    let (stop, places) = device.boot(LIMIT);
    assert_eq!(stop, Stop::Idle, "a refusal ends asleep\n{}", device.console);
    assert_eq!(places, TO_SECURE_BOOT, "nothing but ROM and secure boot ran\n{}", device.console);
    assert!(device.console.contains(&format!("refused: {wanted}")), "wanted {wanted}:\n{}", device.console);
    let record = device.hand_off().expect("a valid record");
    assert_eq!((record.status, record.stage), (Status::Refused(wanted), stage));
}

#[test]
fn boot_refuses_a_flipped_bit_anywhere_in_the_payload() {
    let image = image("hello-c", &signing_key());
    let payload = application("hello-c").len() as u32;
    for (offset, bit) in [(0x400, 0), (0x400 + payload / 2, 3), (0x400 + payload - 1, 7)] {
        let mut device = Device::secured(&image);
        device.flip(slot(offset), bit);
        refused(device, image_codes::HASH_MISMATCH, Stage::Verify);
    }
}

#[test]
fn boot_refuses_a_flipped_bit_in_the_magic() {
    let mut device = Device::secured(&image("hello-c", &signing_key()));
    device.flip(slot(0), 0);
    refused(device, image_codes::BAD_MAGIC, Stage::Parse);
}

#[test]
fn boot_refuses_an_empty_slot() {
    refused(Device::secured(&[]), boot_codes::SLOT_EMPTY, Stage::Slot);
}

#[test]
fn boot_refuses_an_image_signed_by_another_key() {
    refused(Device::secured(&image("hello-c", &foreign_key())), image_codes::UNKNOWN_KEY, Stage::Verify);
}

#[test]
fn boot_refuses_an_unsigned_image() {
    let unsigned = builder().build(&application("hello-c"), None, &mut Software).expect("an image");
    refused(Device::secured(&unsigned), image_codes::SIGNATURE_MISSING, Stage::Verify);
}

#[test]
fn boot_refuses_an_image_for_another_device() {
    let other = builder()
        .class_id([0xAA; 16])
        .build(&application("hello-c"), Some(&signing_key() as &dyn Signer), &mut Software)
        .expect("an image");
    refused(Device::secured(&other), image_codes::WRONG_CLASS, Stage::Verify);
}

#[test]
fn boot_refuses_an_application_linked_elsewhere() {
    let mut payload = application("hello-c");
    // The reset vector of an application linked for the start of flash: code that nobody verified.
    payload[4..8].copy_from_slice(&0x0800_0401u32.to_le_bytes());
    let image =
        builder().build(&payload, Some(&signing_key() as &dyn Signer), &mut Software).expect("an image");
    refused(Device::secured(&image), boot_codes::BAD_RESET_VECTOR, Stage::Vectors);
}

#[test]
fn boot_refuses_to_run_where_it_could_protect_nothing() {
    let mut device = Device::unprotected(&image("hello-c", &signing_key()));
    let (stop, places) = device.boot(LIMIT);
    assert_eq!((stop, places), (Stop::Idle, vec![Place::SecureBoot]));
    let record = device.hand_off().expect("a valid record");
    assert_eq!(record.status, Status::Refused(boot_codes::SECURITY_NOT_SET));
}

#[test]
fn secure_area_is_closed_to_the_application() {
    // hello-hal tries it itself, on the core, and prints what came back.
    let mut device = Device::secured(&image("hello-hal", &signing_key()));
    device.boot(LIMIT);
    assert!(device.console.contains("secure area reads 0x00000000, RDSERR 1"), "{}", device.console);
}

#[test]
fn debug_stays_closed_after_the_exit() {
    let mut device = Device::secured(&image("hello-c", &signing_key()));
    device.boot(LIMIT);
    let mut port = Port::new(&mut device.machine);
    for address in [0x0800_0000, 0x0802_0400, 0x2400_0000, 0x1FF1_0000, 0x3800_3F00] {
        let refusal = port.read(address, Size::Word).expect_err("the port is closed");
        assert_eq!(refusal.code, vdev::DEBUG_CLOSED);
    }
}

#[test]
fn debug_is_open_on_a_chip_from_the_factory() {
    let mut device = Device::unprotected(&image("hello-c", &signing_key()));
    let word = Port::new(&mut device.machine).read(slot(0), Size::Word);
    assert_eq!(word, Ok(0x96F3_B83D));
}

#[test]
fn boot_is_the_same_stepped_and_in_blocks() {
    let image = image("hello-c", &signing_key());
    let mut blocks = Device::secured(&image);
    let mut steps = Device::secured(&image);
    for _ in 0..20 {
        blocks.machine.run(10_000);
        for _ in 0..10_000 {
            steps.machine.step();
        }
        assert_eq!(blocks.machine.state_hash(), steps.machine.state_hash());
    }
}
