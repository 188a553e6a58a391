//! `ironroot device` through the system bootloader: a virtual device in process, and one behind a pseudo terminal.

use ironroot_chip::Board;
use ironroot_tests::Scratch;
use ironroot_tests::wire::Wire;

fn bench(rdp: u32) -> Scratch {
    let dir = Scratch::new();
    let mut board = Board::with_serial(1);
    let options = board.options_mut();
    options.optsr = options.optsr & !0xFF00 | rdp << 8;
    board.save(&dir.path("b.board")).expect("the directory is writable");
    dir.write("in.bin", &(0..5000_u32).map(|i| (i / 7) as u8).collect::<Vec<u8>>());
    dir
}

#[test]
fn device_writes_verifies_reads_and_erases() {
    let dir = bench(0xAA);
    let before = dir.read("b.board");
    let on = "--device vdev:b.board --json";
    dir.ironroot(&format!("device write in.bin --address 0x08020000 --dry-run {on}")).ok();
    dir.ironroot(&format!("device erase --all --dry-run {on}")).ok();
    dir.ironroot(&format!("device reset --dry-run {on}")).ok();
    assert!(dir.read("b.board") == before, "a dry run writes nothing");
    let written = dir.ironroot(&format!("device write in.bin --address 0x08020000 {on}")).ok().last("result");
    assert_eq!((&written["verified"], &written["bytes"]), (&true.into(), &5000.into()));
    assert_eq!(written["sectors_erased"], serde_json::json!([1]));
    dir.ironroot(&format!("device verify in.bin --address 0x08020000 {on}")).ok();
    dir.ironroot(&format!("device verify in.bin --address 0x08020004 {on}")).refused("IR-5401", 3);
    dir.ironroot(&format!("device read --address 0x08020000 --size 5000 -o out.bin {on}")).ok();
    assert!(dir.read("out.bin") == dir.read("in.bin"));
    dir.ironroot(&format!("device read --address 0x08020000 --size 1 -o out.bin {on}")).refused("IR-1005", 2);
    dir.ironroot(&format!("device write in.bin --address 0x08020100 --no-erase {on}")).refused("IR-7006", 4);
    dir.ironroot(&format!("device read --address 0x080FFFFF --size 2 -o no.bin {on}")).refused("IR-7006", 4);
    dir.ironroot(&format!("device erase --sectors 1,2 {on}")).ok();
    dir.ironroot(&format!("device go --address 0x08020000 {on}")).refused("IR-7006", 4);
    dir.ironroot(&format!("device reset {on}")).ok();
    assert!(dir.read("b.board") == before, "erased, and BOOT0 as it was");
    let state = dir.ironroot(&format!("device state {on}")).ok().last("result");
    assert_eq!((&state["product_id"], &state["protocol"]), (&0x483.into(), &"3.1".into()));
    assert_eq!(state["unique_id"], "495256440000000000000001");
    dir.ironroot("device list --json").ok();
}

#[test]
fn device_says_why_not() {
    let dir = bench(0xBB);
    let on = "--device vdev:b.board --json";
    let state = dir.ironroot(&format!("device state {on}")).ok().last("result");
    assert_eq!((&state["read_protected"], &state["unique_id"]), (&true.into(), &serde_json::Value::Null));
    for command in ["read --address 0x08000000 --size 4 -o o.bin", "erase --all", "go", "reset"] {
        dir.ironroot(&format!("device {command} {on}")).refused("IR-7006", 4);
    }
    assert!(!dir.path("o.bin").exists());
    let closed = bench(0xCC);
    closed.ironroot(&format!("device erase --all {on}")).refused("IR-7003", 7);
    for (line, code, exit) in [
        ("state", "IR-1001", 2),
        ("state --device b.board", "IR-7004", 2),
        ("state --device uart:", "IR-7004", 2),
        ("state --device uart:/dev/null/none", "IR-7001", 7),
        ("state --device uart:b.board", "IR-7001", 7),
        ("state --device vdev:none.board", "IR-1002", 2),
        ("erase --device vdev:b.board", "IR-1001", 2),
        ("erase --sectors 8 --device vdev:b.board", "IR-1001", 2),
        ("write in.bin --device vdev:b.board", "IR-1001", 2),
        ("write in.bin --address 0xFFFFFFF0 --device vdev:b.board", "IR-1001", 2),
        ("write none.bin --address 0 --device vdev:b.board", "IR-1002", 2),
    ] {
        dir.ironroot(&format!("device {line} --json")).refused(code, exit);
    }
}

#[test]
fn device_works_over_a_serial_port() {
    let dir = bench(0xAA);
    let wire = Wire::start(&dir, "b.board", &["--boot0", "1"]);
    let on = format!("--device uart:{} --json", wire.port);
    let written = dir.ironroot(&format!("device write in.bin --address 0x08000000 {on}"));
    let read = dir.ironroot(&format!("device read --address 0x08000000 --size 5000 -o out.bin {on}"));
    drop(wire);
    written.ok();
    read.ok();
    assert!(dir.read("out.bin") == dir.read("in.bin"));
}
