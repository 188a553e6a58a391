//! System control of the Cortex-M7 (Armv7-M Architecture Reference Manual, B3.2): what a stage must put back
//! before another one runs.

use crate::jump;
use crate::reg::{Rw, Wo};

/// Vector table address.
pub const VTOR: u32 = 0xE000_ED08;
const ICSR: Wo = Wo::at(0xE000_ED04);
/// Address of AIRCR, for a reset without a stack.
pub(crate) const AIRCR_ADDRESS: u32 = 0xE000_ED0C;
/// What is written there.
pub(crate) const SYSTEM_RESET_REQUEST: u32 = VECTKEY | SYSRESETREQ;
const AIRCR: Rw = Rw::at(AIRCR_ADDRESS);
const CPACR: Rw = Rw::at(0xE000_ED88);
const SYST_CSR: Rw = Rw::at(0xE000_E010);
const MPU_CTRL: Rw = Rw::at(0xE000_ED94);
const CCR: Rw = Rw::at(0xE000_ED14);
const CFSR: Rw = Rw::at(0xE000_ED28);
const NVIC_ISER: u32 = 0xE000_E100;
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

/// CCR.BFHFNMIGN: code that runs with FAULTMASK set survives its data bus faults.
const BFHFNMIGN: u32 = 1 << 8;
/// CFSR: the byte of the bus faults.
const BUS_FAULTS: u32 = 0xFF00;

/// Enables interrupt `line` in the NVIC: with interrupts masked in the core, it only wakes it.
#[inline(always)]
pub fn enable_line(line: u32) {
    Wo::at(NVIC_ISER + 4 * (line / 32)).write(1 << (line % 32));
}

/// Disables interrupt `line` in the NVIC and takes its pending bit away.
#[inline(always)]
pub fn disable_line(line: u32) {
    Wo::at(NVIC_ICER + 4 * (line / 32)).write(1 << (line % 32));
    clear_line(line);
}

/// Clears the pending bit of interrupt `line`. It comes back at once while the peripheral still asks.
#[inline(always)]
pub fn clear_line(line: u32) {
    Wo::at(NVIC_ICPR + 4 * (line / 32)).write(1 << (line % 32));
}

/// Runs `reads` so that a bus fault of one of its loads ends in `None` and not in a fault handler (Armv7-M B1.5.14: data
/// bus faults at priority -1 are ignored with BFHFNMIGN set; the load gives an unknown value).
#[inline(always)]
pub fn probe<T>(reads: impl FnOnce() -> T) -> Option<T> {
    CFSR.write(BUS_FAULTS);
    CCR.modify(0, BFHFNMIGN);
    jump::mask_faults();
    let value = reads();
    jump::barrier();
    jump::unmask_faults();
    CCR.modify(BFHFNMIGN, 0);
    let faults = CFSR.read() & BUS_FAULTS;
    CFSR.write(BUS_FAULTS);
    if faults == 0 { Some(value) } else { None }
}
