//! Updates of image 1 in the external flash, with image 0 in the internal one: swap with offset by the real secure boot over
//! OCTOSPI, dependencies between the two, and what happens where there is no second image.

use ironroot_boot::update::Action;
use ironroot_boot::{HandOff, Status};
use ironroot_chip::Board;
use ironroot_codes::{boot as codes, image as image_codes};
use ironroot_cpu::machine::Stop;
use ironroot_crypto::{Signer, Software};
use ironroot_image::Version;
use ironroot_layout::stm32h735::{EXTERNAL_SECONDARY_SLOT, EXTERNAL_SLOT, SECONDARY_SLOT, SLOT};
use ironroot_tests::device::{Device, signing_key};
use ironroot_tests::update::{LIMIT, Request, board, builder, content, install, recover, signed, sleeper};

fn version(major: u8) -> Version {
    Version { major, minor: 0, revision: 0, build: 0 }
}

/// An image that needs version `needed`.0.0 of image `of`.
fn dependent(major: u8, payload: &[u8], of: u8, needed: u8) -> Vec<u8> {
    let key = signing_key();
    builder(major, 1)
        .dependency(of, version(needed))
        .build(payload, Some(&key as &dyn Signer), &mut Software)
        .expect("an image")
}

/// A board with version 1 of both images.
fn both(application: &[u8], asset: &[u8]) -> Board {
    let mut board = board(application, &[], Request::Nothing);
    install(&mut board, &EXTERNAL_SLOT, asset, Request::Nothing);
    board
}

fn booted(board: &Board) -> Device {
    let mut device = Device::on(board);
    assert_eq!(device.run(LIMIT), Stop::Idle, "{}", device.console);
    device
}

#[track_caller]
fn record(device: &Device) -> HandOff {
    let record = device.hand_off().expect("a record");
    assert_eq!(record.status, Status::Booted, "{}", device.console);
    record
}

#[test]
fn an_asset_in_the_external_flash_is_updated_for_good() {
    let application = signed(1, 1, &sleeper(1, 600));
    let (old, new) = (signed(1, 1, &sleeper(3, 10_000)), signed(2, 1, &sleeper(4, 50_000)));
    let mut board = both(&application, &old);
    install(&mut board, &EXTERNAL_SECONDARY_SLOT, &new, Request::Permanent);
    let mut device = booted(&board);
    assert!(device.console.contains("image 1: update installed"), "{}", device.console);
    let images = record(&device).updates;
    let actions: Vec<_> = images.images().iter().map(|image| (image.action, image.version)).collect();
    assert_eq!(actions, [(Action::None, version(1)), (Action::Installed, version(2))]);
    assert!(content(&device, &EXTERNAL_SLOT, new.len()) == new);
    // What survives power-off is on the board.
    let after = device.machine.core.bus.to_board();
    let again = booted(&after);
    assert!(content(&again, &EXTERNAL_SLOT, new.len()) == new);
    let done = device.machine.core.bus.flash_operations();
    recover(&mut device);
    assert_eq!(device.machine.core.bus.flash_operations(), done, "a settled boot writes nothing");
}

#[test]
fn an_asset_on_trial_is_reverted_when_nobody_confirms_it() {
    let application = signed(1, 1, &sleeper(1, 600));
    let (old, new) = (signed(1, 1, &sleeper(3, 9_000)), signed(2, 1, &sleeper(4, 5_000)));
    let mut board = both(&application, &old);
    install(&mut board, &EXTERNAL_SECONDARY_SLOT, &new, Request::Test);
    let mut device = booted(&board);
    assert!(device.console.contains("image 1: update on trial"), "{}", device.console);
    assert!(content(&device, &EXTERNAL_SLOT, new.len()) == new);
    recover(&mut device);
    assert!(device.console.contains("image 1: reverted"), "{}", device.console);
    assert!(content(&device, &EXTERNAL_SLOT, old.len()) == old);
}

#[test]
fn both_images_are_updated_together_or_not_at_all() {
    let old = [signed(1, 1, &sleeper(1, 600)), signed(1, 1, &sleeper(3, 5_000))];
    // The new application needs the new asset.
    let new = [dependent(2, &sleeper(2, 700), 1, 2), signed(2, 1, &sleeper(4, 7_000))];
    let mut alone = both(&old[0], &old[1]);
    install(&mut alone, &SECONDARY_SLOT, &new[0], Request::Permanent);
    let device = booted(&alone);
    let refused = record(&device).updates.images().first().and_then(|image| image.refused);
    assert_eq!(refused, Some(codes::UPDATE_DEPENDENCY), "{}", device.console);
    assert!(content(&device, &SLOT, old[0].len()) == old[0]);

    let mut together = both(&old[0], &old[1]);
    install(&mut together, &SECONDARY_SLOT, &new[0], Request::Permanent);
    install(&mut together, &EXTERNAL_SECONDARY_SLOT, &new[1], Request::Permanent);
    let device = booted(&together);
    assert_eq!(record(&device).version, Some(version(2)), "{}", device.console);
    assert!(content(&device, &SLOT, new[0].len()) == new[0]);
    assert!(content(&device, &EXTERNAL_SLOT, new[1].len()) == new[1]);
}

#[test]
fn a_bad_asset_is_refused_and_a_changed_one_stops_the_boot() {
    let application = signed(1, 1, &sleeper(1, 600));
    let (old, new) = (signed(1, 1, &sleeper(3, 5_000)), signed(2, 1, &sleeper(4, 6_000)));
    let mut bad = new.clone();
    bad[0x600] ^= 0x10;
    let mut board = both(&application, &old);
    install(&mut board, &EXTERNAL_SECONDARY_SLOT, &bad, Request::Permanent);
    let device = booted(&board);
    let refused = record(&device).updates.images().get(1).and_then(|image| image.refused);
    assert_eq!(refused, Some(image_codes::HASH_MISMATCH), "{}", device.console);
    assert!(content(&device, &EXTERNAL_SLOT, old.len()) == old);

    // The external flash is a chip of its own on the board: somebody changes a byte of what is installed.
    let mut changed = old.clone();
    changed[0x700] ^= 1;
    let mut board = both(&application, &changed);
    let mut device = Device::on(&board);
    assert_eq!(device.run(LIMIT), Stop::Idle);
    let status = device.hand_off().expect("a record").status;
    assert_eq!(status, Status::Refused(image_codes::HASH_MISMATCH), "{}", device.console);
    // And with a good update waiting, that is installed in its place.
    install(&mut board, &EXTERNAL_SECONDARY_SLOT, &new, Request::Nothing);
    let device = booted(&board);
    assert_eq!(record(&device).updates.images().get(1).map(|image| image.action), Some(Action::Bootstrapped));
    assert!(content(&device, &EXTERNAL_SLOT, new.len()) == new);
}

#[test]
fn a_board_without_a_second_image_boots_as_one_without_external_flash() {
    let application = signed(1, 1, &sleeper(1, 600));
    let device = booted(&board(&application, &[], Request::Nothing));
    assert_eq!(record(&device).updates.images().len(), 1);
    // The interface is left as after a reset.
    let mut port = device.clone();
    for address in [0x5200_5000, 0x5802_44D4] {
        let word = ironroot_cpu::bus::Bus::read(
            &mut port.machine.core.bus,
            address,
            ironroot_cpu::bus::Access {
                master: ironroot_cpu::bus::Master::Cpu,
                kind: ironroot_cpu::bus::Kind::Read,
                privileged: true,
                secure: false,
                size: ironroot_cpu::bus::Size::Word,
                pc: SLOT.region.start().value(),
                now: u64::MAX / 2,
            },
        );
        assert_eq!(word, Ok(0), "{address:#x}");
    }
}
