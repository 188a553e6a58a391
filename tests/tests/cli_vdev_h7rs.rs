//! `ironroot vdev run` on boards with an STM32H7S7 or STM32H7R7.

use ironroot_chip_h7rs::BoardH7;
use ironroot_layout::stm32h7rs::Part;
use ironroot_tests::{Scratch, firmware};

#[test]
fn an_empty_chip_waits_in_its_bootloader() {
    for part in ["stm32h7s7", "stm32h7r7"] {
        let dir = Scratch::new();
        dir.ironroot(&format!("vdev new my.board --part {part}")).ok();
        let run = dir.ironroot("vdev run my.board --json").ok();
        let result = run.last("result");
        assert_eq!((&result["end"], &result["saved"]), (&"asleep".into(), &true.into()), "{part}");
        let pc = result["pc"].as_u64().unwrap_or_default();
        assert!((0x1FF1_8000..0x1FF1_FD00).contains(&pc), "{part}: {pc:#x}");
        assert!(!run.stdout.contains("\"warning\""), "{}", run.stdout);
        // The board is one of that part still.
        assert_eq!(BoardH7::load(&dir.path("my.board")).expect("a board").part().name(), part);
    }
}

#[test]
fn the_first_boot_stage_speaks_and_the_power_can_go() {
    let dir = Scratch::new();
    let elf = std::fs::read(firmware("oemirot-external-ram-overwrite-hardware")).expect("the firmware");
    let mut board = BoardH7::with_serial(Part::Stm32h7s7, 3);
    let parsed = ironroot::input::elf::parse(&elf).expect("an ELF file");
    for piece in parsed.pieces {
        assert!(board.preload(piece.address, &piece.bytes));
    }
    board.save(&dir.path("my.board")).expect("saved");
    let until = dir.ironroot("vdev run my.board --until oemirot --json").ok().last("result");
    assert_eq!(until["end"], "until");
    dir.ironroot("vdev run my.board --until nonsense --json").refused("IR-5102", 3);
    let few = dir.ironroot("vdev run my.board --instructions 1000 --json").ok().last("result");
    assert_eq!((&few["end"], &few["instructions"]), (&"instructions".into(), &1000.into()));
    let before = dir.read("my.board");
    dir.ironroot("vdev run my.board --dry-run --cut-at 1000:torn --json").ok();
    assert_eq!(dir.read("my.board"), before);
}
