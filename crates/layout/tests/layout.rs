//! Encodings, arithmetic and generated scripts, against values of the manual and of other tools.

use ironroot_codes::input;
use ironroot_layout::stm32h735::options::{Scar, SecureArea};
use ironroot_layout::stm32h735::{self as chip, CLASS_ID, CLASS_NAME, SLOT, VENDOR_ID, VENDOR_NAME};
use ironroot_layout::{Address, AppError, Region, Size, linker};

#[test]
fn secure_area_option() {
    // Factory value, and the area of the H735 example: 128 KB from the start of the flash.
    let factory = Scar { area: SecureArea::None, remove_during_erase: true };
    assert_eq!(Scar::decode(0x8000_00FF), factory);
    assert_eq!(factory.encode(), Some(0x8000_00FF));
    let sector_0 = Scar { area: SecureArea::Region(chip::SECURE_AREA), remove_during_erase: true };
    assert_eq!(sector_0.encode(), Some(0x81FF_0000));
    assert_eq!(Scar::decode(0x81FF_0000), sector_0);
    assert!(sector_0.covers(chip::KEY_STORE.start()) && !sector_0.covers(SLOT.region.start()));
    let whole = Scar { area: SecureArea::WholeFlash, remove_during_erase: false };
    assert_eq!(whole.encode().map(Scar::decode), Some(whole));
    assert_eq!(Scar::decode(0x0123_0123), whole);
    assert!(whole.covers(SLOT.region.start()) && !factory.covers(SLOT.region.start()));
}

#[test]
fn secure_area_encoding_is_the_inverse_of_decoding() {
    for start in 0..4096_u32 {
        for end in [start.saturating_sub(1), start, start + 1, start + 511, 4095] {
            let register = start | (end & 0xFFF) << 16 | (start & 1) << 31;
            let scar = Scar::decode(register);
            if let Some(encoded) = scar.encode() {
                assert_eq!(Scar::decode(encoded), scar);
                if matches!(scar.area, SecureArea::Region(_)) {
                    assert_eq!(encoded, register);
                }
            } else {
                // Only an area that this part's flash does not have.
                assert!(matches!(scar.area, SecureArea::Region(region) if region.end() > chip::FLASH.end()));
            }
        }
    }
}

#[test]
fn secure_area_refuses_what_the_register_cannot_say() {
    for (start, end) in [
        (0x0800_0000, 0x0800_0100), // one unit reads as the whole flash
        (0x0800_0000, 0x0800_0000),
        (0x0800_0080, 0x0800_0280),
        (0x0800_0000, 0x0800_0280),
        (0x0800_0000, 0x0810_0100),
        (0x07FF_FF00, 0x0800_0200),
    ] {
        let scar = Scar { area: SecureArea::Region(Region::between(start, end)), remove_during_erase: true };
        assert_eq!(scar.encode(), None, "{start:#x}..{end:#x}");
    }
}

#[test]
fn applications_are_measured_like_images() {
    let room = SLOT.application().expect("the slot has room");
    let (start, end) = (room.start(), room.end());
    assert_eq!(SLOT.check_application(start, end), Ok(()));
    assert_eq!(SLOT.check_application(start, start), Ok(()));
    let cases = [
        (Address::new(0x0800_0000), end, input::APP_WRONG_ADDRESS),
        (SLOT.region.start(), end, input::APP_WRONG_ADDRESS),
        (start, Address::new(end.value() + 1), input::APP_TOO_LARGE),
        (start, SLOT.region.start(), input::APP_OUTSIDE_SLOT),
    ];
    for (start, end, code) in cases {
        assert_eq!(SLOT.check_application(start, end).map_err(|error| error.code()), Err(code));
    }
    // Header, application and TLV room are exactly the largest image.
    let sum = SLOT.header.bytes() + room.size().bytes() + SLOT.tlv_room.bytes();
    assert_eq!(sum, SLOT.max_image().bytes());
    let error = AppError::WrongAddress { expected: start, actual: Address::new(0x0800_0000) };
    assert_eq!(error.to_string(), "the vector table is at 0x0800_0000, the slot has it at 0x0802_0400");
}

#[test]
fn regions() {
    let region = Region::between(0x100, 0x200);
    assert!(region.contains(Address::new(0x100)) && !region.contains(Address::new(0x200)));
    assert!(region.contains_region(Region::between(0x180, 0x200)));
    assert!(!region.contains_region(Region::between(0x180, 0x201)));
    assert!(
        !region.overlaps(Region::between(0x200, 0x300)) && region.overlaps(Region::between(0x1FF, 0x200))
    );
    assert_eq!(region.skip(Size::new(0x100)), Some(Region::between(0x200, 0x200)));
    assert_eq!(region.skip(Size::new(0x101)), None);
    assert_eq!(Region::checked(Address::new(u32::MAX), Size::new(1)), None);
    assert_eq!(Address::new(4).offset_from(Address::new(5)), None);
    assert!(Address::new(8).is_aligned(Size::new(8)) && !Address::new(12).is_aligned(Size::new(8)));
    assert!(!Address::new(0).is_aligned(Size::new(0)) && !Size::new(0).is_multiple_of(Size::new(0)));
    assert_eq!(Size::kib(896).to_string(), "896 KB");
    assert_eq!(Size::new(1000).to_string(), "1000 bytes");
}

#[test]
fn identifiers_are_those_of_their_names() {
    let vendor = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, VENDOR_NAME.as_bytes());
    assert_eq!(*vendor.as_bytes(), VENDOR_ID);
    assert_eq!(*uuid::Uuid::new_v5(&vendor, CLASS_NAME.as_bytes()).as_bytes(), CLASS_ID);
}

#[test]
fn linker_scripts() {
    let application = linker::APPLICATION.to_string();
    assert!(
        application.contains("FLASH      (rx ) : ORIGIN = 0x08020400, LENGTH = 0x5bc00"),
        "{application}"
    );
    assert!(
        application.contains("RAM        (rwx) : ORIGIN = 0x24000000, LENGTH = 0x50000"),
        "{application}"
    );
    let secure_boot = linker::SECURE_BOOT.to_string();
    assert!(
        secure_boot.contains("FLASH      (rx ) : ORIGIN = 0x08000000, LENGTH = 0x1d000"),
        "{secure_boot}"
    );
    assert!(
        secure_boot.contains("RAM        (rwx) : ORIGIN = 0x20008000, LENGTH = 0x18000"),
        "{secure_boot}"
    );
    assert!(secure_boot.contains("_ironroot_counters = 0x0801d000;"), "{secure_boot}");
    assert!(secure_boot.contains("_ironroot_key_store = 0x0801f000;"), "{secure_boot}");
    let rss = linker::RSS.to_string();
    for line in [
        "BOOTLOADER (rx ) : ORIGIN = 0x1ff00000, LENGTH = 0x9000",
        "RSSLIB     (rx ) : ORIGIN = 0x1ff09000, LENGTH = 0x800",
        "RSS        (rx ) : ORIGIN = 0x1ff10000, LENGTH = 0x1000",
        "RAM        (rwx) : ORIGIN = 0x20000c00, LENGTH = 0x4400",
        "_rss_table = 0x1ff09500;",
    ] {
        assert!(rss.contains(line), "{rss}");
    }
    let installer = linker::INSTALLER.to_string();
    assert!(installer.contains("FLASH      (rx ) : ORIGIN = 0x1ff11000, LENGTH = 0xcc00"), "{installer}");
}
