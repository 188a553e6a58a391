//! Halting debug (DDI 0403E C1): the Debug state and how the core gets into it and out again, the registers that steer it
//! (DHCSR, DCRSR, DCRDR, DEMCR, DFSR), vector catches, and the breakpoint unit (FPB).
//!
//! All of it is looked at between instructions only when something asked for that: a core that nobody debugs runs as fast as
//! if this did not exist. Whether a debug event may stop the core at an address is the chip's word
//! ([`Bus::debug_halt_allowed`]): a halt request waits there, all other events are lost.

use crate::bus::Bus;
use crate::core::{Core, Fault, Flags, Sleep};
use crate::machine::{Machine, Stop};
use crate::nvic::number;

/// DHCSR bits (C1.6.2).
#[allow(missing_docs)]
pub mod dhcsr {
    pub const C_DEBUGEN: u32 = 1;
    pub const C_HALT: u32 = 1 << 1;
    pub const C_STEP: u32 = 1 << 2;
    pub const C_MASKINTS: u32 = 1 << 3;
    pub const C_SNAPSTALL: u32 = 1 << 5;
    pub const S_REGRDY: u32 = 1 << 16;
    pub const S_HALT: u32 = 1 << 17;
    pub const S_SLEEP: u32 = 1 << 18;
    pub const S_LOCKUP: u32 = 1 << 19;
    pub const S_RETIRE_ST: u32 = 1 << 24;
    pub const S_RESET_ST: u32 = 1 << 25;
    /// Upper half of a write that counts.
    pub const KEY: u32 = 0xA05F;
}

/// DEMCR bits (C1.6.5).
#[allow(missing_docs)]
pub mod demcr {
    pub const VC_CORERESET: u32 = 1;
    pub const VC_MMERR: u32 = 1 << 4;
    pub const VC_NOCPERR: u32 = 1 << 5;
    pub const VC_CHKERR: u32 = 1 << 6;
    pub const VC_STATERR: u32 = 1 << 7;
    pub const VC_BUSERR: u32 = 1 << 8;
    pub const VC_HARDERR: u32 = 1 << 10;
    pub const TRCENA: u32 = 1 << 24;
    /// What a system reset leaves alone; the debug monitor's bits belong to the program.
    pub const SURVIVES_RESET: u32 = TRCENA | 0x7F1;
}

/// DFSR bits (C1.6.1): why the core halted.
#[allow(missing_docs)]
pub mod dfsr {
    pub const HALTED: u32 = 1;
    pub const BKPT: u32 = 1 << 1;
    pub const DWTTRAP: u32 = 1 << 2;
    pub const VCATCH: u32 = 1 << 3;
}

/// Where the program counter stands during lockup (B1.5.15).
const LOCKUP_PC: u32 = 0xFFFF_FFFE;
/// What BKPT's immediate says for a semihosting call.
const SEMIHOSTING: u8 = 0xAB;

/// The Debug state and its control. A power-on reset clears it, a system reset does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Halting {
    /// C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS, C_SNAPSTALL.
    control: u32,
    /// In Debug state.
    halted: bool,
    /// Instructions at the moment when a step began.
    step_from: u64,
    /// DCRDR.
    data: u32,
    /// S_RESET_ST, until it is read.
    was_reset: bool,
    /// Instructions at the last read of DHCSR, for S_RETIRE_ST.
    retired_seen: u64,
}

impl Halting {
    /// C_DEBUGEN.
    pub fn enabled(&self) -> bool {
        self.control & dhcsr::C_DEBUGEN != 0
    }

    /// The core is in Debug state.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    fn has(&self, bit: u32) -> bool {
        self.enabled() && self.control & bit != 0
    }

    /// C_MASKINTS: PendSV, SysTick and interrupts stay pending.
    pub(crate) fn masks(&self, exception: u16) -> bool {
        exception >= number::PEND_SV && self.has(dhcsr::C_MASKINTS)
    }

    /// A request that the next moment between two instructions must look at.
    fn is_waiting(&self) -> bool {
        !self.halted && self.has(dhcsr::C_HALT | dhcsr::C_STEP)
    }

    /// A system reset reached the core. True if the core is to be caught at its first instruction.
    pub(crate) fn after_reset(&mut self, demcr: u32) -> bool {
        self.was_reset = true;
        self.halted = false;
        let caught = self.enabled() && demcr & demcr::VC_CORERESET != 0;
        if caught {
            self.control |= dhcsr::C_HALT;
        }
        caught
    }
}

/// Breakpoint comparators of a Cortex-M7.
const COMPARATORS: usize = 8;

/// The flash patch and breakpoint unit, version 2 (no remapping). A power-on reset clears it, a system reset does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fpb {
    enabled: bool,
    comparators: [u32; COMPARATORS],
    /// The machine has not seen the last change yet.
    changed: bool,
}

impl Fpb {
    pub(crate) fn read(&self, address: u32) -> u32 {
        match address {
            // REV 1, eight code comparators, none for literals.
            0xE000_2000 => 0x1000_0080 | u32::from(self.enabled),
            0xE000_2008..=0xE000_2024 => {
                self.comparators.get(((address - 0xE000_2008) / 4) as usize).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, address: u32, value: u32) {
        match address {
            // Without KEY a write does nothing.
            0xE000_2000 if value & 2 != 0 => self.enabled = value & 1 != 0,
            0xE000_2008..=0xE000_2024 => {
                if let Some(comparator) = self.comparators.get_mut(((address - 0xE000_2008) / 4) as usize) {
                    *comparator = value;
                }
            }
            _ => return,
        }
        self.changed = true;
    }

    /// The addresses at which it stops.
    pub(crate) fn breakpoints(&self) -> impl Iterator<Item = u32> {
        let armed = self.enabled;
        self.comparators.into_iter().filter(move |value| armed && value & 1 != 0).map(|value| value & !1)
    }

    pub(crate) fn take_changed(&mut self) -> bool {
        self.changed && std::mem::take(&mut self.changed)
    }
}

impl<B: Bus> Core<B> {
    /// In Debug state: no instruction runs until the debugger lets it.
    pub fn is_halted(&self) -> bool {
        self.scs.halting.is_halted()
    }

    /// DHCSR as it reads; sticky bits are cleared by reads of the debugger, not by those of the program.
    pub(crate) fn read_dhcsr(&mut self, by_debugger: bool) -> u32 {
        let halting = &mut self.scs.halting;
        let bits = [
            (true, dhcsr::S_REGRDY),
            (halting.halted, dhcsr::S_HALT),
            (self.sleep != Sleep::Awake, dhcsr::S_SLEEP),
            (self.lockup, dhcsr::S_LOCKUP),
            (self.instructions != halting.retired_seen, dhcsr::S_RETIRE_ST),
            (halting.was_reset, dhcsr::S_RESET_ST),
        ];
        let value =
            bits.iter().fold(halting.control, |value, (set, bit)| value | if *set { *bit } else { 0 });
        if by_debugger {
            halting.was_reset = false;
            halting.retired_seen = self.instructions;
        }
        value
    }

    /// Writes DHCSR. A program cannot make itself debugged: C_DEBUGEN is the debugger's alone.
    pub(crate) fn write_dhcsr(&mut self, value: u32, by_debugger: bool) {
        if value >> 16 != dhcsr::KEY {
            return;
        }
        let halting = &mut self.scs.halting;
        let before = halting.control;
        let enable = if by_debugger { value } else { halting.control } & dhcsr::C_DEBUGEN;
        let writable = dhcsr::C_HALT | dhcsr::C_STEP | dhcsr::C_MASKINTS | dhcsr::C_SNAPSTALL;
        halting.control = if enable != 0 { enable | (value & writable) } else { 0 };
        if !halting.has(dhcsr::C_HALT) {
            halting.halted = false;
            halting.step_from = self.instructions;
        } else if !halting.halted && before & dhcsr::C_HALT == 0 {
            self.scs.dfsr |= dfsr::HALTED;
        }
        self.halting_debug = enable != 0;
        self.sync = true;
    }

    /// DCRDR.
    pub(crate) fn read_dcrdr(&self) -> u32 {
        self.scs.halting.data
    }

    /// Writes DCRDR.
    pub(crate) fn write_dcrdr(&mut self, value: u32) {
        self.scs.halting.data = value;
    }

    /// Writes DCRSR: a transfer between DCRDR and a register, done at once. In a running core none is made.
    pub(crate) fn write_dcrsr(&mut self, value: u32) {
        if !self.is_halted() {
            return;
        }
        let select = value & 0x7F;
        if value & (1 << 16) != 0 {
            self.write_debug_register(select, self.scs.halting.data);
        } else {
            self.scs.halting.data = self.read_debug_register(select);
        }
    }

    /// The register that REGSEL names (C1.6.3).
    fn read_debug_register(&self, select: u32) -> u32 {
        match select {
            0..=15 => self.r[select as usize & 15],
            16 => self.xpsr(),
            17 => self.msp(),
            18 => self.psp(),
            20 => u32::from_le_bytes([
                u8::from(self.primask),
                self.basepri,
                u8::from(self.faultmask),
                self.control,
            ]),
            33 => self.fp.fpscr,
            64..=95 => self.fp.single((select - 64) as u8),
            _ => 0,
        }
    }

    fn write_debug_register(&mut self, select: u32, value: u32) {
        match select {
            0..=12 | 14 => self.r[select as usize & 15] = value,
            13 => self.r[13] = value & !3,
            15 => {
                self.r[15] = value & !1;
                self.it = 0;
            }
            16 => {
                self.flags = Flags::from_apsr(value);
                self.thumb = value & (1 << 24) != 0;
                self.it = ((((value >> 10) & 0x3F) << 2) | ((value >> 25) & 3)) as u8;
                // The mode decides which stack pointer is in use: both keep their values.
                let (msp, psp) = (self.msp(), self.psp());
                self.ipsr = (value & 0x1FF) as u16;
                self.set_msp(msp);
                self.set_psp(psp);
            }
            17 => self.set_msp(value),
            18 => self.set_psp(value),
            20 => {
                let [primask, basepri, faultmask, control] = value.to_le_bytes();
                self.primask = primask & 1 != 0;
                self.basepri = basepri & self.scs.nvic.priority_mask();
                self.faultmask = faultmask & 1 != 0;
                self.set_control(control);
            }
            33 => self.fp.fpscr = value & 0xF7C0_009F,
            64..=95 => self.fp.set_single((select - 64) as u8, value),
            _ => {}
        }
        self.tlb.flush();
        self.update_fp_ready();
        self.sync = true;
    }

    /// A debug event of the code at `pc`: the core halts before its next instruction. False where nobody debugs or the chip
    /// lets no event through.
    pub(crate) fn debug_event(&mut self, pc: u32, why: u32) -> bool {
        if !self.scs.halting.enabled() || !self.bus.debug_halt_allowed(pc) {
            return false;
        }
        self.scs.halting.control |= dhcsr::C_HALT;
        self.scs.dfsr |= why;
        self.sync = true;
        true
    }

    /// A comparator of the DWT matched an access to `address` (C1.8): the core halts for a debugger that is attached; without
    /// one the DebugMonitor exception is taken if the program enabled it and its priority lets it; else nothing happens.
    pub(crate) fn watchpoint_event(&mut self, address: u32) {
        if self.scs.halting.enabled() {
            if self.debug_event(self.r[15], dfsr::DWTTRAP) {
                self.scs.dwt.note_match(address);
            }
            return;
        }
        self.scs.dwt.note_match(address);
        let nvic = &self.scs.nvic;
        let preempts = nvic.group(nvic.priority(number::DEBUG_MONITOR)) < self.execution_priority();
        if self.scs.monitor_enabled() && preempts {
            self.scs.dfsr |= dfsr::DWTTRAP;
            self.scs.nvic.pending.put(number::DEBUG_MONITOR, true);
        }
    }

    /// Vector catch: `exception` was taken because of `fault`, at the instruction at `pc`.
    #[cold]
    pub(crate) fn catch_vector(&mut self, fault: Fault, exception: u16, pc: u32) {
        let catch = match (exception, fault) {
            (number::HARD_FAULT, _) => demcr::VC_HARDERR,
            (number::MEM_MANAGE, _) => demcr::VC_MMERR,
            (number::BUS_FAULT, _) => demcr::VC_BUSERR,
            (_, Fault::NoCoprocessor) => demcr::VC_NOCPERR,
            (_, Fault::Unaligned | Fault::DivideByZero) => demcr::VC_CHKERR,
            (number::USAGE_FAULT, _) => demcr::VC_STATERR,
            _ => 0,
        };
        if self.scs.demcr & catch != 0 {
            self.debug_event(pc, dfsr::VCATCH);
        }
    }

    /// Virtual time at which a waiting halt or step must be looked at again: after the next instruction, since only the
    /// program counter tells when protected code has been left.
    pub(crate) fn next_halt_check(&self) -> u64 {
        if self.scs.halting.is_waiting() { self.cycles.saturating_add(1) } else { u64::MAX }
    }

    /// Between two instructions: whether the core is in Debug state, entered now if something asked for it.
    pub(crate) fn enter_debug_state(&mut self) -> bool {
        let halting = &mut self.scs.halting;
        if halting.halted {
            return true;
        }
        if !halting.is_waiting() {
            return false;
        }
        if !halting.has(dhcsr::C_HALT) {
            if self.instructions == halting.step_from {
                return false;
            }
            halting.control |= dhcsr::C_HALT;
            self.scs.dfsr |= dfsr::HALTED;
        }
        if !self.bus.debug_halt_allowed(self.r[15]) {
            return false;
        }
        self.scs.halting.halted = true;
        self.sleep = Sleep::Awake;
        if std::mem::take(&mut self.lockup) {
            self.r[15] = LOCKUP_PC;
            self.it = 0;
        }
        true
    }
}

impl<B: Bus> Machine<B> {
    /// What a stop of the block loop means to halting debug: BKPT is its event, everything else is the host's.
    #[cold]
    pub(crate) fn stopped(&mut self, stop: Stop) -> Stop {
        let Stop::Bkpt { pc, imm } = stop else { return stop };
        let host = self.core.semihosting && imm == SEMIHOSTING;
        if !host && self.core.debug_event(pc, dfsr::BKPT) && self.core.enter_debug_state() {
            return Stop::Halted;
        }
        stop
    }
}
