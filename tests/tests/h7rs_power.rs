//! The power goes at every flash operation of updates that the real boot stages of the STM32H7R/S make on the virtual chip, with
//! the effects that an operation can leave. After each the stage starts the old or the new image, as it should, and the boot
//! behind it has nothing left to do.
//!
//! `cargo xtask test` cuts at a part of the operations; `cargo xtask prove-update` at all of them: with every effect where they are
//! few, and where a swap makes hundreds with one effect each, in turn.

use ironroot_chip_h7rs::{CutEffect, POWER_CUT, PowerCut, power_cycle};
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h7rs::Part;
use ironroot_tests::demo_h7s::{second_stage, two_stages};
use ironroot_tests::h7rs::{self, Device, LIMIT, Run, SECOND_STAGE, Stage};
use ironroot_tests::h7rs_system::{self as system, DOWNLOAD, INSTALL, Recipe, install_iloader, stirot_board};

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

/// Whether a device that has booted runs the new image; panics if it runs none.
type Verdict<'a> = &'a dyn Fn(&Device, &str) -> bool;

/// Boots after a cut: whether the new image runs.
#[track_caller]
fn recover(device: &mut Device, what: &str, verdict: Verdict<'_>) -> bool {
    device.console.clear();
    power_cycle(&mut device.machine);
    device.boot();
    verdict(device, what)
}

/// The last image that a stage of ours verified, whose application ran to its end.
fn last_verified(device: &Device, what: &str) -> bool {
    let console = &device.console;
    assert!(console.ends_with("done\r\n"), "{what}: no application ran to its end\n{console}");
    match (console.rfind(OLD), console.rfind(NEW)) {
        (None, None) => panic!("{what}: neither image was verified\n{console}"),
        (old, new) => new > old,
    }
}

/// Cuts the boot behind a download of version 2, made of `program`, at operations as [`cut`] does. The number of cuts.
fn story(stage: Stage, program: &str, permanent: bool, end: End, part: u64) -> u64 {
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    let mut device = Device::on(&board);
    assert!(device.boot().contains(OLD), "{stage:?}\n{}", device.console);
    device.download(&stage, &h7rs::encrypted(2, &stage.application(program)), permanent);
    let board = device.machine.core.bus.to_board();
    cut(&format!("{stage:?} {program}"), &|| Device::on(&board), &last_verified, end, part)
}

/// Cuts the boot of the device that `start` makes at every operation of which the number divides by `part`; with `IRONROOT_ALL_CUTS`
/// at every one. The number of cuts.
fn cut(name: &str, start: &dyn Fn() -> Device, verdict: Verdict<'_>, end: End, part: u64) -> u64 {
    let mut whole = start();
    whole.boot();
    let operations = whole.machine.core.bus.flash_operations();
    assert!(operations > 10, "{name}: {operations} operations\n{}", whole.console);
    let all = std::env::var_os("IRONROOT_ALL_CUTS").is_some();
    let every_effect = all && operations <= FEW;
    let mut cuts = 0;
    for operation in (1..=operations).filter(|operation| all || operation % part == 0) {
        let number = if all { operation } else { operation / part };
        let turn = CutEffect::ALL[number as usize % CutEffect::ALL.len()];
        for effect in CutEffect::ALL.into_iter().filter(|effect| every_effect || *effect == turn) {
            let cut = PowerCut { operation, effect, seed: operation };
            let what = format!("{name} {cut:?} of {operations}");
            let mut device = start();
            device.machine.core.bus.cut_power_at(Some(cut));
            assert_eq!(device.run(LIMIT), Stop::Chip(POWER_CUT), "{what}\n{}", device.console);
            let is_new = recover(&mut device, &what, verdict);
            assert!(end != End::New || is_new, "{what}: the update is gone\n{}", device.console);
            assert!(end != End::Old || !is_new, "{what}: an image that fails stays\n{}", device.console);
            let before = device.machine.core.bus.flash_operations();
            let again = recover(&mut device, &what, verdict);
            assert_eq!(again, is_new, "{what}: the next boot starts another image");
            let after = device.machine.core.bus.flash_operations();
            assert_eq!(after, before, "{what}: the next boot still changes flash\n{}", device.console);
            cuts += 1;
        }
    }
    println!("{name}: {cuts} cuts in {operations} operations");
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

/// STiRoT and the iLoader between them: what is cut in the middle of an installation is installed by the next boot.
#[test]
fn an_update_of_stirot_s_image_ends_in_the_new_one() {
    let image = |major| Recipe { major, ..Recipe::default() }.application(u32::from(major), 9_000);
    let mut board = stirot_board(1);
    install_iloader(&mut board);
    board.preload_external(INSTALL, &image(1));
    let mut device = system::device(&board);
    device.boot();
    assert_eq!(system::left(&device).0, 1, "{}", device.console);
    let mut board = device.machine.core.bus.to_board();
    board.preload_external(DOWNLOAD, &image(2));
    let runs = |device: &Device, what: &str| match system::left(device).0 {
        1 => false,
        2 => true,
        other => panic!("{what}: {other}\n{}", device.console),
    };
    assert!(cut("STiRoT", &|| system::device(&board), &runs, End::New, 11) > 3);
}

/// An update of the second stage by the first, and of the application by the second, in one boot.
#[test]
fn updates_of_both_stages_end_in_the_new_images() {
    let stage = SECOND_STAGE;
    let mut board = two_stages(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    let mut device = system::device(&board);
    assert!(device.boot().ends_with("done\r\n"), "{}", device.console);
    device.download(&stage, &h7rs::encrypted(2, &stage.application("hello")), true);
    let mut board = device.machine.core.bus.to_board();
    let second = Recipe { major: 2, ..Recipe::default() }.image(&second_stage(&stage));
    board.preload_external(DOWNLOAD, &second);
    let runs = |device: &Device, what: &str| {
        let console = &device.console;
        assert!(console.ends_with("done\r\n"), "{what}: no application ran to its end\n{console}");
        console.matches(NEW).count() == 2
    };
    assert!(cut("STiRoT and OEMuRoT", &|| system::device(&board), &runs, End::New, 31) > 3);
}
