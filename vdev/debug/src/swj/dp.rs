//! The JTAG debug port (IHI 0031, B2 and B3): registers, power-up handshakes, sticky errors, and the way to the access
//! ports.

use super::SwjPort;
use super::ap::{AccessPort, MemAp};
use super::target::{Route, Target};

/// IDCODE of the JTAG debug port.
pub const IDCODE: u32 = 0x6BA0_0477;
/// DPIDR: the same part as its serial-wire half names itself.
const DPIDR: u32 = 0x6BA0_2477;

/// Instructions of the debug port's TAP; every other one is BYPASS.
#[allow(missing_docs)]
pub mod instruction {
    pub const ABORT: u8 = 0x8;
    pub const DPACC: u8 = 0xA;
    pub const APACC: u8 = 0xB;
    pub const IDCODE: u8 = 0xE;
}

/// CTRL/STAT (B2.2.2).
#[allow(missing_docs)]
pub mod ctrl {
    pub const ORUNDETECT: u32 = 1;
    pub const STICKYORUN: u32 = 1 << 1;
    pub const STICKYCMP: u32 = 1 << 4;
    pub const STICKYERR: u32 = 1 << 5;
    pub const CDBGPWRUPREQ: u32 = 1 << 28;
    pub const CSYSPWRUPREQ: u32 = 1 << 30;
    /// Set by the port, cleared by writing one (in a JTAG debug port).
    pub const STICKY: u32 = STICKYORUN | STICKYCMP | STICKYERR;
    /// What a debugger may set: requests, transaction counter, mask lane, transfer mode.
    pub const WRITABLE: u32 = 0x5000_0000 | (1 << 26) | 0x00FF_FF0C | ORUNDETECT;
}

/// Acknowledge of an access: done, or failed in a way that CTRL/STAT tells.
const ACK_OK_FAULT: u64 = 0b010;

/// A 35-bit DPACC or APACC scan, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Read, not write.
    pub read: bool,
    /// Register offset: 0, 4, 8, 12.
    pub register: u32,
    /// Data of a write.
    pub data: u32,
}

impl From<u64> for Scan {
    fn from(bits: u64) -> Scan {
        Scan { read: bits & 1 != 0, register: (bits as u32 & 6) << 1, data: (bits >> 3) as u32 }
    }
}

/// The debug port with its access ports.
#[derive(Clone, Debug)]
pub struct DebugPort {
    control: u32,
    sticky: u32,
    select: u32,
    /// What the next scan carries out.
    result: u32,
    ports: [MemAp; 3],
}

impl Default for DebugPort {
    fn default() -> Self {
        DebugPort::new()
    }
}

impl DebugPort {
    /// After power-on.
    pub fn new() -> DebugPort {
        // IDR as an AHB-AP, an AXI-AP and an APB-AP have it (that port 1 is an AXI-AP is unverified), and BASE; a two there
        // says that there is no ROM table.
        let ports = [
            MemAp::new(Route::Core, 0x8477_0001, 0xE00F_E003),
            MemAp::new(Route::System, 0x8477_0004, 0x0000_0002),
            MemAp::new(Route::DebugBus, 0x5477_0002, 0x0000_0002),
        ];
        DebugPort { control: 0, sticky: 0, select: 0, result: 0, ports }
    }

    /// Capture-DR of DPACC and APACC: the result of the scan before.
    pub fn capture(&self) -> u64 {
        (u64::from(self.result) << 3) | ACK_OK_FAULT
    }

    /// CTRL/STAT as it reads; every request is granted at once.
    fn status(&self) -> u32 {
        let requests = self.control & (ctrl::CDBGPWRUPREQ | ctrl::CSYSPWRUPREQ);
        self.control | self.sticky | (requests << 1)
    }

    /// Update-DR of DPACC.
    pub fn access<B: SwjPort>(&mut self, scan: Scan, target: &mut Target<B>) {
        let bank = self.select & 0xF;
        match (scan.register, scan.read) {
            (0x0, true) => self.result = DPIDR,
            (0x4, true) => self.result = if bank == 0 { self.status() } else { 0 },
            (0x4, false) if bank == 0 => {
                let asleep = self.control & ctrl::CDBGPWRUPREQ == 0;
                self.control = scan.data & ctrl::WRITABLE;
                self.sticky &= !(scan.data & ctrl::STICKY);
                if asleep && self.control & ctrl::CDBGPWRUPREQ != 0 {
                    // From here on a debugger is connected; reading the IDCODE alone is none.
                    target.connect();
                }
            }
            (0x8, true) => self.result = self.select,
            (0x8, false) => self.select = scan.data,
            // RDBUFF: its use is that this scan carries out what the one before has read.
            (_, true) => self.result = 0,
            (_, false) => {}
        }
    }

    /// Update-DR of APACC. After an error nothing is done until the flag is cleared: of a row of writes none comes after
    /// the one that failed.
    pub fn port_access<B: SwjPort>(&mut self, scan: Scan, target: &mut Target<B>) {
        self.result = 0;
        if self.sticky & ctrl::STICKY != 0 {
            return;
        }
        if self.control & ctrl::CDBGPWRUPREQ == 0 {
            self.sticky |= ctrl::STICKYERR;
            return;
        }
        // A port that does not exist reads zero: that is how debuggers count them.
        let Some(port) = self.ports.get_mut((self.select >> 24) as usize) else { return };
        let register = (self.select & 0xF0) | scan.register;
        let done = if scan.read {
            port.read(register, target).map(|value| self.result = value)
        } else {
            port.write(register, scan.data, target)
        };
        if done.is_err() {
            self.sticky |= ctrl::STICKYERR;
        }
    }
}
