//! Updates of image 0 by the real secure boot on the virtual chip: trial and confirmation, for good, revert, refusals, and
//! the security counter. Each test is one product's life between two power-ons.

use ironroot_boot::update::Action;
use ironroot_boot::{HandOff, Status};
use ironroot_chip::{Board, power_cycle};
use ironroot_codes::{boot as codes, image as image_codes};
use ironroot_cpu::machine::Stop;
use ironroot_crypto::{Signer, Software};
use ironroot_image::Version;
use ironroot_layout::stm32h735::{COUNTER_LOG, SCRATCH, SECONDARY_SLOT, SLOT};
use ironroot_tests::device::{Device, application, foreign_key};
use ironroot_tests::update::{
    LIMIT, Request, board, builder, content, install, place, provisioned, recover, signed, sleeper,
};

fn version(major: u8) -> Version {
    Version { major, minor: 0, revision: 0, build: 0 }
}

/// A device with that board, booted until its application sleeps.
fn booted(board: &Board) -> Device {
    let mut device = Device::on(board);
    assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
    device
}

#[track_caller]
fn record(device: &Device) -> HandOff {
    device.hand_off().expect("a record")
}

#[track_caller]
fn runs(device: &Device, image: &[u8], major: u8) {
    let record = record(device);
    assert_eq!((record.status, record.version), (Status::Booted, Some(version(major))), "{}", device.console);
    assert!(content(device, &SLOT, image.len()) == image, "another image is in the slot");
}

#[test]
fn an_update_is_tried_confirms_itself_and_stays() {
    let old = signed(1, 1, &sleeper(1, 600));
    let new = signed(2, 1, &application("self-confirm"));
    let mut device = booted(&board(&old, &new, Request::Test));
    let console = device.console.clone();
    for line in [
        "image 0: update on trial",
        "self-confirm 2.0.0",
        "on trial since this boot",
        "self test passed",
        "confirmed, resetting",
        "nothing was updated",
        "done",
    ] {
        assert!(console.contains(line), "no `{line}` in\n{console}");
    }
    runs(&device, &new, 2);
    assert_eq!(content(&device, &SECONDARY_SLOT, old.len()), old, "the old image waits in the other slot");
    // For good: whatever comes, no way back.
    let operations = device.machine.core.bus.flash_operations();
    recover(&mut device);
    runs(&device, &new, 2);
    assert_eq!(device.machine.core.bus.flash_operations(), operations, "a settled boot writes nothing");
    assert!(!device.console.contains("self test"), "{}", device.console);
}

#[test]
fn an_update_that_does_not_confirm_itself_is_reverted() {
    let old = signed(1, 1, &sleeper(1, 600));
    let new = signed(2, 1, &application("never-confirm"));
    let mut device = booted(&board(&old, &new, Request::Test));
    let console = device.console.clone();
    for line in
        ["image 0: update on trial", "self test FAILED", "not confirmed, resetting", "image 0: reverted"]
    {
        assert!(console.contains(line), "no `{line}` in\n{console}");
    }
    assert!(console.contains(&codes::UPDATE_NOT_CONFIRMED.to_string()), "{console}");
    runs(&device, &old, 1);
    let reports = record(&device);
    let report = reports.updates.images().first().expect("image 0");
    assert_eq!((report.action, report.reverted), (Action::Reverted, Some(codes::UPDATE_NOT_CONFIRMED)));
    recover(&mut device);
    runs(&device, &old, 1);
    assert!(!device.console.contains("reverted"), "once:\n{}", device.console);
}

#[test]
fn an_update_for_good_needs_no_confirmation() {
    let old = signed(1, 1, &sleeper(1, 600));
    let new = signed(2, 1, &sleeper(2, 900));
    let mut device = booted(&board(&old, &new, Request::Permanent));
    assert!(device.console.contains("image 0: update installed"), "{}", device.console);
    runs(&device, &new, 2);
    recover(&mut device);
    runs(&device, &new, 2);
}

#[test]
fn an_image_of_several_sectors_is_swapped_whole() {
    let (old, new) = (signed(1, 1, &sleeper(1, 5_000)), signed(2, 1, &sleeper(2, 300_000)));
    let mut device = booted(&board(&old, &new, Request::Permanent));
    runs(&device, &new, 2);
    assert_eq!(content(&device, &SECONDARY_SLOT, old.len()), old);
    recover(&mut device);
    runs(&device, &new, 2);
}

#[test]
fn a_bad_update_is_refused_with_its_code_and_the_old_image_starts() {
    let old = signed(1, 3, &sleeper(1, 600));
    let good = signed(2, 3, &sleeper(2, 900));
    let foreign = foreign_key();
    let by =
        |key: &dyn Signer| builder(2, 3).build(&sleeper(2, 900), Some(key), &mut Software).expect("an image");
    let flipped = |at: usize| {
        let mut image = good.clone();
        image[at] ^= 1;
        image
    };
    let cases = [
        ("foreign key", by(&foreign), image_codes::UNKNOWN_KEY),
        ("payload", flipped(0x500), image_codes::HASH_MISMATCH),
        ("header", flipped(0x14), image_codes::HASH_MISMATCH),
        ("signature", flipped(good.len() - 5), image_codes::SIGNATURE_INVALID),
        ("older counter", signed(2, 2, &sleeper(2, 900)), image_codes::COUNTER_TOO_OLD),
    ];
    for (what, image, code) in cases {
        // The counter of the installed image is stored at its first boot.
        let first = booted(&board(&old, &[], Request::Nothing));
        let mut next = first.machine.core.bus.to_board();
        install(&mut next, &SECONDARY_SLOT, &image, Request::Test);
        let mut device = booted(&next);
        runs(&device, &old, 1);
        let record = record(&device);
        assert_eq!(record.updates.images().first().and_then(|image| image.refused), Some(code), "{what}");
        assert!(device.console.contains(&format!("update refused: {code}")), "{what}: {}", device.console);
        // The request is gone: it is not examined at every boot.
        recover(&mut device);
        runs(&device, &old, 1);
        assert!(!device.console.contains("update refused"), "{what}: {}", device.console);
    }
}

#[test]
fn the_counter_keeps_old_images_out_of_the_primary_slot_too() {
    let newer = signed(2, 7, &sleeper(2, 600));
    let first = booted(&board(&newer, &[], Request::Nothing));
    runs(&first, &newer, 2);
    let after = first.machine.core.bus.to_board();
    // Somebody programs the old image, with its genuine signature, into the chip: all slots of it.
    let mut rolled_back = after.clone();
    assert!(rolled_back.erase(SLOT.region));
    install(&mut rolled_back, &SLOT, &signed(1, 6, &sleeper(1, 600)), Request::Nothing);
    let mut device = Device::on(&rolled_back);
    assert_eq!(device.run(LIMIT), Stop::Idle);
    assert_eq!(record(&device).status, Status::Refused(image_codes::COUNTER_TOO_OLD), "{}", device.console);
    // An image without a counter would be a way around it.
    let mut without = after;
    assert!(without.erase(SLOT.region));
    let image = ironroot_image::build::Builder::new(version(9))
        .vendor_id(ironroot_layout::stm32h735::VENDOR_ID)
        .class_id(ironroot_layout::stm32h735::CLASS_ID)
        .build(&sleeper(1, 600), Some(&ironroot_tests::device::signing_key() as &dyn Signer), &mut Software)
        .expect("an image");
    install(&mut without, &SLOT, &image, Request::Nothing);
    let mut device = Device::on(&without);
    assert_eq!(device.run(LIMIT), Stop::Idle);
    assert!(matches!(record(&device).status, Status::Refused(_)), "{}", device.console);
}

#[test]
fn a_trial_does_not_raise_the_counter_and_its_confirmation_does() {
    let old = signed(1, 1, &sleeper(1, 600));
    // The values in the log: the third word of each entry.
    let entries = |device: &Device| -> Vec<u8> {
        let log = device.peek_bytes(COUNTER_LOG.start().value(), COUNTER_LOG.size().bytes());
        log.chunks(32).filter(|word| word.starts_with(b"IRSC")).map(|word| word[8]).collect()
    };
    let never = signed(2, 9, &application("never-confirm"));
    let mut device = booted(&board(&old, &never, Request::Test));
    runs(&device, &old, 1);
    assert_eq!(entries(&device), [1], "the old image's");
    recover(&mut device);
    runs(&device, &old, 1);
    let confirms = signed(2, 9, &application("self-confirm"));
    let device = booted(&board(&old, &confirms, Request::Test));
    runs(&device, &confirms, 2);
    assert_eq!(entries(&device), [9]);
}

#[test]
fn an_empty_device_installs_the_image_in_its_secondary_slot() {
    let image = signed(3, 1, &sleeper(3, 600));
    let mut board = provisioned();
    install(&mut board, &SECONDARY_SLOT, &image, Request::Nothing);
    let mut device = booted(&board);
    assert!(device.console.contains("image 0: first image installed"), "{}", device.console);
    runs(&device, &image, 3);
    recover(&mut device);
    runs(&device, &image, 3);
}

#[test]
fn random_bytes_in_the_other_slots_are_no_update() {
    let old = signed(1, 1, &sleeper(1, 600));
    let mut full = board(&old, &[], Request::Nothing);
    for (region, mark) in [(SECONDARY_SLOT.region, 40), (SCRATCH, 41)] {
        let noise = sleeper(mark, region.size().bytes() as usize);
        place(&mut full, region.start().value(), &noise);
    }
    let mut device = booted(&full);
    runs(&device, &old, 1);
    power_cycle(&mut device.machine);
    assert_eq!(device.run(LIMIT), Stop::Idle);
    runs(&device, &old, 1);
}
