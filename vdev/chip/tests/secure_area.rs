//! rss-h73x and h73x-flash 9: Secure access mode, RSS and its library, exit, debug.

mod common;

use common::{APP, Bench, FLASH, LIBRARY, RAM, RSS, SECURITY};
use ironroot_chip::flash::registers::*;
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::rules::{Flag, Verdict};
use ironroot_chip::{DebugRefusal, rssc};
use ironroot_codes::vdev;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Master, Size};

/// Whether a data read sees content there; the fast path must agree. Leaves no flags behind.
fn visible(bench: &mut Bench, address: u32) -> bool {
    let mut probe = bench.clone();
    let mapped = probe.map(address, Kind::Read).is_some();
    let read = probe.read(address) != 0;
    assert_eq!(mapped, read, "fast path and bus agree on 0x{address:08X}");
    read
}

#[test]
fn a3_every_reset_in_secure_access_mode_enters_rss_whatever_the_pin_says() {
    for boot0 in [false, true] {
        let mut bench = Bench::secured();
        bench.chip.set_boot0(boot0);
        bench.reset();
        assert_eq!(bench.chip.reset_vector_base(), RSS);
        assert!(visible(&mut bench, RSS) && visible(&mut bench, LIBRARY) && visible(&mut bench, FLASH));
        bench.pc = RSS;
        assert_eq!(bench.reg(rssc::BOOTR), u32::from(boot0));
    }
}

#[test]
fn b4_rss_and_library_are_closed_always_in_standard_mode() {
    let mut bench = Bench::with(|_| {});
    for address in [RSS, RSS + 0xDFFC, LIBRARY, LIBRARY + 0x7FC] {
        assert!(!visible(&mut bench, address));
        assert_eq!((bench.read(address), bench.flags()), (0, sr::RDSERR));
        bench.set_reg(CCR, sr::RDSERR);
        assert!(bench.map(address, Kind::Fetch).is_none());
        assert_eq!(bench.fetch(address), Err(BusFault));
        bench.pc = RAM;
        assert_eq!(bench.flags(), sr::RDSERR);
        bench.set_reg(CCR, sr::RDSERR);
    }
    for open in [0x1FF0_0000, 0x1FF0_9800, 0x1FF1_E800] {
        assert!(visible(&mut bench, open));
    }
}

#[test]
fn hand_over_closes_rss_with_the_first_fetch_outside_it() {
    let mut bench = Bench::secured();
    bench.fetch(RSS + 0x100).unwrap();
    bench.rssc(rssc::HANDOVER, rssc::HANDOVER_KEY);
    assert!(visible(&mut bench, RSS), "still running in it");
    bench.fetch(RSS + 0x104).unwrap();
    assert!(visible(&mut bench, RSS));
    let epoch = bench.chip.epoch();
    assert!(bench.map(FLASH, Kind::Fetch).is_some(), "the fast path asks, too");
    assert_ne!(bench.chip.epoch(), epoch);
    assert!(!visible(&mut bench, RSS));
    assert_eq!(bench.fetch(RSS + 0x104), Err(BusFault));
    bench.pc = FLASH;
    assert!(visible(&mut bench, LIBRARY) && visible(&mut bench, FLASH));
    bench.reset();
    assert!(visible(&mut bench, RSS), "until the next reset");
}

#[test]
fn hand_over_needs_its_key_and_rss() {
    let mut bench = Bench::secured();
    bench.fetch(RSS).unwrap();
    bench.rssc(rssc::HANDOVER, 1);
    bench.fetch(FLASH).unwrap();
    assert!(visible(&mut bench, RSS), "wrong key");
    bench.rssc(rssc::HANDOVER, rssc::HANDOVER_KEY);
    bench.fetch(APP).unwrap();
    assert!(visible(&mut bench, RSS), "not from RSS");
    let text: Vec<String> = bench.chip.take_warnings().iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains("0x52002F04") && line.contains("RSS")), "{text:?}");
}

#[test]
fn a8_after_exit_every_access_to_the_area_is_a_flash_error() {
    let mut bench = Bench::secured();
    bench.hand_over();
    assert_eq!((bench.read(FLASH), bench.flags()), (0xA5A5_A5A5, 0));
    bench.exit(false);
    for address in [FLASH, FLASH + 0x1_FFFC] {
        assert_eq!((bench.read(address), bench.flags()), (0, sr::RDSERR));
        bench.set_reg(CCR, sr::RDSERR);
        assert_eq!(bench.fetch(address), Err(BusFault));
        bench.pc = APP;
        assert_eq!(bench.flags(), sr::RDSERR);
        bench.set_reg(CCR, sr::RDSERR);
        assert!(bench.map(address, Kind::Fetch).is_none() && bench.map(address, Kind::Read).is_none());
        bench.program(address & !31, 0);
        assert_eq!(bench.flags(), sr::WRPERR);
        bench.set_reg(CCR, sr::WRPERR);
    }
    assert_eq!(bench.read(FLASH + 0x2_0000), 0x3C3C_3C3C, "the rest of the flash is open");
    bench.erase_sector(0);
    assert_eq!(bench.flags(), sr::WRPERR);
    bench.set_reg(CCR, sr::WRPERR);
    bench.erase_bank();
    assert_eq!(bench.flags(), sr::WRPERR);
    bench.reset();
    assert_eq!(bench.read(FLASH), 0xA5A5_A5A5, "nothing was changed; open until the next exit");
}

#[test]
fn a5_exit_closes_the_area_at_once_and_the_library_when_left() {
    let mut bench = Bench::secured();
    bench.hand_over();
    bench.fetch(LIBRARY + 0x40).unwrap();
    let epoch = bench.chip.epoch();
    bench.rssc(rssc::EXIT, rssc::EXIT_KEY);
    assert_ne!(bench.chip.epoch(), epoch);
    assert!(!visible(&mut bench, FLASH) && visible(&mut bench, LIBRARY));
    bench.fetch(LIBRARY + 0x44).unwrap();
    bench.fetch(APP).unwrap();
    assert!(!visible(&mut bench, LIBRARY));
    assert_eq!(bench.fetch(LIBRARY + 0x40), Err(BusFault));
}

#[test]
fn a5_exit_and_debug_are_for_the_library_only() {
    let mut bench = Bench::secured();
    bench.hand_over();
    bench.pc = FLASH + 0x100;
    bench.rssc(rssc::EXIT, rssc::EXIT_KEY);
    assert!(visible(&mut bench, FLASH), "not from the secure area itself");
    bench.fetch(LIBRARY).unwrap();
    bench.rssc(rssc::DEBUG, rssc::DEBUG_KEY);
    assert!(!bench.chip.security().is_debug_open(), "not before EXIT");
    bench.rssc(rssc::EXIT, rssc::EXIT_KEY);
    bench.fetch(APP).unwrap();
    bench.pc = LIBRARY;
    bench.rssc(rssc::DEBUG, rssc::DEBUG_KEY);
    assert!(!bench.chip.security().is_debug_open(), "not after the library was left");
}

#[test]
fn a7_the_secure_area_may_program_and_erase_itself_before_exit() {
    let mut bench = Bench::secured();
    bench.hand_over();
    bench.erase_sector(0);
    assert_eq!((bench.flags(), bench.read(FLASH)), (0, u32::MAX));
    bench.program(FLASH, 9);
    assert_eq!(bench.read(FLASH), 9);
    bench.pc = RAM;
    bench.erase_bank();
    assert_eq!(bench.flags(), sr::WRPERR, "a bank erase must be started by code in the area");
    bench.set_reg(CCR, sr::WRPERR);
    bench.pc = FLASH + 0x40;
    bench.erase_bank();
    assert_eq!((bench.flags(), bench.read(FLASH)), (0, u32::MAX));
}

#[test]
fn a7_an_area_of_512_bytes_and_one_of_the_whole_flash() {
    let mut bench = Bench::with(|options| {
        options.optsr |= SECURITY;
        options.scar = 0x0002_0001;
    });
    bench.hand_over();
    bench.exit(false);
    let zero = |bench: &mut Bench, address: u32| bench.read(address) == 0;
    assert!(!zero(&mut bench, FLASH + 0xFC) && zero(&mut bench, FLASH + 0x100));
    assert!(zero(&mut bench, FLASH + 0x2FC) && !zero(&mut bench, FLASH + 0x300));
    assert!(bench.map(FLASH, Kind::Read).is_none(), "mixed rights in the page");
    assert!(bench.map(FLASH + 0x400, Kind::Read).is_some());

    let mut bench = Bench::with(|options| {
        options.optsr |= SECURITY;
        options.scar = 0x0003_0003;
    });
    bench.hand_over();
    bench.fetch(LIBRARY).unwrap();
    bench.rssc(rssc::EXIT, rssc::EXIT_KEY);
    bench.pc = RAM;
    assert!(zero(&mut bench, FLASH) && zero(&mut bench, FLASH + 0xF_FFFC));
}

#[test]
fn a7_no_area_nothing_closes() {
    let mut bench = Bench::with(|options| options.optsr |= SECURITY);
    bench.hand_over();
    bench.exit(false);
    assert_eq!((bench.read(FLASH), bench.flags()), (u32::MAX, 0));
}

#[test]
fn b4_other_masters_never_read_rss_library_or_secure_area() {
    let mut bench = Bench::secured();
    for address in [RSS, LIBRARY, FLASH] {
        for master in [Master::Dma, Master::Debugger] {
            let access = bench.access(master, Kind::Read, Size::Word);
            assert_eq!(bench.chip.read(address, access), Ok(0), "{master:?} 0x{address:08X}");
            let access = bench.access(master, Kind::Fetch, Size::Word);
            assert_eq!(bench.chip.read(address, access), Err(BusFault));
        }
    }
    let access = bench.access(Master::Dma, Kind::Read, Size::Word);
    assert_eq!(bench.chip.read(FLASH + 0x2_0000, access), Ok(0x3C3C_3C3C));
    bench.pc = RSS;
    let access = bench.access(Master::Dma, Kind::Write, Size::Word);
    bench.chip.write(FLASH_REGISTERS + rssc::EXIT, rssc::EXIT_KEY, access).unwrap();
    assert!(visible(&mut bench, FLASH), "DMA does not drive the RSS controller");
}

#[test]
fn debug_is_closed_in_secure_access_mode_until_exit_opens_it() {
    let mut bench = Bench::secured();
    let refused = |bench: &mut Bench| bench.chip.debugger_read(RAM, Size::Word);
    assert_eq!(refused(&mut bench), Err(DebugRefusal::Closed));
    assert_eq!(DebugRefusal::Closed.code(), vdev::DEBUG_CLOSED);
    bench.hand_over();
    assert_eq!(refused(&mut bench), Err(DebugRefusal::Closed));
    let mut closed = bench.clone();
    closed.exit(false);
    assert_eq!(refused(&mut closed), Err(DebugRefusal::Closed));
    assert_eq!(closed.chip.debugger_write(RAM, 1, Size::Word), Err(DebugRefusal::Closed));
    assert!(!closed.chip.security().was_debugger_seen(), "a refused debugger is no intrusion");
    bench.exit(true);
    assert_eq!(refused(&mut bench), Ok(0));
    assert_eq!(bench.chip.debugger_read(FLASH, Size::Word), Ok(0), "but the area stays closed");
    assert_eq!(bench.flags(), sr::RDSERR);
    let verdict = bench.chip.verdict(FLASH, Master::Debugger, Kind::Read);
    assert_eq!(verdict, Some(Verdict::ReadZero(Flag::ReadSecure)));
    bench.reset();
    assert_eq!(refused(&mut bench), Err(DebugRefusal::Closed), "until the next reset");
}

#[test]
fn debug_in_standard_mode_by_rdp_level() {
    let mut bench = Bench::with(|_| {});
    assert_eq!(bench.chip.debugger_read(FLASH, Size::Word), Ok(u32::MAX));
    let mut bench = Bench::with(Bench::rdp(0));
    assert_eq!(bench.chip.debugger_read(RAM, Size::Word), Ok(0));
    let refusal = bench.chip.debugger_read(FLASH, Size::Word);
    assert_eq!(refusal, Err(DebugRefusal::ReadProtected { address: FLASH }));
    assert_eq!(refusal.map_err(|refusal| refusal.code()), Err(vdev::RDP_BLOCKED));
    let mut bench = Bench::with(Bench::rdp(0xCC));
    assert_eq!(bench.chip.debugger_read(RAM, Size::Word), Err(DebugRefusal::Disabled));
}

#[test]
fn debug_refusals_for_bad_addresses() {
    let mut bench = Bench::with(|_| {});
    for (address, size) in [(0x6000_0000, Size::Word), (RAM + 1, Size::Word), (u32::MAX, Size::Byte)] {
        let refusal = bench.chip.debugger_read(address, size);
        assert!(matches!(refusal, Err(DebugRefusal::BusError { .. })), "{address:08X}");
        assert_eq!(refusal.map_err(|refusal| refusal.code()), Err(vdev::UNMAPPED));
    }
}

#[test]
fn a_level_1_secure_boot_still_runs_rss_after_an_intrusion() {
    let mut bench = Bench::secured();
    bench.hand_over();
    bench.exit(true);
    bench.chip.debug_access().unwrap();
    assert!(bench.change(Bench::rdp(0)));
    bench.reset();
    assert!(visible(&mut bench, RSS));
    assert_eq!(bench.try_read(FLASH, Size::Word), Err(BusFault));
    bench.fetch(RSS).unwrap();
    bench.rssc(rssc::HANDOVER, rssc::HANDOVER_KEY);
    assert_eq!(bench.fetch(FLASH), Err(BusFault), "intruded until power-off");
    bench.power_cycle();
    bench.hand_over();
    assert_eq!(bench.read(FLASH), 0xA5A5_A5A5);
}

#[test]
fn s8_rss_starting_the_bootloader_at_level_1_is_an_intrusion() {
    let mut bench = Bench::secured();
    bench.hand_over();
    assert!(bench.change(Bench::rdp(0)));
    bench.reset();
    bench.fetch(RSS).unwrap();
    bench.rssc(rssc::HANDOVER, rssc::HANDOVER_KEY);
    bench.fetch(0x1FF0_0000).unwrap();
    assert_eq!(bench.try_read(FLASH + 0x2_0000, Size::Word), Err(BusFault));
}
