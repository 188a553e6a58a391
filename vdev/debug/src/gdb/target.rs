//! The device as `gdbstub` sees it.

use gdbstub::common::Signal;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps, SingleThreadSingleStep, SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::flash::{Flash, FlashOps};
use gdbstub::target::ext::memory_map::{MemoryMap, MemoryMapOps};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps, outputln};
use gdbstub::target::{Target, TargetError, TargetResult};
use ironroot_cpu::core::Flags;
use ironroot_cpu::debug::Watchpoint;
use ironroot_cpu::machine::Machine;

use super::arch::{CORE_REGISTERS, CortexM, Register, RegisterFile};
use crate::port::{DebugPort, MapEntry, Port, Refusal};

/// How the core is to be run until the next stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To a breakpoint, watchpoint or fault.
    Continue,
    /// One instruction.
    Step,
}

/// One debugging session on a machine.
pub struct Session<B: DebugPort> {
    /// The device.
    pub machine: Machine<B>,
    pub(super) mode: Mode,
    breakpoints: Vec<u32>,
    watchpoints: Vec<(Watchpoint, WatchKind)>,
    /// Why the last access was refused.
    last_refusal: Option<Refusal>,
    /// Sectors and data of a flash download in progress.
    pending_erase: Vec<(u32, u32)>,
    pending_writes: Vec<(u32, Vec<u8>)>,
}

/// EFAULT, GDB's number for an access that memory refused.
const EFAULT: u8 = 14;
/// EPERM: the debug port is closed.
const EPERM: u8 = 1;

impl<B: DebugPort> Session<B> {
    /// A session; the core stands still until the debugger lets it run.
    pub fn new(mut machine: Machine<B>) -> Self {
        machine.core.halting_debug = true;
        Session {
            machine,
            mode: Mode::Continue,
            breakpoints: Vec::new(),
            watchpoints: Vec::new(),
            last_refusal: None,
            pending_erase: Vec::new(),
            pending_writes: Vec::new(),
        }
    }

    /// Ends the session: breakpoints are taken out and the core no longer halts for a debugger.
    pub fn into_machine(mut self) -> Machine<B> {
        self.machine.core.halting_debug = false;
        self.machine.set_breakpoints([]);
        self.machine.set_watchpoints(Vec::new());
        self.machine
    }

    /// Code and reason of the last refused access.
    pub fn last_refusal(&self) -> Option<&Refusal> {
        self.last_refusal.as_ref()
    }

    fn port(&mut self) -> Port<'_, B> {
        Port::new(&mut self.machine)
    }

    /// Remembers a refusal and turns it into GDB's error.
    fn refused<T>(&mut self, result: Result<T, Refusal>, errno: u8) -> TargetResult<T, Self> {
        result.map_err(|refusal| {
            self.last_refusal = Some(refusal);
            TargetError::Errno(errno)
        })
    }

    fn open(&mut self) -> TargetResult<(), Self> {
        let gate = self.port().gate();
        self.refused(gate, EPERM)
    }

    fn read_core(&self, index: usize) -> u32 {
        let core = &self.machine.core;
        match index {
            0..=14 => core.r[index],
            15 => core.r[15],
            16 => core.xpsr(),
            17 => core.msp(),
            18 => core.psp(),
            19 => core.primask.into(),
            20 => core.basepri.into(),
            21 => core.faultmask.into(),
            22 => core.control.into(),
            _ => 0,
        }
    }

    fn write_core(&mut self, index: usize, value: u32) {
        let core = &mut self.machine.core;
        match index {
            0..=12 | 14 => core.r[index] = value,
            13 => core.r[13] = value & !3,
            15 => {
                core.r[15] = value & !1;
                core.it = 0;
            }
            16 => {
                core.flags = Flags::from_apsr(value);
                core.thumb = value & (1 << 24) != 0;
                core.it = ((((value >> 10) & 0x3F) << 2) | ((value >> 25) & 3)) as u8;
            }
            17 => core.set_msp(value),
            18 => core.set_psp(value),
            19 => core.primask = value & 1 != 0,
            20 => core.basepri = value as u8 & core.scs.nvic.priority_mask(),
            21 => core.faultmask = value & 1 != 0,
            22 => core.set_control(value as u8),
            _ => {}
        }
        self.machine.poke();
    }

    fn renew_watchpoints(&mut self) {
        self.machine.set_watchpoints(self.watchpoints.iter().map(|(watchpoint, _)| *watchpoint).collect());
    }

    /// GDB's kind of the watchpoint that `address` hit.
    pub(super) fn watch_kind(&self, address: u32) -> WatchKind {
        self.watchpoints
            .iter()
            .find(|(w, _)| address.wrapping_sub(w.address) < w.length || w.address.wrapping_sub(address) < 4)
            .map_or(WatchKind::ReadWrite, |(_, kind)| *kind)
    }
}

impl<B: DebugPort> Target for Session<B> {
    type Arch = CortexM;
    type Error = std::convert::Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::SingleThread(self)
    }
    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }
    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }
    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        Some(self)
    }
    fn support_flash_operations(&mut self) -> Option<FlashOps<'_, Self>> {
        Some(self)
    }
}

impl<B: DebugPort> SingleThreadBase for Session<B> {
    fn read_registers(&mut self, regs: &mut RegisterFile) -> TargetResult<(), Self> {
        self.open()?;
        for index in 0..CORE_REGISTERS {
            regs.core[index] = self.read_core(index);
        }
        for (n, double) in (0..).zip(&mut regs.doubles) {
            *double = self.machine.core.fp.double(n);
        }
        regs.fpscr = self.machine.core.fp.fpscr;
        Ok(())
    }

    fn write_registers(&mut self, regs: &RegisterFile) -> TargetResult<(), Self> {
        self.open()?;
        for (index, value) in regs.core.iter().enumerate() {
            self.write_core(index, *value);
        }
        for (n, double) in (0..).zip(regs.doubles) {
            self.machine.core.fp.set_double(n, double);
        }
        self.machine.core.fp.fpscr = regs.fpscr;
        Ok(())
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, (), Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        let result = self.port().read_bytes(start, data);
        self.refused(result, EFAULT)?;
        Ok(data.len())
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        let result = self.port().write_bytes(start, data);
        self.refused(result, EFAULT)
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl<B: DebugPort> SingleRegisterAccess<()> for Session<B> {
    fn read_register(&mut self, (): (), register: Register, buf: &mut [u8]) -> TargetResult<usize, Self> {
        self.open()?;
        let wide;
        let raw = match register {
            Register::Core(index) => self.read_core(index).to_le_bytes(),
            Register::Fpscr => self.machine.core.fp.fpscr.to_le_bytes(),
            Register::Double(n) => {
                wide = self.machine.core.fp.double(n as u8).to_le_bytes();
                let length = buf.len().min(wide.len());
                buf[..length].copy_from_slice(&wide[..length]);
                return Ok(length);
            }
        };
        let length = buf.len().min(raw.len());
        buf[..length].copy_from_slice(&raw[..length]);
        Ok(length)
    }

    fn write_register(&mut self, (): (), register: Register, val: &[u8]) -> TargetResult<(), Self> {
        self.open()?;
        let mut raw = [0; 8];
        let length = val.len().min(8);
        raw[..length].copy_from_slice(&val[..length]);
        let value = u64::from_le_bytes(raw);
        match register {
            Register::Core(index) => self.write_core(index, value as u32),
            Register::Double(n) => self.machine.core.fp.set_double(n as u8, value),
            Register::Fpscr => self.machine.core.fp.fpscr = value as u32,
        }
        Ok(())
    }
}

impl<B: DebugPort> SingleThreadResume for Session<B> {
    fn resume(&mut self, _: Option<Signal>) -> Result<(), Self::Error> {
        self.mode = Mode::Continue;
        Ok(())
    }
    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }
}

impl<B: DebugPort> SingleThreadSingleStep for Session<B> {
    fn step(&mut self, _: Option<Signal>) -> Result<(), Self::Error> {
        self.mode = Mode::Step;
        Ok(())
    }
}

impl<B: DebugPort> Breakpoints for Session<B> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }
    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }
    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

// Breakpoints never change memory here (they are the model's own comparators), so both kinds are the same.
impl<B: DebugPort> SwBreakpoint for Session<B> {
    fn add_sw_breakpoint(&mut self, addr: u32, _: usize) -> TargetResult<bool, Self> {
        self.open()?;
        self.breakpoints.push(addr);
        self.machine.set_breakpoints(self.breakpoints.iter().copied());
        Ok(true)
    }
    fn remove_sw_breakpoint(&mut self, addr: u32, _: usize) -> TargetResult<bool, Self> {
        let Some(at) = self.breakpoints.iter().position(|&known| known == addr) else { return Ok(false) };
        self.breakpoints.remove(at);
        self.machine.set_breakpoints(self.breakpoints.iter().copied());
        Ok(true)
    }
}

impl<B: DebugPort> HwBreakpoint for Session<B> {
    fn add_hw_breakpoint(&mut self, addr: u32, kind: usize) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(addr, kind)
    }
    fn remove_hw_breakpoint(&mut self, addr: u32, kind: usize) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(addr, kind)
    }
}

impl<B: DebugPort> HwWatchpoint for Session<B> {
    fn add_hw_watchpoint(&mut self, addr: u32, len: u32, kind: WatchKind) -> TargetResult<bool, Self> {
        self.open()?;
        let (reads, writes) = match kind {
            WatchKind::Read => (true, false),
            WatchKind::Write => (false, true),
            WatchKind::ReadWrite => (true, true),
        };
        self.watchpoints.push((Watchpoint { address: addr, length: len, reads, writes }, kind));
        self.renew_watchpoints();
        Ok(true)
    }
    fn remove_hw_watchpoint(&mut self, addr: u32, len: u32, kind: WatchKind) -> TargetResult<bool, Self> {
        let known =
            self.watchpoints.iter().position(|(w, k)| w.address == addr && w.length == len && *k == kind);
        let Some(at) = known else { return Ok(false) };
        self.watchpoints.remove(at);
        self.renew_watchpoints();
        Ok(true)
    }
}

impl<B: DebugPort> MemoryMap for Session<B> {
    fn memory_map_xml(&self, offset: u64, length: usize, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let xml = memory_map(&self.machine.core.bus.debug_map());
        let rest = usize::try_from(offset).ok().and_then(|at| xml.as_bytes().get(at..)).unwrap_or(&[]);
        let count = rest.len().min(length).min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn memory_map(entries: &[MapEntry]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \
         \"gdb-memory-map.dtd\">\n<memory-map>\n",
    );
    for entry in entries {
        let range = format!("start=\"{:#x}\" length=\"{:#x}\"", entry.start, entry.length);
        match entry.sector {
            Some(sector) => xml.push_str(&format!(
                "<memory type=\"flash\" {range}><property name=\"blocksize\">{sector:#x}</property></memory>\n"
            )),
            None => xml.push_str(&format!("<memory type=\"ram\" {range}/>\n")),
        }
    }
    xml.push_str("</memory-map>\n");
    xml
}

impl<B: DebugPort> Flash for Session<B> {
    fn flash_erase(&mut self, start: u32, length: u32) -> TargetResult<(), Self> {
        self.pending_erase.push((start, length));
        Ok(())
    }
    fn flash_write(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        self.pending_writes.push((start, data.to_vec()));
        Ok(())
    }
    fn flash_done(&mut self) -> TargetResult<(), Self> {
        let erases = std::mem::take(&mut self.pending_erase);
        let writes = std::mem::take(&mut self.pending_writes);
        let mut port = self.port();
        let result = erases
            .into_iter()
            .try_for_each(|(start, length)| port.erase(start, length))
            .and_then(|()| port.program(&writes));
        self.refused(result, EFAULT)
    }
}

impl<B: DebugPort> MonitorCmd for Session<B> {
    fn handle_monitor_cmd(&mut self, cmd: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), Self::Error> {
        match std::str::from_utf8(cmd).map(str::trim) {
            Ok("reset" | "reset halt" | "reset init") => {
                self.machine.system_reset();
                outputln!(out, "reset; core halted at {:#010x}", self.machine.core.r[15]);
            }
            Ok("why") => match &self.last_refusal {
                Some(refusal) => outputln!(out, "{refusal}"),
                None => outputln!(out, "nothing was refused"),
            },
            Ok("time") => {
                let core = &self.machine.core;
                outputln!(out, "{} instructions, {} cycles", core.instructions, core.cycles);
            }
            Ok("faults") => {
                let scs = &self.machine.core.scs;
                outputln!(out, "CFSR {:#010x} HFSR {:#010x}", scs.cfsr, scs.hfsr);
                outputln!(out, "MMFAR {:#010x} BFAR {:#010x}", scs.mmfar, scs.bfar);
            }
            _ => outputln!(out, "commands: reset, why (the last refusal), faults, time"),
        }
        Ok(())
    }
}
