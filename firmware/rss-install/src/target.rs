//! The chip under the installer.

use core::ops::Range;

use ironroot_boot::{Flash, FlashError};
use ironroot_codes::{Code, install as codes};
use ironroot_hal::install::{self, Note, USER_FLASH};
use ironroot_hal::nor::{Nor, NorFlash};
use ironroot_hal::rng::Random;
use ironroot_hal::{flash, rssc};
use ironroot_layout::stm32h735::rss::{INSTALL_NOTE, SERVICES_VERSION};
use ironroot_layout::stm32h735::{FLASH, FLASH_WORD, OCTOSPI1};
use ironroot_layout::{Address, Region, Size};
use ironroot_sfi::package::AreaKind;
use ironroot_sfi::{OptionValues, PackageId, Target};

/// Flash, option bytes and external flash of this chip.
#[derive(Default)]
pub struct Chip {
    /// The external flash, once an area asked for it.
    nor: Option<Nor>,
}

impl Chip {
    /// The external flash. `None` if none answers.
    fn external(&mut self) -> Option<NorFlash<'_>> {
        if self.nor.is_none() {
            self.nor = Nor::open();
        }
        let nor = self.nor.as_ref()?;
        NorFlash::new(nor, nor.region().ok()?)
    }

    fn close(&mut self) {
        if let Some(nor) = self.nor.take() {
            nor.close();
        }
    }
}

impl Target for Chip {
    fn services_version(&self) -> u32 {
        SERVICES_VERSION
    }

    fn installed_version(&self) -> Option<u32> {
        Some(rssc::installed_version()).filter(|version| *version != 0)
    }

    fn accepts(&mut self, kind: AreaKind, address: u32, size: u32) -> Result<(), Code> {
        let word = FLASH_WORD.bytes();
        let memory = match kind {
            AreaKind::External => {
                let size = self.external().ok_or(codes::AREA_UNSUPPORTED)?.size();
                Region::checked(OCTOSPI1.start(), Size::new(size)).ok_or(codes::AREA_UNSUPPORTED)?
            }
            _ => FLASH,
        };
        let place = Region::checked(Address::new(address), Size::new(size));
        let whole = address.is_multiple_of(word) && size.is_multiple_of(word);
        match place {
            Some(place) if whole && memory.contains_region(place) => Ok(()),
            _ => Err(codes::AREA_TARGET),
        }
    }

    fn accepts_token(&self, token: u32) -> bool {
        token == INSTALL_NOTE.start().value()
    }

    fn boot_address(&self) -> u32 {
        flash::boot_address(false)
    }

    fn erase(&mut self) -> Result<(), Code> {
        // The memory is opened again by whoever needs it: what is erased may be of an earlier package.
        self.close();
        if install::note() == Note::Complete {
            install::note_withdraw().map_err(|_| codes::INSTALL_ERASE_FAILED)?;
        }
        crate::erase().map_err(|_| codes::INSTALL_ERASE_FAILED)
    }

    fn begin(&mut self, _token: u32, package: PackageId, external: Range<u32>) -> Result<(), Code> {
        install::note_begin(&package.0, external).map_err(|_| codes::INSTALL_PROGRAM_FAILED)?;
        match install::note_external() {
            Some(region) => {
                self.close();
                crate::erase_external(region).map_err(|_| codes::INSTALL_ERASE_FAILED)
            }
            None => Ok(()),
        }
    }

    fn program(&mut self, kind: AreaKind, address: u32, data: &[u8]) -> Result<(), Code> {
        let written = match kind {
            AreaKind::External => match self.external() {
                Some(mut flash) => flash.write(external_offset(address), data),
                None => Err(FlashError::Failed),
            },
            _ => {
                let mut user = USER_FLASH;
                user.write(offset(address), data)
            }
        };
        written.map_err(|_| codes::INSTALL_PROGRAM_FAILED)
    }

    fn read(&mut self, kind: AreaKind, address: u32, into: &mut [u8]) -> Result<(), Code> {
        let read = match kind {
            AreaKind::External => match self.external() {
                Some(flash) => flash.read(external_offset(address), into),
                None => Err(FlashError::Failed),
            },
            _ => USER_FLASH.read(offset(address), into),
        };
        read.map_err(|_| codes::READ_BACK)
    }

    fn random(&mut self, into: &mut [u8]) -> Result<(), Code> {
        Random::open().and_then(|mut random| random.fill(into)).map_err(|_| codes::RANDOM_FAILED)
    }

    fn raise_version(&mut self, version: u32) -> Result<(), Code> {
        if rssc::raise_installed_version(version) { Ok(()) } else { Err(codes::INSTALL_PROGRAM_FAILED) }
    }

    fn apply(&mut self, options: &OptionValues<'_>) -> Result<(), Code> {
        let wanted = Wanted { options, index: 0 };
        flash::change_options(wanted).map_err(|_| codes::OPTIONS_REFUSED)
    }

    fn complete(&mut self, _token: u32, package: PackageId) -> Result<(), Code> {
        install::note_complete(&package.0).map_err(|_| codes::INSTALL_PROGRAM_FAILED)
    }
}

/// The options as the flash driver takes them.
#[derive(Clone)]
struct Wanted<'a> {
    options: &'a OptionValues<'a>,
    index: usize,
}

impl Iterator for Wanted<'_> {
    type Item = (u32, u32, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let option = self.options.iter().nth(self.index)?;
        self.index += 1;
        Some((option.register as u32, option.value, option.mask))
    }
}

fn offset(address: u32) -> u32 {
    address.wrapping_sub(FLASH.start().value())
}

fn external_offset(address: u32) -> u32 {
    address.wrapping_sub(OCTOSPI1.start().value())
}
