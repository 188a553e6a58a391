//! Boards with other parts than the STM32H735.

use crate::support::{Scratch, program};

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

/// A directory with a board, a description of `examples/h7s`, a key, and `app.bin`.
fn product(example: &str, part: &str) -> Scratch {
    let dir = Scratch::new();
    let path = format!("{}/../../examples/h7s/{example}.toml", env!("CARGO_MANIFEST_DIR"));
    dir.write("ironroot.toml", &std::fs::read(path).unwrap());
    dir.run(&format!("vdev new my.board --part {part}")).exit_ok();
    dir.run("keys generate -o key.pem").exit_ok();
    dir.write("app.bin", &program(0x9000_0400, 5000));
    dir
}

/// Makes an image of `app.bin` as the product's options say, but for `more`.
fn image(dir: &Scratch, output: &str, more: &str) {
    image_at(dir, output, "-H 0x400 -x 0x90200000", more);
}

/// The same with another header or address.
fn image_at(dir: &Scratch, output: &str, place: &str, more: &str) {
    let usual =
        "image create -k key.pem --dialect st -v 1.1.0 -s auto --pad-header -S 0x200000 -M 33 --align 4";
    dir.run(&format!("{usual} {place} {more} app.bin -o {output}")).exit_ok();
}

fn read_slot(dir: &Scratch) -> Vec<u8> {
    dir.run("vdev external my.board --read slot.bin --at 0x90200000 --length 2M --force").exit_ok();
    dir.read("slot.bin")
}

#[test]
fn an_update_lies_in_the_slot_of_the_description() {
    let dir = product("oemirot-swap", "stm32h7s7");
    image(&dir, "padded.bin", "--pad");
    image(&dir, "padded.hex", "--pad");
    image(&dir, "plain.bin", "");
    image(&dir, "confirmed.bin", "--confirm");
    let (padded, confirmed) = (dir.read("padded.bin"), dir.read("confirmed.bin"));
    for (line, request, wanted) in [
        ("padded.bin", "test", &padded),
        ("padded.hex", "test", &padded),
        ("plain.bin", "test", &padded),
        ("confirmed.bin", "permanent", &confirmed),
        ("plain.bin --request permanent", "permanent", &confirmed),
        ("confirmed.bin --request test", "test", &padded),
        ("padded.hex --product ./ironroot.toml --slot download", "test", &padded),
    ] {
        let done = dir.run(&format!("vdev install my.board {line} --json")).result();
        assert_eq!(
            (&done["request"], &done["address"]),
            (&request.into(), &0x9020_0000_u32.into()),
            "{line}"
        );
        assert!(read_slot(&dir) == *wanted, "{line}");
    }
    // Nothing is asked for, whatever the file had.
    dir.run("vdev install my.board confirmed.bin --request none").exit_ok();
    let slot = read_slot(&dir);
    assert!(slot[..padded.len() / 2] == padded[..padded.len() / 2]);
    assert!(slot[slot.len() - 64..].iter().all(|byte| *byte == 0xFF));
    let said = dir.run("vdev install my.board padded.hex").stdout;
    assert!(said.contains("version 1.1.0 in the download slot of the application at 0x9020_0000"), "{said}");
}

#[test]
fn an_update_that_is_not_for_the_product_is_refused() {
    let dir = product("oemirot-swap", "stm32h7s7");
    image(&dir, "app.hex", "--pad");
    image(&dir, "plain.bin", "");
    let plain = dir.read("plain.bin");
    image_at(&dir, "elsewhere.hex", "-H 0x400 -x 0x90000000", "");
    image_at(&dir, "header.bin", "-H 0x800 -x 0x90200000", "");
    dir.write("stirot.bin", &[&0xC159_2EE9_u32.to_le_bytes(), &plain[4..]].concat());
    dir.write("short.bin", &plain[..plain.len() / 2]);
    dir.write("large.bin", &[plain.clone(), vec![0; 0x20_0000]].concat());
    dir.write("noise.bin", &[0x5A; 4096]);
    dir.write("wide.bin", &vec![0x5A; 0x1F_F800]);
    let usual =
        "image create -k key.pem --dialect st -v 1.1.0 -H 0x400 --pad-header -S 0x400000 -M 33 --align 4";
    dir.run(&format!("{usual} wide.bin -o over.bin")).exit_ok();
    for (line, code, exit) in [
        ("elsewhere.hex", "IR-8109", 2),
        ("header.bin", "IR-8109", 2),
        ("stirot.bin", "IR-8109", 2),
        ("noise.bin", "IR-8109", 2),
        ("key.pem", "IR-8109", 2),
        ("short.bin", "IR-2001", 3),
        ("large.bin", "IR-1307", 2),
        ("over.bin", "IR-1307", 2),
        ("missing.bin", "IR-1002", 2),
        ("app.hex --slot primary", "IR-1001", 2),
        ("app.hex --image 1", "IR-1001", 2),
        ("app.hex --stage", "IR-1001", 2),
        ("app.hex --stage --image 0", "IR-1001", 2),
        ("app.hex --product missing.toml", "IR-1002", 2),
    ] {
        dir.refused(&format!("vdev install my.board {line}"), code, exit);
    }
    let error = dir.refused("vdev install my.board large.bin", "IR-1307", 2);
    let cause = error["cause"].as_str().unwrap();
    assert!(cause.contains("0x9020_0000..0x9040_0000") && cause.contains("has 0x200000"), "{cause}");

    // Without a description nobody knows the slot; the refusal says how to name it.
    std::fs::create_dir(dir.path("board")).unwrap();
    std::fs::rename(dir.path("ironroot.toml"), dir.path("board/ironroot.toml")).unwrap();
    let error = dir.refused("vdev install my.board app.hex", "IR-1002", 2);
    assert!(error["fix"].as_str().unwrap().contains("--product FILE"), "{error}");
    dir.run("vdev install my.board app.hex --product board/ironroot.toml").exit_ok();

    // The board of another part, and the part whose slots are fixed.
    dir.run("vdev new r7.board --part stm32h7r7").exit_ok();
    dir.refused("vdev install r7.board app.hex --product board/ironroot.toml", "IR-8113", 2);
    dir.run("vdev new h735.board").exit_ok();
    dir.refused("vdev install h735.board app.hex --product board/ironroot.toml", "IR-1001", 2);
    dir.refused("vdev install h735.board app.hex --stage", "IR-1001", 2);

    // Where updates overwrite there is no trial.
    let dir = product("oemirot-external-flash", "stm32h7s7");
    image(&dir, "app.hex", "--pad --overwrite-only");
    dir.refused("vdev install my.board app.hex --request test", "IR-1001", 2);
    assert_eq!(dir.run("vdev install my.board app.hex --json").result()["request"], "permanent");
}

#[test]
fn intel_hex_is_decoded_into_the_external_flash() {
    let dir = product("oemirot-swap", "stm32h7s7");
    image(&dir, "app.hex", "--pad");
    image(&dir, "app.bin.img", "--pad");
    let wanted = dir.read("app.bin.img");
    // What an earlier file left in the gaps of the erase units is gone, the rest is not touched.
    dir.write("old.bin", &[0; 0x20_0000]);
    dir.run("vdev external my.board --write old.bin --at 0x90200000").exit_ok();
    for line in ["--write app.hex", "--write app.hex --at 0x90200000"] {
        let done = dir.run(&format!("vdev external my.board {line} --json")).result();
        assert_eq!((&done["address"], &done["format"]), (&0x9020_0000_u32.into(), &"Intel HEX".into()));
        let slot = read_slot(&dir);
        let end = slot.len();
        assert!(slot[..0x2000] == wanted[..0x2000] && slot[end - 0x1000..] == wanted[end - 0x1000..]);
        assert!(slot[0x2000..end - 0x1000].iter().all(|byte| *byte == 0));
    }
    dir.write("plain.bin", b"no address");
    dir.write("cut.hex", &dir.read("app.hex")[..1000]);
    dir.write("ram.hex", b":0400000001020304F2\n:00000001FF\n");
    // The text of a file without the ending is not written either.
    dir.write("renamed.bin", &dir.read("cut.hex"));
    for (line, code) in [
        ("--write app.hex --at 0x90000000", "IR-1001"),
        ("--write plain.bin", "IR-1001"),
        ("--write ram.hex", "IR-1001"),
        ("--write cut.hex", "IR-1204"),
        ("--write renamed.bin --at 0x90200000", "IR-1204"),
    ] {
        dir.refused(&format!("vdev external my.board {line}"), code, 2);
    }
}
