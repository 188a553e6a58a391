//! Asking the iLoader, and how often.
//!
//! The progress of a boot over its resets is one word in a backup register, which an application may not count on: it is 0 when an
//! application starts. Bits 31 to 24 are a mark, 23 that a download was installed, 22 that a refused one is being erased, 21 that the
//! watchdog had reset the chip before the iLoader was started, 19 to 16 count the starts of the iLoader, 15 and 14 those that the
//! watchdog had to end, 13 to 0 are the code with which a download was refused.
//!
//! An iLoader that ends by itself stops the watchdog with its reset. One that does not is ended by it, and leaves no answer: after some
//! of these the boot ends with a code rather than at level 3. An iLoader may reload the watchdog, and so may one that means harm: a
//! product whose iLoader wants to stand still stands still.

use ironroot_boot::Stage;
use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::iwdg::{self, Time};
use ironroot_hal::{memory, rcc, sbs};
use ironroot_layout::stm32h7rs::iloader::{Operation, word};
use ironroot_layout::stm32h7rs::rsslib::{NO_MPU_REGION, STIROT_RAM, Service, command};
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::stm32h7rs::stirot::{HANGS, TRIES};
use ironroot_rss_h7rs::{hw, services};

use crate::Refused;
use crate::config::Config;

const MARK: u32 = 0x5A << 24;
const MARK_BITS: u32 = 0xFF << 24;
const INSTALLED: u32 = 1 << 23;
const ERASING: u32 = 1 << 22;
const WATCHED: u32 = 1 << 21;
const TRY: u32 = 1 << 16;
const TRY_BITS: u32 = 0xF << 16;
const HANG: u32 = 1 << 14;
const HANG_BITS: u32 = 3 << 14;
const CODE_BITS: u32 = 0x3FFF;

const _: () = assert!(TRIES as u32 <= TRY_BITS / TRY && HANGS as u32 <= HANG_BITS / HANG);

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
            Some(code) => self.0 & !CODE_BITS | ERASING | u32::from(code.number()) & CODE_BITS,
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
        match (self.0 & CODE_BITS) as u16 {
            0 => None,
            number => Some(Code::from_number(number)),
        }
    }

    /// Notes that the iLoader left no answer. Whether the watchdog ended it shows in a flag that adds up: one that an application's
    /// watchdog had set already says nothing; behind the first start that the watchdog ended, the next without an answer is another.
    pub fn unanswered(&mut self) {
        let seen = self.hangs() != 0 || self.0 & WATCHED == 0 && rcc::was_reset_by_watchdog();
        if self.tries() != 0 && seen && self.hangs() < HANGS {
            self.0 = self.0.wrapping_add(HANG);
        }
    }

    fn hangs(self) -> u8 {
        ((self.0 & HANG_BITS) / HANG) as u8
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
    if progress.hangs() >= HANGS {
        return Err(Refused(codes::ILOADER_HUNG, Stage::Slot));
    }
    if progress.tries() >= TRIES {
        return Err(Refused(codes::ILOADER_SILENT, Stage::Slot));
    }
    if !hw::is_vectors(config.iloader.value(), Hdpl::Level3) {
        return Err(Refused(codes::ILOADER_MISSING, Stage::Slot));
    }
    progress.0 = progress.0.wrapping_add(TRY) & !WATCHED;
    if rcc::was_reset_by_watchdog() {
        progress.0 |= WATCHED;
    }
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
    // The largest image is copied in a tenth of a second; 448 KB of flash are erased twice and programmed in 40 s, by the slowest
    // memory's figures.
    iwdg::start(match operation {
        Operation::Load => Time::Seconds4,
        Operation::Update => Time::Seconds65,
    });
    services::leave(Service::JumpToLevel3, config.iloader.value(), NO_MPU_REGION, STIROT_RAM, refused)
}

extern "C" fn refused() -> ! {
    crate::refuse_silently(codes::JUMP_REFUSED)
}
