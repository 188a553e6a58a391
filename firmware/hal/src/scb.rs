//! System control of the Cortex-M7 (Armv7-M Architecture Reference Manual, B3.2): what a stage must put back
//! before another one runs.

use crate::jump;
use crate::reg::{Rw, Wo};

/// Vector table address.
pub const VTOR: u32 = 0xE000_ED08;
const ICSR: Wo = Wo::at(0xE000_ED04);
const AIRCR: Rw = Rw::at(0xE000_ED0C);
const CPACR: Rw = Rw::at(0xE000_ED88);
const SYST_CSR: Rw = Rw::at(0xE000_E010);
const MPU_CTRL: Rw = Rw::at(0xE000_ED94);
const NVIC_ICER: u32 = 0xE000_E180;
const NVIC_ICPR: u32 = 0xE000_E280;

/// 163 interrupt lines on the H735: six words of 32.
const NVIC_WORDS: u32 = 6;

const VECTKEY: u32 = 0x05FA << 16;
const PRIGROUP: u32 = 0b111 << 8;
const SYSRESETREQ: u32 = 1 << 2;
const PENDSTCLR: u32 = 1 << 25;
const PENDSVCLR: u32 = 1 << 27;
/// Full access to coprocessors 10 and 11, the FPU.
const CP10_CP11: u32 = 0b1111 << 20;

/// Resets the system. Does not return.
#[inline(always)]
pub fn system_reset() -> ! {
    jump::barrier();
    AIRCR.write(VECTKEY | (AIRCR.read() & PRIGROUP) | SYSRESETREQ);
    jump::barrier();
    loop {
        // The request takes a few cycles; nothing may run in them.
        jump::wait();
    }
}

/// Puts SysTick, interrupt enables, pending bits and the MPU back into their reset state: no interrupt and no
/// memory rule of this stage may reach into the next one.
#[inline(always)]
pub fn quiesce() {
    SYST_CSR.write(0);
    ICSR.write(PENDSTCLR | PENDSVCLR);
    let mut word = 0;
    while word < NVIC_WORDS {
        Wo::at(NVIC_ICER + 4 * word).write(u32::MAX);
        Wo::at(NVIC_ICPR + 4 * word).write(u32::MAX);
        word += 1;
    }
    MPU_CTRL.write(0);
    jump::barrier();
}

/// Whether the FPU may be used, and so may hold what the last stage computed.
#[inline(always)]
pub fn fpu_enabled() -> bool {
    CPACR.read() & CP10_CP11 == CP10_CP11
}

/// Switches the FPU off, its reset state.
#[inline(always)]
pub fn disable_fpu() {
    CPACR.modify(CP10_CP11, 0);
    jump::barrier();
}
