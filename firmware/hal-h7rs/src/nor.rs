//! The external flash: a serial NOR with the commands that all such memories share. Its content is read in the window, and
//! written by commands; or, where the MCE encrypts, in the window, as one page program at a time.

use crate::window::Window;
use crate::xspi::{Failed, Xspi};
use ironroot_layout::stm32h7rs::{XSPI1, XSPI2};
use ironroot_layout::{Region, Size};

/// 2 to the power of this is the size that 24-bit addresses reach: 16 MB.
pub const BITS: u32 = 24;
/// What a program command reaches.
pub const PAGE: u32 = 256;
/// The sector that the update engine works with: the block of the memory's larger erase command.
pub const SECTOR: Size = Size::kib(64);
/// The smaller erase unit.
pub const SUBSECTOR: Size = Size::kib(4);
/// What erased bytes read as.
pub const ERASED: u8 = 0xFF;

const READ: u32 = 0x03;
const PROGRAM: u32 = 0x02;
const READ_STATUS: u32 = 0x05;
const WRITE_ENABLE: u32 = 0x06;
const ERASE_SUBSECTOR: u32 = 0x20;
const ERASE_SECTOR: u32 = 0xD8;
const READ_ID: u32 = 0x9F;
const WIP: u32 = 1;
const WEL: u8 = 2;

/// The memory at one of the interfaces.
pub struct Nor {
    xspi: Xspi,
    window: Window,
}

impl Nor {
    /// Switches interface `number` (0: XSPI1) on. `None` if no memory answers.
    pub fn open(number: usize) -> Option<Self> {
        let start = if number == 0 { XSPI1.start() } else { XSPI2.start() };
        let window = Window::new(Region::checked(start, Size::new(1 << BITS))?)?;
        let xspi = Xspi::open(number, BITS, READ, PROGRAM)?;
        // A memory that is not there reads as ones, and so as busy for ever. One that is there may still be at what it was told
        // before a reset of this chip.
        let mut status = [0; 1];
        xspi.receive(READ_STATUS, None, &mut status).ok()?;
        if status == [ERASED] {
            return None;
        }
        xspi.wait(READ_STATUS, WIP, 0).ok()?;
        let mut id = [0; 3];
        xspi.receive(READ_ID, None, &mut id).ok()?;
        (id != [0; 3] && id != [ERASED; 3]).then_some(Self { xspi, window })
    }

    /// All of it, as the bus sees it.
    pub const fn region(&self) -> Region {
        self.window.region()
    }

    /// Puts the interface back into its reset state.
    pub fn close(self) {
        self.xspi.close();
    }

    /// Leaves the window open, for good.
    pub fn leave_mapped(self) {
        self.xspi.map();
    }

    /// Reads through the window, and so through the MCE, from `offset` of the memory.
    pub fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), Failed> {
        self.xspi.map();
        self.window.read(offset, buffer).ok_or(Failed)
    }

    /// Copies `length` bytes through the window, and so through the MCE, from `offset` of the memory to the start of `ram`.
    pub fn copy(&self, offset: u32, ram: &Window, length: u32) -> Result<(), Failed> {
        self.xspi.map();
        ram.copy_from(0, &self.window, offset, length).ok_or(Failed)
    }

    /// Reads what the memory itself holds.
    pub fn read_raw(&self, offset: u32, buffer: &mut [u8]) -> Result<(), Failed> {
        self.xspi.receive(READ, Some(offset), buffer)
    }

    fn enable_write(&self) -> Result<(), Failed> {
        self.xspi.send(WRITE_ENABLE, None, &[])?;
        // A memory whose protection pin is low does not take the latch, and the change would be lost without a word.
        let mut status = [0];
        self.xspi.receive(READ_STATUS, None, &mut status)?;
        if status[0] & WEL == 0 { Err(Failed) } else { Ok(()) }
    }

    fn change(&self, instruction: u32, offset: u32, data: &[u8]) -> Result<(), Failed> {
        self.enable_write()?;
        self.xspi.send(instruction, Some(offset), data)?;
        self.xspi.wait(READ_STATUS, WIP, 0)
    }

    /// Programs, page by page.
    pub fn program(&self, offset: u32, data: &[u8]) -> Result<(), Failed> {
        pages(offset, data, &mut |offset, piece| self.change(PROGRAM, offset, piece))
    }

    /// Programs through the MCE. Offset and length are multiples of its block.
    pub fn program_encrypted(&self, offset: u32, data: &[u8]) -> Result<(), Failed> {
        let block = crate::mce::BLOCK;
        if !(offset as usize).is_multiple_of(block) || !data.len().is_multiple_of(block) {
            return Err(Failed);
        }
        pages(offset, data, &mut |offset, piece| {
            self.enable_write()?;
            self.xspi.map();
            self.window.write_words(offset, piece.as_chunks().0).ok_or(Failed)?;
            self.xspi.unmap();
            self.xspi.wait(READ_STATUS, WIP, 0)
        })
    }

    /// Erases the sector of [`SECTOR`] bytes that `offset` lies in.
    pub fn erase(&self, offset: u32) -> Result<(), Failed> {
        self.change(ERASE_SECTOR, offset, &[])
    }

    /// Erases [`SUBSECTOR`] bytes.
    pub fn erase_subsector(&self, offset: u32) -> Result<(), Failed> {
        self.change(ERASE_SUBSECTOR, offset, &[])
    }
}

/// Writes a piece at an offset.
type Write<'w> = dyn FnMut(u32, &[u8]) -> Result<(), Failed> + 'w;

/// Cuts at the ends of pages: behind one, the memory would go on at the page's start.
fn pages(offset: u32, data: &[u8], write: &mut Write<'_>) -> Result<(), Failed> {
    let (mut offset, mut left) = (offset, data);
    while !left.is_empty() {
        let room = PAGE.wrapping_sub(offset & PAGE.wrapping_sub(1)) as usize;
        let (piece, rest) = left.split_at_checked(room).unwrap_or((left, &[]));
        write(offset, piece)?;
        offset = offset.wrapping_add(piece.len() as u32);
        left = rest;
    }
    Ok(())
}
