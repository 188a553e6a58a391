//! Keys that the device makes itself: where they go, checked as the device checks it.

use ironroot_codes::install as codes;
use ironroot_layout::stm32h735::rss::INSTALL_NOTE;
use ironroot_layout::stm32h735::{FLASH, FLASH_WORD};
use ironroot_layout::{Address, Region, Size};
use ironroot_sfi::{KeyPlace, OptionRegister, OptionValues};

use super::content::Area;
use crate::error::{Failure, Result};
use crate::number;

/// `SIZE@ADDRESS`.
pub fn parse(text: &str) -> std::result::Result<KeyPlace, String> {
    let (size, address) = text.split_once('@').ok_or("a key is written 32@0x08010000")?;
    Ok(KeyPlace { size: number::parse(size)?, address: number::parse(address)? })
}

/// The area of the keys; `None` for none. `areas` is everything else in flash, `options` the configuration.
///
/// # Errors
/// `KEYS_MALFORMED`, `KEYS_UNPROTECTED`: the device would say the same, after it was erased.
pub fn area(keys: &[KeyPlace], areas: &[Area], options: &[u8]) -> Result<Option<Area>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let payload: Vec<u8> = keys.iter().flat_map(KeyPlace::encode).collect();
    KeyPlace::parse(&payload)
        .map_err(|code| Failure::new(code, "sizes are 16 to 256 in steps of 16, for up to eight keys"))?;
    let options = OptionValues::parse(options).map_err(|code| Failure::new(code, "the configuration"))?;
    let region = |address, size| Region::checked(Address::new(address), Size::new(size));
    let mut taken: Vec<(Region, &str)> = vec![(INSTALL_NOTE, "the device's note")];
    taken.extend(
        areas.iter().filter_map(|area| Some((region(area.address, area.occupied())?, area.name.as_str()))),
    );
    for key in keys {
        let shown = format!("a key of {} bytes at {:#010x}", key.size, key.address);
        let place = region(key.address, key.occupied())
            .filter(|place| FLASH.contains_region(*place) && key.address.is_multiple_of(FLASH_WORD.bytes()));
        let Some(place) = place else {
            let cause = format!("{shown} is not in whole flash words of user flash");
            return Err(Failure::new(codes::KEYS_MALFORMED, cause));
        };
        if let Some((_, other)) = taken.iter().find(|(other, _)| place.overlaps(*other)) {
            return Err(Failure::new(codes::KEYS_MALFORMED, format!("{shown} lies in {other}")));
        }
        if !options.closes(OptionRegister::SecureArea, key.address, key.occupied()) {
            return Err(Failure::new(codes::KEYS_UNPROTECTED, shown)
                .fix("Give --option SEC_AREA=START..END around it."));
        }
        taken.push((place, "another key"));
    }
    Ok(Some(Area::keys(payload)))
}
