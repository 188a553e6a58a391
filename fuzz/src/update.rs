//! The update engine on slots that hold anything: images, trailers, status, and words that cannot be read.

use ironroot_boot::update::{self, ImageConfig, ImageSlots, System, app};
use ironroot_boot::{Flash, FlashError, Mode, NoCounters, Sector};
use ironroot_crypto::Software;

use crate::image::{GENUINE, assert_genuine, key};
use crate::{knobs, seed};

/// A slot, and an erase unit of it.
const SLOT: u32 = 0x1000;
const SECTOR: u32 = 0x200;
/// The scratch area.
const SCRATCH: u32 = 0x400;
const SECTORS: u32 = SLOT / SECTOR;

/// Flash with ECC: a unit is written once between two erases, and some cannot be read.
#[derive(Clone, PartialEq, Eq)]
struct Memory {
    bytes: Vec<u8>,
    write_size: u32,
    erased: u8,
    /// By unit: written since the last erase; unreadable.
    written: Vec<bool>,
    broken: Vec<bool>,
    changes: u32,
}

impl Memory {
    fn new(size: u32, write_size: u32, erased: u8) -> Self {
        let units = (size / write_size) as usize;
        Self {
            bytes: vec![erased; size as usize],
            write_size,
            erased,
            written: vec![false; units],
            broken: vec![false; units],
            changes: 0,
        }
    }

    /// As if somebody had programmed it.
    fn load(&mut self, offset: usize, content: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(offset).zip(content) {
            *to = *from;
        }
        let unit = self.write_size as usize;
        for (index, piece) in self.bytes.chunks(unit).enumerate() {
            self.written[index] = piece.iter().any(|byte| *byte != self.erased);
        }
    }

    fn units(&self, offset: u32, len: usize) -> Result<std::ops::Range<usize>, FlashError> {
        let end = offset as usize + len;
        if end > self.bytes.len() {
            return Err(FlashError::OutOfBounds);
        }
        Ok(offset as usize / self.write_size as usize..end.div_ceil(self.write_size as usize))
    }
}

impl Flash for Memory {
    fn size(&self) -> u32 {
        self.bytes.len() as u32
    }
    fn write_size(&self) -> u32 {
        self.write_size
    }
    fn erased_value(&self) -> u8 {
        self.erased
    }
    fn sector_count(&self) -> u32 {
        self.size() / SECTOR
    }
    fn sector(&self, index: u32) -> Option<Sector> {
        (index < self.sector_count()).then(|| Sector { offset: index * SECTOR, size: SECTOR })
    }
    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let units = self.units(offset, buffer.len())?;
        if self.broken[units].contains(&true) {
            return Err(FlashError::Unreadable);
        }
        buffer.copy_from_slice(&self.bytes[offset as usize..][..buffer.len()]);
        Ok(())
    }
    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let aligned =
            offset.is_multiple_of(self.write_size) && data.len().is_multiple_of(self.write_size as usize);
        assert!(aligned, "a write of {} bytes at {offset:#x}", data.len());
        let units = self.units(offset, data.len())?;
        assert!(!self.written[units.clone()].contains(&true), "a unit at {offset:#x} is written twice");
        assert!(
            !self.broken[units.clone()].contains(&true),
            "a broken unit at {offset:#x} is written without an erase"
        );
        self.written[units].fill(true);
        self.bytes[offset as usize..][..data.len()].copy_from_slice(data);
        self.changes += 1;
        Ok(())
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let Sector { offset, size } = self.sector(sector).ok_or(FlashError::OutOfBounds)?;
        let units = self.units(offset, size as usize)?;
        self.written[units.clone()].fill(false);
        self.broken[units].fill(false);
        self.bytes[offset as usize..][..size as usize].fill(self.erased);
        self.changes += 1;
        Ok(())
    }
}

const MODES: [Mode; 4] = [Mode::OverwriteOnly, Mode::SwapScratch, Mode::SwapMove, Mode::SwapOffset];

/// Knobs: bits 0 and 1 the mode, 2 and 3 the write size (1, 8, 16, 32), bit 4 erased as zeros, bit 5 bootstrap. Then pieces:
/// where (bits 0 and 1: primary, secondary, scratch; bit 2 at its end; bit 3 cannot be read), length, bytes.
pub fn update(data: &[u8]) {
    let ([knob], mut pieces) = knobs::<1>(data);
    let mode = MODES[usize::from(knob & 3)];
    let write_size = [1, 8, 16, 32][usize::from(knob >> 2 & 3)];
    let erased = if knob & 16 != 0 { 0 } else { 0xFF };
    let max_align = write_size.max(8);
    let mut memories = [SLOT, SLOT, SCRATCH].map(|size| Memory::new(size, write_size, erased));
    while let Some(([place, low, high], rest)) = pieces.split_first_chunk::<3>() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, rest) = rest.split_at(len);
        pieces = rest;
        let Some(memory) = memories.get_mut(usize::from(place & 3)) else { continue };
        let at = if place & 4 != 0 { memory.bytes.len().saturating_sub(len) } else { 0 };
        if place & 8 != 0 {
            // Numbers of units that cannot be read.
            for pair in content.chunks_exact(2) {
                let unit = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % memory.broken.len();
                memory.broken[unit] = true;
                memory.written[unit] = true;
            }
        } else {
            memory.load(at, content);
        }
    }
    let [mut primary, mut secondary, mut scratch] = memories;
    let config = ImageConfig { bootstrap: knob & 32 != 0, ..ImageConfig::new(mode, max_align, SECTORS) };

    let run = |primary: &mut Memory, secondary: &mut Memory, scratch: &mut Memory| {
        let mut buffer = [0; 64];
        let keys = [key()];
        let mut images = [ImageSlots { primary, secondary, config }];
        if let Ok((layout, limits)) = images[0].check(Some(&*scratch)) {
            assert!(limits.max_size < SLOT);
            for slot in [&*images[0].primary, &*images[0].secondary] {
                // Whatever is there has a meaning.
                let state = app::state(slot, &layout).expect("this flash fails in no other way");
                let _ = app::requested(&state);
            }
        }
        let mut counters = NoCounters;
        let mut system = System::new(&mut images, &keys, &mut counters, &mut buffer);
        system.scratch = Some(scratch);
        match update::update(&mut system, &mut Software) {
            Ok(updated) => {
                assert_genuine(&updated.image);
                assert!(updated.report.images().len() == 1);
                Ok(*updated.image.hash())
            }
            Err(error) => {
                assert!(error.code.entry().is_some(), "a refusal without meaning: {:?}", error.code);
                Err(error.code)
            }
        }
    };
    let first = run(&mut primary, &mut secondary, &mut scratch);
    if first.is_ok() {
        // Settled: the next boot starts the same image, and once more changes nothing.
        let second = run(&mut primary, &mut secondary, &mut scratch);
        assert!(second.is_ok(), "{first:?}, and then {second:?}");
        let third = run(&mut primary, &mut secondary, &mut scratch);
        let settled = (primary.changes, secondary.changes, scratch.changes);
        let fourth = run(&mut primary, &mut secondary, &mut scratch);
        assert_eq!(third, fourth, "no boot is like the one before");
        assert_eq!(
            settled,
            (primary.changes, secondary.changes, scratch.changes),
            "flash is written at each boot"
        );
    }
}

/// A piece of the input.
fn piece(place: u8, content: &[u8]) -> Vec<u8> {
    [&[place][..], &(content.len() as u16).to_le_bytes(), content].concat()
}

pub fn seeds() -> Vec<Vec<u8>> {
    use ironroot_image::trailer::magic_bytes;
    let (old, new) = (GENUINE[0], GENUINE[1]);
    let mut seeds = Vec::new();
    for mode in 0..4_u8 {
        for size in 0..4_u8 {
            let knob = mode | size << 2;
            let align = [8, 8, 16, 32][usize::from(size)];
            let magic = magic_bytes(align);
            let cell = align.max(16) as usize;
            // Confirmed: image_ok in the cell below the magic's.
            let mut confirmed = vec![0xFF; cell + align as usize];
            confirmed[0] = 1;
            let at = confirmed.len() - 16;
            confirmed[at..].copy_from_slice(&magic);
            let offset = |image: &[u8]| match MODES[usize::from(mode)] {
                Mode::SwapOffset => [&vec![0xFF; SECTOR as usize][..], image].concat(),
                _ => image.to_vec(),
            };
            seeds.push(seed(&[knob], &piece(0, old)));
            for end in [&magic[..], &confirmed] {
                seeds.push(seed(&[knob], &[piece(0, old), piece(1, &offset(new)), piece(5, end)].concat()));
            }
            let broken = piece(9, &[4, 0, 200, 0]);
            let request = [piece(0, old), piece(1, &offset(new)), piece(5, &magic), broken].concat();
            seeds.push(seed(&[knob], &request));
            let done = [piece(0, new), piece(4, &confirmed), piece(1, &offset(old))].concat();
            seeds.push(seed(&[knob | 32], &done));
        }
    }
    seeds
}
