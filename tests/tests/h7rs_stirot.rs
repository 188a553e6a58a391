//! STiRoT on the virtual chip, with our iLoader and with ones that lie.

use ironroot_boot::update::Action;
use ironroot_boot::{Stage, Status};
use ironroot_chip_h7rs::BoardH7;
use ironroot_codes::{Code, h7rs as codes, image as image_codes};
use ironroot_cpu::bus::Size;
use ironroot_cpu::core::Sleep;
use ironroot_cpu::machine::Stop;
use ironroot_crypto::{Signer, SigningKey, Software};
use ironroot_image::Dialect;
use ironroot_layout::stm32h7rs::iloader::Answer;
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, STIROT_DATA};
use ironroot_layout::stm32h7rs::product::{
    BootPath, MpuTable, Open, Place, Plan, Product, STIROT_CONFIG_HEAD, UpdateMode, stirot_config_head,
};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, NVSTATE_OPEN, ProductState};
use ironroot_layout::stm32h7rs::stirot::config as at;
use ironroot_layout::stm32h7rs::{Part, chip, contract, map, stirot};
use ironroot_tests::demo_h7s::two_stages;
use ironroot_tests::h7rs::{self, Device, Run, Stage as OwnStage, data, set_keys, signing_key};
use ironroot_tests::h7rs_system::{
    AREA, DOWNLOAD, INSTALL, LEFT, Recipe, config, device, install_hanging, install_iloader, install_liar,
    left, lies, program, stirot_board,
};
use ironroot_tests::reach::{Reached, Touch};

const MARK: u32 = 0x600D_1A6E;
const SIZE: usize = 20_000;

/// A board with the iLoader and an installed image.
fn installed(version: u32, image: &[u8]) -> BoardH7 {
    let mut board = stirot_board(version);
    install_iloader(&mut board);
    assert!(board.preload_external(INSTALL, image));
    board
}

fn refusal(device: &Device) -> (Code, Stage) {
    let record = device.hand_off().expect("a record");
    let Status::Refused(code) = record.status else { panic!("{record:?}\n{}", device.console) };
    assert!(device.console.contains(&format!("refused: {code}")), "{}", device.console);
    // Nothing ran, and nothing of the image is left.
    assert_eq!(left(device).0, 0);
    assert_eq!(device.level(), Hdpl::Level1);
    let ram = device.peek(AREA.0, AREA.1);
    assert!(ram.iter().all(|byte| *byte == 0), "RAM still holds an image");
    (code, record.stage)
}

/// Boots a board that is expected to refuse.
fn refused(board: &BoardH7) -> Code {
    let mut device = device(board);
    device.boot();
    refusal(&device).0
}

#[test]
fn an_installed_image_runs_at_level_3_and_is_recorded() {
    let image = Recipe { major: 3, ..Recipe::default() }.application(MARK, SIZE);
    let mut device = device(&installed(1, &image));
    let console = device.boot().to_owned();
    assert!(console.contains("verified: version 3.0.0+0 counter 3"), "{console}");
    assert_eq!(left(&device), (MARK, u32::from(Hdpl::Level3.bits())));
    let record = device.hand_off().expect("a record");
    assert_eq!((record.status, record.stage), (Status::Booted, Stage::Launch));
    assert_eq!(record.vector_table.value(), AREA.0 + contract::IMAGE_HEADER.bytes());
    assert_eq!((record.security_counter, record.debug_closed), (Some(3), true));
    // The second copy holds the new version, the first still the old one.
    let keys = device.machine.core.bus.flash().keys();
    let version = |index| keys.get(Hdpl::Level1, index).expect("a key").bytes()[..4].to_vec();
    assert_eq!(version(STIROT_DATA.index + 2), 1_u32.to_le_bytes());
    assert_eq!(version(STIROT_DATA.index + 5), 3_u32.to_le_bytes());
    // In clear, and neither key nor stack of the stage in its RAM.
    let mark = MARK.to_le_bytes();
    assert!(device.peek(AREA.0, AREA.1).windows(4).any(|word| word == mark));
    assert!(!device.stage_ram_holds(&ironroot_tests::h7rs::DEVICE_SCALAR));

    device.reboot();
    assert_eq!(left(&device).0, MARK);
}

#[test]
fn an_older_image_is_refused_after_a_newer_one_ran() {
    let image = |major| Recipe { major, ..Recipe::default() }.application(MARK, SIZE);
    let mut board = installed(1, &image(3));
    let mut first = device(&board);
    first.boot();
    assert_eq!(left(&first).0, MARK);
    let keys: Vec<_> = (16..22)
        .map(|index| *first.machine.core.bus.flash().keys().get(Hdpl::Level1, index).expect("a key"))
        .collect();
    assert!(board.preload_external(INSTALL, &image(2)));
    for (index, key) in (16..).zip(keys) {
        assert!(board.set_key(Hdpl::Level1, index, key));
    }
    assert_eq!(refused(&board), image_codes::COUNTER_TOO_OLD);
}

#[test]
fn an_image_that_is_not_for_this_device_is_refused() {
    let foreign = SigningKey::from_scalar(&[8; 32]).expect("a scalar");
    let other = [0x33; 32];
    let good = Recipe::default().application(MARK, SIZE);
    let mut damaged = good.clone();
    damaged[0x2000] ^= 1;
    let mut tlv = good.clone();
    let last = tlv.len() - 200;
    tlv[last] ^= 0x40;
    for (name, image, code) in [
        (
            "key",
            Recipe { key: &foreign, ..Recipe::default() }.application(MARK, SIZE),
            image_codes::UNKNOWN_KEY,
        ),
        (
            "device",
            Recipe { scalar: Some(&other), ..Recipe::default() }.application(MARK, SIZE),
            image_codes::IMAGE_KEY_REFUSED,
        ),
        (
            "in clear",
            Recipe { scalar: None, ..Recipe::default() }.application(MARK, SIZE),
            codes::STIROT_NOT_ENCRYPTED,
        ),
        ("damaged", damaged, image_codes::HASH_MISMATCH),
        ("too large", Recipe::default().application(MARK, 0x2_0000), image_codes::TOO_LARGE),
        ("vectors", Recipe::default().image(&vec![0x5A; SIZE]), codes::STIROT_VECTORS),
        ("stack in closed RAM", Recipe::default().image(&with_stack(0x2001_0000)), codes::STIROT_VECTORS),
        ("stack in what is shared", Recipe::default().image(&with_stack(0x3000_8000)), codes::STIROT_VECTORS),
        // For another path: the iLoader itself does not know the magic.
        (
            "magic",
            Recipe { dialect: Dialect::St, ..Recipe::default() }.application(MARK, SIZE),
            codes::ILOADER_EMPTY,
        ),
        ("nothing", Vec::new(), codes::ILOADER_EMPTY),
    ] {
        assert_eq!(refused(&installed(1, &image)), code, "{name}");
    }
    let mut device = device(&installed(1, &tlv));
    device.boot();
    let (code, _) = refusal(&device);
    assert!((2000..3000).contains(&code.number()), "{code}");
}

#[test]
fn a_good_download_is_installed_and_a_bad_one_is_erased() {
    let old = Recipe { major: 1, ..Recipe::default() }.application(1, SIZE);
    let new = Recipe { major: 2, ..Recipe::default() }.application(2, SIZE);
    let mut board = installed(1, &old);
    assert!(board.preload_external(DOWNLOAD, &new));
    let mut device_ = device(&board);
    let console = device_.boot().to_owned();
    assert!(console.contains("download accepted"), "{console}");
    assert_eq!(left(&device_).0, 2, "{console}");
    assert_eq!(device_.external(INSTALL, new.len()), new);
    assert!(device_.external(DOWNLOAD, 0x2_0000).iter().all(|byte| *byte == 0xFF));
    let record = device_.hand_off().expect("a record");
    assert_eq!(record.updates.images()[0].action, Action::Installed);
    // In external flash it is never in clear.
    assert!(!device_.external(INSTALL, 0x2_0000).windows(64).any(|part| part == [0x5A; 64]));

    let mut bad = new.clone();
    bad[0x1000] ^= 4;
    let mut board = installed(1, &old);
    assert!(board.preload_external(DOWNLOAD, &bad));
    let mut device_ = device(&board);
    let console = device_.boot().to_owned();
    assert!(console.contains("download refused: IR-"), "{console}");
    assert_eq!(left(&device_).0, 1, "{console}");
    assert!(device_.external(DOWNLOAD, 0x2_0000).iter().all(|byte| *byte == 0xFF));
    let record = device_.hand_off().expect("a record");
    assert_eq!(record.updates.images()[0].refused, Some(image_codes::HASH_MISMATCH));
    // The next boot has forgotten it.
    device_.reboot();
    assert_eq!(device_.hand_off().expect("a record").updates.images()[0].refused, None);
}

#[test]
fn an_older_download_does_not_replace_the_image() {
    let new = Recipe { major: 5, ..Recipe::default() }.application(5, SIZE);
    let old = Recipe { major: 4, ..Recipe::default() }.application(4, SIZE);
    let mut board = installed(5, &new);
    assert!(board.preload_external(DOWNLOAD, &old));
    let mut device = device(&board);
    device.boot();
    assert_eq!(left(&device).0, 5);
    assert_eq!(device.external(INSTALL, new.len()), new);
}

#[test]
fn a_second_stage_runs_at_level_2() {
    let mut board = installed(1, &image_with_stack_in_dtcm());
    let second = config(&signing_key(), |bytes| bytes[at::NEXT_STAGE] = at::SECOND_STAGE);
    set_keys(&mut board, IROT_CONFIG, &second);
    let mut device = device(&board);
    device.boot();
    assert_eq!(left(&device), (MARK, u32::from(Hdpl::Level2.bits())));
}

/// Every lie ends in a refusal with a code: no jump, no loop. `Stop::Idle` is what `boot` demands.
#[test]
fn an_iloader_that_lies_gets_nothing_started() {
    for lie in lies() {
        let mut board = stirot_board(1);
        install_liar(&mut board, lie);
        let mut device = device(&board);
        device.boot();
        let (code, _) = refusal(&device);
        let expected = match lie.and_then(Answer::from_bits) {
            Some(Answer::Empty) => codes::ILOADER_EMPTY,
            Some(Answer::Error) => codes::ILOADER_ERROR,
            // It copied nothing: the header was taken away before.
            Some(Answer::Primary) => image_codes::BAD_MAGIC,
            Some(Answer::Secondary | Answer::NoLoad) | None => codes::ILOADER_SILENT,
        };
        assert_eq!(code, expected, "{lie:04x?}");
        // The next reset tries again, from the start.
        let starts = device.console.clone();
        device.reboot();
        assert_eq!(device.console, starts, "{lie:04x?}");
    }
}

#[test]
fn a_lie_about_a_good_image_in_ram_is_no_way_in() {
    // An application leaves an old image in RAM and the answer "loaded", and resets: it is verified like any other.
    let old = Recipe { major: 1, ..Recipe::default() }.application(1, SIZE);
    let new = Recipe { major: 4, ..Recipe::default() }.application(4, SIZE);
    let mut device = device(&installed(4, &new));
    device.boot();
    assert_eq!(left(&device).0, 4);
    device.poke(AREA.0, &old);
    device.poke(LEFT, &[0; 8]);
    // str r0, [r1]; b . in the application's own code, which the MPU lets run.
    let code = AREA.0 + 0x800;
    device.poke(code, &[0x08, 0x60, 0xFE, 0xE7]);
    device.machine.core.r[0] = u32::from(Answer::Primary.bits());
    device.machine.core.r[1] = 0x5800_0434;
    device.machine.core.sleep = Sleep::Awake;
    device.machine.core.r[15] = code;
    device.run(10);
    device.poke(AREA.0, &old);
    device.reboot();
    assert_eq!(refusal(&device).0, image_codes::COUNTER_TOO_OLD);
}

#[test]
fn without_configuration_or_record_nothing_starts() {
    let image = Recipe::default().application(MARK, SIZE);
    let with = |change: &dyn Fn(&mut BoardH7)| {
        let mut board = installed(1, &image);
        change(&mut board);
        refused(&board)
    };
    let spoil =
        |change: fn(&mut [u8])| with(&|board| set_keys(board, IROT_CONFIG, &config(&signing_key(), change)));
    assert_eq!(
        with(&|board| {
            let mut bytes = config(&signing_key(), |_| {});
            bytes[70] ^= 1;
            set_keys(board, IROT_CONFIG, &bytes);
        }),
        codes::STIROT_NO_CONFIG
    );
    for (name, change) in [
        ("two images", (|bytes| bytes[at::IMAGES] = 2) as fn(&mut [u8])),
        ("next stage", |bytes| bytes[at::NEXT_STAGE] = 3),
        // 129 KB: a region around it would let run what nobody verified.
        ("area that is no region of the MPU", |bytes| bytes[at::AREA_SIZE + 1] = 4),
        ("area not aligned", |bytes| bytes[at::AREA_START] = 4),
        ("area outside of RAM", |bytes| bytes[at::AREA_START + 3] = 0x20),
        ("area too large", |bytes| bytes[at::AREA_SIZE + 2] = 8),
        ("area too small", |bytes| bytes[at::AREA_SIZE..at::AREA_SIZE + 4].copy_from_slice(&[0, 4, 0, 0])),
        ("install nowhere", |bytes| bytes[at::INSTALL + 3] = 0x80),
        ("download is install", |bytes| bytes[at::DOWNLOAD + 2] = 0),
        ("iloader beyond flash", |bytes| bytes[at::ILOADER_OFFSET + 2] = 1),
        ("iloader not aligned", |bytes| bytes[at::ILOADER_OFFSET] = 0x10),
        ("state", |bytes| bytes[at::LEAST_STATE] = 1),
        ("private key's form", |bytes| bytes[at::DECRYPTION_KEY] = 0x31),
        ("no private key", |bytes| bytes[at::DECRYPTION_KEY + 36..at::DECRYPTION_KEY + 68].fill(0)),
        ("public key's form", |bytes| bytes[at::AUTHENTICATION_KEY] = 0x31),
    ] {
        assert_eq!(spoil(change), codes::STIROT_CONFIG, "{name}");
    }
    assert_eq!(spoil(|bytes| bytes[at::LEAST_STATE] = ProductState::Locked.number()), codes::STIROT_STATE);
    let mut neither = data(1);
    neither[64] ^= 1;
    let both = [neither.clone(), neither.clone()].concat();
    assert_eq!(with(&|board| set_keys(board, STIROT_DATA, &both)), codes::STIROT_NO_DATA);
    let mut no_iloader = stirot_board(1);
    assert!(no_iloader.preload_external(INSTALL, &image));
    assert_eq!(refused(&no_iloader), codes::ILOADER_MISSING);
    assert_eq!(stirot::TRIES, 8);
}

/// The watchdog ends it, three times, and then there is a code. It slept or looped at level 3, which the reset ended with it.
#[test]
fn an_iloader_that_never_ends_is_ended_and_refused() {
    let image = Recipe::default().application(MARK, SIZE);
    for sleeps in [false, true] {
        let mut board = stirot_board(1);
        install_hanging(&mut board, None, sleeps);
        assert!(board.preload_external(INSTALL, &image));
        // At the clock of the reset, 4 seconds are some hundred million instructions.
        set_keys(&mut board, IROT_CONFIG, &config(&signing_key(), |bytes| bytes[at::CLOCK] = 0));
        let keys = board.persistent().keys.clone();
        let mut first = device(&board);
        assert_eq!(first.run(2_000_000_000), Stop::Idle, "{}", first.console);
        assert_eq!(refusal(&first), (codes::ILOADER_HUNG, Stage::Slot));
        assert_eq!(first.machine.resets, u64::from(stirot::HANGS));
        let milliseconds = first.machine.core.bus.nanoseconds(first.machine.core.cycles) / 1_000_000;
        assert!((3 * 4_096..3 * 4_200).contains(&milliseconds), "{milliseconds}");
        // Nothing was lost: with an iLoader that works, the product does.
        let mut board = first.machine.core.bus.to_board();
        assert_eq!(board.persistent().keys, keys);
        install_iloader(&mut board);
        let mut second = device(&board);
        second.boot();
        assert_eq!(left(&second).0, MARK);
    }
}

/// An answer counts even if the watchdog had to end the one that gave it.
#[test]
fn an_iloader_that_answers_and_stays_is_believed_no_more_than_another() {
    for (answer, code) in [
        (Answer::Empty, codes::ILOADER_EMPTY),
        (Answer::Error, codes::ILOADER_ERROR),
        (Answer::Primary, image_codes::BAD_MAGIC),
        (Answer::NoLoad, codes::ILOADER_HUNG),
    ] {
        let mut board = stirot_board(1);
        install_hanging(&mut board, Some(answer.bits()), true);
        assert_eq!(refused(&board), code, "{answer:?}");
    }
}

/// The installed image is half written when it stops; the download is erased last.
#[test]
fn an_installation_that_stops_is_ended_and_made_up_for() {
    let old = Recipe { major: 1, ..Recipe::default() }.application(1, SIZE);
    let new = Recipe { major: 2, ..Recipe::default() }.application(2, SIZE);
    let mut board = installed(1, &old);
    assert!(board.preload_external(DOWNLOAD, &new));
    // str r1, [r0], which forbids the interrupt that it waited for; wfi; b .-2: at the end of user flash.
    const LOOP: u32 = 0x0800_FF00;
    assert!(board.preload(LOOP, &[0x01, 0x60, 0x30, 0xBF, 0xFD, 0xE7]));
    let mut first = device(&board);
    let mut stopped = None;
    while stopped.is_none() {
        assert_eq!(first.run(500), Stop::Limit, "{}", first.console);
        // The start of the image is erased first.
        if first.external(INSTALL, 4) == [0xFF; 4] {
            assert_eq!(first.level(), Hdpl::Level3);
            first.machine.core.r[0] = 0xE000_E18C;
            first.machine.core.r[1] = u32::MAX;
            first.machine.core.r[15] = LOOP;
            first.machine.core.sleep = Sleep::Awake;
            stopped = Some(first.machine.core.bus.nanoseconds(first.machine.core.cycles));
        }
    }
    let before = first.machine.resets;
    while first.machine.resets == before {
        assert_eq!(first.run(500), Stop::Limit, "{}", first.console);
    }
    let waited = first.machine.core.bus.nanoseconds(first.machine.core.cycles) - stopped.unwrap_or(0);
    assert!((60_000_000_000..66_000_000_000).contains(&waited), "{waited}");
    // Asked again, it installs what was downloaded.
    first.boot();
    assert_eq!(left(&first).0, 2, "{}", first.console);
    assert_eq!(first.external(INSTALL, new.len()), new);
}

/// The flags of RCC add up, and are the application's too: one that the watchdog has reset before does not make a silent iLoader a
/// hanging one.
#[test]
fn an_application_may_use_the_watchdog_and_see_that_it_did() {
    let mut device = device(&installed(1, &Recipe::default().application(MARK, SIZE)));
    device.boot();
    assert_eq!(left(&device).0, MARK);
    device.poke(LEFT, &[0; 8]);
    // str r0, [r1]; wfi; b .-2 in the application's own code.
    let code = AREA.0 + 0x800;
    device.poke(code, &[0x08, 0x60, 0x30, 0xBF, 0xFD, 0xE7]);
    device.machine.core.r[0] = 0xCCCC;
    device.machine.core.r[1] = 0x5800_4800;
    device.machine.core.sleep = Sleep::Awake;
    device.machine.core.r[15] = code;
    device.boot();
    assert_eq!(left(&device).0, MARK, "the boot that followed");
    let mut liar = stirot_board(1);
    install_liar(&mut liar, None);
    device.poke(0x0800_0000, liar.flash());
    device.poke(LEFT, &[0; 8]);
    device.reboot();
    assert_eq!(refusal(&device).0, codes::ILOADER_SILENT);
}

/// A cold boot of a 256 KB application, from power-on to its first instructions, the iLoader's copy included: instructions of the
/// virtual core are the same on every machine.
#[test]
fn a_large_image_is_verified_within_the_limit() {
    const LIMIT: u64 = 3_000_000;
    let image = Recipe::default().application(MARK, 256 * 1024);
    let mut board = installed(1, &image);
    let area = 0x5_0000_u32;
    set_keys(
        &mut board,
        IROT_CONFIG,
        &config(&signing_key(), |bytes| {
            bytes[at::AREA_SIZE..at::AREA_SIZE + 4].copy_from_slice(&area.to_le_bytes());
            bytes[at::DOWNLOAD..at::DOWNLOAD + 4].copy_from_slice(&(INSTALL + area).to_le_bytes());
        }),
    );
    let mut device = device(&board);
    device.boot();
    assert_eq!(left(&device).0, MARK);
    let whole = device.machine.core.instructions;
    // The same again with the image in RAM and the answer given: what RSS and STiRoT take for it.
    device.poke(AREA.0, &image);
    device.poke(LEFT, &[0; 8]);
    let code = AREA.0 + 0x800;
    device.poke(code, &[0x08, 0x60, 0xFE, 0xE7]);
    device.machine.core.r[0] = u32::from(Answer::Primary.bits());
    device.machine.core.r[1] = 0x5800_0434;
    device.machine.core.sleep = Sleep::Awake;
    device.machine.core.r[15] = code;
    device.run(10);
    device.poke(AREA.0, &image);
    let before = device.machine.core.instructions;
    device.reboot();
    assert_eq!(left(&device).0, MARK);
    let verified = device.machine.core.instructions - before;
    println!("256 KB: {verified} instructions to verify, {whole} with the iLoader's copy");
    assert!(whole <= LIMIT && verified <= whole, "{whole} {verified}");
}

/// An application whose stack begins at `top`.
fn with_stack(top: u32) -> Vec<u8> {
    let mut payload = program("h7rs_app", AREA.0 + contract::IMAGE_HEADER.bytes(), &[MARK]);
    payload[..4].copy_from_slice(&top.to_le_bytes());
    payload
}

/// What `ironroot boot plan` shows for the product of these tests.
fn plan(boot: BootPath, place: Place, open: Open) -> Plan {
    let mut product = Product::new(Part::Stm32h7s7, boot, place, UpdateMode::Overwrite);
    product.open = open;
    Plan::resolve(&product).expect("a product that can be built")
}

/// A board that is configured as the plan says, with this image installed.
fn planned(plan: &Plan, image: &[u8]) -> BoardH7 {
    let mut board = installed(1, image);
    let head = stirot_config_head(plan).expect("STiRoT is there");
    let content = config(&signing_key(), |bytes| {
        bytes[at::IMAGES..at::IMAGES + STIROT_CONFIG_HEAD].copy_from_slice(&head);
    });
    set_keys(&mut board, IROT_CONFIG, &content);
    board
}

/// RBAR without VALID, and RASR, of all regions that are on.
fn mpu(device: &Device) -> Vec<(u32, u32)> {
    const RNR: u32 = 0xE000_ED98;
    let mut core = device.machine.clone().core;
    assert_eq!(core.debug_system_read(0xE000_ED94, Size::Word), Some(1), "on, without a background");
    let mut row = |number: u32| {
        core.debug_system_write(RNR, number, Size::Word).expect("the MPU is there");
        let mut read = |address| core.debug_system_read(address, Size::Word).expect("the MPU is there");
        (read(0xE000_ED9C), read(0xE000_EDA0))
    };
    (0..16).map(&mut row).filter(|(_, rasr)| rasr & 1 != 0).collect()
}

/// The same of a table of the plan, once RSSLIB has switched the region of the code on.
fn rows(table: &MpuTable) -> Vec<(u32, u32)> {
    table.iter().map(|region| (region.rbar() & !0x10, region.rasr() | 1)).collect()
}

#[test]
fn the_mpu_of_the_hand_off_is_the_plans() {
    let image = Recipe::default().application(MARK, SIZE);
    for open in Open::ALL.iter().copied() {
        let plan = plan(BootPath::Stirot, Place::InternalRam, open);
        let mut device = device(&planned(&plan, &image));
        device.boot();
        assert_eq!(left(&device), (MARK, u32::from(Hdpl::Level3.bits())), "{open:?}");
        assert_eq!(mpu(&device), rows(&plan.mpu_hand_off), "{open:?}");
    }
    let plan = plan(BootPath::StirotOemurot, Place::ExternalFlash, Open::Sram);
    let mut device = device(&planned(&plan, &image_with_stack_in_dtcm()));
    device.boot();
    assert_eq!(left(&device), (MARK, u32::from(Hdpl::Level2.bits())));
    assert_eq!(mpu(&device), rows(&plan.mpu_second_stage.expect("a second stage")));
    // ST's own configuration says nothing of it: the default.
    let mut device = self::device(&installed(1, &image));
    device.boot();
    assert_eq!(
        mpu(&device),
        rows(&self::plan(BootPath::Stirot, Place::InternalRam, Open::AhbSram2).mpu_hand_off)
    );
}

/// A second stage has its stack in DTCM.
fn image_with_stack_in_dtcm() -> Vec<u8> {
    Recipe::default().image(&with_stack(0x2001_0000))
}

/// Boots an application that touches an address.
#[track_caller]
fn reach(open: Open, address: u32, touch: Touch) -> Reached {
    let payload = program("h7rs_reach", AREA.0 + contract::IMAGE_HEADER.bytes(), &[touch.word(address)]);
    let plan = plan(BootPath::Stirot, Place::InternalRam, open);
    let mut device = device(&planned(&plan, &Recipe::default().image(&payload)));
    device.boot();
    Reached::of(&device)
}

/// All but what `open` names is closed on the device, and what `app check` believes open is.
#[test]
fn the_application_reaches_what_the_plan_has_open() {
    const PRECISE: u32 = 0x82;
    let (vectors, record) = (AREA.0 + 0x400, contract::HAND_OFF.start().value());
    let uid = chip::UNIQUE_ID.start().value();
    for open in Open::ALL.iter().copied() {
        let fault = |address, touch| {
            let found = reach(open, address, touch);
            assert_eq!(found, Reached::Fault(PRECISE, Some(address)), "{open:?} {address:#010x} {touch:?}");
        };
        let done = |address, touch| {
            let found = reach(open, address, touch);
            assert!(matches!(found, Reached::Done(_)), "{open:?} {address:#010x} {touch:?} {found:?}");
        };
        for closed in [
            chip::ITCM.start().value() + 4,
            chip::FLASH.start().value(),
            INSTALL,
            chip::XSPI2.start().value(),
            0x5200_0000,
        ] {
            fault(closed, Touch::Read);
        }
        for kept in [record, vectors, uid] {
            fault(kept, Touch::Write);
            done(kept, Touch::Read);
        }
        for shared in [0x3000_4000, 0x3000_6FFC, contract::CONFIRMATION_FLAG.start().value()] {
            done(shared, Touch::Write);
        }
        for ram in [
            chip::DTCM.start().value(),
            chip::AXI_SRAM2.start().value(),
            chip::AXI_SRAM4.start().value(),
            chip::AHB_SRAM1.start().value(),
            0x3000_7000,
        ] {
            match open {
                Open::AhbSram2 => {
                    fault(ram, Touch::Read);
                    fault(ram, Touch::Write);
                }
                Open::Sram => done(ram, Touch::Write),
            }
        }
        // Nothing of what ran before executes, nor RAM.
        for code in [chip::FLASH.start().value(), 0x1FF0_4000, 0x2402_0000, 0x3000_5100] {
            assert_eq!(reach(open, code, Touch::Call), Reached::Fault(0x01, None), "{open:?} {code:#010x}");
        }
    }
}

/// What lies in the slot behind the image, the iLoader copies too, and it would lie where code executes.
#[test]
fn what_nobody_signed_behind_the_image_is_gone() {
    let target = AREA.0 + 0x1_0000;
    let payload = program("h7rs_reach", AREA.0 + 0x400, &[Touch::Call.word(target)]);
    let image = Recipe::default().image(&payload);
    let mut board = installed(1, &image);
    // bx lr, and all of the rest of the slot, from the last byte of the image on.
    let rest = [0x70, 0x47].repeat((AREA.1 as usize - image.len()) / 2);
    assert!(board.preload_external(INSTALL + AREA.1 - rest.len() as u32, &rest));
    let mut device = device(&board);
    device.boot();
    // Zeros are instructions that do nothing; behind the area is what does not execute.
    assert_eq!(Reached::of(&device), Reached::Fault(0x01, None));
    let ram = device.peek(AREA.0, AREA.1);
    let signed = 0x400 + payload.len();
    assert!(ram[0x400..signed] == payload[..], "the application is complete");
    // The protected TLVs are signed, and small.
    assert!(ram[signed + 64..].iter().all(|byte| *byte == 0), "something is left behind the image");
}

/// The last byte before the next turn of a fast copy, and one area that is full.
#[test]
fn an_image_of_any_length_is_complete_and_alone() {
    for length in [1021, 1022, 1023, 1024, 1025, 31 * 1024 + 7] {
        let mut payload = program("h7rs_app", AREA.0 + 0x400, &[MARK]);
        payload.resize(length, 0xA5);
        let mut device = device(&installed(1, &Recipe::default().image(&payload)));
        device.boot();
        assert_eq!(left(&device).0, MARK, "{length}");
        let ram = device.peek(AREA.0, AREA.1);
        assert!(ram[0x400..0x400 + length] == payload[..], "{length}");
        assert!(ram[0x400 + length + 64..].iter().all(|byte| *byte == 0), "{length}");
    }
}

/// OEMuRoT runs in RAM, which no level hides: RSSLIB wipes it as it leaves, whatever the product has open.
#[test]
fn the_application_finds_nothing_of_the_second_stage() {
    let room = map::OEMUROT_CODE;
    // The first two are built with all of the internal RAM open.
    for (stage, is_open) in [
        (OwnStage::new(Part::Stm32h7s7, Run::InternalRam, false).behind_another(), true),
        (OwnStage::new(Part::Stm32h7s7, Run::ExternalFlash, true).behind_another(), true),
        (
            OwnStage::new(Part::Stm32h7s7, Run::ExternalRam, true)
                .behind_another()
                .of_product("unusual-second"),
            false,
        ),
    ] {
        for address in [room.start().value(), room.start().value() + 0x400, 0x2000_0000, 0x2000_FFC0] {
            let header = usize::try_from(stage.plan().slots.header.bytes()).expect("a header");
            let mut board = two_stages(&stage);
            let builder = h7rs::builder(1).header_size(header as u16);
            let key = signing_key();
            let payload = stage.program("h7rs_reach", &[Touch::Read.word(address)]);
            let image = builder.build(&payload, Some(&key as &dyn Signer), &mut Software).expect("an image");
            h7rs::download(&mut board, &stage, &image, true);
            let mut device = device(&board);
            let console = device.boot().to_owned();
            assert!(console.contains("ironroot oemurot"), "{stage:?}\n{console}");
            let expected = if is_open { Reached::Done(0) } else { Reached::Fault(0x82, Some(address)) };
            assert_eq!(Reached::of(&device), expected, "{stage:?} {address:#010x}\n{console}");
            // The MPU is the application's to change, so a closed region is not enough.
            let left = device.peek(room.start().value(), room.size().bytes());
            assert!(left.iter().all(|byte| *byte == 0), "{stage:?}: something of the stage is left");
        }
    }
}

/// The record says what the port is: open for development, closed in the field, and open where debug authentication opened it.
#[test]
fn the_record_says_whether_debug_is_closed() {
    let image = Recipe::default().application(MARK, SIZE);
    let mut board = installed(1, &image);
    board.options_mut().rotsr =
        board.options_mut().rotsr & !0xFF00 | u32::from(DebugAuthentication::Delegated.bits()) << 8;
    board.options_mut().nvsr = u32::from(NVSTATE_OPEN);
    let mut provisioning = device(&board);
    provisioning.boot();
    assert_eq!(provisioning.machine.core.bus.product_state(), ProductState::Provisioning);
    assert!(provisioning.machine.core.bus.debug_state().is_ok());
    assert!(!provisioning.hand_off().expect("a record").debug_closed);
}

#[test]
fn one_damaged_record_does_not_stop_a_device() {
    let mut board = installed(1, &Recipe::default().application(MARK, SIZE));
    let mut damaged = data(9);
    damaged[64] ^= 1;
    set_keys(&mut board, STIROT_DATA, &[damaged, data(1)].concat());
    let mut device = device(&board);
    device.boot();
    assert_eq!(left(&device).0, MARK);
}
