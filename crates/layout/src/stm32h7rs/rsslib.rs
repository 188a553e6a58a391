//! The services of system flash (RSSLIB), and where our system flash keeps what.
//!
//! The table, its address and its answers are ST's (CMSIS header); the places inside system flash are ours.

use super::chip::SYSTEM_FLASH;
use crate::{Address, Region};

/// The table of services: function pointers in the order of [`Service`].
pub const TABLE: Region = Region::between(0x1FF1_FD4C, 0x1FF1_FD78);
/// What a service returns when it did what was asked.
pub const SUCCESS: u32 = 0xEAEA_EAEA;
/// What a service returns when it refused.
pub const ERROR: u32 = 0xF5F5_F5F5;

/// The services, with their offset in [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Service {
    /// `SetSecOB(address, mask, value, position)`.
    SetSecureOptionByte = 0x00,
    /// `GetRssStatus()`.
    GetRssStatus = 0x08,
    /// `SetProductState(number)`.
    SetProductState = 0x0C,
    /// `DataProvisioning(&ProvisioningRequest)`.
    DataProvisioning = 0x10,
    /// `JumpHDPLvl2(vectors, mpu_region)`.
    JumpToLevel2 = 0x14,
    /// `JumpHDPLvl3(vectors, mpu_region)`.
    JumpToLevel3 = 0x18,
    /// `GetProductState()`.
    GetProductState = 0x1C,
    /// Ours, behind ST's: `JumpHDPLvl1(vectors)`, for RSS alone.
    JumpToLevel1 = 0x20,
}

/// Words of the request of DataProvisioning: source (in AXI SRAM3), destination, size, do-encryption, CRC.
pub const PROVISIONING_WORDS: usize = 5;

/// Root security services: entered by every reset, at HDPL 0. Hidden from HDPL 1 on.
pub const RSS: Region = Region::between(0x1FF0_0000, 0x1FF0_4000);
/// STiRoT: runs at HDPL 1. Hidden from HDPL 2 on.
pub const STIROT: Region = Region::between(0x1FF0_4000, 0x1FF1_4000);
/// The code of RSSLIB: may run at every level, can be read at none (the OEMiRoT MPU table has it at this place).
pub const LIBRARY: Region = Region::between(0x1FF1_6000, 0x1FF1_8000);
/// The bootloader.
pub const BOOTLOADER: Region = Region::between(0x1FF1_8000, 0x1FF1_FD00);

/// RAM of the root security services and of the bootloader. In DTCM and not in AXI SRAM: what the iLoader put there must
/// survive the reset in which RSS runs. RSSLIB runs on its caller's stack.
pub const RAM: Region = Region::between(0x2000_0000, 0x2000_4000);
/// RAM of STiRoT: DTCM up to the iLoader's request.
pub const STIROT_RAM: Region = Region::between(0x2000_0000, 0x2000_FFC0);

/// A region index from here on switches no MPU region on when jumping.
pub const NO_MPU_REGION: u32 = 16;

/// Where the words of a [`command`] wait for RSS, at the end of AXI SRAM3; the data of a provisioning lies before it.
pub const COMMAND: Region = Region::between(0x2405_FFC0, 0x2406_0000);

/// Values of SBS_RSSCMDR that RSS takes after a reset in Open or Provisioning: what needs HDPL 0. Words of [`COMMAND`]: the
/// value, two arguments (data: source, destination, size, do-encryption and CRC; state: its number), then the CRC-32 of the words before it.
pub mod command {
    /// Write option-byte keys.
    pub const PROVISION: u16 = 0x50DA;
    /// Change the product state.
    pub const SET_STATE: u16 = 0x5057;
    /// Ended: this plus 0, or plus the code less 4000. What GetRssStatus reports until the next command.
    pub const ENDED: u16 = 0xC000;
    /// Mask of the code in it.
    pub const ENDED_CODE: u16 = 0x03FF;
    /// STiRoT: a request to the iLoader is out; the low byte is the try.
    pub const ILOADER_ASKED: u16 = 0x5A00;
    /// Words before the CRC.
    pub const WORDS: usize = 6;
}

/// The vector table from which the core starts after every reset.
pub const RESET_VECTORS: Address = RSS.start();

const _: () = {
    assert!(SYSTEM_FLASH.contains_region(TABLE));
    assert!(RSS.start().value() == SYSTEM_FLASH.start().value());
    assert!(RSS.end().value() == STIROT.start().value());
    assert!(STIROT.end().value() <= LIBRARY.start().value());
    assert!(LIBRARY.end().value() == BOOTLOADER.start().value() && !BOOTLOADER.overlaps(TABLE));
    assert!(super::chip::DTCM.contains_region(RAM) && super::chip::DTCM.contains_region(STIROT_RAM));
    assert!(STIROT_RAM.end().value() == super::iloader::REQUEST.start().value());
    assert!(super::chip::AXI_SRAM3.contains_region(COMMAND));
};
