//! One power-on of a virtual device: running it, and what it says on its serial ports.

use ironroot_boot::{HandOff, HandOffError, RECORD_LEN};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::bus::{Access, Kind, Master, Size};
use ironroot_cpu::machine::{Hook, Machine, Stop};
use ironroot_cpu::semihosting;

use super::chip::Chip;
use crate::{error, interrupt};

/// Instructions between two looks at the serial ports: a line is reported at most so late.
const SLICE: u64 = 20_000;

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Instructions since power-on.
    pub instructions: u64,
    /// Virtual time since power-on.
    pub nanoseconds: u64,
}

/// Something a device said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The serial port.
    pub port: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// When, to within a slice.
    pub at: Moment,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The watcher of the output asked for it.
    Asked,
    /// The program ended by semihosting: true if it says that it ended well.
    Exited(bool),
    /// A signal asked for it.
    Interrupted,
    /// The core stopped, for this reason.
    Stopped(Stop),
}

/// A powered device.
#[derive(Clone)]
pub struct Session<C: Chip = Stm32h735> {
    /// Core and chip.
    pub machine: Machine<C>,
}

impl Session {
    /// Powers a `board` with an STM32H735 on; nothing has run yet.
    pub fn power_on(board: &Board, rom: &RomImage) -> Self {
        Session::on(board, rom)
    }

    /// The flash status register SR1, as the core would read it with an instruction at `pc`.
    pub fn flash_status(&mut self, pc: u32) -> Option<u32> {
        self.read_as_core(FLASH_REGISTERS + ironroot_chip::flash::registers::SR, pc)
    }
}

impl<C: Chip> Session<C> {
    /// Powers a board with any chip on.
    pub fn on(board: &C::Board, rom: &RomImage) -> Self {
        Session { machine: Machine::new(C::from_board(board, rom)) }
    }

    /// The chip.
    pub fn chip(&mut self) -> &mut C {
        &mut self.machine.core.bus
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let core = &self.machine.core;
        Moment { instructions: core.instructions, nanoseconds: core.bus.nanoseconds(core.cycles) }
    }

    /// Now, for work through the debug port: flash operations take virtual time while the core stands.
    pub fn now_at_port(&mut self) -> Moment {
        let cycles = self.chip().finish_flash_operations();
        Moment { instructions: self.machine.core.instructions, nanoseconds: self.chip().nanoseconds(cycles) }
    }

    /// Runs at most `limit` instructions. `watch` is shown what comes out of the serial ports, and the session for input;
    /// it ends the run with `false`.
    pub fn run(&mut self, limit: u64, watch: &mut dyn FnMut(&mut Self, Output) -> bool) -> End {
        let end = self.machine.core.instructions.saturating_add(limit);
        loop {
            if interrupt::asked() {
                return End::Interrupted;
            }
            let left = end.saturating_sub(self.machine.core.instructions);
            let stop = self.machine.run(left.min(SLICE));
            let call =
                self.machine.core.semihosting && matches!(stop, Stop::Bkpt { imm: semihosting::CALL, .. });
            let exited = if call { semihosting::serve(&mut self.machine) } else { None };
            for output in self.take_output() {
                if !watch(self, output) {
                    return End::Asked;
                }
            }
            if let Some(well) = exited {
                return End::Exited(well);
            }
            if !call && (stop != Stop::Limit || left <= SLICE) {
                return End::Stopped(stop);
            }
        }
    }

    /// Runs at most `limit` instructions and shows each to `hook`; a signal is a failure.
    pub fn run_hooked(&mut self, limit: u64, hook: &mut impl Hook<C>) -> error::Result<Stop> {
        /// Instructions between two looks at signals.
        const PIECE: u64 = 1_000_000;
        let end = self.machine.core.instructions.saturating_add(limit);
        loop {
            interrupt::check()?;
            let left = end.saturating_sub(self.machine.core.instructions);
            let stop = self.machine.run_hooked(left.min(PIECE), hook);
            if stop != Stop::Limit || left <= PIECE {
                return Ok(stop);
            }
        }
    }

    /// What the device said since the last call.
    pub fn take_output(&mut self) -> Vec<Output> {
        let at = self.now();
        let mut outputs = Vec::new();
        for (number, port) in C::ports() {
            let bytes = self.chip().take_uart_output(number);
            if !bytes.is_empty() {
                outputs.push(Output { port, bytes, at });
            }
        }
        let bytes = self.chip().take_console();
        if !bytes.is_empty() {
            outputs.push(Output { port: "console", bytes, at });
        }
        outputs
    }

    /// A word as the core would read it with an instruction at `pc`; `None` where the bus answers with an error.
    pub fn read_as_core(&mut self, address: u32, pc: u32) -> Option<u32> {
        let now = self.machine.core.cycles;
        let access = Access {
            master: Master::Cpu,
            kind: Kind::Read,
            privileged: true,
            secure: false,
            size: Size::Word,
            pc,
            now,
        };
        self.chip().read(address, access).ok()
    }

    /// The hand-off record that the last boot left in RAM.
    pub fn hand_off(&mut self) -> Result<HandOff, HandOffError> {
        let start = C::HAND_OFF.start().value();
        let mut bytes = Vec::with_capacity(RECORD_LEN);
        for offset in (0..RECORD_LEN as u32).step_by(4) {
            let word = self.read_as_core(start + offset, 0).unwrap_or_default();
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        HandOff::decode(&bytes)
    }
}

/// Bytes of several outputs as lines with the moment at which each ended.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    /// Adds bytes and returns the lines that are complete now, without their line ends.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<String> {
        self.unfinished.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.unfinished.iter().position(|b| *b == b'\n') {
            let rest = self.unfinished.split_off(end + 1);
            let line = std::mem::replace(&mut self.unfinished, rest);
            lines.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        }
        lines
    }

    /// What is left without a line end.
    pub fn rest(self) -> Option<String> {
        (!self.unfinished.is_empty()).then(|| String::from_utf8_lossy(&self.unfinished).into_owned())
    }
}
