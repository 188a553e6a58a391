//! What the stage before this one did: STiRoT's verdict on an update of OEMuRoT, which is nowhere else.

use ironroot_boot::update::ImageReport;

/// From the record that started this stage. `None` if there is none, or it is not about this stage: RAM that survived a reset.
#[cfg(feature = "urot")]
pub fn report() -> Option<ImageReport> {
    use crate::product;
    use ironroot_boot::{HandOff, RECORD_LEN, Status};
    use ironroot_hal::memory;

    let mut bytes = [0; RECORD_LEN];
    memory::read(memory::HAND_OFF, &mut bytes);
    let record = HandOff::decode(&bytes).ok()?;
    let starts_this = record.status == Status::Booted && record.vector_table == product::STAGE_START;
    record.updates.images().first().copied().filter(|_| starts_this)
}

/// Nothing came before.
#[cfg(not(feature = "urot"))]
pub fn report() -> Option<ImageReport> {
    None
}
