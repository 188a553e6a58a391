//! OpenOCD's `remote_bitbang` protocol: one character for each change of the wires, one for each look at TDO (debug.md 1).

use ironroot_cpu::machine::Machine;

use super::SwjPort;
use super::dp::{DebugPort, IDCODE, Scan, instruction};
use super::tap::{Shift, State, Tap};
use super::target::Target;

/// Length of the instruction registers (debug.md 2).
const DEBUG_IR: u32 = 4;
const BOUNDARY_IR: u32 = 5;
/// IDCODE instruction of the boundary-scan TAP (unverified); its other instructions are BYPASS here.
const BOUNDARY_IDCODE: u8 = 0x01;
/// Bits of a DPACC, APACC or ABORT scan.
const ACCESS: u32 = 35;

/// What became of a piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Rising edges of TCK.
    pub clocks: u64,
    /// The client said goodbye.
    pub quit: bool,
}

/// A probe on a device: wires, TAPs and debug port.
pub struct Probe<B: SwjPort> {
    /// The device.
    pub target: Target<B>,
    state: State,
    clock: bool,
    cpu: Tap,
    boundary: Tap,
    port: DebugPort,
    reply: Vec<u8>,
}

impl<B: SwjPort> Probe<B> {
    /// A probe on `machine`; nobody is connected yet.
    pub fn new(machine: Machine<B>) -> Self {
        Probe {
            target: Target::new(machine),
            state: State::TestLogicReset,
            clock: false,
            cpu: Tap::new(DEBUG_IR, instruction::IDCODE),
            boundary: Tap::new(BOUNDARY_IR, BOUNDARY_IDCODE),
            port: DebugPort::new(),
            reply: Vec::new(),
        }
    }

    /// What is to be sent to the client.
    pub fn take_reply(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.reply)
    }

    /// Takes characters of the client. What the protocol does not know is ignored.
    pub fn receive(&mut self, characters: &[u8]) -> Served {
        let mut clocks = 0;
        for character in characters {
            match character {
                b'0'..=b'7' => {
                    let wires = character - b'0';
                    let rising = wires & 4 != 0 && !self.clock;
                    self.clock = wires & 4 != 0;
                    if rising {
                        clocks += 1;
                        self.rise(wires & 2 != 0, wires & 1 != 0);
                    }
                }
                b'R' => {
                    let level = if self.data_out() { b'1' } else { b'0' };
                    self.reply.push(level);
                }
                b'r'..=b'u' => {
                    let wires = character - b'r';
                    if wires & 2 != 0 {
                        self.reset_taps();
                    }
                    self.target.drive_reset(wires & 1 != 0);
                }
                b'Q' => return Served { clocks, quit: true },
                _ => {}
            }
        }
        Served { clocks, quit: false }
    }

    /// The client has gone: the reset wire floats, what it did to the device stays.
    pub fn disconnect(&mut self) {
        self.reply.clear();
        self.target.drive_reset(false);
        self.reset_taps();
    }

    fn reset_taps(&mut self) {
        self.state = State::TestLogicReset;
        self.cpu.reset();
        self.boundary.reset();
    }

    /// TDO: driven while shifting, else (and always on a dead port) pulled up.
    fn data_out(&self) -> bool {
        let shifting = matches!(self.state, State::ShiftDr | State::ShiftIr);
        !shifting || self.target.machine.core.bus.is_jtag_dead() || self.cpu.shift.out()
    }

    /// A rising edge of TCK. What the standard does at the falling edge in Update is done on the way into it.
    fn rise(&mut self, tms: bool, tdi: bool) {
        match self.state {
            State::CaptureIr => {
                self.cpu.capture_ir();
                self.boundary.capture_ir();
            }
            State::CaptureDr => self.capture(),
            // TDI enters the boundary-scan TAP; the debug port's TAP is the one at TDO.
            State::ShiftIr | State::ShiftDr => {
                let between = self.boundary.shift.clock(tdi);
                self.cpu.shift.clock(between);
            }
            _ => {}
        }
        self.state = self.state.next(tms);
        match self.state {
            State::TestLogicReset => self.reset_taps(),
            State::UpdateIr => {
                self.cpu.update_ir();
                self.boundary.update_ir();
            }
            State::UpdateDr => self.update(),
            _ => {}
        }
    }

    fn capture(&mut self) {
        self.cpu.shift = match self.cpu.ir {
            instruction::IDCODE => Shift::new(IDCODE.into(), 32),
            instruction::DPACC | instruction::APACC => Shift::new(self.port.capture(), ACCESS),
            instruction::ABORT => Shift::new(0, ACCESS),
            _ => Shift::new(0, 1),
        };
        self.boundary.shift = match self.boundary.ir {
            BOUNDARY_IDCODE => Shift::new(self.target.machine.core.bus.boundary_scan_id().into(), 32),
            _ => Shift::new(0, 1),
        };
    }

    fn update(&mut self) {
        if self.target.machine.core.bus.is_jtag_dead() {
            return;
        }
        let scan = Scan::from(self.cpu.shift.bits);
        match self.cpu.ir {
            instruction::DPACC => self.port.access(scan, &mut self.target),
            instruction::APACC => self.port.port_access(scan, &mut self.target),
            // ABORT: no access ever waits here, so there is nothing to abort.
            _ => {}
        }
    }
}
