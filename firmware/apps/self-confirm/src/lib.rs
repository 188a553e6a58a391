//! An application that takes part in its own update.
//!
//! 1. It says what runs: the version from its image header, and what the secure boot left in the hand-off record about an
//!    update (installed, reverted, or refused and why). That is what a product would send home.
//! 2. If it runs on trial, it tests itself, and confirms the update by writing image_ok into the trailer of its own slot:
//!    with the flash driver that the secure boot uses, from the same flash bank, which stalls the core meanwhile. Then it
//!    resets: what runs after that was confirmed is what runs from now on.
//! 3. If its self test fails, it confirms nothing and resets: the secure boot swaps the old image back.
#![no_std]

use core::fmt::Write;

use cortex_m::peripheral::syst::SystClkSource;
use ironroot_boot::HandOff;
use ironroot_boot::stm32h735::TRAILER;
use ironroot_boot::update::{Action, Flag, Magic, app};
use ironroot_hal::area::InternalFlash;
use ironroot_hal::{jump, memory, scb};
use ironroot_image::{Dialect, Header, Version};
use ironroot_layout::stm32h735::SLOT;
use stm32h7xx_hal::{nb, pac, prelude::*};

/// What the self test comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What it finds.
    Confirms,
    /// It fails: for trying a revert.
    NeverConfirms,
}

/// The slot this runs from.
const OWN_SLOT: InternalFlash = InternalFlash::new(SLOT.region);

/// The application.
pub fn run(outcome: Outcome) -> ! {
    // `None`: a peripheral is not to be had, which a first caller never sees.
    let _ = application(outcome);
    jump::halt()
}

fn application(outcome: Outcome) -> Option<()> {
    let mut core = cortex_m::Peripherals::take()?;
    let device = pac::Peripherals::take()?;
    let power = device.PWR.constrain().smps().freeze();
    let clocks = device.RCC.constrain().sys_ck(400.MHz()).freeze(power, &device.SYSCFG);
    let gpiod = device.GPIOD.split(clocks.peripheral.GPIOD);
    let pins = (gpiod.pd8.into_alternate(), gpiod.pd9.into_alternate());
    let mut serial =
        device.USART3.serial(pins, 115_200.bps(), clocks.peripheral.USART3, &clocks.clocks).ok()?;

    let _ = writeln!(serial, "self-confirm {}\r", version()?);
    report(&mut serial);

    let mut slot = OWN_SLOT;
    let state = app::state(&slot, &TRAILER).ok()?;
    // A damaged flag is a confirmation in which the power went. The secure boot takes it for one, and it cannot be written
    // again: an application that tried would reset for ever.
    let on_trial =
        state.magic == Magic::Good && state.copy_done == Flag::Set && state.image_ok == Flag::Unset;
    let mut reset = false;
    if on_trial {
        let passed = self_test(&mut core.SYST) && outcome == Outcome::Confirms;
        let _ = writeln!(serial, "self test {}\r", if passed { "passed" } else { "FAILED" });
        if passed {
            match app::confirm(&mut slot, &TRAILER) {
                Ok(()) => writeln!(serial, "confirmed, resetting\r"),
                Err(code) => writeln!(serial, "not confirmed: IR-{:04}, resetting\r", code.number()),
            }
            .ok()?;
        } else {
            let _ = writeln!(serial, "not confirmed, resetting\r");
        }
        reset = true;
    } else {
        let _ = writeln!(serial, "done\r");
    }
    let _ = nb::block!(serial.flush());
    if reset {
        scb::system_reset();
    }
    Some(())
}

/// The version in the header of the image that this is.
fn version() -> Option<Version> {
    let slot = memory::flash(SLOT.region)?;
    Header::parse(slot, Dialect::Mcuboot).ok().map(|header| header.version)
}

/// What the secure boot says about this boot and the update before it.
fn report(serial: &mut impl Write) {
    let record = match HandOff::decode(&memory::read_handoff()) {
        Ok(record) => record,
        Err(_) => {
            let _ = writeln!(serial, "not started by secure boot\r");
            return;
        }
    };
    for (number, image) in record.updates.images().iter().enumerate() {
        let done = match image.action {
            Action::None => "nothing was updated",
            Action::Installed => "installed since this boot",
            Action::Testing => "on trial since this boot",
            Action::Reverted => "an update was reverted",
            Action::Bootstrapped => "the first image was installed",
        };
        let _ = writeln!(serial, "image {number}: {done}\r");
        for code in [image.refused, image.reverted, image.counter].into_iter().flatten() {
            let _ = writeln!(serial, "image {number}: IR-{:04}\r", code.number());
        }
    }
}

/// What a product would check before it accepts an update: here, that RAM keeps what is written to it and that the clock
/// runs.
fn self_test(systick: &mut cortex_m::peripheral::SYST) -> bool {
    let mut pattern = [0_u32; 256];
    for (index, word) in pattern.iter_mut().enumerate() {
        *word = 0xA5A5_5A5A ^ index as u32;
    }
    let pattern = core::hint::black_box(pattern);
    let ram = pattern.iter().enumerate().all(|(index, word)| *word == 0xA5A5_5A5A ^ index as u32);
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(10_000);
    systick.clear_current();
    systick.enable_counter();
    let ticked = (0..100_000).any(|_| systick.has_wrapped());
    systick.disable_counter();
    ram && ticked
}

/// A panic of the HAL (it asserts the supply configuration): stop where a debugger finds it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    jump::halt()
}
