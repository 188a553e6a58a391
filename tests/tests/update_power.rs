//! The power goes at every flash operation of an update and of a revert that the real secure boot makes on the virtual chip,
//! with every effect that the operation can leave. After each: the old or the new image runs, bit for bit; nothing is left
//! to be done at the boot after; the protections are as before.
//!
//! `cargo xtask test` cuts at the operations on which a story turns and at a part of the others; `cargo xtask prove-update`
//! at all of them.

use ironroot_boot::Status;
use ironroot_chip::{Board, FlashOperation, PowerCut};
use ironroot_codes::vdev;
use ironroot_cpu::bus::Size;
use ironroot_debug::port::Port;
use ironroot_layout::stm32h735::{
    COUNTER_LOG, EXTERNAL_SECONDARY_SLOT, EXTERNAL_SLOT, KEY_STORE, SECONDARY_SLOT, SECURE_BOOT, SLOT,
};
use ironroot_tests::device::{Device, application};
use ironroot_tests::update::{
    Rehearsal, Request, board, content, effects, encrypted, holds, install, provisioned_with_device_key,
    recover, recover_from, recover_until, signed, sleeper, unreadable,
};

/// How a story may end after a power cut and the boot behind it, and how it stands after one boot more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// In the new image, for good.
    New,
    /// In the old one, for good.
    Old,
    /// In either, for good.
    Either,
    /// In either, and then in the old one: nobody confirms the new one.
    Trial,
}

/// A boot that is tried with power cuts.
struct Story<'a> {
    board: &'a Board,
    /// What lies in the primary slot of image 0 with version 1, as it runs.
    old: &'a [u8],
    /// The same with version 2.
    new: &'a [u8],
    end: End,
    /// More that must hold after a recovery.
    and: fn(&Device, &str),
}

impl Story<'_> {
    /// The invariants after a recovery. Whether the new image runs.
    #[track_caller]
    fn settled(&self, device: &mut Device, what: &str) -> bool {
        let record = device.hand_off().unwrap_or_else(|error| panic!("{what}: {error}\n{}", device.console));
        assert_eq!(record.status, Status::Booted, "{what}\n{}", device.console);
        let is_new = record.version.is_some_and(|version| version.major == 2);
        let image = if is_new { self.new } else { self.old };
        assert!(
            content(device, &SLOT, image.len()) == image,
            "{what}: another image is in the slot\n{}",
            device.console
        );
        let broken = unreadable(device, &SLOT, image.len());
        assert_eq!(broken, 0, "{what}: words of the image cannot be read\n{}", device.console);
        // Secure boot and keys are untouched, and closed; debug stays closed; the option bytes are the same.
        for region in [SECURE_BOOT, KEY_STORE] {
            let start = (region.start().value() - 0x0800_0000) as usize;
            let length = region.size().bytes();
            let now = device.peek_bytes(region.start().value(), length);
            assert!(now == self.board.flash()[start..start + length as usize], "{what}: {region} changed");
        }
        assert_eq!(device.machine.core.bus.options(), self.board.options(), "{what}");
        let mut port = Port::new(&mut device.machine);
        for address in [SECURE_BOOT.start().value(), SLOT.region.start().value()] {
            let refusal = port.read(address, Size::Word).expect_err("the port is closed");
            assert_eq!(refusal.code, vdev::DEBUG_CLOSED, "{what}");
        }
        (self.and)(device, what);
        is_new
    }

    /// The device has recovered: it is as the story may end, and stays so.
    fn check(&self, device: &mut Device, what: &str) -> bool {
        let is_new = self.settled(device, what);
        let allowed = match self.end {
            End::New => is_new,
            End::Old => !is_new,
            End::Either | End::Trial => true,
        };
        assert!(allowed, "{what}: the wrong image runs\n{}", device.console);
        let console = device.console.clone();
        let mut last = is_new;
        if self.end == End::Trial {
            recover(device);
            last = self.settled(device, what);
            assert!(!last, "{what}: an update that nobody confirmed stays\n{console}{}", device.console);
        }
        // The boot after finds nothing left to do.
        let done = device.machine.core.bus.flash_operations();
        recover(device);
        assert_eq!(self.settled(device, what), last, "{what}");
        let now = device.machine.core.bus.flash_operations();
        assert_eq!(now, done, "{what}: still writing\n{console}{}", device.console);
        is_new
    }

    /// Cuts the boot at the operations that `chosen` names, with every effect; every `pairs`-th time a second cut comes in
    /// the recovery, and a third. The number of cuts made.
    fn campaign(&self, pairs: u64, chosen: impl Fn(u64, FlashOperation) -> bool) -> u64 {
        let mut rehearsal = Rehearsal::of(self.board);
        let operations = rehearsal.operations.clone();
        let (mut cuts, mut several, mut outcomes) = (0, 0, [0_u64; 2]);
        for (number, operation) in (1..).zip(operations.iter().copied()) {
            if !chosen(number, operation) {
                continue;
            }
            for &effect in effects(operation) {
                let seed = number * 5 + effect as u64;
                let mut what = format!("cut at {number} of {}, {operation}: {effect}", operations.len());
                let device = rehearsal.cut(PowerCut { operation: number, effect, seed });
                cuts += 1;
                let mut again = 0;
                while cuts % pairs == 0 && again < 2 {
                    again += 1;
                    let next = PowerCut { operation: 1 + seed * 7 % 23, effect, seed: seed + again };
                    what = format!("{what}, then at {}", next.operation);
                    if !recover_until(device, next) {
                        break;
                    }
                    several += 1;
                }
                recover_from(device, &what);
                outcomes[usize::from(self.check(device, &what))] += 1;
            }
        }
        println!(
            "{} operations, cut {cuts} times, {several} times more in the recovery: {} ended in the old image, {} in the \
             new one",
            operations.len(),
            outcomes[0],
            outcomes[1]
        );
        cuts
    }
}

/// Whether a story is cut at this operation: at all with `IRONROOT_ALL_CUTS`, else where it turns, and at every `part`-th.
fn sample(part: u64) -> impl Fn(u64, FlashOperation) -> bool {
    let all = std::env::var_os("IRONROOT_ALL_CUTS").is_some();
    move |number, operation| all || turning(operation) || number % part == 0
}

fn nothing(_: &Device, _: &str) {}

#[test]
fn an_update_for_good() {
    let (old, new) = (signed(1, 1, &sleeper(1, 400)), signed(2, 2, &sleeper(2, 700)));
    let board = board(&old, &new, Request::Permanent);
    let story = Story { board: &board, old: &old, new: &new, end: End::New, and: nothing };
    assert!(story.campaign(5, sample(5)) > 100);
}

/// A board on which version 2 has run on trial and was not confirmed: its next boot reverts.
fn on_trial(old: &[u8], new: &[u8]) -> Board {
    let mut device = Device::on(&board(old, new, Request::Test));
    recover(&mut device);
    assert!(device.console.contains("on trial"), "{}", device.console);
    device.machine.core.bus.to_board()
}

#[test]
fn a_revert() {
    let (old, new) = (signed(1, 1, &sleeper(1, 400)), signed(2, 2, &sleeper(2, 700)));
    let board = on_trial(&old, &new);
    let story = Story { board: &board, old: &old, new: &new, end: End::Old, and: nothing };
    assert!(story.campaign(5, sample(5)) > 100);
}

#[test]
fn a_trial_that_nobody_confirms_ends_in_the_old_image() {
    let (old, new) = (signed(1, 1, &sleeper(1, 400)), signed(2, 2, &sleeper(2, 700)));
    let board = board(&old, &new, Request::Test);
    let story = Story { board: &board, old: &old, new: &new, end: End::Trial, and: nothing };
    // The swap is that of the update for good: here a part of it.
    assert!(story.campaign(4, sample(7)) > 60);
}

/// Whether an operation is one on which a story turns: an erase, a write of a trailer or of a counter.
fn turning(operation: FlashOperation) -> bool {
    let trailer = |slot: ironroot_layout::Slot, address: u32| {
        let end = slot.region.end().value();
        (end - slot.trailer.bytes()..end).contains(&address)
    };
    operation.is_erase()
        || operation.address().is_some_and(|address| {
            [SLOT, SECONDARY_SLOT, EXTERNAL_SLOT, EXTERNAL_SECONDARY_SLOT]
                .into_iter()
                .any(|slot| trailer(slot, address))
                || COUNTER_LOG.contains(ironroot_layout::Address::new(address))
        })
}

#[test]
fn an_application_that_confirms_itself_while_the_power_goes() {
    let old = signed(1, 1, &sleeper(1, 400));
    let new = signed(2, 2, &application("self-confirm"));
    let board = board(&old, &new, Request::Test);
    // The application runs from the bank in which it writes its confirmation, which is an operation like the others.
    let story = Story { board: &board, old: &old, new: &new, end: End::Either, and: nothing };
    assert!(story.campaign(6, sample(97)) > 80);
}

#[test]
fn encrypted_images_never_lie_in_the_open() {
    let payloads = [sleeper(1, 400), sleeper(2, 700)];
    let [old, new] = [encrypted(1, 1, &payloads[0]), encrypted(2, 2, &payloads[1])];
    let mut board = provisioned_with_device_key();
    // The installed image is plain in the primary slot and keeps its flag.
    let plain = |image: &[u8], payload: &[u8]| {
        let mut plain = image.to_vec();
        plain[0x400..0x400 + payload.len()].copy_from_slice(payload);
        // The padding to a whole block is zeros.
        let padded = payload.len().next_multiple_of(16);
        plain[0x400 + payload.len()..0x400 + padded].fill(0);
        plain
    };
    let (old_plain, new_plain) = (plain(&old, &payloads[0]), plain(&new, &payloads[1]));
    install(&mut board, &SLOT, &old_plain, Request::Nothing);
    install(&mut board, &SECONDARY_SLOT, &new, Request::Permanent);
    fn closed(device: &Device, what: &str) {
        let end = 0x0810_0000;
        for payload in [sleeper(1, 400), sleeper(2, 700)] {
            for at in [0x44, 0x80, 0x100] {
                let needle = &payload[at..at + 16];
                let found = holds(device, SECONDARY_SLOT.region.start().value(), end, needle);
                assert!(!found, "{what}: plain text outside the primary slot");
            }
        }
        let sealed = ironroot_tests::update::DEVICE_SCALAR;
        let elsewhere = holds(device, SLOT.region.start().value(), end, &sealed);
        assert!(!elsewhere, "{what}: the device's key is outside the key store");
    }
    let story = Story { board: &board, old: &old_plain, new: &new_plain, end: End::New, and: closed };
    assert!(story.campaign(5, sample(9)) > 40);
}

#[test]
fn an_update_in_the_external_flash() {
    let application = signed(1, 1, &sleeper(1, 400));
    let (old, new) = (signed(1, 1, &sleeper(3, 3_000)), signed(2, 1, &sleeper(4, 6_000)));
    let mut board = board(&application, &[], Request::Nothing);
    install(&mut board, &EXTERNAL_SLOT, &old, Request::Nothing);
    install(&mut board, &EXTERNAL_SECONDARY_SLOT, &new, Request::Permanent);
    fn external_is_new(device: &Device, what: &str) {
        let new = signed(2, 1, &sleeper(4, 6_000));
        assert!(content(device, &EXTERNAL_SLOT, new.len()) == new, "{what}: image 1 is another");
        let record = device.hand_off().expect("a record");
        assert_eq!(record.updates.images().len(), 2, "{what}");
    }
    let story =
        Story { board: &board, old: &application, new: &application, end: End::Either, and: external_is_new };
    assert!(story.campaign(4, sample(9)) > 40);
}
