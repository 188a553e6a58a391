//! The configuration: 256 bytes in option-byte keys, in the form of ST's STiROT_Config.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Verdict};
use ironroot_hal::crypto::{Hardware, HardwareKeys};
use ironroot_hal::obk;
use ironroot_layout::stm32h7rs::chip::{FLASH, XSPI1, XSPI2};
use ironroot_layout::stm32h7rs::contract::{IMAGE_HEADER, STIROT_LOAD};
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, PRIVATE_KEY_PREFIX};
use ironroot_layout::stm32h7rs::product::Rows;
use ironroot_layout::stm32h7rs::state::ProductState;
use ironroot_layout::stm32h7rs::stirot::config as at;
use ironroot_layout::stm32h7rs::{MPU_REGIONS, VECTOR_TABLE_ALIGNMENT};
use ironroot_layout::{Address, Region, Size};
use zeroize::Zeroize;

use crate::protect::Next;

/// The configuration, checked.
pub struct Config {
    /// Where the image is loaded, header included.
    pub area: Region,
    /// Address of the installed image in external flash.
    pub install: u32,
    /// Address of the download.
    pub download: u32,
    /// Vector table of the iLoader.
    pub iloader: Address,
    /// Least product state.
    pub least_state: ProductState,
    /// The core clock is to be raised.
    pub raises_clock: bool,
    /// What the image is.
    pub next: Next,
    /// The MPU for it.
    pub table: Rows,
    /// Who may sign.
    pub authentication: P256PublicKey,
    /// What opens images.
    pub decryption: HardwareKeys,
}

const _: () = assert!(MPU_REGIONS == 16);

/// Reads and checks it.
pub fn load() -> Result<Config, Code> {
    let mut keys = [[0; 32]; at::LEN / 32];
    let present = obk::read_many(IROT_CONFIG.index, &mut keys);
    let config = match present {
        Ok(()) => parse(keys.as_flattened()),
        Err(_) => Err(codes::STIROT_NO_CONFIG),
    };
    keys.zeroize();
    config
}

fn parse(bytes: &[u8]) -> Result<Config, Code> {
    let (stated, content) = bytes.split_at_checked(32).ok_or(codes::STIROT_NO_CONFIG)?;
    if !Verdict::of_equal(&Hardware.sha256_of(content), stated).is_accepted() {
        return Err(codes::STIROT_NO_CONFIG);
    }
    let byte = |offset: usize| bytes.get(offset).copied().unwrap_or(0);
    let word = |offset: usize| {
        bytes.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let invalid = codes::STIROT_CONFIG;
    let area =
        Region::checked(Address::new(word(at::AREA_START)), Size::new(word(at::AREA_SIZE))).ok_or(invalid)?;
    let alignment = VECTOR_TABLE_ALIGNMENT.bytes();
    let area_fits = STIROT_LOAD.contains_region(area)
        && area.start().value().is_multiple_of(alignment)
        && area.size().bytes().is_multiple_of(alignment)
        && area.size() > IMAGE_HEADER;
    let iloader = FLASH.start().value().checked_add(word(at::ILOADER_OFFSET)).ok_or(invalid)?;
    let code = Region::checked(Address::new(iloader), Size::new(word(at::ILOADER_SIZE))).ok_or(invalid)?;
    let external = |address| XSPI1.contains(Address::new(address)) || XSPI2.contains(Address::new(address));
    let (install, download) = (word(at::INSTALL), word(at::DOWNLOAD));
    let places_fit = FLASH.contains_region(code)
        && iloader.is_multiple_of(alignment)
        && external(install)
        && external(download)
        && install != download;
    let next = Next::from_byte(byte(at::NEXT_STAGE)).ok_or(invalid)?;
    // One word on purpose: a state that is none must not come out as the lowest.
    let least_state = u8::try_from(word(at::LEAST_STATE)).ok().and_then(ProductState::from_number);
    if !area_fits || !places_fit || byte(at::IMAGES) != 1 {
        return Err(invalid);
    }
    let private = bytes.get(at::DECRYPTION_KEY..at::AUTHENTICATION_KEY).ok_or(invalid)?;
    let public = bytes.get(at::AUTHENTICATION_KEY..at::END).ok_or(invalid)?;
    let scalar =
        private.strip_prefix(&PRIVATE_KEY_PREFIX).and_then(|rest| rest.first_chunk()).ok_or(invalid)?;
    Ok(Config {
        area,
        install,
        download,
        iloader: Address::new(iloader),
        least_state: least_state.ok_or(invalid)?,
        raises_clock: byte(at::CLOCK) == 1,
        next,
        table: next.table(area).ok_or(invalid)?,
        authentication: P256PublicKey::from_spki_der(public).map_err(|_| invalid)?,
        decryption: HardwareKeys::new(scalar).ok_or(invalid)?,
    })
}
