//! The power goes at every flash operation of updates that the real boot stages of the STM32H7R/S make on the virtual chip, with
//! the effects that an operation can leave. After each the stage starts the old or the new image, as it should, and the boot
//! behind it has nothing left to do.
//!
//! `cargo xtask test` cuts at a part of the operations; `cargo xtask prove-update` at all of them: with every effect where they are
//! few, and where a swap makes hundreds with one effect each, in turn.

use ironroot_chip_h7rs::{CutEffect, POWER_CUT, PowerCut, power_cycle};
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h7rs::Part;
use ironroot_tests::h7rs::{self, Device, LIMIT, Run, Stage};

/// More operations than this are many.
const FEW: u64 = 50;
const OLD: &str = "verified: version 1.0.0+0";
const NEW: &str = "verified: version 2.0.0+0";

/// How a story may end after a cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// In the new image: it was asked for for good.
    New,
    /// In either: the cut may have taken the trial.
    Either,
    /// In the old one, by now or after one boot more: nobody confirms the new one.
    Old,
}

/// Boots after a cut; the last image that was verified is the new one.
#[track_caller]
fn recover(device: &mut Device, what: &str) -> bool {
    device.console.clear();
    power_cycle(&mut device.machine);
    let console = device.boot();
    assert!(console.ends_with("done\r\n"), "{what}: no application ran to its end\n{console}");
    match (console.rfind(OLD), console.rfind(NEW)) {
        (None, None) => panic!("{what}: neither image was verified\n{console}"),
        (old, new) => new > old,
    }
}

/// Cuts the boot behind a download of version 2, made of `program`, at every operation of which the number divides by `part`; with
/// `IRONROOT_ALL_CUTS` at every one. The number of cuts.
fn story(stage: Stage, program: &str, permanent: bool, end: End, part: u64) -> u64 {
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    let mut device = Device::on(&board);
    assert!(device.boot().contains(OLD), "{stage:?}\n{}", device.console);
    device.download(&stage, &h7rs::encrypted(2, &stage.application(program)), permanent);
    let board = device.machine.core.bus.to_board();

    let mut whole = Device::on(&board);
    whole.boot();
    let operations = whole.machine.core.bus.flash_operations();
    assert!(operations > 10, "{stage:?}: {operations} operations\n{}", whole.console);
    let all = std::env::var_os("IRONROOT_ALL_CUTS").is_some();
    let every_effect = all && operations <= FEW;
    let mut cuts = 0;
    for operation in (1..=operations).filter(|operation| all || operation % part == 0) {
        let number = if all { operation } else { operation / part };
        let turn = CutEffect::ALL[number as usize % CutEffect::ALL.len()];
        for effect in CutEffect::ALL.into_iter().filter(|effect| every_effect || *effect == turn) {
            let cut = PowerCut { operation, effect, seed: operation };
            let what = format!("{stage:?} {program} {cut:?} of {operations}");
            let mut device = Device::on(&board);
            device.machine.core.bus.cut_power_at(Some(cut));
            assert_eq!(device.run(LIMIT), Stop::Chip(POWER_CUT), "{what}\n{}", device.console);
            let is_new = recover(&mut device, &what);
            assert!(end != End::New || is_new, "{what}: the update is gone\n{}", device.console);
            assert!(end != End::Old || !is_new, "{what}: an image that fails stays\n{}", device.console);
            let before = device.machine.core.bus.flash_operations();
            assert_eq!(recover(&mut device, &what), is_new, "{what}: the next boot starts another image");
            let after = device.machine.core.bus.flash_operations();
            assert_eq!(after, before, "{what}: the next boot still changes flash\n{}", device.console);
            cuts += 1;
        }
    }
    println!("{stage:?} {program}: {cuts} cuts in {operations} operations");
    cuts
}

const S: Part = Part::Stm32h7s7;
const R: Part = Part::Stm32h7r7;

#[test]
fn an_update_that_overwrites_ends_in_the_new_image() {
    assert!(story(Stage::new(S, Run::ExternalRam, false), "hello", true, End::New, 5) > 3);
}

#[test]
fn an_update_that_overwrites_from_internal_ram_ends_in_the_new_image() {
    assert!(story(Stage::new(R, Run::InternalRam, false), "hello", true, End::New, 5) > 2);
}

#[test]
fn a_swap_for_good_ends_in_the_new_image() {
    assert!(story(Stage::new(S, Run::ExternalFlash, true), "hello", true, End::New, 59) > 4);
}

#[test]
fn a_swap_on_trial_ends_in_either_image() {
    assert!(story(Stage::new(S, Run::ExternalFlash, true), "confirm", false, End::Either, 59) > 4);
}

#[test]
fn a_swap_that_nobody_confirms_ends_in_the_old_image() {
    assert!(story(Stage::new(R, Run::ExternalFlash, true), "never", false, End::Old, 23) > 3);
}
