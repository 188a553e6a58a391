//! Boards with other parts than the STM32H735.

use crate::support::Scratch;

#[test]
fn a_board_is_made_for_each_part() {
    let dir = Scratch::new();
    for part in ["stm32h735", "stm32h7s7", "stm32h7r7"] {
        let made = dir.run(&format!("vdev new {part}.board --part {part} --json")).result();
        assert_eq!((&made["part"], &made["demo_maker"]), (&part.into(), &(part == "stm32h735").into()));
        assert!(made["unique_id"].as_str().is_some_and(|uid| uid.starts_with("49525644")));
    }
    let named = "vdev new a.board --part stm32h7s7 --uid 495256440000000000000001 --json";
    assert_eq!(dir.run(named).result()["unique_id"], "495256440000000000000001");
    dir.refused("vdev new stm32h735.board --part stm32h7s7", "IR-1005", 2);
    for wrong in ["--uid 000000000000000000000001", "--bootloader-pid 0x450", "--maker-key stm32h735.board"] {
        dir.refused(&format!("vdev new b.board --part stm32h7r7 {wrong}"), "IR-1001", 2);
    }
    dir.run("vdev new stm32h735.board --part stm32h7s7 --force").exit_ok();
}

#[test]
fn a_board_is_shown_by_its_part() {
    let dir = Scratch::new();
    dir.run("vdev new my.board --part stm32h7r7").exit_ok();
    let before = dir.read("my.board");
    let shown = dir.run("vdev show my.board --json").result();
    assert_eq!((&shown["part"], &shown["product_state"]), (&"stm32h7r7".into(), &"Open".into()));
    let options = &shown["options"];
    assert_eq!((&options["irot"], &options["debug_authentication"]), (&"oem".into(), &"none".into()));
    assert!(options["hidden"].is_null() && shown["keys"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(dir.read("my.board"), before, "show only reads");
    let text = dir.run("vdev show my.board").stdout;
    assert!(text.contains("product state  Open"), "{text}");
}

#[test]
fn external_flash_is_where_the_part_has_it() {
    let dir = Scratch::new();
    let asset: Vec<u8> = (0..5000u32).map(|i| (i * 7) as u8).collect();
    dir.write("asset.bin", &asset);
    for (part, flash, ram) in
        [("stm32h7s7", "0x90000010", "0x70000010"), ("stm32h7r7", "0x70000010", "0x90000010")]
    {
        let board = format!("{part}.board");
        dir.run(&format!("vdev new {board} --part {part}")).exit_ok();
        dir.run(&format!("vdev external {board} --write asset.bin --at {flash}")).exit_ok();
        dir.run(&format!("vdev external {board} --read out.bin --at {flash} --length 5000 --force"))
            .exit_ok();
        assert_eq!(dir.read("out.bin"), asset);
        // Behind the other window there is RAM, which is no memory of a board.
        let error = dir.refused(&format!("vdev external {board} --write asset.bin --at {ram}"), "IR-1001", 2);
        assert!(error["cause"].as_str().is_some_and(|cause| cause.contains(part)), "{error}");
    }
}

#[test]
fn commands_for_one_part_refuse_the_other() {
    let dir = Scratch::new();
    dir.run("vdev new my.board --part stm32h7s7").exit_ok();
    for command in ["trace my.board", "profile my.board"] {
        dir.refused(&format!("vdev {command}"), "IR-1405", 2);
    }
    dir.refused("vdev run my.board --bootloader-pid 0x450", "IR-1001", 2);
}
