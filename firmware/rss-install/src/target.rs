//! The chip under the installer.

use ironroot_boot::{Flash, FlashError};
use ironroot_codes::{Code, install as codes};
use ironroot_hal::flash;
use ironroot_hal::install::{self, Note, USER_FLASH};
use ironroot_layout::stm32h735::options::Scar;
use ironroot_layout::stm32h735::rss::{INSTALL_NOTE, SERVICES_VERSION};
use ironroot_layout::stm32h735::{FLASH, FLASH_WORD};
use ironroot_layout::{Address, Region, Size};
use ironroot_sfi::package::AreaKind;
use ironroot_sfi::{OptionRegister, OptionValues, PackageId, Target};

/// Flash and option bytes of this chip.
pub struct Chip;

impl Target for Chip {
    fn services_version(&self) -> u32 {
        SERVICES_VERSION
    }

    fn installed_version(&self) -> Option<u32> {
        match install::note() {
            Note::Complete(version) => Some(version),
            Note::None | Note::UnderWay => None,
        }
    }

    fn accepts(&self, kind: AreaKind, address: u32, size: u32) -> bool {
        let word = FLASH_WORD.bytes();
        matches!(kind, AreaKind::Firmware | AreaKind::Module)
            && address.is_multiple_of(word)
            && size.is_multiple_of(word)
            && Region::checked(Address::new(address), Size::new(size))
                .is_some_and(|place| FLASH.contains_region(place))
    }

    fn accepts_token(&self, token: u32) -> bool {
        token == INSTALL_NOTE.start().value()
    }

    fn boot_address(&self) -> u32 {
        flash::boot_address(false)
    }

    fn erase(&mut self) -> Result<(), Code> {
        if matches!(install::note(), Note::Complete(_)) {
            install::note_withdraw().map_err(|_| codes::INSTALL_ERASE_FAILED)?;
        }
        crate::erase().map_err(|_| codes::INSTALL_ERASE_FAILED)
    }

    fn begin(&mut self, _token: u32, package: PackageId) -> Result<(), Code> {
        install::note_begin(&package.0).map_err(|_| codes::INSTALL_PROGRAM_FAILED)
    }

    fn program(&mut self, _kind: AreaKind, address: u32, data: &[u8]) -> Result<(), Code> {
        let mut user = USER_FLASH;
        user.write(offset(address), data).map_err(|_| codes::INSTALL_PROGRAM_FAILED)
    }

    fn read(&mut self, _kind: AreaKind, address: u32, into: &mut [u8]) -> Result<(), Code> {
        USER_FLASH.read(offset(address), into).map_err(|_: FlashError| codes::READ_BACK)
    }

    fn closes(&self, options: &OptionValues<'_>, address: u32, size: u32) -> bool {
        // The last byte too: areas are closed as a whole.
        [OptionRegister::Pcrop, OptionRegister::SecureArea].into_iter().any(|register| {
            options.get(register).is_some_and(|option| {
                let area = Scar::decode(option.value);
                let last = address.saturating_add(size.saturating_sub(1));
                area.covers(Address::new(address)) && area.covers(Address::new(last))
            })
        })
    }

    fn make_keys(&mut self, _couples: &[u8]) -> Result<(), Code> {
        // There is no source of random numbers on this device yet.
        Err(codes::AREA_UNSUPPORTED)
    }

    fn apply(&mut self, options: &OptionValues<'_>) -> Result<(), Code> {
        let wanted = Wanted { options, index: 0 };
        flash::change_options(wanted).map_err(|_| codes::OPTIONS_REFUSED)
    }

    fn complete(&mut self, _token: u32, package: PackageId, version: u32) -> Result<(), Code> {
        install::note_complete(&package.0, version).map_err(|_| codes::INSTALL_PROGRAM_FAILED)
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
