//! `ironroot vdev`: board files, runs, and what is refused.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::OnceLock;

use ironroot_tests::{Scratch, ironroot};

/// A directory with a provisioned board. The demo that makes it runs once for all tests.
fn bench() -> Scratch {
    static BOARD: OnceLock<Vec<u8>> = OnceLock::new();
    let board = BOARD.get_or_init(|| {
        let dir = Scratch::new();
        dir.ironroot("demo --dir out").ok();
        dir.read("out/demo.board")
    });
    let dir = Scratch::new();
    dir.write("my.board", board);
    dir
}

#[test]
fn vdev_new_makes_a_board_once() {
    let dir = Scratch::new();
    let made = dir.ironroot("vdev new a.board --json").ok().last("result");
    assert!(made["unique_id"].as_str().unwrap().starts_with("49525644"));
    let other = dir.ironroot("vdev new b.board --json").ok().last("result");
    assert_ne!(made["unique_id"], other["unique_id"]);
    let before = dir.read("a.board");
    dir.ironroot("vdev new a.board --json").refused("IR-1005", 2);
    assert_eq!(dir.read("a.board"), before);
    dir.ironroot("vdev new a.board --force --uid 495256440000000000000001 --json").ok();
    let shown = dir.ironroot("vdev show a.board --json").ok().last("result");
    assert_eq!(shown["unique_id"], "495256440000000000000001");
    assert_eq!(shown["options"]["security"], false);
    assert_eq!(shown["key_store"]["code"], "IR-3101");
    for uid in ["4952564400000000000000", "zz5256440000000000000001", "000000000000000000000001"] {
        dir.ironroot(&format!("vdev new c.board --uid {uid} --json")).refused("IR-1001", 2);
    }
    dir.ironroot("vdev new missing/c.board --json").refused("IR-1004", 2);
    assert!(!dir.path("c.board").exists());
}

#[test]
fn vdev_run_boots_and_keeps_what_survives() {
    let dir = bench();
    let before = dir.read("my.board");
    let run = dir.ironroot("vdev run my.board --json").ok();
    let result = run.last("result");
    assert_eq!((&result["end"], &result["hand_off"]["status"]), (&"asleep".into(), &"booted".into()));
    // Nothing of a boot writes to flash.
    assert_eq!(dir.read("my.board"), before);
    let text = dir.ironroot("vdev run my.board").ok().stdout;
    assert!(text.contains("hello from hello-hal\r\n"), "{text}");
    assert!(text.contains("hand-off booted version 1.0.0"), "{text}");
}

#[test]
fn vdev_run_ends_as_asked() {
    let dir = bench();
    let run = dir.ironroot("vdev run my.board --until tick --json").ok();
    assert_eq!(run.last("result")["end"], "until");
    dir.ironroot("vdev run my.board --until nonsense --json").refused("IR-5102", 3);
    dir.ironroot("vdev run my.board --until tick --instructions 1000 --json").refused("IR-5101", 4);
    let few = dir.ironroot("vdev run my.board --instructions 1000 --json").ok().last("result");
    assert_eq!((&few["end"], &few["instructions"]), (&"instructions".into(), &1000.into()));
    for bad in ["--uart nowhere", "--boot0 2", "--instructions many"] {
        dir.ironroot(&format!("vdev run my.board {bad} --json")).refused("IR-1001", 2);
    }
    dir.ironroot("vdev run my.board --uart tcp:256.0.0.1:1 --json").refused("IR-7001", 7);
}

#[test]
fn vdev_show_decodes_board_and_next_boot() {
    let dir = bench();
    let before = dir.read("my.board");
    let shown = dir.ironroot("vdev show my.board --json").ok().last("result");
    assert_eq!(shown["options"]["security"], true);
    assert_eq!(shown["options"]["secure_area"], serde_json::json!([0x0800_0000, 0x0802_0000]));
    assert_eq!(shown["options"]["rdp_level"], 0);
    assert_eq!(shown["key_store"]["keys"][0]["demo"], true);
    assert_eq!(shown["slot"]["version"], "1.0.0");
    assert_eq!(shown["next_boot"]["status"], "booted");
    let brief = dir.ironroot("vdev show my.board --no-boot --json").ok().last("result");
    assert!(brief["next_boot"].is_null());
    assert_eq!(dir.read("my.board"), before, "show only reads");
}

#[test]
fn vdev_boot0_does_not_lead_around_the_secure_boot() {
    let dir = bench();
    let run = dir.ironroot("vdev run my.board --boot0 1 --json").ok();
    assert_eq!(run.last("result")["hand_off"]["status"], "booted");
    assert_eq!(dir.ironroot("vdev show my.board --json").ok().last("result")["boot0"], true);
}

#[test]
fn vdev_run_of_an_empty_chip_says_what_happened() {
    let dir = Scratch::new();
    dir.ironroot("vdev new empty.board").ok();
    let before = dir.read("empty.board");
    let run = dir.ironroot("vdev run empty.board --json");
    run.refused("IR-5001", 4);
    assert_eq!(dir.read("empty.board"), before);
}

#[test]
fn vdev_refuses_files_that_are_no_boards_and_leaves_them_alone() {
    let dir = bench();
    let good = dir.read("my.board");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut newer = good.clone();
    newer[8] = 99;
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty.board", b"", "IR-1401"),
        ("garbage.board", &[0xA5; 5000], "IR-1401"),
        ("text.board", b"not a board\n", "IR-1401"),
        ("head.board", &good[..10], "IR-1402"),
        ("cut.board", &good[..good.len() - 1], "IR-1402"),
        ("flipped.board", &flipped, "IR-1403"),
        ("newer.board", &newer, "IR-1404"),
    ];
    for (name, bytes, code) in cases {
        dir.write(name, bytes);
        for command in ["run", "show"] {
            dir.ironroot(&format!("vdev {command} {name} --json")).refused(code, 2);
            assert_eq!(dir.read(name), *bytes, "{command} changed {name}");
        }
    }
    dir.ironroot("vdev run missing.board --json").refused("IR-1002", 2);
    dir.ironroot("vdev show . --json").refused("IR-1003", 2);
}

#[test]
fn vdev_uart_over_tcp_and_a_board_in_use() {
    let dir = bench();
    let mut child = ironroot()
        .args(["vdev", "run", "my.board", "--uart", "tcp:127.0.0.1:0", "--until", "done"])
        .current_dir(dir.path(""))
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut announced = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut announced).unwrap();
    let address = announced.trim().strip_prefix("serial port: ").expect("the address").to_owned();
    // It waits for us with the board in its hands.
    dir.ironroot("vdev run my.board --json").refused("IR-1406", 2);
    dir.ironroot("vdev new my.board --force --json").refused("IR-1406", 2);
    let mut said = String::new();
    TcpStream::connect(&address).unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("hello from hello-hal\r\n"), "{said}");
    assert!(child.wait().unwrap().success());
    dir.ironroot("vdev run my.board").ok();
}

/// A board whose flash holds a program that writes one word by semihosting and exits with `reason`.
fn semihosting_board(dir: &Scratch, reason: u32) {
    // Vectors; then: movs r0, #4 (WRITE0); ldr r1, =text; bkpt 0xAB; movs r0, #0x18 (EXIT); ldr r1, =reason; bkpt 0xAB; b .
    let mut program = Vec::new();
    for word in [0x2000_1000u32, 0x0800_0009] {
        program.extend_from_slice(&word.to_le_bytes());
    }
    for half in [0x2004u16, 0x4903, 0xBEAB, 0x2018, 0x4902, 0xBEAB, 0xE7FE, 0xBF00] {
        program.extend_from_slice(&half.to_le_bytes());
    }
    for word in [0x0800_0020, reason] {
        program.extend_from_slice(&u32::to_le_bytes(word));
    }
    program.extend_from_slice(b"semihosted\n\0");
    let mut board = ironroot_chip::Board::with_serial(9);
    assert!(board.preload(0x0800_0000, &program));
    board.save(&dir.path("semi.board")).unwrap();
}

#[test]
fn vdev_run_serves_semihosting() {
    let dir = Scratch::new();
    semihosting_board(&dir, 0x2_0026);
    let run = dir.ironroot("vdev run semi.board --semihosting").ok();
    assert!(run.stdout.contains("semihosted\n"), "{}", run.stdout);
    semihosting_board(&dir, 0x2_0023);
    dir.ironroot("vdev run semi.board --semihosting --json").refused("IR-5106", 4);
    // Without it BKPT is what it is on a chip without a debugger: a HardFault, whose vector is erased flash here.
    dir.ironroot("vdev run semi.board --json").refused("IR-5001", 4);
}

/// A board whose flash holds a program that runs in a circle, and before that, if it is to, says `ready` by semihosting
/// without a line end.
fn spinning_board(dir: &Scratch, speaks: bool) {
    // Vectors; then: movs r0, #4 (WRITE0); ldr r1, =text; bkpt 0xAB or nop; b .
    let mut program = Vec::new();
    for word in [0x2000_1000u32, 0x0800_0009] {
        program.extend_from_slice(&word.to_le_bytes());
    }
    let call = if speaks { 0xBEAB } else { 0xBF00 };
    for half in [0x2004u16, 0x4901, call, 0xE7FE] {
        program.extend_from_slice(&half.to_le_bytes());
    }
    program.extend_from_slice(&0x0800_0014u32.to_le_bytes());
    program.extend_from_slice(b"ready\0");
    let mut board = ironroot_chip::Board::with_serial(10);
    assert!(board.preload(0x0800_0000, &program));
    board.save(&dir.path("spin.board")).unwrap();
}

#[test]
fn vdev_run_begins_its_summary_on_a_new_line() {
    let dir = Scratch::new();
    spinning_board(&dir, true);
    let run = dir.ironroot("vdev run spin.board --semihosting --until ready").ok();
    assert!(run.stdout.contains("ready\nended: until"), "{}", run.stdout);
}

/// Starts `ironroot` in `dir`, waits until `mark` is on stdout, sends the signal, and returns exit code and output.
fn interrupted(dir: &Scratch, line: &str, mark: &str, signal: &str) -> (Option<i32>, String, String) {
    let mut child = ironroot()
        .args(line.split_whitespace())
        .current_dir(dir.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut said) = (child.stdout.take().unwrap(), Vec::new());
    while !String::from_utf8_lossy(&said).contains(mark) {
        let mut byte = [0];
        out.read_exact(&mut byte).expect("the mark comes before the end");
        said.extend_from_slice(&byte);
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    out.read_to_end(&mut said).unwrap();
    let mut complained = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
    (child.wait().unwrap().code(), String::from_utf8(said).unwrap(), complained)
}

#[test]
fn a_signal_ends_a_run_with_a_code_and_the_board_as_it_was() {
    let dir = Scratch::new();
    spinning_board(&dir, true);
    let before = dir.read("spin.board");
    let (exit, _, complained) = interrupted(&dir, "vdev run spin.board --semihosting", "ready", "-INT");
    assert_eq!(exit, Some(8), "{complained}");
    assert!(complained.contains("error IR-1010"), "{complained}");
    assert_eq!(dir.read("spin.board"), before);
    spinning_board(&dir, false);
    let before = dir.read("spin.board");
    // The profile looks between two pieces of the run; waiting for a connection does not look, and is ended from outside.
    for (line, mark) in [
        ("vdev run spin.board --json", "task_begin"),
        ("vdev profile spin.board --svg flame.svg --json", "task_begin"),
        ("vdev run spin.board --uart tcp:127.0.0.1:0 --json", "console"),
        ("vdev gdb spin.board --listen 127.0.0.1:0 --run 1000 --json", "listen"),
    ] {
        let (exit, said, complained) = interrupted(&dir, line, mark, "-TERM");
        assert_eq!(exit, Some(8), "{line}: {said}{complained}");
        let errors: Vec<serde_json::Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .filter(|event: &serde_json::Value| event["event"] == "error")
            .collect();
        assert_eq!(errors.len(), 1, "{line}: {said}");
        assert_eq!((&errors[0]["code"], &errors[0]["exit"]), (&"IR-1010".into(), &8.into()), "{line}");
    }
    assert_eq!(dir.read("spin.board"), before);
    let files = std::fs::read_dir(dir.path(".")).unwrap().count();
    assert_eq!(files, 1, "no other file is left");
}

#[test]
fn vdev_takes_regular_files_for_boards_only() {
    let dir = Scratch::new();
    assert!(std::process::Command::new("mkfifo").arg(dir.path("fifo")).status().unwrap().success());
    for file in ["/dev/zero", "/dev/null", "fifo", "."] {
        for command in ["run", "show", "gdb --listen 127.0.0.1:0"] {
            let (command, options) = command.split_once(' ').unwrap_or((command, ""));
            dir.ironroot(&format!("vdev {command} {file} {options} --json")).refused("IR-1003", 2);
        }
    }
}

#[test]
fn a_linked_board_stays_a_link() {
    let dir = bench();
    std::fs::rename(dir.path("my.board"), dir.path("real.board")).unwrap();
    std::os::unix::fs::symlink("real.board", dir.path("my.board")).unwrap();
    let before = dir.read("real.board");
    dir.ironroot("vdev run my.board --boot0 1").ok();
    assert!(dir.path("my.board").is_symlink());
    assert_ne!(dir.read("real.board"), before, "the level of BOOT0 is in the file itself");
}
