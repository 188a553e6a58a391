//! What follows from descriptions: ST's numbers, what the MPU lets through, and that no two areas share a byte.

use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_layout::description::Description;
use ironroot_layout::generate::{Form, Side, generate};
use ironroot_layout::stm32h7rs::contract::{self, RESERVED};
use ironroot_layout::stm32h7rs::product::{
    BootPath, Extent, ExternalMemory, ImageFor, MpuTable, Note, Open, OptionRegister, Phase, Place, Plan,
    Product, SlotPair, Undo, UpdateMode, peripheral_window, stirot_config_head,
};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};
use ironroot_layout::stm32h7rs::{chip, rsslib};
use ironroot_layout::{Address, Region, Size};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const S: chip::Part = chip::Part::Stm32h7s7;
const R: chip::Part = chip::Part::Stm32h7r7;

fn plan(part: chip::Part, boot: BootPath, place: Place, update: UpdateMode) -> Plan {
    Plan::resolve(&Product::new(part, boot, place, update)).expect("ST's defaults are accepted")
}

fn st_default() -> Plan {
    plan(S, BootPath::Oemirot, Place::ExternalRam, UpdateMode::Overwrite)
}

/// STM32CubeH7RS v1.3.0: flash_layout.h, OEMiROT_Code_Image.xml, the application's linker script.
#[test]
fn the_default_is_that_of_st() {
    let plan = st_default();
    assert_eq!(plan.slots.installed, Region::between(0x9000_0000, 0x9020_0000));
    assert_eq!(plan.slots.download, Region::between(0x9020_0000, 0x9040_0000));
    assert_eq!((plan.slots.header.bytes(), plan.slots.trailer.bytes()), (0x400, 0x2000));
    assert_eq!(plan.application.run.start().value(), 0x7000_0000);
    let symbols = plan.symbols;
    assert_eq!((symbols.partition_start, symbols.code_offset), (0x7000_0000, 0));
    assert_eq!((symbols.code_size, symbols.image_header_size), (0x20_0000 - 0x400 - 0x2000, 0x400));
    assert_eq!(plan.application.code.start().value(), 0x7000_0400);
    assert_eq!(
        plan.image.arguments("key", "enckey").join(" "),
        "-k key -E enckey -M 33 -e little --pad -S 0x200000 -H 0x400 --pad-header -v 1.0.0 -s auto --align 4 \
         -x 0x90200000 --overwrite-only"
    );
    // The switched windows of the H7R.
    let h7r = plan_h7r();
    assert_eq!(h7r.slots.installed.start().value(), 0x7000_0000);
    assert_eq!(h7r.application.run.start().value(), 0x9000_0000);
    // Load and run in internal RAM.
    let internal = self::plan(S, BootPath::Oemirot, Place::InternalRam, UpdateMode::Swap);
    assert_eq!(internal.application.run, Region::between(0x2404_0000, 0x2406_0000));
    assert_eq!(internal.slots.download, Region::between(0x9002_0000, 0x9004_0000));
    assert_eq!(internal.slots.scratch, Some(Region::between(0x9004_0000, 0x9005_0000)));
    assert_eq!(internal.image.slot_size, 0x2_0000);
    // Swap: one step is one block of the scratch area's size.
    let swap = self::plan(S, BootPath::Oemirot, Place::ExternalFlash, UpdateMode::Swap);
    assert_eq!(swap.slots.scratch, Some(Region::between(0x9040_0000, 0x9041_0000)));
    assert_eq!((swap.slots.sector.bytes(), swap.slots.max_sectors), (0x1_0000, 33));
    assert!(!swap.image.overwrite_only);
}

fn plan_h7r() -> Plan {
    plan(R, BootPath::Oemirot, Place::ExternalRam, UpdateMode::Overwrite)
}

/// STiROT_Code_Image.xml and STiROT_Config.xml.
#[test]
fn stirot_gets_what_st_configures() {
    let plan = plan(S, BootPath::Stirot, Place::InternalRam, UpdateMode::Overwrite);
    let image = plan.stirot_image.expect("an image for STiRoT");
    assert_eq!(image.verifier, ImageFor::Stirot);
    assert_eq!(
        image.arguments("key", "enckey").join(" "),
        "-k key -E enckey -ma 0xc1592ee9 --primary-only -e little --pad -S 0x20000 -H 0x400 --pad-header -v 1.0.0 -s auto \
         --align 16 -x 0x90020000"
    );
    let mut expected = vec![1, 1, 0, 1];
    for word in
        [0x2400_0000u32, 0x2_0000, 0, 0, 0, 0, 0x72, 0x9000_0000, 0x9002_0000, 0, 0x1000_0000, 0, 0x6000, 0]
    {
        expected.extend(word.to_le_bytes());
    }
    // Seven bytes are reserved in front of the keys; the last word above is four of them.
    expected.extend([0; 3]);
    assert_eq!(stirot_config_head(&plan).expect("a configuration").to_vec(), expected);
    assert!(plan.stage.is_none() && plan.mpu_init.is_none());
    assert_eq!(plan.application.code.start().value(), 0x2400_0400);
    // The second stage is what STiRoT loads; the byte that says so is ours.
    let two = self::plan(S, BootPath::StirotOemurot, Place::ExternalFlash, UpdateMode::Swap);
    let head = stirot_config_head(&two).expect("a configuration");
    assert_eq!((head[2], two.stage.expect("a stage").code.start().value()), (1, 0x2400_0400));
    assert_eq!(two.image.verifier, ImageFor::OwnStage);
    assert_eq!(stirot_config_head(&st_default()), None);
    // So is what it says of the RAM that is open; without it, the default.
    let mut wide = plan.product;
    wide.open = Open::Sram;
    let wide = Plan::resolve(&wide).expect("a product that can be built");
    assert_eq!(stirot_config_head(&wide).expect("a configuration")[2], 2);
    assert_eq!(wide.mpu_second_stage, None);
}

#[test]
fn options_are_those_of_the_provisioning_scripts() {
    let plan = st_default();
    let found = |register| plan.option_steps().filter(move |step| step.register == register);
    let wrps = found(OptionRegister::Wrpsrp).next().expect("write protection");
    // 48 KB: sectors 0 to 5; the register's address and mask as in ob_flash_programming.
    assert_eq!((wrps.register.address(), wrps.mask, wrps.value), (0x5200_221C, 0xFF, 0xC0));
    let hdp = found(OptionRegister::Hdpsrp).next().expect("hidden area");
    assert_eq!((hdp.register.address(), hdp.mask, hdp.value), (0x5200_2234, 0x00FF_00FF, 191 << 16));
    let obw2 = found(OptionRegister::Obw2srp).next().expect("ECC");
    assert_eq!((obw2.mask, obw2.value), (1 << 8, 1 << 8));
    let obw1 = found(OptionRegister::Obw1srp).next().expect("HSLV");
    assert_eq!((obw1.mask, obw1.value), (3 << 8, 3 << 8));
    let rotsrp: Vec<u32> = found(OptionRegister::Rotsrp).map(|step| step.value).collect();
    assert_eq!(rotsrp, [0x6A << 24, 0x51 << 8, 0xB4], "IROT_SELECT OEM, DBG_AUTH ECDSA, OEM_PROVD");
    // In order, and closing last.
    let phases: Vec<Phase> = plan.option_steps().map(|step| step.phase).collect();
    assert!(phases.is_sorted() && phases.last() == Some(&Phase::Closing), "{phases:?}");
    assert!(plan.option_steps().all(|step| step.undo != Undo::Never && step.value & !step.mask == 0));
    // A locked product says what is for ever.
    let mut product = plan.product;
    product.protections.state = ProductState::Locked;
    product.protections.debug = DebugAuthentication::Locked;
    let locked = Plan::resolve(&product).expect("accepted");
    let never: Vec<_> = locked.option_steps().filter(|s| s.undo == Undo::Never).map(|s| s.register).collect();
    assert_eq!(never, [OptionRegister::Rotsrp, OptionRegister::Rotsrp, OptionRegister::Nvsrp]);
    // With STiRoT it is the iLoader that is protected, and nothing is hidden from it.
    let stirot = self::plan(S, BootPath::Stirot, Place::InternalRam, UpdateMode::Overwrite);
    let value = |plan: &Plan, register| plan.option_steps().find(|s| s.register == register).map(|s| s.value);
    assert_eq!(value(&stirot, OptionRegister::Wrpsrp), Some(0xF8));
    assert_eq!(value(&stirot, OptionRegister::Hdpsrp), None);
    assert_eq!(value(&stirot, OptionRegister::Rotsrp), Some(0xB4 << 24));
    assert!(
        plan_h7r()
            .option_steps()
            .all(|step| step.mask & 0xFF00_0000 == 0 || step.register != OptionRegister::Rotsrp)
    );
}

#[test]
fn keys_are_those_of_the_obk_files() {
    let words = |plan: &Plan| -> Vec<(u32, u32)> {
        plan.key_contents().map(|content| (content.destination.word(), content.size)).collect()
    };
    assert_eq!(words(&st_default()), [(0x0051_0008, 96), (0x100, 96), (0x108, 224), (0x10F, 192)]);
    assert_eq!(words(&plan_h7r()), [(0x0051_0008, 96), (0x108, 224), (0x10F, 192)]);
    let two = plan(S, BootPath::StirotOemurot, Place::ExternalRam, UpdateMode::Overwrite);
    assert_eq!(words(&two), [(0x0051_0008, 96), (0x108, 256), (0x110, 192), (0x208, 224), (0x20F, 192)]);
}

/// What a table lets through, read back from the registers by the rules of the architecture alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Rights {
    read: bool,
    write: bool,
    execute: bool,
}

fn look_up(registers: &[(u32, u32); 16], address: u32) -> Rights {
    let mut found = Rights::default();
    for (rbar, rasr) in registers {
        let size = 1u64 << ((rasr >> 1 & 0x1F) + 1);
        let base = u64::from(rbar & !0x1F) & !(size - 1);
        let offset = u64::from(address).wrapping_sub(base);
        if rasr & 1 == 0 || offset >= size {
            continue;
        }
        let eighth = offset * 8 / size;
        if size >= 256 && rasr >> 8 >> eighth & 1 == 1 {
            continue;
        }
        // Privileged rights; a higher region replaces what a lower one said.
        let access = rasr >> 24 & 7;
        let read = !matches!(access, 0 | 4);
        found = Rights { read, write: matches!(access, 1..=3), execute: read && rasr >> 28 & 1 == 0 };
    }
    found
}

/// The table when the application runs: RSSLIB has switched region 14 on.
fn at_hand_off(plan: &Plan) -> [(u32, u32); 16] {
    let mut registers = plan.mpu_hand_off.registers();
    assert_eq!(registers[14].1 & 1, 0, "the application's region is off until RSSLIB switches it on");
    registers[14].1 |= 1;
    registers
}

const SHARED: Region = Region::between(0x3000_7F80, 0x3000_8000);
const HPDMA: Region = Region::between(0x5200_0000, 0x5200_1000);

/// Both sides of every boundary that could matter, and a grid over the whole address space.
fn probes(plan: &Plan) -> Vec<u32> {
    let mut areas = vec![
        chip::FLASH,
        chip::OTP,
        chip::SYSTEM_FLASH,
        rsslib::LIBRARY,
        rsslib::RSS,
        rsslib::STIROT,
        chip::ITCM,
        chip::DTCM,
        chip::AXI_SRAM,
        chip::AHB_SRAM1,
        chip::AHB_SRAM2,
        RESERVED,
        SHARED,
        contract::HAND_OFF,
        HPDMA,
        chip::XSPI1,
        chip::XSPI2,
        peripheral_window(),
        plan.flash,
        plan.application.run,
        plan.application.code,
        plan.application.ram,
        plan.slots.installed,
        plan.slots.download,
    ];
    areas.extend(plan.ram);
    areas.extend(plan.slots.scratch);
    areas.extend(plan.stage.map(|stage| stage.room));
    areas.extend(plan.stirot_slots.map(|slots| slots.installed));
    let mut probes: Vec<u32> = (0..=0xFFFF).map(|high| high << 16 | 0x10).collect();
    for area in areas {
        let (start, end) = (area.start().value(), area.end().value());
        probes.extend([start.wrapping_sub(4), start, start + area.size().bytes() / 2, end - 4, end]);
    }
    probes
}

fn check_mpu(plan: &Plan) {
    let within = |area: Option<Region>, address| area.is_some_and(|area| area.contains(address));
    let own = plan.product.boot.has_own_stage();
    let stage = plan.stage.map(|stage| match plan.product.boot {
        BootPath::Oemirot => chip::FLASH,
        _ => stage.room,
    });
    let registers = at_hand_off(plan);
    for probe in probes(plan) {
        let address = Address::new(probe);
        let run = plan.application.run.contains(address);
        let library = rsslib::LIBRARY.contains(address);
        let rights = look_up(&registers, probe);
        // The application's code executes and is not written; nothing else does but the library. The stage that leaves is
        // closed already.
        assert_eq!(rights.execute, run || library, "{address} {rights:?}");
        let external = own && (plan.flash.contains(address) || within(plan.ram, address));
        let open = plan.product.open.area().contains(address) && !contract::HAND_OFF.contains(address);
        let devices = peripheral_window().contains(address) && !HPDMA.contains(address);
        let writable = (external || open || devices || SHARED.contains(address)) && !run;
        assert_eq!(rights.write, writable, "{address} {rights:?}");
    }
    assert_eq!(plan.mpu_second_stage.is_some(), plan.product.boot == BootPath::StirotOemurot);
    if let Some(table) = &plan.mpu_second_stage {
        // STiRoT starts the stage as it would an application, and the stage has stack and data in DTCM.
        let mut registers = table.registers();
        assert_eq!(registers[14].1 & 1, 0, "the stage's region is off until RSSLIB switches it on");
        registers[14].1 |= 1;
        for probe in probes(plan) {
            let address = Address::new(probe);
            let rights = look_up(&registers, probe);
            let library = rsslib::LIBRARY.contains(address);
            assert_eq!(rights.execute, within(stage, address) || library, "{address} {rights:?}");
            let ram = [chip::DTCM, Open::AhbSram2.area(), SHARED].iter().any(|area| area.contains(address));
            let devices = peripheral_window().contains(address) && !HPDMA.contains(address);
            assert_eq!(rights.write, ram || devices, "{address} {rights:?}");
        }
    }
    let Some(init) = &plan.mpu_init else { return };
    let registers = init.registers();
    for probe in probes(plan) {
        let address = Address::new(probe);
        let rights = look_up(&registers, probe);
        assert_eq!(rights.execute, within(stage, address) || rsslib::LIBRARY.contains(address), "{address}");
        let load = plan.product.place != Place::ExternalFlash && plan.application.run.contains(address);
        let slots = [Some(plan.slots.installed), Some(plan.slots.download), plan.slots.scratch];
        let slots = slots.into_iter().any(|area| within(area, address));
        let data = plan.data.is_some_and(|d| d.installed.contains(address) || d.download.contains(address));
        let ram = chip::DTCM.contains(address)
            || Open::AhbSram2.area().contains(address)
            || contract::HAND_OFF.contains(address)
            || SHARED.contains(address);
        let devices = peripheral_window().contains(address) && !HPDMA.contains(address);
        assert_eq!(rights.write, load || slots || data || ram || devices, "{address} {rights:?}");
    }
}

fn check_areas(plan: &Plan) {
    let areas: Vec<(&str, Region)> = plan.flash_areas().collect();
    for (index, (name, area)) in areas.iter().enumerate() {
        assert!(plan.flash.contains_region(*area) && area.size().bytes() > 0, "{name} {area}");
        for (other_name, other) in &areas[..index] {
            assert!(!area.overlaps(*other), "{name} {area}, {other_name} {other}");
        }
    }
    let application = plan.application;
    assert!(application.run.contains_region(application.code));
    assert!(application.code.start().is_aligned(chip::VECTOR_TABLE_ALIGNMENT));
    assert!(!application.ram.overlaps(application.run) && !application.ram.overlaps(RESERVED));
    assert_eq!(application.run.size(), plan.slots.installed.size());
    if let Some(stage) = plan.stage {
        assert!(stage.room.contains_region(stage.code) && !stage.room.overlaps(application.run));
        assert!(stage.code.size() <= Size::kib(64));
        let init = plan.mpu_init.expect("a stage has a table").registers();
        assert!(look_up(&init, stage.exit_stack.value() - 4).write);
        assert!(look_up(&at_hand_off(plan), stage.exit_stack.value() - 4).write);
    }
    // The stack that an application starts with is open.
    assert!(look_up(&at_hand_off(plan), application.ram.end().value() - 8).write);
    // The trailer of the engine fits the room that is left for it.
    let mode = match plan.product.update {
        UpdateMode::Overwrite => Mode::OverwriteOnly,
        UpdateMode::Swap => Mode::SwapScratch,
    };
    if plan.product.boot.has_own_stage() {
        let keys = SavedKeys::Sealed(113);
        let layout =
            TrailerLayout::new(mode, plan.image.align, 8, plan.slots.max_sectors, keys).expect("a layout");
        assert!(layout.size() <= plan.slots.trailer.bytes(), "{} {:?}", layout.size(), plan.slots);
        assert!(
            plan.slots.installed.size().bytes() / plan.slots.sector.bytes() < plan.slots.max_sectors
                || mode == Mode::OverwriteOnly
        );
    }
    for table in [Some(&plan.mpu_hand_off), plan.mpu_init.as_ref()].into_iter().flatten() {
        assert!(table.iter().all(|region| region.rbar() & 0x1F == 0x10 | u32::from(region.number)));
    }
}

fn products() -> impl Strategy<Value = Product> {
    let size = prop_oneof![16u32..23, Just(17), Just(21)].prop_map(|log2| 1u32 << log2);
    let choices = (
        prop_oneof![3 => Just(S), 1 => Just(R)],
        prop::sample::select(BootPath::ALL),
        prop::sample::select(Place::ALL),
        prop::sample::select(UpdateMode::ALL),
        prop::sample::select(Open::ALL),
    );
    let places =
        (size, 0u32..12, 0u32..12, 0u32..0x200, prop_oneof![Just(0x1000u32), Just(0x4000), Just(0x1_0000)]);
    let rest = (
        any::<bool>(),
        0u32..9,
        24u32..28,
        prop::option::of((0u32..6, 0u32..6)),
        prop::option::of(0u32..0x40),
    );
    (choices, places, rest).prop_map(|((part, boot, place, update, open), slots, rest)| {
        let (size, first, second, scratch, scratch_size) = slots;
        let (ecc, code_room, flash, data, ram) = rest;
        let mut product = Product::new(part, boot, place, update);
        product.open = open;
        product.ram_ecc = ecc;
        product.flash.size = 1 << flash;
        let at = |index: u32| Extent::new(index.wrapping_mul(size), size);
        product.slots = SlotPair { installed: at(first), download: at(second) };
        if update == UpdateMode::Swap {
            product.scratch = Some(Extent::new(scratch << 16, scratch_size));
        }
        if boot.has_own_stage() {
            product.code_room = (code_room != 0).then_some(code_room * 0x2000);
            product.data = data.map(|(one, other)| SlotPair {
                installed: Extent::new(0x100_0000 + one * 0x8_0000, 0x8_0000),
                download: Extent::new(0x100_0000 + other * 0x8_0000, 0x8_0000),
            });
        }
        product.application_ram =
            ram.map(|step| ExternalMemory { window: 0x3000_0000 + step * 0x400, size: 0x1000 });
        product
    })
}

#[test]
fn accepted_plans_hold_together() {
    let mut runner = TestRunner::new(Config { cases: 3000, failure_persistence: None, ..Config::default() });
    let accepted = std::cell::Cell::new(0);
    runner
        .run(&products(), |product| {
            if let Ok(plan) = Plan::resolve(&product) {
                accepted.set(accepted.get() + 1);
                check_areas(&plan);
                if accepted.get() % 8 == 0 {
                    check_mpu(&plan);
                }
            }
            Ok(())
        })
        .expect("every accepted plan holds together");
    assert!(accepted.get() > 100, "{} of 3000 were accepted: the strategy tries too little", accepted.get());
}

fn examples() -> Vec<(String, String)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/h7s");
    let mut found: Vec<(String, String)> = std::fs::read_dir(directory)
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a text")))
        .collect();
    found.sort();
    found
}

#[test]
fn the_examples_hold_together() {
    let examples = examples();
    assert_eq!(examples.len(), 7);
    for (path, text) in &examples {
        let description = Description::read(path, text).unwrap_or_else(|problem| panic!("{problem}"));
        let plan = description.plan().unwrap_or_else(|problem| panic!("{problem}"));
        check_areas(&plan);
        check_mpu(&plan);
        assert_eq!(description.board.as_deref(), Some("STM32H7S78-DK"));
    }
}

#[test]
fn the_external_ram_example_is_sts_default() {
    let (path, text) = examples()
        .into_iter()
        .find(|(path, _)| path.ends_with("oemirot-external-ram.toml"))
        .expect("it is there");
    let description = Description::read(&path, &text).expect("it is read");
    let mut product = st_default().product;
    product.open = Open::Sram;
    assert_eq!(description.product, product);
    assert_eq!(description.features(), ["exec-external-ram", "overwrite", "hardware-crypto"]);
}

#[test]
fn notes_say_what_is_allowed_and_should_be_known() {
    let notes = |plan: &Plan| plan.notes().collect::<Vec<_>>();
    assert_eq!(notes(&st_default()), []);
    assert_eq!(notes(&plan_h7r()), [Note::PlainInRam]);
    let two = plan(S, BootPath::StirotOemurot, Place::ExternalFlash, UpdateMode::Swap);
    assert_eq!(notes(&two), []);
}

/// Values of `name = value;` or `#define name value` or `const name: u32 = value;`.
fn value(text: &str, name: &str) -> u32 {
    let line = text.lines().find(|line| {
        line.contains(&format!(" {name} "))
            || line.starts_with(&format!("{name} "))
            || line.contains(&format!(" {name}:"))
    });
    let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
    let hex = line.rsplit_once("0x").expect(line).1;
    let digits: String = hex.chars().take_while(char::is_ascii_hexdigit).collect();
    u32::from_str_radix(&digits, 16).expect(line)
}

#[test]
fn both_sides_and_all_languages_get_the_same_numbers() {
    let plan = st_default();
    for form in [Form::Linker, Form::CHeader, Form::Rust] {
        let text = generate(&plan, Side::Application, form);
        for (name, expected) in [
            ("PARTITION_START", 0x7000_0000),
            ("CODE_OFFSET", 0),
            ("CODE_SIZE", 0x1F_DC00),
            ("IMAGE_HEADER_SIZE", 0x400),
            ("IRONROOT_CONFIRMATION_FLAG", 0x3000_7FA0),
            // One of ST's own linker scripts has it 0x400 lower than the boot stage.
            ("IRONROOT_RAM_ECC_HANDLE", 0x3000_7FC0),
        ] {
            assert_eq!(value(&text, name), expected, "{name}\n{text}");
        }
        assert_eq!(value(&generate(&plan, Side::Stage, form), "IRONROOT_RUN"), 0x7000_0000);
    }
    let linker = generate(&plan, Side::Application, Form::Linker);
    assert!(linker.contains("FLASH      (rx ) : ORIGIN = 0x70000400, LENGTH = 0x1fdc00"), "{linker}");
    let stage = generate(&plan, Side::Stage, Form::Linker);
    assert!(stage.contains("FLASH      (rx ) : ORIGIN = 0x08000000, LENGTH = 0xc000"), "{stage}");
    assert!(generate(&plan, Side::Loader, Form::Linker).contains("this boot path has none"));
    let rust = generate(&plan, Side::Stage, Form::Rust);
    let MpuRows(init) = mpu_rows(&rust, "MPU_INIT");
    assert_eq!(init, plan.mpu_init.as_ref().map(MpuTable::registers).expect("a table"));
}

struct MpuRows([(u32, u32); 16]);

fn mpu_rows(rust: &str, name: &str) -> MpuRows {
    let line = rust.lines().find(|line| line.contains(name)).expect("the table");
    let numbers: Vec<u32> = line
        .split("0x")
        .skip(1)
        .map(|text| u32::from_str_radix(&text[..8], 16).expect("eight digits"))
        .collect();
    let mut rows = [(0, 0); 16];
    for (row, pair) in rows.iter_mut().zip(numbers.chunks(2)) {
        *row = (pair[0], pair[1]);
    }
    MpuRows(rows)
}
