//! The state of one Cortex-M core, and the register, flag and branch primitives that operations are made of.
//!
//! `r[13]` is the stack pointer in use; the other one waits in `other_sp`. `r[15]` is the address of the next instruction and
//! is true only between blocks: inside a block the address of an instruction is `block_pc + args.offset`, and operations that
//! read the PC got it as a constant from the lowering.

use crate::bus::Bus;
use crate::op::{Args, Flow};
use crate::scs::Scs;
use crate::tlb::Tlb;

/// APSR and IPSR/EPSR pieces that instructions touch. N and Z are kept as values so that setting them is one store each:
/// N is bit 31 of `n`, Z is `z == 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Negative: bit 31.
    pub n: u32,
    /// Zero: set when this is 0.
    pub z: u32,
    /// Carry.
    pub c: bool,
    /// Overflow.
    pub v: bool,
    /// Sticky saturation.
    pub q: bool,
    /// Greater-or-equal, bits 3:0.
    pub ge: u8,
}

impl Flags {
    /// All clear.
    pub const CLEAR: Flags = Flags { n: 0, z: 1, c: false, v: false, q: false, ge: 0 };

    /// N and Z of a result.
    #[inline(always)]
    pub fn set_nz(&mut self, result: u32) {
        self.n = result;
        self.z = result;
    }
    /// APSR as a register value.
    pub fn to_apsr(self) -> u32 {
        (self.n & 0x8000_0000)
            | (u32::from(self.z == 0) << 30)
            | (u32::from(self.c) << 29)
            | (u32::from(self.v) << 28)
            | (u32::from(self.q) << 27)
            | (u32::from(self.ge & 15) << 16)
    }
    /// From an APSR value, all fields.
    pub fn from_apsr(value: u32) -> Flags {
        let mut flags = Flags::CLEAR;
        flags.set_nzcv(value);
        flags.q = value & (1 << 27) != 0;
        flags.ge = (value >> 16) as u8 & 15;
        flags
    }
    /// N, Z, C, V from bits 31:28.
    pub fn set_nzcv(&mut self, value: u32) {
        self.n = value & 0x8000_0000;
        self.z = u32::from(value & (1 << 30) == 0);
        self.c = value & (1 << 29) != 0;
        self.v = value & (1 << 28) != 0;
    }
    /// Whether a condition (A7.3.1) holds.
    #[inline(always)]
    pub fn passes(&self, cond: u8) -> bool {
        let n = self.n >> 31 != 0;
        let z = self.z == 0;
        let base = match (cond >> 1) & 7 {
            0 => z,
            1 => self.c,
            2 => n,
            3 => self.v,
            4 => self.c && !z,
            5 => n == self.v,
            6 => n == self.v && !z,
            _ => return true,
        };
        base != (cond & 1 != 0)
    }
}

/// Why an instruction could not complete, or what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the manual's names (B1.5.14)
pub enum Fault {
    Undefined,
    InvalidState,
    InvalidPc,
    NoCoprocessor,
    Unaligned,
    DivideByZero,
    /// MPU refused an instruction fetch, or execute-never.
    MemManageFetch,
    /// MPU refused a data access to this address.
    MemManageData(u32),
    /// Bus error on an instruction fetch.
    BusFetch,
    /// Precise bus error on a data access to this address.
    BusData(u32),
    /// SVC (taken with the next instruction as return address).
    Svc,
    /// BKPT with no debugger: DebugMonitor, or HardFault.
    Breakpoint,
}

/// Floating-point registers and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FpRegs {
    /// S0–S31; D n is S 2n (low) and S 2n+1 (high).
    pub s: [u32; 32],
    /// FPSCR.
    pub fpscr: u32,
}

impl FpRegs {
    /// S register.
    #[inline(always)]
    pub fn single(&self, n: u8) -> u32 {
        self.s[(n & 31) as usize]
    }
    /// Sets an S register.
    #[inline(always)]
    pub fn set_single(&mut self, n: u8, value: u32) {
        self.s[(n & 31) as usize] = value;
    }
    /// D register.
    #[inline(always)]
    pub fn double(&self, n: u8) -> u64 {
        let n = (n & 15) as usize * 2;
        u64::from(self.s[n]) | (u64::from(self.s[n + 1]) << 32)
    }
    /// Sets a D register.
    #[inline(always)]
    pub fn set_double(&mut self, n: u8, value: u64) {
        let n = (n & 15) as usize * 2;
        self.s[n] = value as u32;
        self.s[n + 1] = (value >> 32) as u32;
    }
}

/// What kept the core from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sleep {
    /// Running.
    Awake,
    /// WFI, or sleep-on-exit.
    Interrupt,
    /// WFE.
    Event,
}

/// One core and the chip it sits in.
#[derive(Clone)]
pub struct Core<B: Bus> {
    /// R0–R15 (see the module's text for 13 and 15).
    pub r: [u32; 16],
    /// Flags.
    pub flags: Flags,
    /// ITSTATE of the next instruction (between blocks).
    pub it: u8,
    /// EPSR.T. Clear only after a jump to an even address: the next instruction faults.
    pub thumb: bool,
    /// Exception number in progress; 0 in Thread mode.
    pub ipsr: u16,
    /// The stack pointer not in use.
    pub other_sp: u32,
    /// PRIMASK.
    pub primask: bool,
    /// FAULTMASK.
    pub faultmask: bool,
    /// BASEPRI, bits 7:0.
    pub basepri: u8,
    /// CONTROL: bit 0 nPRIV, bit 1 SPSEL, bit 2 FPCA.
    pub control: u8,
    /// Floating point.
    pub fp: FpRegs,
    /// Floating-point instructions may run without a check (kept by `update_fp_ready`).
    pub fp_ready: bool,
    /// System control space: SCB, NVIC, SysTick, MPU, DWT, ITM, debug registers.
    pub scs: Scs,
    /// Address tagged by the last load-exclusive.
    pub exclusive: Option<u32>,
    /// WFE's event register.
    pub event: bool,
    /// Sleeping, and how.
    pub sleep: Sleep,
    /// Lockup: no instruction runs until reset.
    pub lockup: bool,
    /// What `Flow::Fault` and `Flow::Supervisor` refer to.
    pub pending_fault: Fault,
    /// Set by any access or register write after which interrupts must be looked at.
    pub sync: bool,
    /// Virtual time: cycles since power-on, true between blocks. One instruction is one cycle; waiting adds to it.
    pub cycles: u64,
    /// Instructions executed since power-on, true between blocks.
    pub instructions: u64,
    /// Address of the first instruction of the running block.
    pub block_pc: u32,
    /// `cycles` at the start of the running block.
    pub block_cycles: u64,
    /// Cached translations.
    pub tlb: Tlb,
    /// A halting debugger is attached (DHCSR.C_DEBUGEN): BKPT stops instead of faulting.
    pub halting_debug: bool,
    /// BKPT 0xAB is a semihosting call.
    pub semihosting: bool,
    /// The chip.
    pub bus: B,
}

impl<B: Bus> Core<B> {
    /// A core register other than PC.
    #[inline(always)]
    pub fn reg(&self, n: u8) -> u32 {
        self.r[(n & 15) as usize]
    }

    /// Sets a register that is neither SP nor PC (the lowering chose the operation so).
    #[inline(always)]
    pub fn set(&mut self, n: u8, value: u32) {
        self.r[(n & 15) as usize] = value;
    }

    /// Sets a register that may be SP (whose low two bits are always zero), not PC.
    #[inline(always)]
    pub fn set_or_sp(&mut self, n: u8, value: u32) {
        self.r[(n & 15) as usize] = if n == 13 { value & !3 } else { value };
    }

    /// Address of the instruction of `args`.
    #[inline(always)]
    pub fn pc_of(&self, args: &Args) -> u32 {
        self.block_pc.wrapping_add(u32::from(args.offset))
    }

    /// Virtual time at the instruction of `args`.
    #[inline(always)]
    pub fn now(&self, args: &Args) -> u64 {
        self.block_cycles + u64::from(args.index)
    }

    /// Stops the instruction with a fault.
    #[cold]
    #[inline(never)]
    pub fn raise(&mut self, fault: Fault) -> Flow {
        self.pending_fault = fault;
        Flow::Fault
    }

    /// BranchWritePC and its kin: bit 0 of the target is dropped, the state does not change.
    #[inline(always)]
    pub fn branch(&mut self, target: u32) -> Flow {
        self.r[15] = target & !1;
        Flow::Branch
    }

    /// BXWritePC, LoadWritePC: an exception return in Handler mode for 0xFxxx_xxxx, else a jump whose bit 0 becomes EPSR.T.
    #[inline(always)]
    pub fn branch_exchange(&mut self, target: u32) -> Flow {
        if target >= 0xF000_0000 && self.ipsr != 0 {
            self.r[15] = target;
            return Flow::Return;
        }
        self.branch_link_exchange(target)
    }

    /// BLXWritePC: as [`Core::branch_exchange`] but never an exception return.
    #[inline(always)]
    pub fn branch_link_exchange(&mut self, target: u32) -> Flow {
        self.thumb = target & 1 != 0;
        self.r[15] = target & !1;
        Flow::Branch
    }

    /// What a memory operation returns when it is done: `Sync` after an access that left the fast path for a device.
    #[inline(always)]
    pub fn done(&self) -> Flow {
        if self.sync { Flow::Sync } else { Flow::Next }
    }

    /// As [`Core::done`] for an operation that also set the PC.
    #[inline(always)]
    pub fn done_branch(&self, flow: Flow) -> Flow {
        if self.sync && matches!(flow, Flow::Branch) { Flow::BranchSync } else { flow }
    }

    /// Handler mode, or Thread mode with nPRIV clear.
    #[inline(always)]
    pub fn privileged(&self) -> bool {
        self.ipsr != 0 || self.control & 1 == 0
    }

    /// Whether the process stack is the one in use.
    pub fn on_process_stack(&self) -> bool {
        self.ipsr == 0 && self.control & 2 != 0
    }

    /// MSP, wherever it is kept.
    pub fn msp(&self) -> u32 {
        if self.on_process_stack() { self.other_sp } else { self.r[13] }
    }

    /// PSP, wherever it is kept.
    pub fn psp(&self) -> u32 {
        if self.on_process_stack() { self.r[13] } else { self.other_sp }
    }

    /// Sets MSP.
    pub fn set_msp(&mut self, value: u32) {
        if self.on_process_stack() { self.other_sp = value & !3 } else { self.r[13] = value & !3 }
    }

    /// Sets PSP.
    pub fn set_psp(&mut self, value: u32) {
        if self.on_process_stack() { self.r[13] = value & !3 } else { self.other_sp = value & !3 }
    }

    /// Sets CONTROL (bits 2:0) and exchanges the stack pointers when SPSEL changes the one in use. SPSEL writes are ignored
    /// in Handler mode (B1.4.4).
    pub fn set_control(&mut self, value: u8) {
        let was_process = self.on_process_stack();
        let was_privileged = self.privileged();
        if self.ipsr == 0 {
            self.control = value & 7;
        } else {
            self.control = (value & 5) | (self.control & 2);
        }
        if was_process != self.on_process_stack() {
            std::mem::swap(&mut self.r[13], &mut self.other_sp);
        }
        if was_privileged != self.privileged() {
            self.tlb.flush();
        }
    }

    /// xPSR: flags, IT, T and the exception number.
    pub fn xpsr(&self) -> u32 {
        self.flags.to_apsr()
            | (u32::from(self.it & 3) << 25)
            | (u32::from(self.it >> 2) << 10)
            | (u32::from(self.thumb) << 24)
            | u32::from(self.ipsr)
    }

    /// IT state after an instruction that ran under `it` (A7.3.3 ITAdvance).
    pub fn it_advance(it: u8) -> u8 {
        if it & 7 == 0 { 0 } else { (it & 0xE0) | ((it << 1) & 0x1F) }
    }
}
