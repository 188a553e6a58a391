//! Security counters as a log in flash that is never erased: what a device keeps in its secure area.
//!
//! A record is a mark, the image, its value and the complements. The mark stands in the first byte and is erased in no
//! flash, so that a record that was begun never looks free.
//!
//! An interrupted record does not check, is skipped, and is
//! never written again; the highest good value counts.

use ironroot_boot::update::{CounterError, Counters, Flash, FlashError};

use super::flash::{Area, CellKind, Geometry};

/// Records that have room.
const RECORDS: u32 = 24;
/// First byte of a record.
const MARK: u8 = 0x5A;
/// Bytes of a record where the write unit is smaller.
const RECORD: u32 = 16;

/// The area of the log.
pub fn geometry(cells: CellKind) -> Geometry {
    Geometry::new(&[RECORDS * cells.unit.max(RECORD)], cells)
}

/// The log.
#[derive(Debug)]
pub struct Log(Area);

impl Log {
    /// The log in this area.
    pub fn new(area: Area) -> Log {
        Log(area)
    }

    fn record(&self, index: u32) -> Result<Option<Vec<u8>>, FlashError> {
        let size = self.0.write_size().max(RECORD);
        let mut bytes = vec![0; size as usize];
        match self.0.read(index * size, &mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(FlashError::Unreadable) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Counters for Log {
    fn get(&self, image: u8) -> Result<u32, CounterError> {
        let mut highest = 0;
        for index in 0..RECORDS {
            let record = self.record(index).map_err(|_| CounterError::Failed)?;
            if let Some([MARK, i, _, _, a, b, c, d, _, ni, _, _, na, nb, nc, nd, ..]) = record.as_deref() {
                let (value, not) =
                    (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*na, *nb, *nc, *nd]));
                if *i == image && *ni == !image && value == !not {
                    highest = highest.max(value);
                }
            }
        }
        Ok(highest)
    }

    fn raise(&mut self, image: u8, to: u32) -> Result<(), CounterError> {
        if self.get(image)? >= to {
            return Ok(());
        }
        let (size, erased) = (self.0.write_size().max(RECORD), self.0.erased_value());
        let mut free = RECORDS;
        for index in (0..RECORDS).rev() {
            match self.record(index).map_err(|_| CounterError::Failed)? {
                Some(bytes) if bytes.iter().all(|byte| *byte == erased) => free = index,
                _ => break,
            }
        }
        if free == RECORDS {
            return Err(CounterError::Full);
        }
        let mut bytes = vec![0; size as usize];
        bytes[..4].copy_from_slice(&[MARK, image, MARK, MARK]);
        bytes[4..8].copy_from_slice(&to.to_le_bytes());
        bytes[8..12].copy_from_slice(&[MARK, !image, MARK, MARK]);
        bytes[12..16].copy_from_slice(&(!to).to_le_bytes());
        self.0.write(free * size, &bytes).map_err(|_| CounterError::Failed)
    }
}
