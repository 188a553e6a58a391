//! Memory access ports (IHI 0031, C2): a window of registers through which a debugger reaches a bus.

use ironroot_cpu::bus::Size;

use super::SwjPort;
use super::target::{Fault, Route, Target};

/// CSW (C2.6.4).
mod csw {
    pub const SIZE: u32 = 7;
    pub const ADDR_INC: u32 = 3 << 4;
    pub const INC_SINGLE: u32 = 1 << 4;
    pub const INC_PACKED: u32 = 2 << 4;
    pub const DEVICE_EN: u32 = 1 << 6;
    /// Protection, master type and secure bits: kept, since the model has no use for them.
    pub const PROT: u32 = 0x7F00_0000;
    pub const RESET: u32 = 0x4300_0002;
}

/// What the debug port asks of an access port.
pub(super) trait AccessPort {
    /// Reads the register at `offset`.
    fn read<B: SwjPort>(&mut self, offset: u32, target: &mut Target<B>) -> Result<u32, Fault>;
    /// Writes the register at `offset`.
    fn write<B: SwjPort>(&mut self, offset: u32, value: u32, target: &mut Target<B>) -> Result<(), Fault>;
}

/// A memory access port.
#[derive(Clone, Debug)]
pub struct MemAp {
    route: Route,
    csw: u32,
    tar: u32,
    idr: u32,
    base: u32,
}

impl MemAp {
    /// The port to the bus of `route`, which names itself `idr` and its ROM table `base`.
    pub fn new(route: Route, idr: u32, base: u32) -> MemAp {
        MemAp { route, csw: csw::RESET, tar: 0, idr, base }
    }

    fn size(&self) -> Size {
        match self.csw & csw::SIZE {
            0 => Size::Byte,
            1 => Size::Half,
            _ => Size::Word,
        }
    }

    /// One DRW access: `each` is called for every transfer with its address and its bit position in the data register.
    /// TAR moves on after each transfer that was made; all 32 bits count up (the architecture promises ten).
    fn transfers(&mut self, mut each: impl FnMut(u32, Size, u32) -> Result<(), Fault>) -> Result<(), Fault> {
        let size = self.size();
        let increment = self.csw & csw::ADDR_INC;
        loop {
            let address = self.tar & !(size.bytes() - 1);
            each(address, size, 8 * (address & 3))?;
            if increment == 0 {
                return Ok(());
            }
            self.tar = address.wrapping_add(size.bytes());
            // A packed access fills the data register up to its end.
            if increment != csw::INC_PACKED || self.tar & 3 == 0 {
                return Ok(());
            }
        }
    }
}

impl AccessPort for MemAp {
    fn read<B: SwjPort>(&mut self, offset: u32, target: &mut Target<B>) -> Result<u32, Fault> {
        Ok(match offset {
            0x00 => self.csw | if target.is_open() { csw::DEVICE_EN } else { 0 },
            0x04 => self.tar,
            0x0C => {
                let (route, mut data) = (self.route, 0);
                self.transfers(|address, size, lane| {
                    target.read(route, address, size).map(|value| data |= (value & size.mask()) << lane)
                })?;
                data
            }
            0x10..=0x1C => target.read(self.route, (self.tar & !0xF) | (offset & 0xC), Size::Word)?,
            0xF8 => self.base,
            0xFC => self.idr,
            _ => 0,
        })
    }

    fn write<B: SwjPort>(&mut self, offset: u32, value: u32, target: &mut Target<B>) -> Result<(), Fault> {
        match offset {
            0x00 => {
                // Sizes and increments that do not exist read back as what is done instead.
                let size = (value & csw::SIZE).min(2);
                let increment = match value & csw::ADDR_INC {
                    csw::ADDR_INC => csw::INC_SINGLE,
                    other => other,
                };
                self.csw = (value & csw::PROT) | size | increment;
            }
            0x04 => self.tar = value,
            0x0C => {
                let route = self.route;
                self.transfers(|address, size, lane| {
                    target.write(route, address, (value >> lane) & size.mask(), size)
                })?;
            }
            0x10..=0x1C => target.write(self.route, (self.tar & !0xF) | (offset & 0xC), value, Size::Word)?,
            _ => {}
        }
        Ok(())
    }
}
