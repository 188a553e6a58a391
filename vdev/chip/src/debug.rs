//! The debug port's gate. One place decides for GDB, SWD and host tools alike (debug.md 6).

use std::fmt;

use ironroot_codes::{Code, vdev};
use ironroot_cpu::bus::{Access, Bus, Kind, Master, Size};

use crate::chip::Stm32h735;
use crate::flash::options::{ReadProtection, covers};
use crate::rules::{Flag, Verdict};
use crate::security::Mode;

/// Why the debugger got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugRefusal {
    /// Secure access mode, and exitSecureArea has not opened debug.
    Closed,
    /// RDP level 2: for ever.
    Disabled,
    /// RDP level 1: user flash and backup SRAM cannot be reached once a debugger is connected.
    ReadProtected {
        /// The address.
        address: u32,
    },
    /// The bus answered with an error.
    BusError {
        /// The address.
        address: u32,
        /// The verdict of the rule table, where it has a say.
        verdict: Option<Verdict>,
    },
}

impl DebugRefusal {
    /// The documented code.
    pub fn code(&self) -> Code {
        match self {
            DebugRefusal::Closed => vdev::DEBUG_CLOSED,
            DebugRefusal::Disabled | DebugRefusal::ReadProtected { .. } => vdev::RDP_BLOCKED,
            DebugRefusal::BusError { verdict: Some(Verdict::Error(Some(Flag::ReadSecure))), .. } => {
                vdev::SECURE_AREA_CLOSED
            }
            DebugRefusal::BusError { verdict: Some(Verdict::Allow), .. } => vdev::ECC_ERROR,
            DebugRefusal::BusError { .. } => vdev::UNMAPPED,
        }
    }
}

impl fmt::Display for DebugRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DebugRefusal::Closed => f.write_str("debug access is closed: exitSecureArea has not opened it"),
            DebugRefusal::Disabled => f.write_str("debug access is disabled for ever by RDP level 2"),
            DebugRefusal::ReadProtected { address } => {
                write!(f, "RDP level 1 keeps the debugger from 0x{address:08X} until power-off")
            }
            DebugRefusal::BusError { address, .. } => write!(f, "bus error at 0x{address:08X}"),
        }
    }
}

impl std::error::Error for DebugRefusal {}

impl Stm32h735 {
    /// Whether the debug port would let a debugger in, without connecting.
    pub fn debug_state(&self) -> Result<(), DebugRefusal> {
        if self.options().read_protection() == ReadProtection::Level2 {
            return Err(DebugRefusal::Disabled);
        }
        if self.mode() == Mode::SecureAccess && !self.security().is_debug_open() {
            return Err(DebugRefusal::Closed);
        }
        Ok(())
    }

    /// Whether a debug event may stop the core before the instruction at `pc`: not while the port is closed, and never in
    /// code that may be executed but not read (h73x-flash.md 9). Single steps through it would give it away.
    pub fn debug_event_allowed(&self, pc: u32) -> bool {
        let read = self.verdict(pc, Master::Debugger, Kind::Read);
        // Under an intrusion reading execute-only code is an error and no longer zero: it stays hidden all the same.
        let hidden = matches!(read, Some(Verdict::ReadZero(_))) || covers(self.options().pcrop(), pc);
        self.debug_state().is_ok() && !hidden
    }

    /// A debugger connects. At RDP level 1 this is an intrusion, from now on and until power-off; also when level 1 is set
    /// later.
    pub fn debug_access(&mut self) -> Result<(), DebugRefusal> {
        self.debug_state()?;
        if self.security.see_debugger() {
            self.epoch = self.epoch.wrapping_add(1);
        }
        Ok(())
    }

    fn debugger(&self, kind: Kind, size: Size) -> Access {
        Access { master: Master::Debugger, kind, privileged: true, secure: false, size, pc: 0, now: self.now }
    }

    fn refusal(&self, address: u32, kind: Kind) -> DebugRefusal {
        let verdict = self.verdict(address, Master::Debugger, kind);
        let intruded = self.security().intruded(self.options());
        if intruded && verdict.is_some_and(|verdict| matches!(verdict, Verdict::Error(_))) {
            return DebugRefusal::ReadProtected { address };
        }
        DebugRefusal::BusError { address, verdict }
    }

    /// Reads as the debugger. Where the rules say so this is zero ([`Stm32h735::verdict`] tells), as on silicon.
    /// `address` is a multiple of the size.
    pub fn debugger_read(&mut self, address: u32, size: Size) -> Result<u32, DebugRefusal> {
        self.debug_access()?;
        if !address.is_multiple_of(size.bytes()) {
            return Err(DebugRefusal::BusError { address, verdict: None });
        }
        let access = self.debugger(Kind::Read, size);
        self.read(address, access).map_err(|_| self.refusal(address, Kind::Read))
    }

    /// Writes as the debugger. What the rules ignore is `Ok` and a flag in SR1, as on silicon.
    pub fn debugger_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), DebugRefusal> {
        self.debug_access()?;
        if !address.is_multiple_of(size.bytes()) {
            return Err(DebugRefusal::BusError { address, verdict: None });
        }
        let access = self.debugger(Kind::Write, size);
        self.write(address, value & size.mask(), access).map_err(|_| self.refusal(address, Kind::Write))
    }
}
