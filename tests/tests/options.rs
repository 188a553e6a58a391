//! `ironroot ob` and `ironroot device diagnose`: what they show, refuse and do, and the way back of each class of state.

use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::reach::{Boot, Content, Entry, next_boot};
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;
use ironroot_tests::device::{Place, load_pieces, place_of};
use ironroot_tests::{Scratch, firmware};

const UID: &str = "495256440000000000000001";
const SECURITY: u32 = 1 << 21;
const ERASE: u32 = 1 << 31;
const SECTOR0: u32 = 0x01FF_0000;
const FLASH: u32 = 0x0800_0000;
/// `ldr pc, ...` would be an application; this one branches to itself.
const HANG: [u8; 12] = [0x00, 0x00, 0x02, 0x20, 0x09, 0x00, 0x00, 0x08, 0xFE, 0xE7, 0xFE, 0xE7];

/// A directory with `my.board`, changed as the test wants it.
fn bench(change: impl FnOnce(&mut Board)) -> Scratch {
    let dir = Scratch::new();
    dir.ironroot(&format!("vdev new my.board --uid {UID}")).ok();
    let mut board = Board::load(&dir.path("my.board")).expect("a board");
    change(&mut board);
    board.save(&dir.path("my.board")).expect("writable");
    dir
}

fn options(dir: &Scratch) -> OptionBytes {
    *Board::load(&dir.path("my.board")).expect("a board").options()
}

fn secured(board: &mut Board) {
    board.options_mut().optsr |= SECURITY;
    board.options_mut().scar = SECTOR0 | ERASE;
}

#[test]
fn read_gives_the_registers_and_show_the_fields_by_their_manual_names() {
    let dir = bench(|board| board.options_mut().prar = SECTOR0);
    let read = dir.ironroot("ob read --device vdev:my.board --json").ok().last("result");
    let registers = read["registers"].as_array().expect("a list");
    let value = |name: &str| registers.iter().find(|r| r["register"] == name).map(|r| r["value"].clone());
    assert_eq!(value("OPTSR_CUR"), Some(0x179E_AAF0_u32.into()));
    assert_eq!(value("PRAR_PRG"), Some(SECTOR0.into()));
    let show = dir.ironroot("ob show --device vdev:my.board --json").ok().last("result");
    assert_eq!(show["unique_id"], UID);
    assert_eq!(show["areas"]["PROT_AREA"], "0x08000000..0x08020000, 131072 bytes");
    assert_eq!(show["outlook"]["state"], "way-back");
    let text = dir.ironroot("ob show --device vdev:my.board").ok().stdout;
    for name in ["RDP", "0xaa: level 0", "BOOT_ADD1", "0x1ff00000", "WRPS", "DMES", "TCM_AXI_SHARED"] {
        assert!(text.contains(name), "{name} in\n{text}");
    }
}

#[test]
fn bad_input_is_refused_with_its_code_and_changes_nothing() {
    let dir = bench(|_| {});
    dir.write("syntax.toml", b"RDP = ");
    dir.write("nested.toml", b"[RDP]\nlevel = 1\n");
    dir.write("typo.toml", b"SECURTY = 1\n");
    dir.write("digit.toml", b"RDP = 2\n");
    dir.write("empty.toml", b"");
    dir.write("garbage.toml", &[0xFF, 0xFE, 0, 1]);
    let before = dir.read("my.board");
    for (line, code, exit) in [
        ("plan --device vdev:my.board SECURTY=1", "IR-1601", 2),
        ("plan --device vdev:my.board RDP=2", "IR-1602", 2),
        ("plan --device vdev:my.board RDP", "IR-1602", 2),
        ("plan --device vdev:my.board WRPS=8", "IR-1602", 2),
        ("plan --device vdev:my.board SEC_AREA=0x08000000..0x08000100", "IR-1602", 2),
        ("plan --device vdev:my.board BOOT_ADD0=0x08000001", "IR-1602", 2),
        ("plan --device vdev:my.board PROT_AREA=none PROT_AREA_START=0", "IR-1603", 2),
        ("plan --device vdev:my.board SECURITY=1 SECURITY=1", "IR-1603", 2),
        ("plan --device vdev:my.board --file syntax.toml", "IR-1604", 2),
        ("plan --device vdev:my.board --file nested.toml", "IR-1604", 2),
        ("plan --device vdev:my.board --file garbage.toml", "IR-1604", 2),
        ("plan --device vdev:my.board --file typo.toml", "IR-1601", 2),
        ("plan --device vdev:my.board --file digit.toml", "IR-1602", 2),
        ("plan --device vdev:my.board --file missing.toml", "IR-1002", 2),
        ("plan --device vdev:my.board", "IR-1605", 2),
        ("diff vdev:my.board empty.toml", "IR-1605", 2),
        ("plan --device vdev:my.board SEC_AREA=0x08000000..0x08020000", "IR-1607", 4),
        ("plan --device vdev:none.board RDP=level1", "IR-1002", 2),
        ("plan --device vdev:syntax.toml RDP=level1", "IR-1401", 2),
        ("plan --device my.board RDP=level1", "IR-7004", 2),
        ("plan --device uart:/dev/null RDP=level1", "IR-7004", 2),
        ("show", "IR-1001", 2),
        ("apply --device vdev:my.board WRPS=0 --yes-i-mean 495256440000000000000002", "IR-1009", 5),
    ] {
        dir.ironroot(&format!("ob {line} --json")).refused(code, exit);
    }
    let text = dir.ironroot("ob plan --device vdev:my.board SECURTY=1").stderr;
    assert!(text.contains("Did you mean SECURITY?"), "{text}");
    assert_eq!(dir.read("my.board"), before);
}

#[test]
fn apply_does_the_plan_reads_back_and_diff_agrees() {
    let dir = bench(|_| {});
    dir.copy(&dir.path("my.board"), "other.board");
    dir.write(
        "wanted.toml",
        b"WRPS = \"0,7\"\nBOOT_ADD0 = 0x0802\nDMEP = true\nPROT_AREA = \"0x08020000..0x08040000\"\n",
    );
    let plan = dir.ironroot("ob plan --device vdev:my.board --file wanted.toml --json").ok().last("result");
    assert_eq!((&plan["irreversible"], &plan["reset"]), (&false.into(), &true.into()));
    let before = dir.read("my.board");
    dir.ironroot("ob apply --device vdev:my.board --file wanted.toml --dry-run --json").ok();
    assert_eq!(dir.read("my.board"), before);
    dir.ironroot("ob diff vdev:my.board wanted.toml --json").refused("IR-1608", 3);
    let done = dir.ironroot("ob apply --device vdev:my.board --file wanted.toml --json").ok().last("result");
    assert_eq!(done["applied"], true);
    let now = options(&dir);
    assert_eq!((now.wpsn, now.boot, now.prar), (0x7E, 0x1FF0_0802, 0x03FF_0200 | ERASE));
    dir.ironroot("ob diff vdev:my.board wanted.toml --json").ok();
    dir.ironroot("ob diff vdev:my.board vdev:other.board --json").refused("IR-1608", 3);
    dir.ironroot("ob diff vdev:my.board vdev:my.board --json").ok();
}

#[test]
fn level_2_needs_the_typed_id_and_a_dead_end_is_refused() {
    let dir = bench(|_| {});
    // Nothing is installed: at level 2 nothing would ever boot.
    let before = dir.read("my.board");
    for command in ["plan", "lint", "apply"] {
        dir.ironroot(&format!("ob {command} --device vdev:my.board RDP=level2 --json")).refused("IR-1606", 3);
    }
    assert_eq!(dir.read("my.board"), before);

    let dir = bench(|board| assert!(board.preload(FLASH, &HANG)));
    let plan = dir.ironroot("ob plan --device vdev:my.board RDP=level2 --json").ok().last("result");
    assert_eq!((&plan["irreversible"], &plan["outlook"]["state"]), (&true.into(), &"final".into()));
    dir.ironroot("ob apply --device vdev:my.board RDP=level2 --json").refused("IR-1009", 5);
    dir.ironroot(&format!("ob apply --device vdev:my.board RDP=level2 --yes-i-mean {UID} --json")).ok();
    assert_eq!(options(&dir).rdp_byte(), 0xCC);
    dir.ironroot("ob show --device vdev:my.board --json").refused("IR-5202", 4);
    let diagnosis = dir.ironroot("device diagnose --device vdev:my.board --json").ok().last("result");
    assert_eq!(diagnosis["state"], "level-2");
}

#[test]
fn lint_names_combinations_that_people_regret() {
    let dir = bench(|board| assert!(board.preload(FLASH, &HANG)));
    let rules = |wanted: &str| -> Vec<String> {
        let result = dir.ironroot(&format!("ob lint --device vdev:my.board {wanted} --json")).last("result");
        let warnings = result["warnings"].as_array().expect("a list").iter();
        warnings.map(|w| w["rule"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(rules("BOR_LEV=1"), [""; 0]);
    assert_eq!(rules("RDP=level2"), ["level-2"]);
    assert_eq!(rules("PROT_AREA=all"), ["whole-flash", "pcrop-kept"]);
    assert_eq!(rules("SECURITY=1"), ["security-with-code"]);
    assert_eq!(rules("SECURITY=1 BOOT_ADD1=0x24000000"), ["bootloader-away", "security-with-code"]);
    assert_eq!(rules("RDP=level1 BOOT_ADD0=0x24000000"), ["boot-from-nothing", "level-1-and-foreign-boot"]);
    assert_eq!(rules("IWDG1_SW=0 IO_HSLV=1"), ["hardware-watchdog", "high-speed-pins"]);
}

#[test]
fn the_way_back_of_each_standard_state_ends_in_a_factory_part() {
    let states: [fn(&mut OptionBytes); 5] = [
        |o| o.optsr = o.optsr & !0xFF00 | 0xBB00,
        |o| o.prar = SECTOR0,
        |o| (o.prar, o.wpsn) = (0x0005_0005, 0),
        |o| (o.scar, o.wpsn) = (SECTOR0, 0xF0),
        |o| (o.prar, o.scar, o.optsr) = (SECTOR0 | ERASE, 0x03FF_0200 | ERASE, o.optsr & !0xFF00),
    ];
    dir_with_factory_file(|dir| {
        for change in states {
            let mut board = Board::with_serial(1);
            change(board.options_mut());
            board.preload(FLASH, &[0xA5; 64]);
            board.save(&dir.path("my.board")).expect("writable");
            let done = dir.ironroot("ob apply --device vdev:my.board --file factory.toml --json").ok();
            assert!(done.last("result")["plan"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
            let after = Board::load(&dir.path("my.board")).expect("a board");
            assert_eq!(*after.options(), OptionBytes::FACTORY);
            assert!(after.flash().iter().all(|byte| *byte == 0xFF), "regression and removal erase");
        }
    });
}

fn dir_with_factory_file(test: impl FnOnce(&Scratch)) {
    let dir = Scratch::new();
    dir.write(
        "factory.toml",
        b"RDP = \"level0\"\nSECURITY = 0\nSEC_AREA = \"none\"\nDMES = 1\nPROT_AREA = \"none\"\nDMEP = 0\nWRPS = \"none\"\n",
    );
    test(&dir);
}

/// h73x-flash 9: the secure area, opened by its own code with the JTAG magic, goes by the regression recipe.
#[test]
fn a_secured_part_whose_code_opens_debug_goes_back_to_factory() {
    dir_with_factory_file(|dir| {
        let mut board = Board::with_serial(1);
        secured(&mut board);
        board.preload(FLASH, &exits_with_debug());
        board.preload(FLASH + 0x2_0000, &vectors(FLASH + 0x2_0008));
        board.save(&dir.path("my.board")).expect("writable");
        let diagnosis = dir.ironroot("device diagnose --device vdev:my.board --json").ok().last("result");
        assert_eq!(diagnosis["state"], "opened-by-code");
        // The regression alone would leave an empty area.
        let level1 = dir.ironroot("ob apply --device vdev:my.board RDP=level1 --json").ok();
        assert_eq!(level1.last("result")["applied"], true);
        dir.ironroot("ob apply --device vdev:my.board RDP=level0 --json").refused("IR-1606", 3);
        let plan =
            dir.ironroot("ob plan --device vdev:my.board --file factory.toml --json").ok().last("result");
        let steps = plan["steps"].as_array().expect("a list");
        assert!(steps.iter().any(|step| step["if_interrupted"] == "dead-end"), "{plan}");
        dir.ironroot("ob apply --device vdev:my.board --file factory.toml --json").ok();
        assert_eq!(options(dir), OptionBytes::FACTORY);
        let diagnosis = dir.ironroot("device diagnose --device vdev:my.board --json").ok().last("result");
        assert_eq!(diagnosis["state"], "open");
    });
}

#[test]
fn an_empty_secure_area_is_diagnosed_and_nothing_reads_it() {
    let dir = bench(secured);
    dir.ironroot("ob show --device vdev:my.board --json").refused("IR-5201", 4);
    let before = dir.read("my.board");
    let diagnosis = dir.ironroot("device diagnose --device vdev:my.board --json").ok().last("result");
    assert_eq!((&diagnosis["state"], &diagnosis["bootloader"]), (&"silent".into(), &false.into()));
    assert_eq!(dir.read("my.board"), before);
}

/// A vector table: stack, and `entry`.
fn vectors(entry: u32) -> Vec<u8> {
    let mut bytes = [0x2002_0000_u32.to_le_bytes(), (entry | 1).to_le_bytes()].concat();
    bytes.extend([0xFE, 0xE7, 0xFE, 0xE7]);
    bytes
}

/// Secure code that calls exitSecureArea(0x0802_0000, JTAG magic):
/// `ldr r0, [pc, #12]; ldr r1, [pc, #12]; ldr r2, [pc, #16]; ldr r2, [r2]; bx r2; b .` and its literals.
fn exits_with_debug() -> Vec<u8> {
    let mut bytes = [0x2002_0000_u32.to_le_bytes(), (FLASH + 8 + 1).to_le_bytes()].concat();
    for half in [0x4802_u16, 0x4903, 0x4A03, 0x6812, 0x4710, 0xE7FE] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [FLASH + 0x2_0000, 0x97A0_FA17, 0x1FF0_9514] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes
}

/// The table of the boot decision against the real RSS on the core.
#[test]
fn the_search_knows_where_rss_goes() {
    let elf = std::fs::read(firmware("rss")).expect("readable");
    let rom = RomImage::from_segments(load_pieces(&elf)).expect("the ROM fits system flash");
    for scar in [SECTOR0 | ERASE, 0x00FF | ERASE] {
        for boot in [0x1FF0_0800_u32, 0x1FF0_0802, 0x0802_0800, 0x0800_1FF0] {
            for programs in [&[][..], &[FLASH], &[FLASH + 0x2_0000], &[FLASH, FLASH + 0x2_0000]] {
                for boot0 in [false, true] {
                    let mut board = Board::with_serial(1);
                    let options = board.options_mut();
                    (options.scar, options.boot, options.optsr) = (scar, boot, options.optsr | SECURITY);
                    let options = *options;
                    board.set_boot0(boot0);
                    for program in programs {
                        board.preload(*program, &vectors(program + 8));
                    }
                    let entry = |at: u32| if programs.contains(&at) { Entry::Runs } else { Entry::Blank };
                    let expected =
                        next_boot(&options, boot0, &Content { entry: &entry, opens_debug: false }, 0);
                    let mut machine = Machine::new(Stm32h735::from_board(&board, &rom));
                    machine.run(2_000_000);
                    let found = match place_of(machine.core.r[15]) {
                        Place::SecureBoot if scar == SECTOR0 | ERASE => Boot::SecureCode,
                        Place::SecureBoot | Place::Application => Boot::Application,
                        Place::Bootloader => Boot::Bootloader,
                        _ => Boot::Nothing,
                    };
                    assert_eq!(found, expected, "{options:X?} boot0 {boot0} programs {programs:X?}");
                }
            }
        }
    }
}
