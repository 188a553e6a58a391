//! IWDG: once started it cannot be stopped; without a reload in time it resets the chip.

use crate::reg::{Ro, Wo};

const BASE: u32 = 0x5800_4800;
const KR: Wo = Wo::at(BASE);
const PR: Wo = Wo::at(BASE + 0x004);
const SR: Ro = Ro::at(BASE + 0x00C);

const UNLOCK: u32 = 0x5555;
const RELOAD: u32 = 0xAAAA;
const START: u32 = 0xCCCC;
/// SR: it runs.
const ONF: u32 = 1 << 8;

/// How long it waits: a full counter of 4096 steps at 32 kHz divided. The oscillator is between 29 and 34 kHz.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Time {
    /// 4.1 s.
    Seconds4 = 3,
    /// 65.5 s.
    Seconds65 = 7,
}

/// Starts it, or, if the options had it started, gives it a full counter of this time.
///
/// The prescaler takes effect some periods of the slow clock later, which nobody waits for: the counter begins full, so no reload
/// value has to arrive first.
pub fn start(time: Time) {
    KR.write(START);
    KR.write(UNLOCK);
    PR.write(time as u32);
    KR.write(RELOAD);
}

/// Gives it a full counter of this time if it runs already: the option IWDG_HW had it started with half a second. It is not started
/// here, because nothing would ever stop it, and the application would have to serve it.
pub fn widen(time: Time) {
    if SR.any(ONF) {
        KR.write(UNLOCK);
        PR.write(time as u32);
        KR.write(RELOAD);
    }
}

/// Gives it a full counter. Does nothing while it does not run.
pub fn reload() {
    KR.write(RELOAD);
}
