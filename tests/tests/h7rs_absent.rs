//! External memories that are not there, empty, damaged or another board's, in every boot path of the STM32H7R/7S that uses
//! them; and what a boot stage says when a part of the chip that it needs fails.

use ironroot_boot::Status;
use ironroot_chip::peripherals::rng::RngFault;
use ironroot_chip_h7rs::{BoardH7, ObKey, RomImage, power_cycle};
use ironroot_codes::{Code, boot as codes, h7rs as system, image as image_codes};
use ironroot_cpu::machine::Stop;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::obkeys::OEMIROT_HARDWARE_KEYS;
use ironroot_layout::stm32h7rs::rsslib::{Service, TABLE};
use ironroot_layout::stm32h7rs::{Part, state::Hdpl};
use ironroot_tests::h7rs::{self, Device, Run, SECOND_STAGE, STAGES, Stage};
use ironroot_tests::h7rs_system::{INSTALL, Recipe, device, install_iloader, left, stirot_board};

const S: Part = Part::Stm32h7s7;
const MARK: u32 = 0x600D_1A6E;

/// Every stage that reads external flash by itself.
fn stages() -> impl Iterator<Item = Stage> {
    STAGES.iter().copied().chain([SECOND_STAGE])
}

fn external_ram(part: Part) -> u32 {
    if part.external_flash().start().value() == 0x9000_0000 { 0x7000_0000 } else { 0x9000_0000 }
}

/// What a device that started nothing says, and that it did not.
#[track_caller]
fn refusal(device: &Device) -> Code {
    let record = device.hand_off().expect("a record");
    let Status::Refused(code) = record.status else { panic!("{record:?}\n{}", device.console) };
    assert!(device.console.trim_end().ends_with(&format!("refused: {code}")), "{code}\n{}", device.console);
    assert!(!device.console.contains("hello"), "{}", device.console);
    assert_ne!(device.level(), Hdpl::Level3);
    code
}

#[track_caller]
fn refused(board: &BoardH7, stage: &Stage) -> Code {
    let mut device = Device::with_stage(board, stage);
    device.boot();
    refusal(&device)
}

/// A board for STiRoT with the iLoader.
fn system_board() -> BoardH7 {
    let mut board = stirot_board(1);
    install_iloader(&mut board);
    board
}

#[track_caller]
fn system_refused(board: &BoardH7) -> Code {
    let mut device = device(board);
    device.boot();
    assert_eq!(left(&device).0, 0);
    refusal(&device)
}

/// A board that ran `hello` from this stage once: its image is installed.
#[track_caller]
fn ran(stage: &Stage) -> BoardH7 {
    let mut board = h7rs::provisioned(stage);
    h7rs::download(&mut board, stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    let mut device = Device::with_stage(&board, stage);
    let console = device.boot();
    assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
    device.machine.core.bus.to_board()
}

fn bytes(board: &BoardH7, place: Region) -> Vec<u8> {
    let chip = ironroot_chip_h7rs::Stm32h7rs::from_board(board, &h7rs::small_rom());
    chip.external_bytes(place.start().value(), place.size().bytes() as usize)
}

#[test]
fn without_external_flash_nothing_starts() {
    for stage in stages() {
        let mut board = h7rs::provisioned(&stage);
        assert!(board.set_fitted(stage.part.external_flash().start().value(), false));
        assert_eq!(refused(&board, &stage), codes::EXTERNAL_FLASH_ABSENT, "{stage:?}");
    }
    let mut board = system_board();
    assert!(board.set_fitted(INSTALL, false));
    assert_eq!(system_refused(&board), system::ILOADER_ERROR);
}

/// A flash whose status says "busy" for ever: at the start, and from the middle of an update on.
#[test]
fn a_flash_that_stays_busy_is_given_up() {
    for stage in stages() {
        let mut board = h7rs::provisioned(&stage);
        h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
        let mut device = Device::with_stage(&board, &stage);
        device.machine.core.bus.set_external_flash_stuck(true);
        device.boot();
        assert_eq!(refusal(&device), codes::EXTERNAL_FLASH_ABSENT, "{stage:?}");
    }
    let stage = Stage::new(S, Run::ExternalRam, false);
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    let mut device = Device::with_stage(&board, &stage);
    while device.machine.core.bus.flash_operations() < 3 {
        assert_eq!(device.run(1_000), Stop::Limit, "{}", device.console);
    }
    device.machine.core.bus.set_external_flash_stuck(true);
    device.boot();
    refusal(&device);
}

#[test]
fn without_external_ram_only_what_runs_there_does_not_start() {
    for stage in stages() {
        let mut board = h7rs::provisioned(&stage);
        h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
        assert!(board.set_fitted(external_ram(stage.part), false));
        if stage.run == Run::ExternalRam {
            assert_eq!(refused(&board, &stage), codes::EXTERNAL_RAM_ABSENT, "{stage:?}");
        } else {
            let mut device = Device::with_stage(&board, &stage);
            let console = device.boot();
            assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
        }
    }
    let mut board = system_board();
    assert!(board.preload_external(INSTALL, &Recipe::default().application(MARK, 4096)));
    assert!(board.set_fitted(external_ram(S), false));
    let mut device = device(&board);
    device.boot();
    assert_eq!(left(&device).0, MARK);
}

#[test]
fn a_new_flash_has_no_image() {
    for stage in stages() {
        assert_eq!(refused(&h7rs::provisioned(&stage), &stage), codes::SLOT_EMPTY, "{stage:?}");
        // As good as a new one: it took the place of the one that held the image.
        let mut board = ran(&stage);
        assert!(board.set_fitted(stage.installed().start().value(), true));
        let code = refused(&board, &stage);
        // What was never written through the cipher engine reads as noise through it.
        assert!([codes::SLOT_EMPTY, image_codes::BAD_MAGIC].contains(&code), "{stage:?} {code}");
    }
    assert_eq!(system_refused(&system_board()), system::ILOADER_EMPTY);
}

#[test]
fn a_damaged_image_does_not_start() {
    for stage in stages() {
        let mut board = ran(&stage);
        let place = stage.installed();
        let mut content = bytes(&board, place);
        content[0x600] ^= 0x10;
        assert!(board.preload_external(place.start().value(), &content));
        assert_eq!(refused(&board, &stage), image_codes::HASH_MISMATCH, "{stage:?}");
    }
    let mut image = Recipe::default().application(MARK, 4096);
    image[0x600] ^= 0x10;
    let mut board = system_board();
    assert!(board.preload_external(INSTALL, &image));
    assert_eq!(system_refused(&board), image_codes::HASH_MISMATCH);
}

/// The flash of a board of the same product. Where the part has a cipher engine, what the stage wrote there is bound to the chip: all
/// that could be copied, is. Without one, it is the same genuine image, and what keeps an old one away is this board's counter.
#[test]
fn the_flash_of_another_board_is_noise_where_the_part_can() {
    for stage in stages() {
        let here = ran(&stage);
        let place = stage.installed();
        let content = bytes(&here, place);
        let mut other = BoardH7::with_serial(stage.part, 8);
        if !stage.second {
            h7rs::preload_stage(&mut other, &stage);
        }
        for (level, index, key) in here.persistent().keys.iter() {
            assert!(other.set_key(level, index, *key));
        }
        assert!(other.preload_external(place.start().value(), &content));
        if stage.part.has_crypto() {
            assert_eq!(refused(&other, &stage), image_codes::BAD_MAGIC, "{stage:?}");
        } else {
            let mut device = Device::with_stage(&other, &stage);
            let console = device.boot();
            assert!(console.contains("verified: version 1.0.0+0"), "{stage:?}\n{console}");
        }
    }
    // STiRoT's image is encrypted for the key of the device.
    let mut board = system_board();
    let image = Recipe { scalar: Some(&[0x33; 32]), ..Recipe::default() }.application(MARK, 4096);
    assert!(board.preload_external(INSTALL, &image));
    assert_eq!(system_refused(&board), image_codes::IMAGE_KEY_REFUSED);
}

#[test]
fn a_chip_that_cannot_encrypt_its_flash_starts_nothing() {
    for stage in stages().filter(|stage| stage.part.has_crypto()) {
        let mut board = h7rs::provisioned(&stage);
        h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
        // It makes its key at the first boot, and has nothing to make it of.
        let mut device = Device::with_stage(&board, &stage);
        device.machine.core.bus.rng_mut().inject(Some(RngFault::Seed));
        device.boot();
        assert_eq!(refusal(&device), codes::MEMORY_KEY_REFUSED, "{stage:?}");
        assert_eq!(device.external(stage.installed().start().value(), 64), [0xFF; 64], "{stage:?}");
    }
    // A key of another size than the unit takes.
    let stage = Stage::new(S, Run::ExternalFlash, false);
    let mut board = ran(&stage);
    let short = ObKey::new(&[9; 16]).expect("a size");
    assert!(board.set_key(Hdpl::Level1, OEMIROT_HARDWARE_KEYS.index + 1, short));
    let code = refused(&board, &stage);
    assert!([codes::MEMORY_KEY_REFUSED, image_codes::BAD_MAGIC].contains(&code), "{code}");
}

/// The RAM that the image was copied to changes before it is looked at again.
#[test]
fn a_copy_that_is_not_what_was_verified_does_not_start() {
    for stage in stages().filter(|stage| stage.run != Run::ExternalFlash) {
        let mut payload = stage.application("hello");
        payload.resize(0x1_0000, 0xA7);
        let mut board = h7rs::provisioned(&stage);
        h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &payload), true);
        let mut device = Device::with_stage(&board, &stage);
        let internal = stage.run == Run::InternalRam;
        let end = stage.vectors() + payload.len() as u32 - 64;
        let last = |device: &Device| if internal { device.peek(end, 64) } else { device.external(end, 64) };
        // The external RAM is noise where the part encrypts it: any change is the copy's.
        let before = last(&device);
        while last(&device)[48..] == before[48..] {
            assert_eq!(device.run(1_000), Stop::Limit, "{stage:?}\n{}", device.console);
        }
        assert!(!device.console.contains("verified"), "{stage:?}\n{}", device.console);
        if internal {
            device.poke(end, &[0xA6]);
        } else {
            let changed = last(&device)[0] ^ 1;
            assert!(device.machine.core.bus.load_external(end, &[changed]));
        }
        device.boot();
        assert_eq!(refusal(&device), codes::LOADED_DIFFERS, "{stage:?}");
        // Power brings other content of RAM, and the image is what it was.
        if !stage.second {
            device.console.clear();
            power_cycle(&mut device.machine);
            let console = device.boot();
            assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
        }
    }
}

/// The small system flash, whose service that makes the last jump comes back instead.
fn rom_that_comes_back() -> RomImage {
    let mut pieces: Vec<(u32, Vec<u8>)> =
        h7rs::small_rom().segments().iter().map(|segment| (segment.address, segment.bytes.clone())).collect();
    let entry = TABLE.start().value() + Service::JumpToLevel3 as u32;
    let word = pieces.iter().find_map(|(address, bytes)| {
        let place = entry.checked_sub(*address)? as usize;
        bytes.get(place..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
    });
    let service = word.expect("an entry of the table") & !1;
    for (address, bytes) in &mut pieces {
        let place = service.checked_sub(*address).map(|place| place as usize);
        if let Some(code) = place.and_then(|place| bytes.get_mut(place..place + 2)) {
            // bx lr
            code.copy_from_slice(&[0x70, 0x47]);
        }
    }
    RomImage::h7rs(pieces).expect("a system flash")
}

#[test]
fn a_jump_that_comes_back_is_a_refusal() {
    for stage in STAGES {
        let mut board = h7rs::provisioned(stage);
        h7rs::download(&mut board, stage, &h7rs::encrypted(1, &stage.application("hello")), true);
        let mut device = Device::with_rom(&board, &rom_that_comes_back());
        let console = device.boot().to_owned();
        // The console was closed before: it is in the record alone.
        assert!(console.contains("verified: version 1.0.0+0") && !console.contains("hello"), "{console}");
        let record = device.hand_off().expect("a record");
        assert_eq!(record.status, Status::Refused(codes::HAND_OVER_REFUSED), "{stage:?}");
        assert_eq!(device.level(), Hdpl::Level1);
        assert!(!device.stage_ram_holds(&h7rs::DEVICE_SCALAR), "{stage:?}");
    }
}
