//! Where output goes: never over an input, a device or a link, and never silently nowhere.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::{Scratch, VECTORS, elf, program};

fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.run("keys generate -o key.pem").exit_ok();
    dir.write("app.elf", &elf(&[(VECTORS, program(VECTORS, 0x400))], VECTORS + 0x41));
    dir.run("vdev new my.board").exit_ok();
    dir
}

#[test]
fn no_output_replaces_an_input() {
    let dir = bench();
    symlink("key.pem", dir.path("link.pem")).unwrap();
    std::fs::hard_link(dir.path("app.elf"), dir.path("twin.elf")).unwrap();
    for line in [
        "image sign -k key.pem -v 1.0.0 app.elf -o key.pem",
        "image sign -k key.pem -v 1.0.0 app.elf -o link.pem",
        "image sign -k link.pem -v 1.0.0 app.elf -o ./key.pem",
        "image sign -k key.pem -v 1.0.0 app.elf -o app.elf",
        "image sign -k key.pem -v 1.0.0 app.elf -o twin.elf",
        "keys public key.pem -o key.pem",
        "keys public key.pem -o key.pem --force",
        "vdev profile my.board --svg my.board",
        "vdev profile my.board --symbols app.elf --svg app.elf",
        "device read --device vdev:my.board --address 0x08000000 --size 16 -o my.board --force",
        "vdev external my.board --write my.board --at 0x90000000",
        "vdev external my.board --read my.board --at 0x90000000 --length 16 --force",
    ] {
        dir.refused(line, "IR-1012", 2);
    }
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let dir = bench();
    std::fs::create_dir(dir.path("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path("fifo")).status().unwrap().success());
    for output in ["directory", "fifo", "/dev/null", "/dev/full"] {
        for line in [
            format!("image sign -k key.pem -v 1.0.0 app.elf -o {output}"),
            format!("keys generate -o {output}"),
            format!("keys generate -o {output} --force"),
            format!("keys public key.pem -o {output} --force"),
            format!("vdev new {output} --force"),
            format!("vdev external my.board --read {output} --at 0x90000000 --length 16 --force"),
        ] {
            dir.refused(&line, "IR-1004", 2);
        }
    }
}

#[test]
fn a_linked_output_stays_a_link() {
    let dir = bench();
    std::fs::create_dir(dir.path("sub")).unwrap();
    dir.write("sub/real.bin", b"old");
    symlink("sub/real.bin", dir.path("out.bin")).unwrap();
    dir.run("image sign -k key.pem -v 1.0.0 app.elf -o out.bin").exit_ok();
    assert!(dir.path("out.bin").is_symlink() && dir.read("sub/real.bin").len() > 0x400);
    // A board too, and what is held is the board, not its name.
    std::fs::rename(dir.path("my.board"), dir.path("sub/real.board")).unwrap();
    symlink("sub/real.board", dir.path("my.board")).unwrap();
    let before = dir.read("sub/real.board");
    dir.run("vdev external my.board --write app.elf --at 0x70000000").exit_ok();
    assert!(dir.path("my.board").is_symlink());
    assert_ne!(dir.read("sub/real.board"), before);
    let held = File::open(dir.path("sub/real.board")).unwrap();
    held.lock().unwrap();
    dir.refused("vdev external my.board --write app.elf --at 0x70000000", "IR-1406", 2);
    // A new key does not go where a link leads.
    dir.refused("keys generate -o my.board", "IR-1005", 2);
}

#[test]
fn a_report_that_finds_no_room_is_a_failed_transport() {
    let dir = Scratch::new();
    for json in [&[][..], &["--json"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .args(["explain", "--list"])
            .args(json)
            .current_dir(dir.path("."))
            .stdout(Stdio::from(full))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(7));
        if json.is_empty() {
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("IR-7005") && said.contains("standard output"), "{said}");
            assert!(!said.contains("JSON"), "{said}");
        }
    }
}

#[test]
fn external_flash_is_written_and_read_back() {
    let dir = bench();
    let asset: Vec<u8> = (0..10_000u32).map(|i| (i * 7) as u8).collect();
    dir.write("asset.bin", &asset);
    let before = dir.read("my.board");
    let tried = dir.run("vdev external my.board --write asset.bin --at 0x90000123 --dry-run --json").result();
    assert_eq!((&tried["dry_run"], dir.read("my.board")), (&true.into(), before.clone()));
    let done = dir.run("vdev external my.board --write asset.bin --at 0x90000123 --json").result();
    assert_eq!((&done["bytes"], &done["address"]), (&10_000.into(), &0x9000_0123u32.into()));
    assert_ne!(dir.read("my.board"), before);
    dir.run("vdev external my.board --read out.bin --at 0x90000120 --length 10006").exit_ok();
    let mut wanted = vec![0xff; 3];
    wanted.extend(&asset);
    wanted.extend([0xff; 3]);
    assert_eq!(dir.read("out.bin"), wanted);
    // The other flash is another one.
    dir.run("vdev external my.board --read other.bin --at 0x70000123 --length 16").exit_ok();
    assert_eq!(dir.read("other.bin"), [0xff; 16]);
    let last = dir.run("vdev external my.board --read last.bin --at 0x70ffffff --length 1 --json").result();
    assert_eq!(last["bytes"], 1);
    dir.write("empty.bin", b"");
    for (line, code) in [
        ("--write asset.bin --at 0x08000000", "IR-1001"),
        ("--write asset.bin --at 0x90fffff0", "IR-1001"),
        ("--write asset.bin --at 0x91000000", "IR-1001"),
        ("--write asset.bin --at 0x80000000", "IR-1001"),
        ("--write asset.bin", "IR-1001"),
        ("--at 0x90000000", "IR-1001"),
        ("--read new.bin --at 0x90000000", "IR-1001"),
        ("--read new.bin --at 0x90000000 --length 0", "IR-1001"),
        ("--read new.bin --at 0x90ffffff --length 2", "IR-1001"),
        ("--read new.bin --at 0xffffffff --length 0xffffffff", "IR-1001"),
        ("--read out.bin --at 0x90000000 --length 4", "IR-1005"),
        ("--write missing.bin --at 0x90000000", "IR-1002"),
        ("--write empty.bin --at 0x90000000", "IR-1006"),
    ] {
        dir.refused(&format!("vdev external my.board {line}"), code, 2);
    }
    dir.refused("vdev external asset.bin --write out.bin --at 0x90000000", "IR-1401", 2);
}
