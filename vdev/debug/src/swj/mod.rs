//! The JTAG debug port of a virtual device, for stock OpenOCD: wires ([`bitbang`]), test access ports ([`tap`]), debug port
//! ([`dp`]), memory access ports ([`ap`]), and what they reach ([`target`]).
//!
//! 1. Every access is a bus access of the debugger behind the chip's gate, as for GDB: nothing here decides a right.
//! 2. Nothing here knows flash, option bytes or breakpoints: OpenOCD does it all with the registers of core and chip.
//! 3. Sources: IEEE 1149.1 (TAP), Arm IHI 0031 "ADIv5" (debug port, access ports), DDI 0403E C1 (core registers).

pub mod ap;
pub mod bitbang;
pub mod dp;
mod h735;
mod server;
pub mod tap;
pub mod target;

pub use bitbang::Probe;
pub use server::{serve, serve_tcp_once};

use crate::port::DebugPort;

/// A chip with a JTAG connector.
pub trait SwjPort: DebugPort {
    /// No TAP answers: TDO is pulled up whatever is clocked in.
    fn is_jtag_dead(&self) -> bool;
    /// Whether a debugger would be let in now, without counting as one.
    fn is_debug_open(&self) -> bool;
    /// IDCODE of the boundary-scan TAP.
    fn boundary_scan_id(&self) -> u32;
    /// Where an address of the debug peripheral bus (access port 2) is on the system bus.
    fn debug_bus_address(&self, address: u32) -> Option<u32>;
}
