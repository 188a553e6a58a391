//! The device as `gdbstub` sees it.

use gdbstub::common::Signal;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps, SingleThreadSingleStep,
    SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::flash::{Flash, FlashOps};
use gdbstub::target::ext::memory_map::{MemoryMap, MemoryMapOps};
use gdbstub::target::ext::monitor_cmd::MonitorCmdOps;
use gdbstub::target::{Target, TargetError, TargetResult};
use ironroot_cpu::bus::Kind;
use ironroot_cpu::core::{Flags, Sleep};
use ironroot_cpu::debug::{WatchHit, Watchpoint};
use ironroot_cpu::machine::Machine;

use super::arch::{CortexM, Register, RegisterFile};
use crate::port::{DebugPort, MapEntry, Port, Refusal};

/// How the core is to be run until the next stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To a breakpoint, watchpoint or fault.
    Continue,
    /// One instruction.
    Step,
}

/// Which of GDB's two kinds a breakpoint is. The model's own comparators serve both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreakKind {
    Software,
    Hardware,
}

/// One debugging session on a machine.
pub struct Session<B: DebugPort> {
    /// The device.
    pub machine: Machine<B>,
    pub(super) mode: Mode,
    /// Where the core stands since a watchpoint was hit.
    pub(super) after_watch: Option<u32>,
    breakpoints: Vec<(u32, BreakKind)>,
    watchpoints: Vec<(Watchpoint, WatchKind)>,
    /// Why the last access was refused.
    last_refusal: Option<Refusal>,
    /// The refusal that the answer to the packet in work stands for.
    pub(super) last_error: Option<Refusal>,
    /// Refusals that the debugger's console has not shown yet.
    notes: Vec<Refusal>,
    /// Refusals that the server's operator has not seen yet.
    log: Vec<Refusal>,
    /// Sectors and data of a flash download in progress.
    pending_erase: Vec<(u32, u32)>,
    pending_writes: Vec<(u32, Vec<u8>)>,
    pending_bytes: usize,
}

/// EFAULT, GDB's number for an access that memory refused.
const EFAULT: u8 = 14;
/// EPERM: the debug port is closed.
const EPERM: u8 = 1;
/// ENOSPC: more than a session keeps.
const ENOSPC: u8 = 28;
/// Break- and watchpoints of one session. Far more than a person sets, far less than hurts.
const MAX_POINTS: usize = 1024;
/// Pieces and bytes of a flash download: the largest flash of any part of the family, twice.
const MAX_PIECES: usize = 1 << 16;
const MAX_DOWNLOAD: usize = 4 << 20;
/// Refusals kept for someone who does not look.
const MAX_NOTES: usize = 32;

impl<B: DebugPort> Session<B> {
    /// A session; the core stands still until the debugger lets it run.
    pub fn new(mut machine: Machine<B>) -> Self {
        machine.core.halting_debug = true;
        Session {
            machine,
            mode: Mode::Continue,
            after_watch: None,
            breakpoints: Vec::new(),
            watchpoints: Vec::new(),
            last_refusal: None,
            last_error: None,
            notes: Vec::new(),
            log: Vec::new(),
            pending_erase: Vec::new(),
            pending_writes: Vec::new(),
            pending_bytes: 0,
        }
    }

    /// Ends the session: breakpoints are taken out and the core no longer halts for a debugger.
    pub fn into_machine(mut self) -> Machine<B> {
        self.release();
        self.machine.core.halting_debug = false;
        self.machine
    }

    /// After a debugger has gone: what it had set is taken out, the device itself stays as it is.
    pub fn release(&mut self) {
        self.breakpoints.clear();
        self.watchpoints.clear();
        self.drop_download();
        self.machine.set_breakpoints([]);
        self.machine.set_watchpoints(Vec::new());
    }

    /// Code and reason of the last refused access.
    pub fn last_refusal(&self) -> Option<&Refusal> {
        self.last_refusal.as_ref()
    }

    /// Refusals since the last call, for whoever runs the server.
    pub fn take_log(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.log)
    }

    /// Refusals since the last call, for the debugger's console.
    pub(super) fn take_notes(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.notes)
    }

    /// Keeps a refusal for all who want to know.
    pub(super) fn note(&mut self, refusal: Refusal) {
        for list in [&mut self.notes, &mut self.log] {
            if list.last() != Some(&refusal) && list.len() < MAX_NOTES {
                list.push(refusal.clone());
            }
        }
        self.last_refusal = Some(refusal);
    }

    /// Whether the port is open; a note if it is not.
    pub(super) fn note_if_closed(&mut self) -> bool {
        let gate = self.port().gate();
        gate.map_err(|refusal| self.note(refusal)).is_ok()
    }

    /// Notes what the chip hid from an access that it did not refuse.
    fn note_silent(&mut self, start: u32, length: usize, kind: Kind) {
        let last = start.wrapping_add(u32::try_from(length).unwrap_or(u32::MAX).saturating_sub(1));
        let bus = &self.machine.core.bus;
        let hidden = bus.silent_refusal(start, kind).or_else(|| bus.silent_refusal(last, kind));
        if let Some(refusal) = hidden {
            self.note(refusal);
        }
    }

    fn drop_download(&mut self) {
        self.pending_erase.clear();
        self.pending_writes.clear();
        self.pending_bytes = 0;
    }

    fn port(&mut self) -> Port<'_, B> {
        Port::new(&mut self.machine)
    }

    /// Remembers a refusal and turns it into GDB's error.
    fn refused<T>(&mut self, result: Result<T, Refusal>, errno: u8) -> TargetResult<T, Self> {
        result.map_err(|refusal| {
            self.note(refusal.clone());
            self.last_error = Some(refusal);
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
                // Whoever sends the core elsewhere does not mean it to sleep on there, and a halt is a way out of lockup (B1.5.15).
                core.sleep = Sleep::Awake;
                core.lockup = false;
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

    fn renew_breakpoints(&mut self) {
        self.machine.set_breakpoints(self.breakpoints.iter().map(|(address, _)| *address));
    }

    /// Kind and first watched byte of the watchpoint that was hit: GDB looks for the address it had asked to watch.
    pub(super) fn watched(&self, hit: WatchHit) -> (WatchKind, u32) {
        let found = self.watchpoints.iter().find(|(w, _)| {
            hit.address.wrapping_sub(w.address) < w.length || w.address.wrapping_sub(hit.address) < 4
        });
        found.map_or((WatchKind::ReadWrite, hit.address), |(w, kind)| (*kind, hit.address.max(w.address)))
    }

    pub(super) fn has_watchpoints(&self) -> bool {
        !self.watchpoints.is_empty()
    }

    /// Kind of the breakpoint at `address`.
    pub(super) fn break_kind(&self, address: u32) -> BreakKind {
        let found = self.breakpoints.iter().find(|(known, _)| *known & !1 == address);
        found.map_or(BreakKind::Software, |(_, kind)| *kind)
    }

    fn add_breakpoint(&mut self, address: u32, kind: BreakKind) -> TargetResult<bool, Self> {
        self.open()?;
        if self.breakpoints.contains(&(address, kind)) {
            return Ok(true);
        }
        if self.breakpoints.len() >= MAX_POINTS {
            return Err(TargetError::Errno(ENOSPC));
        }
        self.breakpoints.push((address, kind));
        self.renew_breakpoints();
        Ok(true)
    }

    fn remove_breakpoint(&mut self, address: u32, kind: BreakKind) -> TargetResult<bool, Self> {
        let Some(at) = self.breakpoints.iter().position(|known| *known == (address, kind)) else {
            return Ok(false);
        };
        self.breakpoints.swap_remove(at);
        self.renew_breakpoints();
        Ok(true)
    }
}

impl<B: DebugPort> Target for Session<B> {
    type Arch = CortexM;
    type Error = std::convert::Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::SingleThread(self)
    }
    // A microcontroller does not fork.
    fn use_fork_stop_reason(&self) -> bool {
        false
    }
    fn use_vfork_stop_reason(&self) -> bool {
        false
    }
    fn use_vforkdone_stop_reason(&self) -> bool {
        false
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
        // Registers of a core that cannot be halted are unavailable: GDB shows that, and stays to be told why.
        regs.hidden = !self.note_if_closed();
        if regs.hidden {
            return Ok(());
        }
        for (index, register) in regs.core.iter_mut().enumerate() {
            *register = self.read_core(index);
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
        self.note_silent(start, data.len(), Kind::Read);
        Ok(data.len())
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        let result = self.port().write_bytes(start, data);
        self.refused(result, EFAULT)?;
        self.note_silent(start, data.len(), Kind::Write);
        Ok(())
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
        raw.iter_mut().zip(val).for_each(|(to, from)| *to = *from);
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
        self.add_breakpoint(addr, BreakKind::Software)
    }
    fn remove_sw_breakpoint(&mut self, addr: u32, _: usize) -> TargetResult<bool, Self> {
        self.remove_breakpoint(addr, BreakKind::Software)
    }
}

impl<B: DebugPort> HwBreakpoint for Session<B> {
    fn add_hw_breakpoint(&mut self, addr: u32, _: usize) -> TargetResult<bool, Self> {
        self.add_breakpoint(addr, BreakKind::Hardware)
    }
    fn remove_hw_breakpoint(&mut self, addr: u32, _: usize) -> TargetResult<bool, Self> {
        self.remove_breakpoint(addr, BreakKind::Hardware)
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
        let watchpoint = (Watchpoint { address: addr, length: len, reads, writes }, kind);
        if self.watchpoints.contains(&watchpoint) {
            return Ok(true);
        }
        if self.watchpoints.len() >= MAX_POINTS {
            return Err(TargetError::Errno(ENOSPC));
        }
        self.watchpoints.push(watchpoint);
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
        self.open()?;
        if self.pending_erase.len() >= MAX_PIECES {
            return Err(TargetError::Errno(ENOSPC));
        }
        self.pending_erase.push((start, length));
        Ok(())
    }
    fn flash_write(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        self.open()?;
        if self.pending_writes.len() >= MAX_PIECES || self.pending_bytes + data.len() > MAX_DOWNLOAD {
            return Err(TargetError::Errno(ENOSPC));
        }
        self.pending_bytes += data.len();
        self.pending_writes.push((start, data.to_vec()));
        Ok(())
    }
    fn flash_done(&mut self) -> TargetResult<(), Self> {
        let mut erases = std::mem::take(&mut self.pending_erase);
        let writes = std::mem::take(&mut self.pending_writes);
        self.drop_download();
        // A sector erased twice is the same sector.
        erases.sort_unstable();
        erases.dedup();
        let mut port = self.port();
        let result = erases
            .into_iter()
            .try_for_each(|(start, length)| port.erase(start, length))
            .and_then(|()| port.program(&writes));
        self.refused(result, EFAULT)
    }
}
