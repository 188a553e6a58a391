//! The debug port: when it is open, what it reaches, and the mailbox.

mod common;

use common::*;
use ironroot_chip_h7rs::DebugRefusal;
use ironroot_codes::vdev;
use ironroot_cpu::bus::{Bus, Size};
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};

fn closed_device() -> Bench {
    Bench::with(|board| {
        closed(board);
        board.options_mut().rotsr = 0x6A00_51B4;
        board.preload(FLASH, &[1; 64]);
    })
}

#[test]
fn an_open_device_shows_what_is_not_hidden() {
    let mut bench = Bench::with(|board| assert!(board.preload(FLASH, &[1; 64])));
    assert_eq!(bench.chip.debugger_read(FLASH, Size::Word), Ok(0x0101_0101));
    assert_eq!(bench.chip.debugger_read(RSS, Size::Word), Ok(0x5555_5555));
    assert_eq!(bench.chip.debugger_read(LIBRARY, Size::Word), Ok(0));
    assert!(bench.chip.debugger_write(RAM, 7, Size::Word).is_ok());
    assert_eq!(bench.chip.debugger_read(RAM, Size::Word), Ok(7));
    assert!(
        bench.chip.debug_halt_allowed(FLASH)
            && bench.chip.debug_halt_allowed(RSS)
            && bench.chip.debug_halt_allowed(RAM)
    );
    assert!(!bench.chip.debug_halt_allowed(LIBRARY), "executable and not readable");
    bench.raise_to(Hdpl::Level1);
    assert!(!bench.chip.debug_halt_allowed(RSS));
    assert_eq!(bench.chip.debugger_read(RSS, Size::Word), Ok(0));
    let error = bench.chip.debugger_read(0x6000_0000, Size::Word).unwrap_err();
    assert_eq!(error.code(), vdev::UNMAPPED);
    assert!(bench.chip.debugger_read(RAM + 1, Size::Word).is_err());
}

#[test]
fn provisioning_keeps_the_debugger_out_of_rss() {
    let mut bench = Bench::with(|board| board.options_mut().rotsr = 0x6A00_FFB4);
    assert_eq!(bench.chip.product_state(), ProductState::Provisioning);
    assert_eq!(bench.chip.debugger_read(RSS, Size::Word), Ok(0));
    assert!(!bench.chip.debug_halt_allowed(RSS) && bench.chip.debug_halt_allowed(RAM));
}

#[test]
fn a_closed_device_has_only_the_mailbox() {
    let mut bench = closed_device();
    for address in [FLASH, RAM, SBS, 0x5200_2200, DBGMCU + 4, DBGMCU + 0x54] {
        let error = bench.chip.debugger_read(address, Size::Word).unwrap_err();
        assert_eq!((error, error.code()), (DebugRefusal::Closed, vdev::DEBUG_CLOSED), "{address:#x}");
        assert!(bench.chip.debugger_write(address, 0, Size::Word).is_err());
    }
    assert!(!bench.chip.debug_halt_allowed(FLASH));
    assert_eq!(bench.chip.debugger_read(DBGMCU, Size::Word).map(|id| id & 0xFFF), Ok(0x485));
    assert!(bench.chip.debugger_write(DBGMCU + 0x100, 0x4144_5249, Size::Word).is_ok());
    assert!(bench.chip.debugger_write(DBGMCU + 0x108, 2, Size::Word).is_ok());
    bench.reset();
    assert_eq!(
        (bench.read(DBGMCU + 0x100), bench.read(DBGMCU + 0x108)),
        (0x4144_5249, 2),
        "the request waits for RSS"
    );
    bench.write(DBGMCU + 0x104, 0x55);
    assert_eq!(bench.chip.debugger_read(DBGMCU + 0x104, Size::Word), Ok(0x55));
}

#[test]
fn a_boot_stage_opens_debug_from_a_level_on_until_reset() {
    let mut bench = closed_device();
    bench.write(SBS + 0x20, 0x0051_B4B4);
    bench.write(SBS + 0x24, 0);
    assert_eq!(bench.chip.debug_state(), Err(DebugRefusal::Closed), "level 0 is below level 1");
    bench.raise_to(Hdpl::Level1);
    assert_eq!(bench.chip.debug_state(), Ok(()));
    assert_eq!(bench.chip.debugger_read(FLASH, Size::Word), Ok(0x0101_0101));
    assert_eq!(bench.chip.debugger_read(STIROT, Size::Word), Ok(0), "closed is not open");
    bench.reset();
    assert_eq!(bench.chip.debug_state(), Err(DebugRefusal::Closed));
}

#[test]
fn an_application_does_not_open_debug() {
    let mut bench = closed_device();
    bench.raise_to(Hdpl::Level3);
    bench.write(SBS + 0x20, 0x006F_B4B4);
    assert_eq!((bench.chip.debug_state(), bench.read(SBS + 0x20)), (Err(DebugRefusal::Closed), 0));
}
