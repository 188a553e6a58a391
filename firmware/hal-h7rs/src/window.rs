//! Copies from and to memories that no Rust object occupies: the windows of the external memories, and the RAM that an
//! application is loaded to.
#![allow(unsafe_code)]

use core::arch::asm;
use ironroot_layout::Region;

/// A memory by its region. Stages make these from the layout's constants; [`Window::new`] refuses what a stage itself lies in.
#[derive(Clone, Copy)]
pub struct Window(Region);

/// The memories that a stage may read and write past Rust: external memories and AXI SRAM. Stages have stack and data in
/// DTCM, which is not among them.
const MEMORIES: [Region; 3] = [
    ironroot_layout::stm32h7rs::XSPI1,
    ironroot_layout::stm32h7rs::XSPI2,
    ironroot_layout::stm32h7rs::AXI_SRAM,
];

impl Window {
    /// The window over `region`; `None` if it is not inside one of these memories.
    pub fn new(region: Region) -> Option<Self> {
        MEMORIES.iter().any(|memory| memory.contains_region(region)).then_some(Self(region))
    }

    /// Its region.
    pub const fn region(&self) -> Region {
        self.0
    }

    fn locate(&self, offset: u32, length: usize) -> Option<u32> {
        let end = u32::try_from(length).ok().and_then(|length| offset.checked_add(length))?;
        (end <= self.0.size().bytes()).then(|| self.0.start().value().wrapping_add(offset))
    }

    /// Copies out of the window; `None` if it is not that long.
    pub fn read(&self, offset: u32, buffer: &mut [u8]) -> Option<()> {
        let address = self.locate(offset, buffer.len())?;
        // SAFETY: the range lies in a memory that no Rust object of this stage occupies (`MEMORIES`), and the buffer is such
        // an object, so they do not overlap. Bytes have no invalid values. What the memory holds may change by another
        // master between two reads, not in the buffer.
        unsafe { copy(address as *const u8, buffer.as_mut_ptr(), buffer.len()) };
        Some(())
    }

    /// Copies into the window; `None` if it is not that long.
    pub fn write(&self, offset: u32, data: &[u8]) -> Option<()> {
        let address = self.locate(offset, data.len())?;
        // SAFETY: as `read`: nothing that Rust knows of lies there.
        unsafe { copy(data.as_ptr(), address as *mut u8, data.len()) };
        Some(())
    }

    /// Copies `length` bytes from the start of `from` on at `offset` into the window; `None` if either is not that long, or the two
    /// ranges overlap.
    pub fn copy_from(&self, offset: u32, from: &Window, start: u32, length: u32) -> Option<()> {
        let (to, from) = (self.locate(offset, length as usize)?, from.locate(start, length as usize)?);
        if to.abs_diff(from) < length {
            return None;
        }
        // SAFETY: both ranges lie in memories that no Rust object of this stage occupies, and apart.
        unsafe { copy(from as *const u8, to as *mut u8, length as usize) };
        Some(())
    }

    /// Writes words one by one, ascending, in this order: for memories that take them as parts of one command. `offset` is a
    /// multiple of four.
    pub fn write_words(&self, offset: u32, data: &[[u8; 4]]) -> Option<()> {
        let address = self.locate(offset, data.as_flattened().len())?;
        let mut place = address & !3;
        for word in data {
            // SAFETY: as `write`, aligned.
            unsafe { core::ptr::write_volatile(place as *mut u32, u32::from_le_bytes(*word)) };
            place = place.wrapping_add(4);
        }
        Some(())
    }
}

/// What is copied in a turn: eight words, a line of the caches, in one burst each way.
const TURN: usize = 32;

/// Copies `length` bytes, in turns while both ends are at multiples of four: a load or store of several words takes no others. RAM with
/// error correction keeps 64 bits together: what begins at a multiple of eight there is written whole, and nothing is read for it.
///
/// # Safety
/// The ranges are readable and writable memory, and do not overlap.
#[inline(never)]
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    let aligned = (from.addr() | to.addr()).is_multiple_of(4);
    let turns = if aligned { length / TURN } else { 0 };
    let (mut source, mut target) = (from, to);
    if turns != 0 {
        // SAFETY: `turns * TURN` bytes are inside both ranges, aligned; the stack is not used.
        unsafe {
            asm!(
                "2:",
                "ldmia r0!, {{r2, r3, r4, r5, r8, r10, r12, lr}}",
                "stmia r1!, {{r2, r3, r4, r5, r8, r10, r12, lr}}",
                "cmp r0, r11",
                "bne 2b",
                inout("r0") source,
                inout("r1") target,
                in("r11") from.wrapping_add(turns * TURN),
                out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                out("r8") _, out("r10") _, out("r12") _, out("lr") _,
                options(nostack),
            );
        }
    }
    // SAFETY: what is left of both ranges.
    unsafe { core::ptr::copy_nonoverlapping(source, target, length - turns * TURN) };
}
