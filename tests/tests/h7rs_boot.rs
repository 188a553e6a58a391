//! The boot stages of the STM32H7R/7S on the virtual chip: every configuration, what each does with updates, and what it
//! refuses. The system flash here is one that only starts the stage and makes the last jump (tests/arm/h7rs_rom.s).

use ironroot_boot::update::Action;
use ironroot_boot::{Stage as Step, Status};
use ironroot_chip_h7rs::{BoardH7, OptionWords, RamError};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_cpu::machine::Stop;
use ironroot_crypto::{PublicKey, Signer, SigningKey, Software};
use ironroot_layout::Address;
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, OEMIROT_DATA};
use ironroot_layout::stm32h7rs::product::Open;
use ironroot_layout::stm32h7rs::rsslib::{self, Service};
use ironroot_layout::stm32h7rs::state::{Hdpl, IROT_OEM, NVSTATE_OPEN, OEM_NOT_PROVISIONED};
use ironroot_layout::stm32h7rs::{Part, chip, contract};
use ironroot_tests::h7rs::{self, DEVICE_SCALAR, Device, Run, SECOND_STAGE, SECOND_STAGES, STAGES, Stage};
use ironroot_tests::reach::{Reached, Touch};
use ironroot_tests::size::{self, cold};
use ironroot_tests::{demo_h7s, firmware, h7rs_system};
use object::{Object, ObjectSymbol};

const S: Part = Part::Stm32h7s7;
const R: Part = Part::Stm32h7r7;

/// Of those that are built (`tests/src/size/h7rs.rs`): each place, mode, kind of cryptography and stage, not each with each.
fn stages() -> impl Iterator<Item = &'static Stage> {
    STAGES.iter().chain(SECOND_STAGES)
}

/// Built from descriptions in `tests/products`.
const CLOSED_RAM: Stage = Stage::new(S, Run::ExternalRam, false).of_product("closed-ram");
const CLOSED_RAM_INTERNAL: Stage = Stage::new(R, Run::InternalRam, true).of_product("closed-ram-internal");
const UNUSUAL: Stage = Stage::new(S, Run::ExternalFlash, true).of_product("unusual");
const UNUSUAL_SECOND: Stage =
    Stage::new(S, Run::ExternalRam, true).behind_another().of_product("unusual-second");
/// The one that most tests are about.
const OVERWRITE: Stage = Stage::new(S, Run::ExternalRam, false);
const SWAP: Stage = Stage::new(S, Run::ExternalFlash, true);

/// A device that runs version 1 of `program`, and has nothing in its download slot.
#[track_caller]
fn running(stage: &Stage, program: &str) -> Device {
    let mut board = h7rs::provisioned(stage);
    h7rs::download(&mut board, stage, &h7rs::encrypted(1, &stage.application(program)), true);
    let mut device = started(&board, stage);
    let console = device.boot();
    assert!(console.contains("verified: version 1.0.0+0 counter 1"), "{stage:?}\n{console}");
    device
}

/// The device just powered on; a second stage lies where STiRoT leaves it.
fn started(board: &BoardH7, stage: &Stage) -> Device {
    if stage.second { Device::with_second_stage(board, stage) } else { Device::on(board) }
}

/// Boots an application that touches an address, with our whole system flash around the stage or with the small one.
#[track_caller]
fn reach(stage: &Stage, whole_rom: bool, address: u32, touch: Touch) -> Reached {
    let mut board = h7rs::provisioned(stage);
    let payload = stage.program("h7rs_reach", &[touch.word(address)]);
    h7rs::download(&mut board, stage, &image_for(stage, 1, &payload), true);
    let device = if whole_rom {
        board.options_mut().rotsr = u32::from_le_bytes([OEM_NOT_PROVISIONED, 0, 0, IROT_OEM]);
        Device::with_rom(&board, &h7rs_system::rom())
    } else {
        started(&board, stage)
    };
    reached(device, stage)
}

/// Boots the application of [`reach`].
#[track_caller]
fn reached(mut device: Device, stage: &Stage) -> Reached {
    let console = device.boot().to_owned();
    assert!(console.contains("verified: version 1.0.0+0 counter 1"), "{stage:?}\n{console}");
    Reached::of(&device)
}

/// An image with the header that the product wants.
fn image_for(stage: &Stage, major: u8, payload: &[u8]) -> Vec<u8> {
    let header = u16::try_from(stage.plan().slots.header.bytes()).expect("a header");
    let key = h7rs::signing_key();
    let builder = h7rs::builder(major).header_size(header);
    builder.build(payload, Some(&key as &dyn Signer), &mut Software).expect("an image")
}

/// The line that says why nothing was started, and its record.
#[track_caller]
fn assert_refused(device: &mut Device, code: Code) {
    let console = device.console.clone();
    let line = format!("refused: IR-{:04}", code.number());
    assert!(console.trim_end().ends_with(&line), "{line}\n{console}");
    assert_eq!(device.hand_off().map(|record| record.status), Ok(Status::Refused(code)), "{console}");
    assert_ne!(device.level(), Hdpl::Level3);
}

#[test]
fn the_first_image_is_installed_and_runs() {
    for stage in &size::h7rs::stages() {
        let mut device = running(stage, "hello");
        let console = device.console.clone();
        assert!(console.contains("hello from h7rs-hello-c"), "{stage:?}\n{console}");
        assert!(console.contains("pi x 1000000 = 0x002fefd9"), "{stage:?}\n{console}");
        assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
        assert_eq!(device.level(), Hdpl::Level3, "{stage:?}");
        let record = device.hand_off().expect("a record");
        assert_eq!((record.status, record.stage), (Status::Booted, Step::Launch), "{stage:?}");
        assert_eq!(record.vector_table.value(), stage.vectors(), "{stage:?}");
        assert!(!device.stage_ram_holds(&DEVICE_SCALAR), "{stage:?}: the key is left in RAM");

        let console = device.reboot();
        assert!(!console.contains("image:"), "{stage:?}\n{console}");
        assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
    }
}

#[test]
fn what_lies_in_the_external_flash_is_encrypted_where_the_part_can() {
    for stage in [Stage::new(S, Run::ExternalFlash, false), Stage::new(R, Run::ExternalRam, false)] {
        let device = running(&stage, "hello");
        let payload = stage.application("hello");
        let found = device.external(stage.installed().start().value() + 0x400, payload.len());
        let plain = found == payload;
        assert_eq!(plain, !stage.part.has_crypto(), "{stage:?}");
    }
}

#[test]
fn an_update_replaces_the_image_and_raises_the_counter() {
    for stage in stages() {
        let mut device = running(stage, "hello");
        device.download(stage, &h7rs::encrypted(2, &stage.application("keys")), true);
        let console = device.reboot().to_owned();
        assert!(console.contains("image: update installed"), "{stage:?}\n{console}");
        assert!(console.contains("verified: version 2.0.0+0 counter 2"), "{stage:?}\n{console}");

        // Version 1 is genuine, and too old now.
        device.download(stage, &h7rs::encrypted(1, &stage.application("hello")), true);
        let console = device.reboot().to_owned();
        let refused = format!("image: update refused: IR-{}", image_codes::COUNTER_TOO_OLD.number());
        assert!(console.contains(&refused), "{stage:?}\n{console}");
        assert!(console.contains("verified: version 2.0.0+0"), "{stage:?}\n{console}");
    }
}

#[test]
fn an_update_on_trial_confirms_itself_by_the_flag() {
    for stage in stages().filter(|stage| stage.swap) {
        let mut device = running(stage, "hello");
        device.download(stage, &h7rs::encrypted(2, &stage.application("confirm")), false);
        let console = device.reboot().to_owned();
        assert!(console.contains("image: update on trial"), "{stage:?}\n{console}");
        let (_, second) =
            console.split_once("on trial: confirmed, resetting").expect("the application resets");
        assert!(second.contains("\r\nconfirmed\r\n"), "{stage:?}\n{console}");
        assert!(second.contains("verified: version 2.0.0+0"), "{stage:?}\n{console}");
        assert!(second.ends_with("done\r\n"), "{stage:?}\n{console}");
        let flag = device.peek(contract::CONFIRMATION_FLAG.start().value(), 16);
        assert_eq!(flag, [0; 16], "{stage:?}: the flag serves once");
        let console = device.reboot();
        assert!(console.contains("verified: version 2.0.0+0"), "{stage:?}\n{console}");
    }
}

#[test]
fn an_update_that_does_not_confirm_itself_is_reverted() {
    for stage in stages().filter(|stage| stage.swap) {
        let mut device = running(stage, "hello");
        device.download(stage, &h7rs::encrypted(2, &stage.application("never")), false);
        let console = device.reboot().to_owned();
        assert!(console.contains("on trial: self test failed, resetting"), "{stage:?}\n{console}");
        let reverted = format!("image: reverted: IR-{}", codes::UPDATE_NOT_CONFIRMED.number());
        assert!(console.contains(&reverted), "{stage:?}\n{console}");
        assert!(console.contains("verified: version 1.0.0+0 counter 1"), "{stage:?}\n{console}");
        assert!(console.ends_with("done\r\n"), "{stage:?}\n{console}");
    }
}

#[test]
fn an_update_that_is_not_for_this_device_is_refused_and_the_old_image_runs() {
    let stage = &OVERWRITE;
    let payload = stage.application("hello");
    let foreign = SigningKey::from_scalar(&[8; 32]).expect("a valid scalar");
    let mut other_magic = h7rs::encrypted(2, &payload);
    other_magic[..4].copy_from_slice(&contract::STIROT_MAGIC.to_le_bytes());
    let mut large = payload.clone();
    large.resize(0x20_0000 - 0x2000 - 0x400, 0x5A);
    let mut changed = h7rs::encrypted(2, &payload);
    changed[0x500] ^= 1;
    let updates: [(&str, Vec<u8>, Code); 6] = [
        ("another signer", h7rs::signed_by(&foreign, 2, &payload), image_codes::UNKNOWN_KEY),
        ("another product's magic", other_magic, image_codes::BAD_MAGIC),
        (
            "another device's key",
            h7rs::encrypted_for(&[0x2C; 32], 2, &payload),
            image_codes::IMAGE_KEY_REFUSED,
        ),
        ("too large", h7rs::signed(2, &large), image_codes::TOO_LARGE),
        ("changed", changed, image_codes::HASH_MISMATCH),
        ("too old", h7rs::encrypted(0, &payload), image_codes::COUNTER_TOO_OLD),
    ];
    let device = running(stage, "hello");
    for (what, update, code) in updates {
        let mut device = Device::on(&device.machine.core.bus.to_board());
        device.download(stage, &update, true);
        let console = device.boot().to_owned();
        let refused = format!("image: update refused: IR-{}", code.number());
        assert!(console.contains(&refused), "{what}\n{console}");
        assert!(console.contains("verified: version 1.0.0+0"), "{what}\n{console}");
        assert!(console.ends_with("done\r\n"), "{what}\n{console}");
    }
}

#[test]
fn an_image_that_is_larger_than_the_ram_it_runs_from_is_refused() {
    let stage = Stage::new(S, Run::InternalRam, false);
    let mut payload = stage.application("hello");
    payload.resize(0x2_0000 - 0x400, 0x5A);
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::signed(1, &payload), true);
    let mut device = Device::on(&board);
    device.boot();
    assert_refused(&mut device, codes::SLOT_EMPTY);
    assert!(
        device.console.contains(&format!("IR-{}", image_codes::TOO_LARGE.number())),
        "{}",
        device.console
    );
}

#[test]
fn an_image_that_is_linked_for_elsewhere_is_not_started() {
    // Genuine, and for the stage that runs from internal RAM.
    let other = Stage::new(S, Run::InternalRam, false);
    for stage in [OVERWRITE, SWAP] {
        let mut board = h7rs::provisioned(&stage);
        h7rs::download(&mut board, &stage, &h7rs::signed(1, &other.application("hello")), true);
        let mut device = Device::on(&board);
        device.boot();
        assert_refused(&mut device, codes::BAD_RESET_VECTOR);
    }
}

#[test]
fn a_flash_without_an_image_or_with_a_damaged_one_starts_nothing() {
    for stage in [OVERWRITE, SWAP, Stage::new(R, Run::ExternalRam, false)] {
        let mut device = Device::on(&h7rs::provisioned(&stage));
        device.boot();
        assert_refused(&mut device, codes::SLOT_EMPTY);

        let mut device = running(&stage, "hello");
        let place = stage.installed().start().value() + 0x600;
        let byte = device.external(place, 1)[0] ^ 0x10;
        assert!(device.machine.core.bus.load_external(place, &[byte]));
        device.reboot();
        assert_refused(&mut device, image_codes::HASH_MISMATCH);
    }
}

#[test]
fn the_flash_of_another_board_is_noise() {
    let stage = &SWAP;
    let device = running(stage, "hello");
    let primary = stage.installed();
    let mut other = BoardH7::with_serial(S, 8);
    let here = device.machine.core.bus.to_board();
    for index in 0..32 {
        // The stage, its configuration and the key that it made, all copied; what cannot be copied is the chip's own key.
        if let Some(key) = here.persistent().keys.get(Hdpl::Level1, index) {
            assert!(other.set_key(Hdpl::Level1, index, *key));
        }
    }
    h7rs::preload_stage(&mut other, stage);
    let length = 0x2000;
    assert!(
        other.preload_external(primary.start().value(), &device.external(primary.start().value(), length))
    );
    let mut device = Device::on(&other);
    device.boot();
    assert_refused(&mut device, image_codes::BAD_MAGIC);
}

#[test]
fn keys_that_are_missing_or_damaged_start_nothing() {
    let stage = &OVERWRITE;
    let mut content = h7rs::config(&PublicKey::P256(h7rs::signing_key().public_key()), &DEVICE_SCALAR);
    content[40] ^= 1;
    let mut damaged = h7rs::provisioned(stage);
    h7rs::set_keys(&mut damaged, IROT_CONFIG, &content);
    let mut no_counters = h7rs::provisioned(stage);
    h7rs::set_keys(&mut no_counters, OEMIROT_DATA, &[0; 192]);
    let mut none = BoardH7::with_serial(S, 7);
    h7rs::preload_stage(&mut none, stage);
    let image = h7rs::encrypted(1, &stage.application("hello"));
    for (mut board, code) in [
        (none, codes::STAGE_KEYS_MISSING),
        (damaged, codes::STAGE_KEYS_CORRUPT),
        (no_counters, codes::COUNTER_UNREADABLE),
    ] {
        h7rs::download(&mut board, stage, &image, true);
        let mut device = Device::on(&board);
        device.boot();
        assert_refused(&mut device, code);
    }
}

#[test]
fn a_stage_at_another_level_than_its_own_refuses_to_run() {
    let mut board = h7rs::provisioned(&OVERWRITE);
    // The small ROM raises the level once more then; and what is hidden at level 2 could not run at all.
    board.set_boot0(true);
    board.options_mut().hdpsr = 1;
    let mut device = Device::on(&board);
    device.boot();
    assert_refused(&mut device, codes::WRONG_LEVEL);
    assert_eq!(device.level(), Hdpl::Level2);
}

#[test]
fn the_second_stage_starts_its_application_with_its_own_keys() {
    let stage = Stage::new(S, Run::InternalRam, false).behind_another();
    let device = running(&stage, "hello");
    assert!(device.console.starts_with("ironroot oemurot"), "{}", device.console);
    // The keys of the first stage in its place: they are no keys of this one.
    let board = h7rs::provisioned(&Stage { second: false, ..stage });
    let mut other = BoardH7::with_serial(S, 7);
    for index in 0..32 {
        if let Some(key) = board.persistent().keys.get(Hdpl::Level1, index) {
            assert!(other.set_key(Hdpl::Level1, index, *key));
        }
    }
    let mut device = Device::with_second_stage(&other, &stage);
    device.boot();
    assert_refused(&mut device, codes::STAGE_KEYS_MISSING);
}

/// The MPU of the hand-off is the product's: everything but what `open` names is closed on the device, with the system flash
/// of the tests and with ours.
#[test]
fn a_product_with_closed_ram_closes_it() {
    const PRECISE: u32 = 0x82;
    for stage in [CLOSED_RAM, CLOSED_RAM_INTERNAL, UNUSUAL_SECOND] {
        assert_eq!(stage.plan().product.open, Open::AhbSram2);
        for closed in [
            chip::DTCM.start().value(),
            chip::ITCM.start().value() + 4,
            chip::AXI_SRAM1.start().value() + 0x400,
            chip::AXI_SRAM2.start().value(),
            chip::AXI_SRAM4.start().value(),
            chip::AHB_SRAM1.start().value(),
            0x3000_7000,
            0x3000_7DFC,
            chip::BACKUP_SRAM.start().value(),
            0x5200_0000,
        ] {
            let found = reach(&stage, false, closed, Touch::Read);
            assert_eq!(found, Reached::Fault(PRECISE, Some(closed)), "{stage:?} {closed:#010x}");
        }
        let write = |address| reach(&stage, false, address, Touch::Write);
        assert_eq!(write(0x2402_0000), Reached::Fault(PRECISE, Some(0x2402_0000)), "{stage:?}");
        // The boot record is read and not written; the application's own code neither.
        let record = contract::HAND_OFF.start().value();
        assert_eq!(write(record), Reached::Fault(PRECISE, Some(record)), "{stage:?}");
        assert_eq!(write(stage.vectors()), Reached::Fault(PRECISE, Some(stage.vectors())), "{stage:?}");
        assert!(matches!(reach(&stage, false, record, Touch::Read), Reached::Done(_)), "{stage:?}");
        for open in [0x3000_4000, 0x3000_6FFC, contract::CONFIRMATION_FLAG.start().value()] {
            assert!(matches!(write(open), Reached::Done(_)), "{stage:?} {open:#010x}");
        }
    }
    // RSSLIB looks at the vector table before it opens the application's region.
    for stage in [CLOSED_RAM, CLOSED_RAM_INTERNAL] {
        let found = reach(&stage, true, 0x2402_0000, Touch::Read);
        assert_eq!(found, Reached::Fault(PRECISE, Some(0x2402_0000)), "{stage:?}");
    }
    // The other stages have it open.
    for stage in [OVERWRITE, UNUSUAL] {
        assert!(matches!(reach(&stage, false, 0x2402_0000, Touch::Write), Reached::Done(_)), "{stage:?}");
    }
}

#[test]
fn an_application_whose_stack_is_in_closed_ram_is_refused() {
    let mut board = h7rs::provisioned(&CLOSED_RAM);
    // Linked for the stage that opens all of the internal RAM.
    let image = h7rs::encrypted(1, &OVERWRITE.application("hello"));
    h7rs::download(&mut board, &CLOSED_RAM, &image, true);
    let mut device = Device::on(&board);
    device.boot();
    assert_refused(&mut device, codes::BAD_STACK_POINTER);
}

/// Neither in user flash nor in AXI SRAM: the way out is closed as it is left.
#[test]
fn nothing_of_the_stage_executes_when_the_application_runs() {
    for stage in [
        OVERWRITE,
        UNUSUAL,
        UNUSUAL_SECOND,
        Stage::new(S, Run::InternalRam, false).behind_another(),
        Stage::new(S, Run::ExternalFlash, true).behind_another(),
    ] {
        let elf = std::fs::read(firmware(&stage.file())).expect("readable");
        for symbol in ["VECTORS", "reset", "exit_call", "exit_handler", "exit_fault"] {
            let address = symbol_of(&elf, symbol) & !1;
            let found = reach(&stage, false, address, Touch::Call);
            assert_eq!(found, Reached::Fault(0x01, None), "{stage:?} {symbol} {address:#x}");
        }
    }
}

/// A service that returns finds code that does not execute any more: the fault leaves the record, on whichever stage.
#[test]
fn a_service_that_comes_back_starts_nothing_and_leaves_a_record() {
    const RETURNS: u32 = 0x1FF1_7F00;
    for stage in [OVERWRITE, CLOSED_RAM, Stage::new(S, Run::InternalRam, false).behind_another()] {
        let mut board = h7rs::provisioned(&stage);
        let payload = stage.program("h7rs_reach", &[stage.vectors()]);
        h7rs::download(&mut board, &stage, &image_for(&stage, 1, &payload), true);
        let mut device = started(&board, &stage);
        // bx lr, in the library; and the table of services says that this is the jump.
        assert!(rsslib::LIBRARY.contains(Address::new(RETURNS)));
        device.poke(RETURNS, &[0x70, 0x47]);
        let entry = rsslib::TABLE.start().value() + Service::JumpToLevel3 as u32;
        device.poke(entry, &(RETURNS | 1).to_le_bytes());
        let console = device.boot().to_owned();
        assert!(console.contains("verified: version 1.0.0+0"), "{stage:?}\n{console}");
        let record = device.hand_off().map(|record| record.status);
        assert_eq!(record, Ok(Status::Refused(codes::HAND_OVER_REFUSED)), "{stage:?}");
        assert_ne!(device.level(), Hdpl::Level3, "{stage:?}");
        assert_eq!(device.peek(0x3000_5000, 4), [0; 4], "{stage:?}: the application ran");
        assert!(!device.stage_ram_holds(&DEVICE_SCALAR), "{stage:?}");
    }
}

fn symbol_of(elf: &[u8], name: &str) -> u32 {
    let file = object::File::parse(elf).expect("our own firmware is ELF");
    let found = file.symbols().find(|symbol| symbol.name() == Ok(name)).map(|symbol| symbol.address());
    u32::try_from(found.unwrap_or_else(|| panic!("no {name}"))).expect("an address")
}

#[test]
fn a_product_with_unusual_places_boots_updates_and_reverts() {
    for stage in [UNUSUAL, UNUSUAL_SECOND, CLOSED_RAM_INTERNAL] {
        let mut board = h7rs::provisioned(&stage);
        let payload = |word| stage.program("h7rs_reach", &[word]);
        let own = stage.vectors();
        h7rs::download(&mut board, &stage, &image_for(&stage, 1, &payload(own)), true);
        let mut device = started(&board, &stage);
        let console = device.boot().to_owned();
        assert!(console.contains("verified: version 1.0.0+0"), "{stage:?}\n{console}");
        assert_eq!(device.hand_off().expect("a record").vector_table.value(), own, "{stage:?}");

        device.download(&stage, &image_for(&stage, 2, &payload(own + 4)), false);
        let mut device = started(&device.machine.core.bus.to_board(), &stage);
        let console = device.boot().to_owned();
        assert!(console.contains("image: update on trial"), "{stage:?}\n{console}");
        assert!(console.contains("verified: version 2.0.0+0"), "{stage:?}\n{console}");

        let mut device = started(&device.machine.core.bus.to_board(), &stage);
        let console = device.boot().to_owned();
        let reverted = format!("image: reverted: IR-{}", codes::UPDATE_NOT_CONFIRMED.number());
        assert!(console.contains(&reverted), "{stage:?}\n{console}");
        assert!(console.contains("verified: version 1.0.0+0"), "{stage:?}\n{console}");
        assert_eq!(device.hand_off().map(|record| record.status), Ok(Status::Booted), "{stage:?}");
    }
}

#[test]
fn code_outside_of_the_image_does_not_execute() {
    for stage in [OVERWRITE, SWAP, Stage::new(R, Run::InternalRam, false)] {
        let device = running(&stage, "outside");
        let console = &device.console;
        assert!(console.contains("jumping to RAM"), "{stage:?}\n{console}");
        // CFSR: IACCVIOL, an instruction access violation; taken as a HardFault, which is what an application has by default.
        assert!(console.contains("cfsr 0x00000001"), "{stage:?}\n{console}");
        assert!(!console.contains("came back"), "{stage:?}\n{console}");
    }
}

/// A `bx lr`: code that comes back. A call of it is no fault where code executes.
const RETURNS: [u8; 2] = [0x70, 0x47];

/// Boots version 1 of an application of `size` bytes that calls `target`, which `plant` may have put code at.
#[track_caller]
fn call(stage: &Stage, size: usize, target: u32, plant: impl Fn(&mut Device)) -> Reached {
    let mut payload = stage.program("h7rs_reach", &[Touch::Call.word(target)]);
    assert!(payload.len() < size - 4);
    payload.resize(size - 2, 0xA5);
    payload.extend(RETURNS);
    let mut board = h7rs::provisioned(stage);
    h7rs::download(&mut board, stage, &image_for(stage, 1, &payload), true);
    // Installed by one boot; then the attacker has the board.
    let mut device = started(&board, stage);
    device.boot();
    let mut device = started(&device.machine.core.bus.to_board(), stage);
    plant(&mut device);
    device.machine.poke();
    reached(device, stage)
}

/// Everything behind the image is executed by nobody: the room of the trailer, which lies in the flash in plain on every part, the
/// rest of the image's sector, the rest of the slot, what RAM held before the image was copied there.
#[test]
fn nothing_behind_the_image_executes() {
    const REFUSED: Reached = Reached::Fault(0x01, None);
    const SIZE: usize = 0x1_2346;
    for stage in [SWAP, Stage::new(R, Run::ExternalFlash, true), UNUSUAL] {
        let plan = stage.plan();
        let (run, signed) = (plan.application.run, stage.vectors() + SIZE as u32);
        let trailer = run.end().value() - plan.slots.trailer.bytes() + 0x100;
        for target in [trailer, (signed + 0x300) & !3, run.end().value() - 0x4_0000] {
            let plant =
                |device: &mut Device| assert!(device.machine.core.bus.load_external(target, &RETURNS));
            assert_eq!(call(&stage, SIZE, target, plant), REFUSED, "{stage:?} {target:#010x}");
        }
    }
    for stage in [Stage::new(R, Run::ExternalRam, false), OVERWRITE, Stage::new(S, Run::InternalRam, true)] {
        let (run, signed) = (stage.plan().application.run, stage.vectors() + SIZE as u32);
        for target in [(signed + 0x300) & !3, run.end().value() - 0x40] {
            let plant = |device: &mut Device| match stage.run {
                Run::InternalRam => device.poke(target, &RETURNS),
                _ => assert!(device.machine.core.bus.load_external(target, &RETURNS)),
            };
            assert_eq!(call(&stage, SIZE, target, plant), REFUSED, "{stage:?} {target:#010x}");
        }
    }
}

/// What the signature covers executes to its last instruction, whatever its size.
#[test]
fn the_image_executes_to_its_end() {
    for stage in [SWAP, OVERWRITE, UNUSUAL, CLOSED_RAM_INTERNAL, UNUSUAL_SECOND] {
        for size in [0x400, 0x7C02, 0x8000, 0x1_1FFE] {
            let last = stage.vectors() + size - 2;
            // Two of four bytes: the program's word has no room for the other address.
            let (size, last) = if last % 4 == 0 { (size, last) } else { (size + 2, last + 2) };
            let found = call(&stage, size as usize, last, |_| {});
            assert!(matches!(found, Reached::Done(_)), "{stage:?} {size:#x}: {found:?}");
        }
    }
}

/// The MPU has no region with code of the stage, so the read is a fault, and the key is not there.
#[test]
fn the_application_gets_neither_keys_nor_code_of_the_stage() {
    for stage in [OVERWRITE, SWAP, Stage::new(R, Run::InternalRam, false)] {
        let device = running(&stage, "keys");
        let console = &device.console;
        let (_, found) = console.split_once("\nkey ").unwrap_or_else(|| panic!("{stage:?}\n{console}"));
        assert!(found.starts_with("0x00000000 flags "), "{stage:?}\n{console}");
        assert!(!found.contains("stage reads"), "{stage:?}\n{console}");
        let flash = chip::FLASH.start().value();
        assert!(
            found.contains("cfsr 0x00000082") && found.contains("mmfar 0x08000000"),
            "{stage:?}\n{console}"
        );
        let read = reach(&stage, false, flash, Touch::Read);
        assert_eq!(read, Reached::Fault(0x82, Some(flash)), "{stage:?}");
    }
}

#[test]
fn what_runs_in_external_ram_is_noise_there_where_the_part_can() {
    for stage in [
        OVERWRITE,
        Stage::new(S, Run::ExternalRam, true).behind_another(),
        Stage::new(R, Run::ExternalRam, false),
    ] {
        let mut device = running(&stage, "hello");
        assert!(device.console.ends_with("done\r\n"), "{stage:?}\n{}", device.console);
        let payload = stage.application("hello");
        let found = device.external(stage.vectors(), payload.len());
        assert_eq!(found == payload, !stage.part.has_crypto(), "{stage:?}");
        if stage.part.has_crypto() {
            assert!(
                payload.chunks(16).zip(found.chunks(16)).all(|(plain, stored)| plain != stored),
                "{stage:?}"
            );
        }
        if !stage.second {
            device.reboot();
            // Another key at each boot: what was copied from the RAM says nothing about the next one's.
            let again = device.external(stage.vectors(), payload.len());
            assert_eq!(again == found, !stage.part.has_crypto(), "{stage:?}");
        }
    }
}

/// A board as it is delivered: closed, with the protections of the plan.
fn closed_board(stage: &Stage) -> BoardH7 {
    let mut board = if stage.second { demo_h7s::two_stages(stage) } else { demo_h7s::closed(stage) };
    h7rs::download(&mut board, stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    board
}

#[test]
fn a_closed_device_without_its_protections_starts_nothing() {
    type Change = fn(&mut OptionWords);
    let changes: [(&str, Change); 4] = [
        ("write protection", |options| options.wrpsr = 0xFF),
        ("hidden area", |options| options.hdpsr = 0xFF),
        ("a smaller hidden area", |options| options.hdpsr = options.hdpsr.wrapping_sub(1 << 16)),
        ("RAM ECC", |options| options.obw2sr &= !(1 << 8)),
    ];
    for stage in [OVERWRITE, Stage::new(R, Run::InternalRam, false), SECOND_STAGE] {
        let board = closed_board(&stage);
        let mut device = h7rs_system::device(&board);
        assert!(device.boot().ends_with("done\r\n"), "{stage:?}\n{}", device.console);
        assert_eq!(device.hand_off().map(|record| record.debug_closed), Ok(true), "{stage:?}");
        for (what, change) in changes {
            let mut board = board.clone();
            change(board.options_mut());
            if board.options() == closed_board(&stage).options() || stage.second && what.contains("hidden") {
                // A stage that is loaded is not hidden: the iLoader works above its level.
                continue;
            }
            let mut device = h7rs_system::device(&board);
            device.boot();
            assert!(device.console.contains("refused: IR-3809"), "{stage:?} {what}\n{}", device.console);
            let record = device.hand_off().map(|record| (record.status, record.stage));
            assert_eq!(
                record,
                Ok((Status::Refused(codes::PROTECTION_NOT_IN_FORCE), Step::Chip)),
                "{stage:?} {what}"
            );
            // While it is developed, anything goes.
            if !stage.second {
                board.options_mut().nvsr = u32::from(NVSTATE_OPEN);
                board.options_mut().rotsr = u32::from_le_bytes([OEM_NOT_PROVISIONED, 0xFF, 0, IROT_OEM]);
                let mut device = h7rs_system::device(&board);
                assert!(device.boot().ends_with("done\r\n"), "{stage:?} {what}\n{}", device.console);
            }
        }
    }
}

/// IWDG_HW is the application's to clear. Half a second is not enough for an update; the stage makes more of it.
#[test]
fn a_watchdog_that_the_options_start_does_not_stop_an_update() {
    for stage in [OVERWRITE, SWAP] {
        let mut board = closed_board(&stage);
        let mut device = h7rs_system::device(&board);
        device.boot();
        board = device.machine.core.bus.to_board();
        board.options_mut().obw1sr &= !(1 << 4);
        let mut payload = stage.application("hello");
        payload.resize(402 * 1024, 0x5A);
        h7rs::download(&mut board, &stage, &h7rs::encrypted(2, &payload), true);
        let mut device = h7rs_system::device(&board);
        // From the application's first instruction on, the watchdog is its own business.
        device
            .machine
            .set_breakpoints([u32::from_le_bytes(payload[4..8].try_into().expect("four bytes")) & !1]);
        let stop = device.run(h7rs::LIMIT);
        assert!(matches!(stop, Stop::Breakpoint(_)), "{stage:?} {stop:?}\n{}", device.console);
        assert_eq!(device.machine.resets, 0, "{stage:?}\n{}", device.console);
        assert!(device.console.contains("update installed"), "{stage:?}\n{}", device.console);
        assert!(device.console.contains("verified: version 2.0.0+0"), "{stage:?}\n{}", device.console);
        let core = &device.machine.core;
        let milliseconds = core.bus.nanoseconds(core.cycles) / 1_000_000;
        assert!(milliseconds > 512, "{stage:?}: {milliseconds} ms would have been in time");
    }
}

#[test]
fn the_record_says_whether_a_debugger_can_attach() {
    let device = running(&OVERWRITE, "hello");
    assert_eq!(device.hand_off().map(|record| record.debug_closed), Ok(false));
    let mut board = closed_board(&OVERWRITE);
    let mut device = h7rs_system::device(&board);
    device.boot();
    assert_eq!(device.hand_off().map(|record| record.debug_closed), Ok(true));
    // A refusal says it too.
    board.preload_external(OVERWRITE.plan().slots.download.start().value(), &[0; 0x400]);
    let mut device = Device::on(&h7rs::provisioned(&OVERWRITE));
    device.boot();
    assert_refused(&mut device, codes::SLOT_EMPTY);
    assert_eq!(device.hand_off().map(|record| record.debug_closed), Ok(false));
}

/// What STiRoT did with an update of the second stage stands in the record of the second stage, behind its own image.
#[test]
fn the_record_has_the_first_stage_s_verdict_on_an_update_of_the_second() {
    let stage = &SECOND_STAGE;
    let mut device = h7rs_system::device(&closed_board(stage));
    device.boot();
    let images = |device: &Device| device.hand_off().expect("a record").updates.images().to_vec();
    assert_eq!(images(&device).len(), 2, "{}", device.console);
    let foreign = SigningKey::from_scalar(&[8; 32]).expect("a valid scalar");
    let second = |major, key: Option<&SigningKey>| {
        let recipe = h7rs_system::Recipe { major, ..h7rs_system::Recipe::default() };
        let recipe = match key {
            Some(key) => h7rs_system::Recipe { key, ..recipe },
            None => recipe,
        };
        recipe.image(&demo_h7s::second_stage(stage))
    };
    for (image, action, refused) in [
        (second(2, Some(&foreign)), Action::None, Some(image_codes::UNKNOWN_KEY)),
        (second(2, None), Action::Installed, None),
    ] {
        let mut board = device.machine.core.bus.to_board();
        board.preload_external(h7rs_system::DOWNLOAD, &image);
        let mut updated = h7rs_system::device(&board);
        let console = updated.boot().to_owned();
        assert!(console.ends_with("done\r\n"), "{console}");
        let found = images(&updated);
        assert_eq!(found.len(), 2, "{console}");
        assert_eq!((found[0].action, found[0].version.major), (Action::None, 1), "{console}");
        assert_eq!((found[1].action, found[1].refused), (action, refused), "{console}");
    }
}

#[test]
fn the_application_finds_the_ram_monitors_and_reports_errors() {
    let stage = &OVERWRITE;
    for (error, line) in
        [(RamError::Single, "single RAM ECC error"), (RamError::Double, "double RAM ECC error")]
    {
        let mut board = h7rs::provisioned(stage);
        // ECC_ON_SRAM.
        board.options_mut().obw2sr |= 1 << 8;
        h7rs::download(&mut board, stage, &h7rs::encrypted(1, &stage.application("ecc")), true);
        let mut device = Device::on(&board);
        while !device.console.contains("watching") {
            assert_eq!(device.run(100_000), Stop::Limit, "{}", device.console);
        }
        assert!(device.machine.core.bus.inject_ram_error(0x2000_4010, error));
        device.machine.poke();
        let _ = device.run(20_000_000);
        assert!(device.console.contains(line), "{}", device.console);
    }
}

#[test]
fn a_cold_boot_of_256_kb_stays_within_its_budget() {
    for boot in cold::boots() {
        let cold::ColdBoot { what, hardware, instructions, microseconds, limit, .. } = boot;
        println!("{what}, hardware {hardware}: {instructions} instructions, {microseconds} us");
        assert!(instructions <= limit, "{what}: {instructions}");
        assert!(microseconds > 1000 && instructions > 100_000, "{what}: that was no boot");
    }
}
