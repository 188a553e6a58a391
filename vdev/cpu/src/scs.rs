//! The system control space and its neighbours on the private peripheral bus (DDI 0403E B3): SCB, SysTick, NVIC, MPU, FPU
//! control, identification, cache maintenance (no effect here: the caches are not modelled), debug registers.

use crate::access::Origin;
use crate::bus::{Bus, Size};
use crate::core::Core;
use crate::debug::{Dwt, Itm, Watch};
use crate::halting::{Fpb, Halting};
use crate::mpu::Mpu;
use crate::nvic::{Nvic, number};
use crate::rom_table;
use crate::systick::SysTick;

/// What distinguishes one Cortex-M implementation from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreConfig {
    /// CPUID.
    pub cpuid: u32,
    /// Implemented bits of an interrupt priority.
    pub priority_bits: u32,
    /// Interrupts that exist.
    pub irq_count: u32,
    /// Core cycles for one tick of SysTick's reference clock (CLKSOURCE = 0).
    pub systick_divider: u32,
}

/// CFSR bits (B3.2.15).
#[allow(missing_docs)]
pub mod cfsr {
    pub const IACCVIOL: u32 = 1;
    pub const DACCVIOL: u32 = 1 << 1;
    pub const MUNSTKERR: u32 = 1 << 3;
    pub const MSTKERR: u32 = 1 << 4;
    pub const MLSPERR: u32 = 1 << 5;
    pub const MMARVALID: u32 = 1 << 7;
    pub const IBUSERR: u32 = 1 << 8;
    pub const PRECISERR: u32 = 1 << 9;
    pub const UNSTKERR: u32 = 1 << 11;
    pub const STKERR: u32 = 1 << 12;
    pub const LSPERR: u32 = 1 << 13;
    pub const BFARVALID: u32 = 1 << 15;
    pub const UNDEFINSTR: u32 = 1 << 16;
    pub const INVSTATE: u32 = 1 << 17;
    pub const INVPC: u32 = 1 << 18;
    pub const NOCP: u32 = 1 << 19;
    pub const UNALIGNED: u32 = 1 << 24;
    pub const DIVBYZERO: u32 = 1 << 25;
}

/// HFSR bits (B3.2.16).
#[allow(missing_docs)]
pub mod hfsr {
    pub const VECTTBL: u32 = 1 << 1;
    pub const FORCED: u32 = 1 << 30;
    pub const DEBUGEVT: u32 = 1 << 31;
}

/// FPCCR bits (B3.2.21).
#[allow(missing_docs)]
pub mod fpccr {
    pub const LSPACT: u32 = 1;
    pub const USER: u32 = 1 << 1;
    pub const THREAD: u32 = 1 << 3;
    pub const HFRDY: u32 = 1 << 4;
    pub const MMRDY: u32 = 1 << 5;
    pub const BFRDY: u32 = 1 << 6;
    pub const MONRDY: u32 = 1 << 8;
    pub const LSPEN: u32 = 1 << 30;
    pub const ASPEN: u32 = 1 << 31;
}

/// Registers that answer a debugger in another way than a program.
const DHCSR: u32 = 0xE000_EDF0;
const DCRSR: u32 = 0xE000_EDF4;

const CCR_NONBASETHRDENA: u32 = 1;
const CCR_USERSETMPEND: u32 = 2;
const CCR_UNALIGN_TRP: u32 = 8;
const CCR_DIV_0_TRP: u32 = 16;
const CCR_BFHFNMIGN: u32 = 0x100;
const CCR_STKALIGN: u32 = 0x200;
/// Writable bits: the above but STKALIGN, which a Cortex-M7 hardwires to one (generic user guide, 4.3.7), and the cache
/// enables (16, 17); branch prediction (18) is always one.
const CCR_WRITABLE: u32 = 0x0003_0113 | CCR_UNALIGN_TRP;
const CCR_RESET: u32 = 0x0004_0200;

/// Identification registers 0xE000_ED40 to 0xE000_ED7C of a Cortex-M7 with 32 KB caches (TRM, table 4-1).
const ID_REGISTERS: [u32; 16] = [
    0x0000_0030,
    0x0000_0200,
    0x0010_0000,
    0x0000_0000,
    0x0010_0030,
    0x0000_0000,
    0x0100_0000,
    0x0000_0000, //
    0x0110_1110,
    0x0211_2000,
    0x2023_2231,
    0x0111_1131,
    0x0131_0132,
    0x0000_0000,
    0x0900_0003,
    0x8303_C003,
];
const CCSIDR_DATA: u32 = 0xF01F_E019;
const CCSIDR_INSTRUCTION: u32 = 0xF03F_E009;

/// Registers of the system control space.
#[derive(Clone, Debug)]
pub struct Scs {
    /// What implementation this is.
    pub config: CoreConfig,
    /// Exceptions.
    pub nvic: Nvic,
    /// Memory protection.
    pub mpu: Mpu,
    /// System timer.
    pub systick: SysTick,
    /// Data watchpoint and trace.
    pub dwt: Dwt,
    /// Instrumentation trace.
    pub itm: Itm,
    /// Watchpoints of the host's debugger and of the DWT.
    pub watch: Watch,
    /// Halting debug.
    pub halting: Halting,
    /// Breakpoint unit.
    pub fpb: Fpb,
    /// VTOR.
    pub vtor: u32,
    /// SCR.
    pub scr: u32,
    /// CCR.
    pub ccr: u32,
    /// CFSR.
    pub cfsr: u32,
    /// HFSR.
    pub hfsr: u32,
    /// DFSR.
    pub dfsr: u32,
    /// MMFAR.
    pub mmfar: u32,
    /// BFAR.
    pub bfar: u32,
    /// CPACR.
    pub cpacr: u32,
    /// FPCCR.
    pub fpccr: u32,
    /// FPCAR.
    pub fpcar: u32,
    /// FPDSCR.
    pub fpdscr: u32,
    csselr: u32,
    actlr: u32,
    pub(crate) demcr: u32,
    /// ITCMCR, DTCMCR, AHBPCR, CACR, –, AHBSCR, ABFSR: plain storage.
    implementation: [u32; 8],
    /// AIRCR.SYSRESETREQ was written.
    pub reset_requested: bool,
}

impl Scs {
    /// After reset.
    pub fn new(config: CoreConfig, vtor: u32) -> Scs {
        Scs {
            config,
            nvic: Nvic::new(config.priority_bits, config.irq_count),
            mpu: Mpu::new(),
            systick: SysTick::new(config.systick_divider),
            dwt: Dwt::default(),
            itm: Itm::default(),
            watch: Watch::default(),
            halting: Halting::default(),
            fpb: Fpb::default(),
            vtor,
            scr: 0,
            ccr: CCR_RESET,
            cfsr: 0,
            hfsr: 0,
            dfsr: 0,
            mmfar: 0,
            bfar: 0,
            cpacr: 0,
            fpccr: fpccr::ASPEN | fpccr::LSPEN,
            fpcar: 0,
            fpdscr: 0,
            csselr: 0,
            actlr: 0,
            demcr: 0,
            // ITCM and DTCM enabled, as the STM32H7 leaves reset.
            implementation: [0x41, 0x49, 0, 0, 0, 0x799, 0, 0],
            reset_requested: false,
        }
    }

    /// Feeds every register into a hash.
    pub fn hash_state(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        (&self.nvic, &self.mpu, &self.systick, &self.dwt, &self.itm).hash(hasher);
        (self.vtor, self.scr, self.ccr, self.cfsr, self.hfsr, self.dfsr, self.mmfar, self.bfar).hash(hasher);
        (self.cpacr, self.fpccr, self.fpcar, self.fpdscr, self.csselr, self.actlr, self.demcr).hash(hasher);
        (self.implementation, self.reset_requested, &self.halting, &self.fpb).hash(hasher);
    }

    /// CCR.UNALIGN_TRP.
    pub fn unaligned_traps(&self) -> bool {
        self.ccr & CCR_UNALIGN_TRP != 0
    }
    /// CCR.DIV_0_TRP.
    pub fn div_by_zero_traps(&self) -> bool {
        self.ccr & CCR_DIV_0_TRP != 0
    }
    /// CCR.STKALIGN.
    pub fn aligns_stack(&self) -> bool {
        self.ccr & CCR_STKALIGN != 0
    }
    /// CCR.NONBASETHRDENA.
    pub fn non_base_thread(&self) -> bool {
        self.ccr & CCR_NONBASETHRDENA != 0
    }
    /// CCR.BFHFNMIGN.
    pub fn ignores_bus_faults_in_hard_fault(&self) -> bool {
        self.ccr & CCR_BFHFNMIGN != 0
    }
    /// DEMCR.MON_EN.
    pub fn monitor_enabled(&self) -> bool {
        self.demcr & (1 << 16) != 0
    }

    /// Whether the MPU checks accesses made in this state (B3.5.3).
    pub fn mpu_in_force(&self, ipsr: u16, faultmask: bool) -> bool {
        self.mpu.enabled()
            && (self.mpu.enabled_in_faults()
                || !(faultmask || ipsr == number::NMI || ipsr == number::HARD_FAULT))
    }

    /// SHCSR: enables, pending and active bits of the system exceptions.
    fn shcsr(&self) -> u32 {
        let nvic = &self.nvic;
        SHCSR_BITS.iter().fold(0, |value, &(bit, exception, what)| {
            let set = match what {
                Shcsr::Enabled => nvic.is_enabled(exception),
                Shcsr::Pending => nvic.pending.has(exception),
                Shcsr::Active => nvic.active.has(exception),
            };
            value | u32::from(set) << bit
        })
    }

    fn set_shcsr(&mut self, value: u32) {
        for &(bit, exception, what) in SHCSR_BITS {
            let set = value & (1 << bit) != 0;
            match what {
                Shcsr::Enabled => self.nvic.enable_system(exception, set),
                Shcsr::Pending => self.nvic.pending.put(exception, set),
                Shcsr::Active => self.nvic.active.put(exception, set),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Shcsr {
    Enabled,
    Pending,
    Active,
}

const SHCSR_BITS: &[(u32, u16, Shcsr)] = &[
    (0, number::MEM_MANAGE, Shcsr::Active),
    (1, number::BUS_FAULT, Shcsr::Active),
    (3, number::USAGE_FAULT, Shcsr::Active),
    (7, number::SV_CALL, Shcsr::Active),
    (8, number::DEBUG_MONITOR, Shcsr::Active),
    (10, number::PEND_SV, Shcsr::Active),
    (11, number::SYS_TICK, Shcsr::Active),
    (12, number::USAGE_FAULT, Shcsr::Pending),
    (13, number::MEM_MANAGE, Shcsr::Pending),
    (14, number::BUS_FAULT, Shcsr::Pending),
    (15, number::SV_CALL, Shcsr::Pending),
    (16, number::MEM_MANAGE, Shcsr::Enabled),
    (17, number::BUS_FAULT, Shcsr::Enabled),
    (18, number::USAGE_FAULT, Shcsr::Enabled),
];

impl<B: Bus> Core<B> {
    /// Reads the private peripheral bus. None: bus error.
    pub(crate) fn ppb_read(&mut self, address: u32, size: Size, origin: Origin) -> Option<u32> {
        if !origin.privileged {
            return None;
        }
        let word = self.ppb_read_word(address & !3, origin.now)?;
        Some((word >> (8 * (address & 3))) & size.mask())
    }

    /// Writes the private peripheral bus. None: bus error.
    pub(crate) fn ppb_write(&mut self, address: u32, value: u32, size: Size, origin: Origin) -> Option<()> {
        if !origin.privileged {
            let stir = address == 0xE000_EF00 && self.scs.ccr & CCR_USERSETMPEND != 0;
            if !(stir || self.scs.itm.user_may_write(address)) {
                return None;
            }
        }
        if (0xE000_0000..0xE000_0080).contains(&address) {
            if let Some(text) = self.scs.itm.stimulus(address, value, size) {
                self.bus.console(&text[..size.bytes() as usize]);
            }
            return Some(());
        }
        let shift = 8 * (address & 3);
        let lanes = size.mask() << shift;
        let aligned = address & !3;
        let value = value << shift;
        // Registers whose bits are set or cleared by writing ones must not see the other bytes of a narrow write.
        let write_one =
            matches!(aligned, 0xE000_E100..=0xE000_E2FF | 0xE000_ED28 | 0xE000_ED2C | 0xE000_ED30);
        let value = if size == Size::Word || write_one {
            value & lanes
        } else {
            (self.ppb_read_word(aligned, origin.now)? & !lanes) | (value & lanes)
        };
        self.ppb_write_word(aligned, value, origin.now)
    }

    fn ppb_read_word(&mut self, address: u32, now: u64) -> Option<u32> {
        if (address & 0xFFF >= 0xFCC || address >= 0xE00F_E000)
            && let Some(value) = rom_table::read(address)
        {
            return Some(value);
        }
        let scs = &mut self.scs;
        Some(match address {
            0xE000_0000..=0xE000_0FFF => scs.itm.read(address),
            0xE000_1000..=0xE000_1FFF => scs.dwt.read(address, now),
            0xE000_2000..=0xE000_2FFF => scs.fpb.read(address),
            0xE000_E004 => scs.nvic.irq_count().div_ceil(32).saturating_sub(1),
            0xE000_E008 => scs.actlr,
            0xE000_E010..=0xE000_E01C => scs.systick.read(address & 0xF, now),
            0xE000_E100..=0xE000_E4EF => scs.nvic.read(address - 0xE000_E100),
            0xE000_ED00 => scs.config.cpuid,
            0xE000_ED04 => self.icsr(),
            0xE000_ED08 => scs.vtor,
            0xE000_ED0C => 0xFA05_0000 | (u32::from(scs.nvic.prigroup) << 8),
            0xE000_ED10 => scs.scr,
            0xE000_ED14 => scs.ccr,
            0xE000_ED18..=0xE000_ED20 => {
                let first = (address - 0xE000_ED18) as u16 + 4;
                u32::from_le_bytes([0, 1, 2, 3].map(|i| scs.nvic.system_priority(first + i)))
            }
            0xE000_ED24 => scs.shcsr(),
            0xE000_ED28 => scs.cfsr,
            0xE000_ED2C => scs.hfsr,
            0xE000_ED30 => scs.dfsr,
            0xE000_ED34 => scs.mmfar,
            0xE000_ED38 => scs.bfar,
            0xE000_ED40..=0xE000_ED7C => ID_REGISTERS[((address - 0xE000_ED40) / 4) as usize & 15],
            0xE000_ED80 => match scs.csselr {
                0 => CCSIDR_DATA,
                1 => CCSIDR_INSTRUCTION,
                _ => 0,
            },
            0xE000_ED84 => scs.csselr,
            0xE000_ED88 => scs.cpacr,
            0xE000_ED90..=0xE000_EDB8 => scs.mpu.read(address - 0xE000_ED90),
            0xE000_EDF0 => self.read_dhcsr(false),
            0xE000_EDF8 => self.read_dcrdr(),
            0xE000_EDFC => scs.demcr,
            0xE000_EF34 => scs.fpccr,
            0xE000_EF38 => scs.fpcar,
            0xE000_EF3C => scs.fpdscr,
            0xE000_EF40 => 0x1011_0221,
            0xE000_EF44 => 0x1200_0011,
            0xE000_EF48 => 0x0000_0040,
            0xE000_EF90..=0xE000_EFAC => scs.implementation[((address - 0xE000_EF90) / 4) as usize & 7],
            _ => 0,
        })
    }

    fn ppb_write_word(&mut self, address: u32, value: u32, now: u64) -> Option<()> {
        let scs = &mut self.scs;
        match address {
            0xE000_0080..=0xE000_0FFF => scs.itm.write(address, value),
            0xE000_1000..=0xE000_1FFF => {
                scs.dwt.write(address, value, now);
                scs.watch.set_dwt(scs.dwt.watchpoints());
                self.tlb.flush();
            }
            0xE000_2000..=0xE000_2FFF => scs.fpb.write(address, value),
            0xE000_E008 => scs.actlr = value,
            0xE000_E010..=0xE000_E01C => scs.systick.write(address & 0xF, value, now),
            0xE000_E100..=0xE000_E4EF => scs.nvic.write(address - 0xE000_E100, value),
            0xE000_ED04 => self.write_icsr(value),
            0xE000_ED08 => scs.vtor = value & 0xFFFF_FF80,
            0xE000_ED0C => self.write_aircr(value),
            0xE000_ED10 => {
                // SEVONPEND counts from now on: what is pending already is no event.
                scs.nvic.newly_pending();
                scs.scr = value & 0x16;
            }
            0xE000_ED14 => scs.ccr = (value & CCR_WRITABLE) | (scs.ccr & !CCR_WRITABLE),
            0xE000_ED18..=0xE000_ED20 => {
                let first = (address - 0xE000_ED18) as u16 + 4;
                for (i, byte) in (0..).zip(value.to_le_bytes()) {
                    scs.nvic.set_system_priority(first + i, byte);
                }
            }
            0xE000_ED24 => scs.set_shcsr(value),
            0xE000_ED28 => scs.cfsr &= !value,
            0xE000_ED2C => scs.hfsr &= !value,
            0xE000_ED30 => scs.dfsr &= !value,
            0xE000_ED34 => scs.mmfar = value,
            0xE000_ED38 => scs.bfar = value,
            0xE000_ED84 => scs.csselr = value & 0xF,
            0xE000_ED88 => {
                scs.cpacr = value & 0x00F0_0000;
                self.update_fp_ready();
            }
            0xE000_ED90..=0xE000_EDB8 => {
                scs.mpu.write(address - 0xE000_ED90, value);
                self.tlb.flush();
            }
            0xE000_EDF0 => self.write_dhcsr(value, false),
            0xE000_EDF8 => self.write_dcrdr(value),
            0xE000_EDFC => scs.demcr = value & 0x010F_07F1,
            0xE000_EF00 => {
                let irq = value & 0x1FF;
                if irq < scs.nvic.irq_count() {
                    scs.nvic.pending.put(number::IRQ0 + irq as u16, true);
                }
            }
            0xE000_EF34 => {
                scs.fpccr = value & 0xC000_017B;
                self.update_fp_ready();
            }
            0xE000_EF38 => scs.fpcar = value & !7,
            0xE000_EF3C => scs.fpdscr = value & 0x07C0_0000,
            0xE000_EF90..=0xE000_EFAC => {
                scs.implementation[((address - 0xE000_EF90) / 4) as usize & 7] = value;
            }
            _ => {}
        }
        Some(())
    }

    fn icsr(&self) -> u32 {
        let nvic = &self.scs.nvic;
        let has = |number: u16| u32::from(nvic.pending.has(number));
        let pending_irq = nvic.pending.any_from(number::IRQ0);
        let others_active = nvic.active.any_but(self.ipsr);
        (has(number::NMI) << 31)
            | (has(number::PEND_SV) << 28)
            | (has(number::SYS_TICK) << 26)
            | (u32::from(pending_irq) << 22)
            | (u32::from(nvic.candidate().unwrap_or(0)) << 12)
            | (u32::from(!others_active) << 11)
            | u32::from(self.ipsr)
    }

    fn write_icsr(&mut self, value: u32) {
        let pending = &mut self.scs.nvic.pending;
        if value & (1 << 31) != 0 {
            pending.put(number::NMI, true);
        }
        for (set, clear, exception) in [(28, 27, number::PEND_SV), (26, 25, number::SYS_TICK)] {
            if value & (1 << set) != 0 {
                pending.put(exception, true);
            } else if value & (1 << clear) != 0 {
                pending.put(exception, false);
            }
        }
    }

    fn write_aircr(&mut self, value: u32) {
        if value >> 16 != 0x05FA {
            return;
        }
        self.scs.nvic.prigroup = (value >> 8) as u8 & 7;
        if value & 4 != 0 {
            self.scs.reset_requested = true;
        }
    }

    /// MRS: the special register `sysm` (B5.2.2). Unprivileged code reads zero from all but APSR, CONTROL (and IPSR as 0).
    pub fn read_special(&mut self, sysm: u8) -> u32 {
        let privileged = self.privileged();
        match sysm {
            0..=7 => {
                let mut value = 0;
                if sysm & 4 == 0 {
                    value |= self.flags.to_apsr();
                }
                if sysm & 1 != 0 && privileged {
                    value |= u32::from(self.ipsr);
                }
                value
            }
            8 if privileged => self.msp(),
            9 if privileged => self.psp(),
            16 if privileged => u32::from(self.primask),
            17 | 18 if privileged => u32::from(self.basepri),
            19 if privileged => u32::from(self.faultmask),
            20 => u32::from(self.control),
            _ => 0,
        }
    }

    /// MSR: the special register `sysm`; `mask` 0b10 nzcvq, 0b01 g (B5.2.3).
    pub fn write_special(&mut self, sysm: u8, mask: u8, value: u32) {
        let privileged = self.privileged();
        match sysm {
            0..=3 => {
                if mask & 2 != 0 {
                    self.flags.set_nzcv(value);
                    self.flags.q = value & (1 << 27) != 0;
                }
                if mask & 1 != 0 {
                    self.flags.ge = (value >> 16) as u8 & 15;
                }
            }
            8 if privileged => self.set_msp(value),
            9 if privileged => self.set_psp(value),
            16 if privileged => self.primask = value & 1 != 0,
            17 if privileged => self.basepri = value as u8 & self.scs.nvic.priority_mask(),
            18 if privileged => {
                let new = value as u8 & self.scs.nvic.priority_mask();
                if new != 0 && (new < self.basepri || self.basepri == 0) {
                    self.basepri = new;
                }
            }
            19 if privileged => self.set_faultmask(value & 1 != 0),
            20 if privileged => {
                self.set_control(value as u8);
                self.update_fp_ready();
            }
            _ => {}
        }
        self.sync = true;
    }

    /// CPS: no effect from unprivileged code.
    pub fn change_mask(&mut self, disable: bool, primask: bool, faultmask: bool) {
        if self.privileged() {
            if primask {
                self.primask = disable;
            }
            if faultmask {
                self.set_faultmask(disable);
            }
        }
        self.sync = true;
    }

    fn set_faultmask(&mut self, set: bool) {
        // FAULTMASK cannot be set at HardFault's or NMI's priority (B5.2.1).
        if !set || self.execution_priority() > -1 {
            self.faultmask = set;
            self.tlb.flush();
        }
    }
}

/// The system control space as a halted debugger reaches it.
impl<B: Bus> Core<B> {
    /// Lets `cycles` pass for the chip while the core is halted in Debug state: its own counters stand, so a program that is
    /// looked at meets no interrupt that it would not have met unobserved.
    pub fn pass_halted(&mut self, cycles: u64) {
        self.cycles += cycles;
        self.scs.systick.stood(cycles);
        self.scs.dwt.stood(cycles);
        self.sync = true;
    }

    /// Reads the private peripheral bus as a debugger. None: not an address of it.
    pub fn debug_system_read(&mut self, address: u32, size: Size) -> Option<u32> {
        let origin = Origin { pc: 0, now: self.cycles, privileged: true };
        match (address, size) {
            (DHCSR, Size::Word) => Some(self.read_dhcsr(true)),
            _ if address >> 20 == 0xE00 => self.ppb_read(address, size, origin),
            _ => None,
        }
    }

    /// Writes the private peripheral bus as a debugger. None: not an address of it.
    pub fn debug_system_write(&mut self, address: u32, value: u32, size: Size) -> Option<()> {
        let origin = Origin { pc: 0, now: self.cycles, privileged: true };
        if address >> 20 != 0xE00 {
            return None;
        }
        self.sync = true;
        match (address, size) {
            (DHCSR, Size::Word) => self.write_dhcsr(value, true),
            (DCRSR, Size::Word) => self.write_dcrsr(value),
            _ => return self.ppb_write(address, value, size, origin),
        }
        Some(())
    }
}
