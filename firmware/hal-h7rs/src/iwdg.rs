//! IWDG: once started it cannot be stopped; without a reload in time it resets the chip.

use crate::reg::Wo;

const BASE: u32 = 0x5800_4800;
const KR: Wo = Wo::at(BASE);
const PR: Wo = Wo::at(BASE + 0x004);

const UNLOCK: u32 = 0x5555;
const RELOAD: u32 = 0xAAAA;
const START: u32 = 0xCCCC;

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
