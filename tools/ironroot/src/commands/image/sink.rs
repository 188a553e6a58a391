//! Where the bytes of an image go: a binary, or Intel HEX at the slot's address.

use std::io::{self, BufWriter, Write};

use ironroot_image::trailer::{FLAG_SET, TrailerLayout};

use super::plan::Padding;
use crate::input::hex;

/// Bytes that are written at a time at least.
const BUFFER: usize = 256 * 1024;

/// The output of an image, front to back.
pub struct Sink<W: Write> {
    form: Form<W>,
    position: u64,
}

enum Form<W: Write> {
    Binary(BufWriter<W>),
    Hex { writer: hex::Writer<BufWriter<W>>, base: u32 },
}

impl<W: Write> Sink<W> {
    /// The bytes as they are.
    pub fn binary(out: W) -> Self {
        Sink { form: Form::Binary(BufWriter::with_capacity(BUFFER, out)), position: 0 }
    }

    /// Records from address `base` on.
    pub fn hex(out: W, base: u32) -> io::Result<Self> {
        let mut writer = hex::Writer::new(BufWriter::with_capacity(BUFFER, out));
        writer.at(base)?;
        Ok(Sink { form: Form::Hex { writer, base }, position: 0 })
    }

    /// Bytes written and skipped.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Writes `bytes` next.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        match &mut self.form {
            Form::Binary(out) => out.write_all(bytes),
            Form::Hex { writer, .. } => writer.write(bytes),
        }
    }

    /// Goes on at `position`; what is between reads as `erased`. In a HEX file it stays unwritten.
    pub fn fill_to(&mut self, position: u64, erased: u8) -> io::Result<()> {
        match &mut self.form {
            Form::Binary(out) => {
                let piece = [erased; 4096];
                let mut left = position.saturating_sub(self.position);
                while left > 0 {
                    let now = piece.get(..left.min(piece.len() as u64) as usize).unwrap_or(&piece);
                    out.write_all(now)?;
                    left -= now.len() as u64;
                }
            }
            Form::Hex { writer, base } => writer.at(base.wrapping_add(position as u32))?,
        }
        self.position = position;
        Ok(())
    }

    /// The end of the slot: what its trailer says from the start.
    pub fn trailer(
        &mut self,
        slot_size: u32,
        layout: &TrailerLayout,
        padding: Padding,
        erased: u8,
    ) -> io::Result<()> {
        if padding == Padding::None {
            return Ok(());
        }
        let before_end = |distance: u32| u64::from(slot_size.saturating_sub(distance));
        // Whole cells: a flash that programs 32 bytes at a time takes nothing smaller.
        let mut cell = vec![erased; layout.max_align() as usize];
        if let (Padding::Confirmed, Some(first)) = (padding, cell.first_mut()) {
            *first = FLAG_SET;
            self.fill_to(before_end(layout.image_ok()), erased)?;
            self.write(&cell)?;
        }
        self.fill_to(before_end(layout.magic_cell()), erased)?;
        let rest = layout.magic_cell_len().saturating_sub(layout.magic());
        self.write(&vec![erased; rest as usize])?;
        self.write(&layout.magic_bytes())
    }

    /// Hands the last bytes over.
    pub fn finish(self) -> io::Result<()> {
        match self.form {
            Form::Binary(mut out) => out.flush(),
            Form::Hex { mut writer, .. } => writer.finish(),
        }
    }
}
