//! The debug port's gate. One place decides for GDB, SWD and host tools alike (debug.md 6).

use ironroot_chip::DebugRefusal;
use ironroot_chip::rules::Verdict;
use ironroot_cpu::bus::{Access, Bus, Kind, Master, Size};
use ironroot_layout::stm32h7rs::state::ProductState;

use crate::chip::Stm32h7rs;
use crate::map::DBGMCU;
use crate::peripherals::dbgmcu::Dbgmcu;

/// True for what the debug port reaches however closed the device is.
fn is_always_open(address: u32) -> bool {
    address.checked_sub(DBGMCU).is_some_and(|offset| offset < 0x1000 && Dbgmcu::is_always_open(offset & !3))
}

impl Stm32h7rs {
    /// Whether the debug port would let a debugger in.
    pub fn debug_state(&self) -> Result<(), DebugRefusal> {
        match self.product_state() {
            ProductState::Open | ProductState::Provisioning => Ok(()),
            ProductState::Closed | ProductState::Locked if self.sbs.opens_debug() => Ok(()),
            ProductState::Closed | ProductState::Locked => Err(DebugRefusal::Closed),
        }
    }

    /// Whether a debug event may stop the core before the instruction at `pc`: not while the port is closed, and never in
    /// code that may be executed but not read. Single steps through it would give it away.
    pub fn debug_event_allowed(&self, pc: u32) -> bool {
        let hidden = matches!(self.verdict(pc, Master::Debugger, Kind::Read, 0), Some(verdict) if verdict != Verdict::Allow);
        self.debug_state().is_ok() && !hidden
    }

    fn check_debug(&self, address: u32, size: Size) -> Result<(), DebugRefusal> {
        if !is_always_open(address) {
            self.debug_state()?;
        }
        if address.is_multiple_of(size.bytes()) {
            Ok(())
        } else {
            Err(DebugRefusal::BusError { address, verdict: None })
        }
    }

    fn debugger(&self, kind: Kind, size: Size) -> Access {
        Access { master: Master::Debugger, kind, privileged: true, secure: false, size, pc: 0, now: self.now }
    }

    fn refusal(&self, address: u32, kind: Kind) -> DebugRefusal {
        DebugRefusal::BusError { address, verdict: self.verdict(address, Master::Debugger, kind, 0) }
    }

    /// Reads as the debugger. Where the rules say so this is zero ([`Stm32h7rs::verdict`] tells), as on silicon.
    /// `address` is a multiple of the size.
    pub fn debugger_read(&mut self, address: u32, size: Size) -> Result<u32, DebugRefusal> {
        self.check_debug(address, size)?;
        let access = self.debugger(Kind::Read, size);
        self.read(address, access).map_err(|_| self.refusal(address, Kind::Read))
    }

    /// Writes as the debugger. What the rules ignore is `Ok` and a flag in ISR, as on silicon.
    pub fn debugger_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), DebugRefusal> {
        self.check_debug(address, size)?;
        let access = self.debugger(Kind::Write, size);
        self.write(address, value & size.mask(), access).map_err(|_| self.refusal(address, Kind::Write))
    }
}
