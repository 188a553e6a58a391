//! `ironroot vdev run` and `vdev install` on boards with an STM32H7S7 or STM32H7R7.

use ironroot_chip_h7rs::BoardH7;
use ironroot_layout::stm32h7rs::Part;
use ironroot_tests::h7rs::{self, Stage};
use ironroot_tests::h7rs_system::{self as system, Recipe};
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
    // An error that was to come behind a text, which never came.
    let late = "--ram-error 0x20004010 --ram-error-after nonsense";
    let run = dir.ironroot(&format!("vdev run my.board --dry-run {late} --json")).ok();
    assert!(run.last("warning")["message"].as_str().is_some_and(|text| text.contains("`nonsense`")));
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

/// A directory with a description of `examples/h7s`.
fn with_product(example: &str) -> Scratch {
    let dir = Scratch::new();
    dir.copy(&root().join("examples/h7s").join(example).with_extension("toml"), "ironroot.toml");
    dir
}

/// Every text is there, each behind the one before.
#[track_caller]
fn in_order(console: &str, texts: &[&str]) {
    let mut rest = console;
    for text in texts {
        let Some((_, behind)) = rest.split_once(text) else { panic!("{text} is missing in\n{console}") };
        rest = behind;
    }
}

#[test]
fn an_update_is_installed_by_its_product_and_confirmed_or_reverted() {
    let dir = with_product("oemirot-swap");
    let stage = Stage::new(Part::Stm32h7s7, h7rs::Run::ExternalFlash, true);
    let mut board = h7rs::provisioned(&stage);
    h7rs::download(&mut board, &stage, &h7rs::encrypted(1, &stage.application("hello")), true);
    board.save(&dir.path("my.board")).expect("saved");
    in_order(&dir.ironroot("vdev run my.board").ok().stdout, &["verified: version 1.0.0", "done"]);

    let update =
        |major, program| dir.write("update.bin", &h7rs::encrypted(major, &stage.application(program)));
    update(2, "confirm");
    let before = dir.read("my.board");
    dir.ironroot("vdev install my.board update.bin --dry-run").ok();
    assert_eq!(dir.read("my.board"), before);
    let installed = dir.ironroot("vdev install my.board update.bin --json").ok().last("result");
    assert_eq!((&installed["address"], &installed["request"]), (&0x9020_0000_u32.into(), &"test".into()));
    assert_eq!((&installed["version"], &installed["image"]), (&"2.0.0".into(), &"application".into()));
    let console = dir.ironroot("vdev run my.board").ok().stdout;
    in_order(
        &console,
        &["image: update on trial", "on trial: confirmed, resetting", "verified: version 2.0.0", "done"],
    );

    // What an earlier update left in the slot is no part of the request for the next.
    update(3, "never");
    dir.ironroot("vdev install my.board update.bin --slot download").ok();
    let console = dir.ironroot("vdev run my.board").ok().stdout;
    in_order(
        &console,
        &["on trial: self test failed, resetting", "image: reverted: IR-3609", "verified: version 2.0.0"],
    );

    // For good, without a trial; and without a request it only lies there.
    update(4, "never");
    dir.ironroot("vdev install my.board update.bin --request none").ok();
    in_order(&dir.ironroot("vdev run my.board").ok().stdout, &["verified: version 2.0.0", "done"]);
    dir.ironroot("vdev install my.board update.bin --request permanent").ok();
    in_order(
        &dir.ironroot("vdev run my.board").ok().stdout,
        &["image: update installed", "verified: version 4.0.0", "done"],
    );
}

#[test]
fn an_update_for_stirot_needs_no_request() {
    let dir = with_product("stirot");
    let image = |major| Recipe { major, ..Recipe::default() }.application(u32::from(major), 20_000);
    let mut board = system::stirot_board(1);
    system::install_iloader(&mut board);
    board.preload_external(system::INSTALL, &image(1));
    board.save(&dir.path("my.board")).expect("saved");
    dir.write("update.bin", &image(2));
    for request in ["test", "none"] {
        let line = format!("vdev install my.board update.bin --request {request} --json");
        dir.ironroot(&line).refused("IR-1001", 2);
    }
    let installed = dir.ironroot("vdev install my.board update.bin --json").ok().last("result");
    assert_eq!(
        (&installed["address"], &installed["request"]),
        (&system::DOWNLOAD.into(), &"permanent".into())
    );
    let console = dir.ironroot("vdev run my.board").ok().stdout;
    in_order(&console, &["download accepted", "verified: version 2.0.0"]);
}

/// The section "An update" of docs/provisioning-h7rs.md as it stands there.
#[test]
fn the_walk_through_of_an_update_runs_as_printed() {
    let page = std::fs::read_to_string(root().join("docs/provisioning-h7rs.md")).expect("the page");
    let (_, rest) = page.split_once("\n## An update\n").expect("the section");
    let (section, _) = rest.split_once("\n## ").expect("another section behind it");
    let mut script = String::from("set -eu\n");
    let mut wanted = Vec::new();
    for (index, block) in section.split("```").enumerate().filter(|(index, _)| index % 2 == 1) {
        match block.strip_prefix("sh\n") {
            Some(lines) => script.push_str(lines),
            // What a key's hash is follows from the key.
            None => wanted.extend(block.lines().map(|line| line.split(" key ").next().unwrap_or_default())),
        }
        assert!(index < 20);
    }
    let dir = Scratch::new();
    let done = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path(""))
        .env("IRONROOT", root())
        .env("PATH", ironroot_tests::journey::path_with_tool())
        .output()
        .expect("bash");
    let console = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{console}{}", String::from_utf8_lossy(&done.stderr));
    in_order(&console, &wanted);
}

/// The lines for the STM32H7S in README.md, as they stand there.
#[test]
fn the_lines_of_the_readme_run_as_printed() {
    let page = std::fs::read_to_string(root().join("README.md")).expect("the page");
    let (_, rest) = page.split_once("these lines run as they stand:\n\n```\n").expect("the list");
    let (list, _) = rest.split_once("```").expect("its end");
    let dir = with_product("oemirot-external-flash");
    for key in ["application", "encryption", "debug-root"] {
        std::fs::create_dir_all(dir.path("keys")).expect("writable");
        dir.ironroot(&format!("keys generate -o keys/{key}.pem")).ok();
    }
    dir.copy(&firmware("h7rs-hello-c-90000400"), "app.elf");
    let stages = firmware("iloader");
    std::fs::create_dir(dir.path("target")).expect("writable");
    let stages = stages.parent().expect("a directory");
    std::os::unix::fs::symlink(stages, dir.path("target/ironroot-firmware")).expect("a link");
    for file in ["Images/OEMiROT_Code_Image.xml", "Config/OEMiROT_Config.xml"] {
        let to = format!("OEMiROT/{file}");
        std::fs::create_dir_all(dir.path(&to).parent().expect("a directory")).expect("writable");
        dir.copy(&root().join("tools/ironroot/tests/cli/st/OEMiROT").join(file), &to);
    }
    let mut said = String::new();
    for line in list.lines() {
        let command = line.split("  ").next().unwrap_or_default();
        let words = command.strip_prefix("ironroot ").expect("a command of the tool");
        said.push_str(&dir.ironroot(words).ok().stdout);
    }
    in_order(
        &said,
        &["rehearsed", "done:", "verified: version 1.0.0", "hello", "verified: version 1.1.0", "hello"],
    );
}
