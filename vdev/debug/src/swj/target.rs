//! The device behind the access ports: bus accesses as the debugger, the reset line, and time.

use ironroot_cpu::bus::{Kind, Size};
use ironroot_cpu::halting::dhcsr;
use ironroot_cpu::machine::{Machine, Stop};

use super::SwjPort;
use crate::port::{Port, Refusal};

/// Which bus an access port leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The core's: its private peripherals, and everything else as the core sees it.
    Core,
    /// The system bus, past the core.
    System,
    /// The debug peripheral bus.
    DebugBus,
}

/// The access was not made. Why is in the target's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// DHCSR: writing it may let the core go or step.
const DHCSR: u32 = 0xE000_EDF0;
/// The page of the system control space: what is written there the core must look at.
const CONTROL_SPACE: u32 = 0xE000_E000;
/// Refusals that are kept for someone who does not look.
const MAX_LOG: usize = 32;
/// The longest leap in virtual time while the core is halted and the debugger waits, and the usual one: a millisecond at
/// reset clock.
const LONGEST_LEAP: u64 = 50 * LEAP;
const LEAP: u64 = 64_000;

/// What a running core came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It runs.
    Runs,
    /// It sleeps or has locked up: only something from outside changes that.
    Sleeps,
    /// It is held in Debug state or in reset.
    Held,
}

/// A device on the probe's wires.
pub struct Target<B: SwjPort> {
    /// Core and chip.
    pub machine: Machine<B>,
    in_reset: bool,
    last: Option<Refusal>,
    log: Vec<Refusal>,
}

impl<B: SwjPort> Target<B> {
    /// The device as it is; it runs as soon as it is let.
    pub fn new(machine: Machine<B>) -> Self {
        Target { machine, in_reset: false, last: None, log: Vec::new() }
    }

    /// Refusals since the last call, each once in a row.
    pub fn take_log(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.log)
    }

    fn note(&mut self, refusal: Refusal) {
        if self.last.as_ref() != Some(&refusal) && self.log.len() < MAX_LOG {
            self.log.push(refusal.clone());
            self.last = Some(refusal);
        }
    }

    /// The debugger powers the debug domain up.
    pub fn connect(&mut self) {
        if let Err(refusal) = self.machine.core.bus.gate() {
            self.note(refusal);
        }
        self.machine.poke();
    }

    /// Whether the gate is open.
    pub fn is_open(&self) -> bool {
        self.machine.core.bus.is_debug_open()
    }

    /// The reset wire. Releasing it resets core and chip.
    pub fn drive_reset(&mut self, asserted: bool) {
        if std::mem::replace(&mut self.in_reset, asserted) && !asserted {
            self.machine.system_reset();
            self.settle();
        }
    }

    /// The address on the bus, or nothing where the bus does not lead. During reset only the debug logic answers.
    fn route(&self, route: Route, address: u32) -> Result<u32, Fault> {
        let private = address >> 20 == 0xE00;
        match route {
            Route::Core if private => Ok(address),
            _ if self.in_reset => Err(Fault),
            Route::Core => Ok(address),
            // The core's private bus is not on the system bus.
            Route::System if private => Err(Fault),
            Route::System => Ok(address),
            Route::DebugBus => self.machine.core.bus.debug_bus_address(address).ok_or(Fault),
        }
    }

    /// Reads as the debugger.
    pub fn read(&mut self, route: Route, address: u32, size: Size) -> Result<u32, Fault> {
        let address = self.route(route, address)?;
        let result = if self.machine.core.is_halted() {
            Port::new(&mut self.machine).read(address, size)
        } else {
            Self::read_running(&mut self.machine, address, size)
        };
        if result == Ok(0)
            && let Some(refusal) = self.machine.core.bus.silent_refusal(address, Kind::Read)
        {
            self.note(refusal);
        }
        result.map_err(|refusal| self.refused(refusal))
    }

    /// Writes as the debugger.
    pub fn write(&mut self, route: Route, address: u32, value: u32, size: Size) -> Result<(), Fault> {
        let address = self.route(route, address)?;
        let result = if self.machine.core.is_halted() {
            Port::new(&mut self.machine).write(address, value, size)
        } else {
            Self::write_running(&mut self.machine, address, value, size)
        };
        if let Some(refusal) = self.machine.core.bus.silent_refusal(address, Kind::Write) {
            self.note(refusal);
        }
        result.map_err(|refusal| self.refused(refusal))?;
        if address & !0xFFF == CONTROL_SPACE {
            if address == DHCSR && value & dhcsr::C_STEP != 0 && !self.machine.core.is_halted() {
                self.machine.run(1);
            }
            self.settle();
        }
        Ok(())
    }

    fn refused(&mut self, refusal: Refusal) -> Fault {
        self.note(refusal);
        Fault
    }

    // While the core runs its time is its own: an access steals none of it.
    fn read_running(machine: &mut Machine<B>, address: u32, size: Size) -> Result<u32, Refusal> {
        let core = &mut machine.core;
        core.bus.gate()?;
        if let Some(value) = core.debug_system_read(address, size) {
            return Ok(value);
        }
        let result = core.bus.debug_read(address, size);
        machine.poke();
        result
    }

    fn write_running(machine: &mut Machine<B>, address: u32, value: u32, size: Size) -> Result<(), Refusal> {
        let core = &mut machine.core;
        core.bus.gate()?;
        if core.debug_system_write(address, value, size).is_some() {
            return Ok(());
        }
        let result = core.bus.debug_write(address, value, size);
        machine.poke();
        result
    }

    /// Lets a halt, a reset or a release take effect before the next access.
    fn settle(&mut self) {
        if !self.in_reset {
            self.machine.run(0);
        }
    }

    /// Lets the core run at most `limit` instructions.
    pub fn run(&mut self, limit: u64) -> Activity {
        if self.in_reset || self.machine.core.is_halted() {
            return Activity::Held;
        }
        match self.machine.run(limit) {
            Stop::Halted => Activity::Held,
            Stop::Idle | Stop::Lockup => Activity::Sleeps,
            _ => Activity::Runs,
        }
    }

    /// The debugger waits and the core is held: time passes for the chip, so that an erase ends while OpenOCD sleeps
    /// between two looks at it.
    pub fn pass_time(&mut self) {
        let core = &self.machine.core;
        let leap = match core.bus.next_event() {
            u64::MAX => LEAP,
            event => event.saturating_sub(core.cycles).clamp(LEAP, LONGEST_LEAP),
        };
        Port::new(&mut self.machine).wait(leap);
        // An option change that ends in a reset is acted on by the core.
        self.settle();
    }
}
