//! Which way the boot goes.
//!
//! | BOOT0 | state | IROT_SELECT, part | user flash | started, at HDPL 1 |
//! |---|---|---|---|---|
//! | high | Open, Provisioning | | | bootloader |
//! | | | ST, with crypto blocks | | STiRoT |
//! | | | else | vector table | first stage at 0x0800_0000 |
//! | | Open, Provisioning | | none | bootloader |
//! | | Closed, Locked | | none | nothing: IR-4331 |

use ironroot_codes::h7rs as codes;
use ironroot_hal::flash::{self, ROTS};
use ironroot_layout::stm32h7rs::chip::FLASH;
use ironroot_layout::stm32h7rs::rsslib::{BOOTLOADER, RAM, STIROT, Service};
use ironroot_layout::stm32h7rs::state::{Hdpl, IROT_ST};
use ironroot_rss_h7rs::{hw, services, state};

/// Takes it.
pub fn take() -> ! {
    let unsettled = state::is_unsettled(flash::product_state());
    let pin = hw::boot_pin();
    let [.., first_stage] = ROTS.read().to_le_bytes();
    let vectors = if pin.boot0 && unsettled {
        BOOTLOADER.start()
    } else if first_stage == IROT_ST && pin.crypto {
        STIROT.start()
    } else if hw::is_vectors(FLASH.start().value(), Hdpl::Level1) {
        FLASH.start()
    } else if unsettled {
        BOOTLOADER.start()
    } else {
        crate::refuse(codes::NO_FIRST_STAGE)
    };
    let vectors = vectors.value();
    hw::set_boot_vectors(vectors);
    services::leave(Service::JumpToLevel1, vectors, 0, RAM, refused)
}

extern "C" fn refused() -> ! {
    crate::refuse(codes::JUMP_REFUSED)
}
