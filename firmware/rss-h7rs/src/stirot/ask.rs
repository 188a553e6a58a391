//! Asking the iLoader, and how often.
//!
//! The progress of a boot over its resets is one word in a backup register, which an application may not count on: it is 0 when an
//! application starts. Bits 31 to 24 are a mark, 23 that a download was installed, 22 that a refused one is being erased, 19 to 16 count the starts of the iLoader, 15 to 0 are
//! the code with which a download was refused.

use ironroot_boot::Stage;
use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::{memory, sbs};
use ironroot_layout::stm32h7rs::iloader::{Operation, word};
use ironroot_layout::stm32h7rs::rsslib::{NO_MPU_REGION, STIROT_RAM, Service, command};
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::stm32h7rs::stirot::TRIES;
use ironroot_rss_h7rs::{hw, services};

use crate::Refused;
use crate::config::Config;

const MARK: u32 = 0x5A << 24;
const MARK_BITS: u32 = 0xFF << 24;
const INSTALLED: u32 = 1 << 23;
const ERASING: u32 = 1 << 22;
const TRY: u32 = 1 << 16;
const TRY_BITS: u32 = 0xF << 16;

/// The word.
#[derive(Clone, Copy)]
pub struct Progress(u32);

impl Progress {
    /// As the register has it; what is no progress of ours is none.
    pub fn load() -> Self {
        let word = hw::backup();
        Progress(if word & MARK_BITS == MARK { word } else { MARK })
    }

    /// No progress: a boot has ended.
    pub fn clear(&self) {
        hw::set_backup(0);
    }

    /// Notes what became of a download.
    pub fn download(&mut self, refused: Option<Code>) {
        self.0 = match refused {
            None => self.0 | INSTALLED,
            Some(code) => self.0 & !0xFFFF | ERASING | u32::from(code.number()),
        };
    }

    /// Whether a refused download was being erased: then an iLoader that has nothing to say has not been asked to load yet.
    pub fn take_erasing(&mut self) -> bool {
        let erasing = self.0 & ERASING != 0;
        self.0 &= !ERASING;
        erasing
    }

    /// Whether a download was installed.
    pub fn installed(self) -> bool {
        self.0 & INSTALLED != 0
    }

    /// Why one was refused.
    pub fn refused(self) -> Option<Code> {
        match self.0 as u16 {
            0 => None,
            number => Some(Code::from_number(number)),
        }
    }

    fn tries(self) -> u8 {
        ((self.0 & TRY_BITS) / TRY) as u8
    }
}

/// Starts the iLoader with a request. Returns only if it may not be started any more, or is not there.
pub fn now<T>(
    config: &Config,
    progress: &mut Progress,
    operation: Operation,
    steps: u32,
) -> Result<T, Refused> {
    if progress.tries() >= TRIES {
        return Err(Refused(codes::ILOADER_SILENT, Stage::Slot));
    }
    if !hw::is_vectors(config.iloader.value(), Hdpl::Level3) {
        return Err(Refused(codes::ILOADER_MISSING, Stage::Slot));
    }
    progress.0 = progress.0.wrapping_add(TRY);
    hw::set_backup(progress.0);
    // An iLoader that finds an image in RAM need not load one. What is there now may be decrypted, or anybody's.
    if operation == Operation::Load {
        crate::image::forget(config);
    }
    let request = memory::ILOADER_REQUEST;
    memory::clear(request);
    for (index, value) in [
        (word::OPERATION, operation as u32),
        (word::SUB_OPERATIONS, steps),
        (word::RAM_START, config.area.start().value()),
        (word::SIZE, config.area.size().bytes()),
        (word::PRIMARY, config.install),
        (word::SECONDARY, config.download),
    ] {
        request.write(index as u32, value);
    }
    sbs::set_command(command::ILOADER_ASKED | u16::from(progress.tries()));
    services::leave(Service::JumpToLevel3, config.iloader.value(), NO_MPU_REGION, STIROT_RAM, refused)
}

extern "C" fn refused() -> ! {
    crate::refuse_silently(codes::JUMP_REFUSED)
}
