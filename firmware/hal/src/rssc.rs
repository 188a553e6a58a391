//! RSS control: how our ROM talks to the protection hardware.
//!
//! The block is Ironroot's own model: [`ironroot_layout::stm32h735::rssc`] says what it is and why.

use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::stm32h735::rssc;

const BASE: u32 = rssc::BASE.value();
const BOOTR: Ro = Ro::at(BASE + rssc::BOOTR);
const HANDOVER: Wo = Wo::at(BASE + rssc::HANDOVER);
const EXIT: Wo = Wo::at(BASE + rssc::EXIT);
const DEBUG: Wo = Wo::at(BASE + rssc::DEBUG);
const REQUEST: Rw = Rw::at(BASE + rssc::REQUEST);
const STATUS: Rw = Rw::at(BASE + rssc::STATUS);
const VERSION: Rw = Rw::at(BASE + rssc::VERSION);

/// What a reset tells RSS.
#[derive(Clone, Copy)]
pub struct BootState {
    /// BOOT0 pin is high.
    pub boot0: bool,
    /// RAM contents did not survive.
    pub power_on: bool,
}

/// Reads the state of the boot pin and the kind of reset.
#[inline(always)]
pub fn boot_state() -> BootState {
    let bits = BOOTR.read();
    BootState { boot0: bits & rssc::BOOTR_BOOT0 != 0, power_on: bits & rssc::BOOTR_POWER_ON != 0 }
}

/// Arms the closing of the RSS part: it closes with the first instruction fetched outside of it.
#[inline(always)]
pub fn arm_handover() {
    HANDOVER.write(rssc::HANDOVER_KEY);
}

/// Closes the secure user area at once, and the RSS library with the first instruction fetched outside of it.
#[inline(always)]
pub fn exit_area() {
    EXIT.write(rssc::EXIT_KEY);
}

/// Opens debug access until the next reset. Honoured only after [`exit_area`] in the same run of library code.
#[inline(always)]
pub fn open_debug() {
    DEBUG.write(rssc::DEBUG_KEY);
}

/// Keeps the check value of a request over the reset that follows.
#[inline(always)]
pub fn keep_request(check: u32) {
    REQUEST.write(check);
}

/// The check value of the request that waits, 0 for none. It is gone then: a request is served once.
#[inline(always)]
pub fn take_request() -> u32 {
    let check = REQUEST.read();
    REQUEST.write(0);
    check
}

/// How the last service ended.
#[inline(always)]
pub fn status() -> u32 {
    STATUS.read()
}

/// Keeps how a service ended.
#[inline(always)]
pub fn set_status(status: u32) {
    STATUS.write(status);
}

/// The highest version of a package that was ever installed; 0 for none.
#[inline(always)]
pub fn installed_version() -> u32 {
    VERSION.read()
}

/// Raises it for good. False if it does not read back: then nothing may rely on it.
#[inline(always)]
pub fn raise_installed_version(version: u32) -> bool {
    VERSION.write(version);
    VERSION.read() >= version
}
