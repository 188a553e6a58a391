//! TLVs that are being collected.

use alloc::vec::Vec;

use super::BuildError;
use crate::Area;

#[derive(Default)]
pub(super) struct TlvArea {
    bytes: Vec<u8>,
}

impl TlvArea {
    pub(super) fn push(&mut self, number: u16, value: &[u8]) -> Result<(), BuildError> {
        let len = u16::try_from(value.len()).map_err(|_| BuildError::TooLarge)?;
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// The area with its info header. A protected area without TLVs does not exist at all.
    pub(super) fn finish(self, area: Area) -> Result<Vec<u8>, BuildError> {
        if self.bytes.is_empty() && area == Area::Protected {
            return Ok(self.bytes);
        }
        let total = u16::try_from(self.bytes.len() + 4).map_err(|_| BuildError::TooLarge)?;
        let mut bytes = Vec::with_capacity(usize::from(total));
        bytes.extend_from_slice(&area.magic().to_le_bytes());
        bytes.extend_from_slice(&total.to_le_bytes());
        bytes.extend_from_slice(&self.bytes);
        Ok(bytes)
    }
}
