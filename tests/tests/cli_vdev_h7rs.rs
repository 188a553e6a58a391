//! `ironroot vdev run` on boards with an STM32H7S7 or STM32H7R7.

use ironroot_chip_h7rs::BoardH7;
use ironroot_layout::stm32h7rs::Part;
use ironroot_tests::h7rs::{self, Stage};
use ironroot_tests::{Scratch, firmware, root};

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

#[test]
fn a_program_that_faults_comes_with_the_command_that_explains_it() {
    let dir = Scratch::new();
    let stage = Stage::new(Part::Stm32h7s7, h7rs::Run::ExternalRam, false);
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("outside")), true);
    board.save(&dir.path("my.board")).expect("saved");
    let run = dir.ironroot("vdev run my.board --dry-run --json").ok().last("result");
    assert_eq!((&run["end"], &run["fault_code"]), (&"asleep".into(), &"IR-5108".into()));
    // It jumped to its own RAM.
    let command = run["fault"]["explain"].as_str().expect("a command").to_owned();
    assert!(command.starts_with("ironroot explain fault --cfsr 0x00000001 --pc 0x2"), "{command}");
    // In the directory of the product.
    let product = root().join("examples/h7s/oemirot-external-ram.toml");
    std::fs::copy(product, dir.path("ironroot.toml")).expect("copied");
    let explained = dir.ironroot(command.trim_start_matches("ironroot ")).ok();
    assert!(explained.stdout.contains("never executes"), "{}", explained.stdout);
    let text = dir.ironroot("vdev run my.board --dry-run").ok();
    assert!(text.stdout.contains(&command), "{}", text.stdout);
    // One that ends well has nothing to explain.
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    board.save(&dir.path("well.board")).expect("saved");
    let run = dir.ironroot("vdev run well.board --dry-run --json").ok().last("result");
    assert!(run["fault"].is_null() && run["fault_code"].is_null(), "{run}");
}
