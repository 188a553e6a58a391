//! Secure firmware install from the command line: packages, certificates, single devices and a line of them.

#[path = "../../xtask/src/demo_sfi.rs"]
mod demo_sfi;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ironroot::console::{self, Destination};
use ironroot_chip::Board;
use ironroot_crypto::Software;
use ironroot_sfi::{Certificate, FirmwareKey, Licence, LicenceKind, PackageId, Terms};
use ironroot_tests::{Scratch, firmware, ironroot};
use ironroot_uart_bootloader::host::{Exchange, Poll};
use ironroot_uart_bootloader::special;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A program for the start of flash that sleeps, with a pattern behind it.
fn program(len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        [0x2002_0000, 0x0800_0009, 0xE7FD_BF30_u32].iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend((bytes.len()..len).map(|at| (at as u8).wrapping_mul(37) ^ 0x11));
    bytes
}

/// A file for its owner only.
fn secret(dir: &Scratch, name: &str, bytes: &[u8]) {
    dir.write(name, bytes);
    std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(0o600)).expect("changed");
}

/// A directory with a board, a package of two areas and its key.
fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.write("fw.bin", &program(5000));
    dir.ironroot("sfi create -f fw.bin@0x08000000 --readable --new-key fw.key -v 5 -o a.sfi --json").ok();
    dir.ironroot("vdev new a.board --json").ok();
    dir
}

/// Seals a licence as the server does.
fn license(dir: &Scratch, package: &str, certificate: &str, to: &str) {
    let certificate = Certificate::parse(&dir.read(certificate)).expect("a certificate");
    let info = dir.ironroot(&format!("sfi info {package} --json")).ok().last("result");
    let hex = info["package"].as_str().expect("an id");
    let mut id = [0; 16];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
    }
    let key: [u8; 16] = dir.read("fw.key").try_into().expect("16 bytes");
    let fingerprint = Terms::fingerprint(certificate.key(), &mut Software);
    let terms = Terms { kind: LicenceKind::Firmware, least_version: 0, least_services: 0, fingerprint };
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let (product, key) = (certificate.product(), FirmwareKey::new(key));
    let sealed = Licence::seal(terms, product, certificate.key(), PackageId(id), &key, &mut random);
    dir.write(to, sealed.expect("sealed").bytes());
}

/// The board in Secure access mode, its certificate read, and a licence for it.
fn licensed(dir: &Scratch) {
    dir.ironroot("ob apply --device vdev:a.board SECURITY=1 --json").ok();
    dir.ironroot("cert read --device vdev:a.board -o a.cert --json").ok();
    license(dir, "a.sfi", "a.cert", "a.license");
}

#[test]
fn sfi_demo_three_licences_and_four_devices() {
    let dir = Scratch::new();
    let tool = ironroot().get_program().to_owned();
    let mut told = Vec::new();
    let mut say = |line: &str| told.push(line.to_owned());
    let story = demo_sfi::Stage::new(tool.as_ref(), &dir.path(""), &mut say).tell(&firmware("hello-hal"));
    if let Err(why) = story {
        panic!("{}\n{why}", told.join("\n"));
    }
    let report: serde_json::Value = serde_json::from_slice(&dir.read("line.json")).expect("JSON");
    assert_eq!((&report["installed"], &report["failed"]), (&2.into(), &0.into()));
    let fourth = Board::load(&dir.path("d.board")).expect("a board");
    assert!(fourth.flash().iter().all(|byte| *byte == 0xFF), "nothing without a licence");
    // Neither key nor plaintext lies about where the factory works.
    let package = dir.read("demo.sfi");
    let image = dir.read("app.bin");
    assert!(!package.windows(32).any(|window| window == &image[0x400..0x420]), "not in clear");
}

#[test]
fn sfi_create_info_and_verify() {
    let dir = bench();
    let mode = dir.path("fw.key").metadata().expect("there").permissions().mode();
    assert_eq!((mode & 0o777, dir.read("fw.key").len()), (0o600, 16));
    let info = dir.ironroot("sfi info a.sfi --json").ok().last("result");
    assert_eq!((&info["version"], &info["product"]), (&5.into(), &"48302001".into()));
    let areas = info["areas"].as_array().expect("areas");
    let kinds: Vec<&str> = areas.iter().filter_map(|area| area["type"].as_str()).collect();
    assert_eq!(kinds, ["F", "C"]);
    assert_eq!((&areas[0]["address"], &areas[0]["bytes"]), (&0x0800_0000.into(), &5024.into()));
    dir.ironroot("sfi verify a.sfi --key fw.key --json").ok();
    dir.ironroot("sfi verify a.sfi --key fw.key --installed 6 --json").refused("IR-4215", 3);

    // The same inputs, key and nonce: the same package, however many threads.
    dir.write("nonce", b"nonce 96 bit");
    for name in ["b.sfi", "c.sfi"] {
        dir.ironroot(&format!(
            "sfi create -f fw.bin@0x08000000 --readable --key fw.key --nonce nonce -v 5 -o {name} --json"
        ))
        .ok();
    }
    assert!(dir.read("b.sfi") == dir.read("c.sfi") && dir.read("a.sfi") != dir.read("b.sfi"));

    // Option bytes by name and by ST's list, and a module that they close.
    dir.write("module.bin", &program(100));
    dir.ironroot("sfi module create module.bin --address 0x08020000 -v 1 --new-key m.key -o m.irm --json")
        .ok();
    let packed = "sfi create -f fw.bin@0x08000000 --readable --module m.irm --key fw.key -v 5";
    dir.ironroot(&format!("{packed} --option PROT_AREA=0x08020000..0x08020200 -o m.sfi --json")).ok();
    dir.ironroot("sfi verify m.sfi --key fw.key --module-key m.irm=m.key --json").ok();
    dir.ironroot("sfi verify m.sfi --key fw.key --json").refused("IR-4243", 6);
    dir.ironroot("sfi verify m.sfi --key fw.key --module-key m.irm=fw.key --json").refused("IR-4244", 3);
    dir.ironroot(&format!("{packed} -o open.sfi --json")).ok();
    dir.ironroot("sfi verify open.sfi --key fw.key --module-key m.irm=m.key --json").refused("IR-4242", 3);
    // The longest module that a device collects, and one flash word more.
    dir.write("long.bin", &[7; 65_472]);
    let long = "sfi module create long.bin --address 0x08020000 -v 1 --key m.key -o long.irm --json";
    dir.ironroot(long).ok();
    let packed_long =
        "sfi create -f fw.bin@0x08000000 --readable --module long.irm --key fw.key -v 5 -o long.sfi";
    dir.ironroot(&format!("{packed_long} --option PROT_AREA=0x08020000..0x08030000 --json")).ok();
    dir.ironroot("sfi verify long.sfi --key fw.key --module-key long.irm=m.key --json").ok();
    dir.write("long.bin", &[7; 65_473]);
    dir.ironroot(long).refused("IR-4223", 3);

    // Keys of the device's own, and content of the external flash.
    dir.write("assets.bin", &program(70_000));
    let full =
        "sfi create -f fw.bin@0x08000000 --external assets.bin@0x90001000 --key fw.key -v 5 -o full.sfi";
    let closed = "--option SEC_AREA=0x08000000..0x08020000";
    dir.ironroot(&format!("{full} {closed} --device-key 16@0x08010000 --device-key 48@0x08010020 --json"))
        .ok();
    let info = dir.ironroot("sfi info full.sfi --json").ok().last("result");
    let kinds: Vec<&str> =
        info["areas"].as_array().expect("areas").iter().filter_map(|area| area["type"].as_str()).collect();
    assert_eq!(kinds, ["F", "E", "E", "K", "C"]);
    dir.ironroot("sfi verify full.sfi --key fw.key --json").ok();
    for (keys, code) in [
        ("--device-key 16@0x08020000", "IR-4247"),
        ("--device-key 16@0x08000020", "IR-4246"),
        ("--device-key 16@0x08010010", "IR-4246"),
        ("--device-key 24@0x08010000", "IR-4246"),
        ("--device-key 64@0x08010000 --device-key 16@0x08010020", "IR-4246"),
    ] {
        dir.ironroot(&format!("{full} {closed} {keys} --json")).refused(code, 3);
    }
    dir.ironroot(&format!("{full} {closed} --device-key 16 --json")).refused("IR-1001", 2);

    dir.write("st.csv", b"FOPTSR_PRG,0x1026AAD0\nFSCAR_PRG_A,0x81000200\nFSCAR_PRG_B,0x81000200\n");
    dir.ironroot(
        "sfi create -f fw.bin@0x08000000 --readable --options-csv st.csv --key fw.key -v 5 -o st.sfi --json",
    )
    .ok();
    let verified = dir.ironroot("sfi verify st.sfi --key fw.key --json").ok().last("result");
    assert_eq!(verified["option_registers"], 2);
    assert_eq!(dir.ironroot("sfi info st.sfi").ok().exit, 0);
}

#[test]
fn sfi_create_refuses_what_no_device_would_take() {
    let dir = bench();
    secret(&dir, "short.key", b"too short");
    dir.write("bad.csv", b"FOPTSR_PRG;x");
    dir.write("big.bin", &vec![1; 205 * 64 * 1024]);
    let before = dir.read("a.sfi");
    for (line, code, exit) in [
        ("-f fw.bin --key fw.key", "IR-1207", 2),
        ("-f fw.bin@0x08000020 --key fw.key", "IR-4236", 3),
        ("-f fw.bin@0x080FFFA0 --key fw.key", "IR-4224", 3),
        ("-f fw.bin@0x08000000 -f short.key@0x080FFFFC --key fw.key", "IR-4224", 3),
        ("-f fw.bin@0x08000000 -f short.key@0x080FFFA0 --key fw.key", "IR-4225", 3),
        ("-f fw.bin@0x08000000 -f fw.bin@0x08001000 --key fw.key", "IR-1206", 2),
        ("-f fw.bin@0x08000000 --external fw.bin@0x20000000 --key fw.key", "IR-4224", 3),
        ("-f fw.bin@0x08000000 --external big.bin@0x90000000 --key fw.key", "IR-1802", 2),
        ("-f fw.bin@0x08000000 --key short.key", "IR-1801", 2),
        ("-f fw.bin@0x08000000 --key fw.key --nonce short.key", "IR-1801", 2),
        ("-f fw.bin@0x08000000 --new-key fw.key", "IR-1005", 2),
        ("-f fw.bin@0x08000000 --key fw.key --options-csv bad.csv", "IR-1803", 2),
        ("-f fw.bin@0x08000000 --key fw.key --option NOTHING=1", "IR-1601", 2),
        ("-f fw.bin@0x08000000 --key fw.key --module fw.bin", "IR-4241", 3),
        ("-f none.bin@0x08000000 --key fw.key", "IR-1002", 2),
        ("-f fw.bin@0x08000000 --key fw.key --product 1", "IR-1001", 2),
        ("-f fw.bin@0x08000000", "IR-1001", 2),
    ] {
        let run = dir.ironroot(&format!("sfi create {line} --readable -v 1 -o a.sfi --json"));
        assert_eq!(run.exit, exit, "{line}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.last("error")["code"], code, "{line}");
        assert!(dir.read("a.sfi") == before, "{line}: the output is as it was");
    }
    dir.ironroot("sfi create -f fw.bin@0x08000000 --readable --key fw.key -v 1 -o fw.bin --json")
        .refused("IR-1012", 2);
    assert!(dir.read("fw.bin") == program(5000));
    dir.write("empty.bin", b"");
    dir.ironroot("sfi module create empty.bin --address 0x08020000 -v 1 --key fw.key -o m --json")
        .refused("IR-4241", 3);
    dir.ironroot("sfi module create fw.bin --address 0x08020001 -v 1 --key fw.key -o m --json")
        .refused("IR-4224", 3);

    for (name, bytes, code) in [
        ("cut.sfi", before[..200].to_vec(), "IR-4216"),
        ("long.sfi", [&before[..], &[0]].concat(), "IR-4211"),
        ("magic.sfi", [b"X", &before[1..]].concat(), "IR-4211"),
    ] {
        dir.write(name, &bytes);
        for command in ["info", "verify --key fw.key"] {
            dir.ironroot(&format!("sfi {command} {name} --json")).refused(code, 3);
        }
    }
    let mut flipped = before.clone();
    flipped[600] ^= 1;
    dir.write("flip.sfi", &flipped);
    dir.ironroot("sfi verify flip.sfi --key fw.key --json").refused("IR-4226", 3);
    secret(&dir, "other.key", &[9; 16]);
    dir.ironroot("sfi verify a.sfi --key other.key --json").refused("IR-4213", 3);
}

#[test]
fn cert_is_read_verified_and_issued() {
    let dir = Scratch::new();
    dir.ironroot("keys generate -o maker.pem --json").ok();
    dir.ironroot("keys generate -o device.pem --json").ok();
    dir.ironroot("vdev new own.board --maker-key maker.pem --json").ok();
    dir.ironroot("vdev new demo.board --json").ok();
    for board in ["own", "demo"] {
        dir.ironroot(&format!("cert read --device vdev:{board}.board -o no.cert --json"))
            .refused("IR-4271", 4);
        dir.ironroot(&format!("ob apply --device vdev:{board}.board SECURITY=1 --json")).ok();
        let read = format!("cert read --device vdev:{board}.board -o {board}.cert --json");
        assert_eq!(dir.ironroot(&read).ok().last("result")["product"], "48302001");
    }
    assert!(!dir.path("no.cert").exists());
    dir.ironroot("cert verify own.cert --maker maker.pem --json").ok();
    dir.ironroot("cert verify own.cert --demo --json").refused("IR-4262", 3);
    dir.ironroot("cert verify demo.cert --demo --json").ok();
    dir.ironroot("cert verify demo.cert --maker maker.pem --json").refused("IR-4262", 3);
    dir.ironroot("cert read --device vdev:demo.board --maker maker.pem --json").refused("IR-4262", 3);
    dir.ironroot("cert issue --product 48302001 --key device.pem --maker-key maker.pem -o x.cert --json")
        .ok();
    dir.ironroot("cert verify x.cert --maker maker.pem --json").ok();
    assert_eq!(dir.ironroot("cert info x.cert --json").ok().last("result")["demo_maker"], false);
    dir.ironroot("cert demo-ca -o demo.pem --json").ok();
    dir.ironroot("cert verify demo.cert --maker demo.pem --json").ok();
    dir.ironroot("cert issue --product 4830200 --key device.pem --maker-key maker.pem -o y --json")
        .refused("IR-1001", 2);
    let mut bad = dir.read("x.cert");
    bad.pop();
    dir.write("short.cert", &bad);
    dir.ironroot("cert info short.cert --json").refused("IR-4261", 3);
    // A device without identity, of an old board file.
    let mut board = Board::with_serial(3);
    board.options_mut().optsr |= 1 << 21;
    board.save(&dir.path("old.board")).expect("written");
    dir.ironroot("cert read --device vdev:old.board --json").refused("IR-4264", 4);
}

#[test]
fn sfi_install_with_a_licence_file() {
    let dir = bench();
    let on = "--device vdev:a.board --json";
    dir.write("any.license", &[0; 136]);
    dir.ironroot(&format!("sfi install a.sfi {on}")).refused("IR-1805", 2);
    dir.ironroot(&format!("sfi install a.sfi {on} --license any.license")).refused("IR-4202", 6);
    licensed(&dir);
    // Two devices with keys of their own: a licence is for one.
    dir.ironroot("vdev new b.board --json").ok();
    let before = dir.read("b.board");
    dir.ironroot("sfi install a.sfi --device vdev:b.board --license a.license --json").refused("IR-4271", 4);
    assert!(dir.read("b.board") == before);
    dir.ironroot("sfi install a.sfi --device vdev:b.board --license a.license --prepare --json")
        .refused("IR-4203", 6);
    let other = Board::load(&dir.path("b.board")).expect("a board");
    assert!(other.flash().iter().all(|byte| *byte == 0xFF));

    dir.ironroot("keys generate -o maker.pem --json").ok();
    dir.ironroot(&format!("sfi install a.sfi {on} --license a.license --maker maker.pem"))
        .refused("IR-4262", 3);
    let mut damaged = dir.read("a.sfi");
    damaged[900] ^= 1;
    dir.write("damaged.sfi", &damaged);
    dir.ironroot(&format!("sfi install damaged.sfi {on} --license a.license")).refused("IR-4226", 3);
    let empty = Board::load(&dir.path("a.board")).expect("a board");
    assert!(!empty.flash().windows(16).any(|window| window == &program(5000)[..16]));

    // The same licence still works; without a closed area everything is read back once more.
    let done = dir.ironroot(&format!("sfi install a.sfi {on} --license a.license")).ok().last("result");
    assert_eq!((&done["compared_bytes"], &done["closed"]), (&5024.into(), &false.into()));
    assert_eq!(done["tried"], serde_json::json!(["the debug port is closed", "the bootloader answers"]));
    let board = Board::load(&dir.path("a.board")).expect("a board");
    assert_eq!(board.flash()[..5000], program(5000));
    assert!(done["seconds_at_115200"].as_f64() > done["seconds_at_921600"].as_f64());

    // Older than what is installed; and newer, with options that are compared.
    dir.ironroot("sfi create -f fw.bin@0x08000000 --readable --key fw.key -v 4 -o old.sfi --json").ok();
    license(&dir, "old.sfi", "a.cert", "old.license");
    dir.ironroot(&format!("sfi install old.sfi {on} --license old.license")).refused("IR-4215", 3);
    dir.ironroot(&format!("sfi install old.sfi {on} --license a.license")).refused("IR-4205", 6);
    dir.write("options.toml", b"SEC_AREA = \"0x08000000..0x08020000\"\nDMES = 1\n");
    dir.write("wrong.toml", b"WRPS = \"0\"\n");
    dir.ironroot(
        "sfi create -f fw.bin@0x08000000 --options options.toml --key fw.key -v 6 -o new.sfi --json",
    )
    .ok();
    license(&dir, "new.sfi", "a.cert", "new.license");
    dir.copy(&dir.path("a.board"), "c.board");
    let wrong =
        "sfi install new.sfi --device vdev:c.board --license new.license --expect-options wrong.toml --json";
    dir.ironroot(wrong).refused("IR-4273", 3);
    let closed = dir
        .ironroot(&format!("sfi install new.sfi {on} --license new.license --expect-options options.toml"));
    let closed = closed.ok().last("result");
    assert_eq!(
        (&closed["closed"], closed["compared_options"].as_array().map(Vec::len)),
        (&true.into(), Some(3))
    );
    assert_eq!(closed["closed_by"], "SECURITY and a secure area");
    assert_eq!(closed["tried"], serde_json::json!(["the debug port is closed"]));
    // A package that clears SECURITY opens the device, whatever else it sets: that is what the tool says.
    let open =
        "sfi create -f fw.bin@0x08000000 --readable --option SECURITY=0 --key fw.key -v 7 -o open.sfi --json";
    dir.ironroot(open).ok();
    dir.ironroot("vdev new o.board --json").ok();
    dir.ironroot("ob apply --device vdev:o.board SECURITY=1 --json").ok();
    dir.ironroot("cert read --device vdev:o.board -o o.cert --json").ok();
    license(&dir, "open.sfi", "o.cert", "o.license");
    let open = dir.ironroot("sfi install open.sfi --device vdev:o.board --license o.license --json").ok();
    assert!(open.stdout.contains("\"event\":\"warning\""), "{}", open.stdout);
    let open = open.last("result");
    assert_eq!((&open["closed"], &open["tried"][0]), (&false.into(), &"the debug port is open".into()));
    dir.ironroot("ob show --device vdev:o.board --json").ok();
    // In service: the bootloader is gone.
    dir.ironroot(&format!("sfi install new.sfi {on} --license new.license")).refused("IR-7003", 7);
}

#[test]
fn sfi_install_ended_by_ctrl_c_leaves_nothing_to_start_and_can_be_repeated() {
    let dir = Scratch::new();
    dir.write("fw.bin", &program(700_000));
    dir.ironroot("sfi create -f fw.bin@0x08000000 --readable --new-key fw.key -v 1 -o a.sfi --json").ok();
    dir.ironroot("vdev new a.board --json").ok();
    licensed(&dir);
    let line = "sfi install a.sfi --device vdev:a.board --license a.license --json";
    let mut child = ironroot()
        .args(line.split(' '))
        .current_dir(dir.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut events = BufReader::new(child.stdout.take().expect("piped")).lines();
    // Two areas at least.
    let begun = |line: std::io::Result<String>| {
        let event = line.ok().and_then(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
        event.is_some_and(|event| event["done"].as_u64() > Some(140_000))
    };
    assert!(events.any(begun), "the installation begins");
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let rest: Vec<String> = events.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("ends").code(), Some(8), "{rest:?}");
    assert!(rest.last().is_some_and(|line| line.contains("IR-1010")), "{rest:?}");
    let board = Board::load(&dir.path("a.board")).expect("a board");
    assert_eq!(board.flash()[..32], [0xFF; 32], "what the chip starts from was held back");
    assert_ne!(board.flash()[32..64], [0xFF; 32], "it was in the middle");
    dir.ironroot(line).ok();
    let board = Board::load(&dir.path("a.board")).expect("a board");
    assert_eq!(board.flash()[..700_000], program(700_000));
}

/// A virtual device under power, and its serial port.
fn powered(dir: &Scratch, board: &str) -> (Child, TcpStream) {
    let mut child = ironroot()
        .args(["vdev", "run", board, "--uart", "tcp:127.0.0.1:0", "--boot0", "1"])
        .current_dir(dir.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let port = line.trim().strip_prefix("serial port: ").expect("the port");
    (child, TcpStream::connect(port).expect("listens"))
}

/// What somebody does to the wire.
#[derive(Default)]
struct Faults {
    /// Places in what the host sends at which a byte is lost.
    lost: &'static [usize],
    /// Places at which a bit of it flips.
    flipped: &'static [usize],
    /// A device that is plugged in instead, when the first one has been told to begin and is synchronised with again.
    exchanged: Option<(Child, TcpStream)>,
}

/// The frame that tells a bootloader to begin, up to its sub-command.
const BEGIN: [u8; 4] = [0x50, 0xAF, 0x02, 0x02];

/// A virtual device under power behind a TCP port, and a pseudo terminal to it whose wire has faults.
struct Wire {
    children: Vec<Child>,
    stop: Arc<AtomicBool>,
    name: String,
}

impl Wire {
    fn new(dir: &Scratch, faults: Faults) -> Self {
        let Faults { lost, flipped, exchanged } = faults;
        let (child, mut device) = powered(dir, "a.board");
        let mut children = vec![child];
        let mut other = exchanged.map(|(child, stream)| {
            children.push(child);
            stream
        });
        device.set_nonblocking(true).expect("a socket");
        let mut name = String::new();
        let mut host =
            console::open(&Destination::Pty, &mut |port| name = port.to_owned()).expect("a terminal");
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        std::thread::spawn(move || {
            let (mut sent, mut buffer) = (0, [0; 4096]);
            let (mut last, mut begun) = ([0; 4], false);
            while !ended.load(Ordering::Relaxed) {
                let mut quiet = true;
                let mut onward = Vec::new();
                for byte in host.read().unwrap_or_default() {
                    last = [last[1], last[2], last[3], byte];
                    begun |= last == BEGIN;
                    if begun
                        && byte == 0x7F
                        && let Some(stream) = other.take()
                    {
                        stream.set_nonblocking(true).expect("a socket");
                        device = stream;
                    }
                    if !lost.contains(&sent) {
                        onward.push(if flipped.contains(&sent) { byte ^ 0x10 } else { byte });
                    }
                    sent += 1;
                }
                if !onward.is_empty() {
                    quiet = false;
                    device.set_nonblocking(false).expect("a socket");
                    let written = device.write_all(&onward);
                    device.set_nonblocking(true).expect("a socket");
                    if written.is_err() {
                        return;
                    }
                }
                if let Ok(count @ 1..) = device.read(&mut buffer) {
                    quiet = false;
                    host.write(&buffer[..count]).expect("written");
                }
                if quiet {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        });
        Wire { children, stop, name }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a command of the bootloader's protocol on a bare port.
fn drive(port: &mut TcpStream, mut script: Exchange) {
    loop {
        match script.poll() {
            Poll::Send(bytes) => port.write_all(bytes).expect("sent"),
            Poll::Done => return,
            Poll::Receive(_) => {
                let mut byte = [0];
                port.read_exact(&mut byte).expect("an answer");
                script.received(byte[0]).expect("no refusal");
            }
        }
    }
}

/// Somebody pulls the plug of the device that was begun with, and puts another one in that waits in its installer. The licence
/// of the first must not be tried on it, let alone the package.
#[test]
fn sfi_install_notices_another_device_on_the_wire() {
    let dir = bench();
    licensed(&dir);
    dir.ironroot("cert demo-ca -o maker.pem --json").ok();
    dir.ironroot("vdev new b.board --json").ok();
    dir.ironroot("ob apply --device vdev:b.board SECURITY=1 --json").ok();
    let (child, mut port) = powered(&dir, "b.board");
    port.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a socket");
    drive(&mut port, Exchange::sync());
    drive(&mut port, Exchange::special(special::BEGIN_INSTALL, &[]).expect("a sub-command"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    drive(&mut port, Exchange::sync());
    let wire = Wire::new(&dir, Faults { exchanged: Some((child, port)), ..Faults::default() });
    let line =
        format!("sfi install a.sfi --license a.license --maker maker.pem --json --device uart:{}", wire.name);
    dir.ironroot(&line).refused("IR-4272", 3);
    drop(wire);
    for board in ["a", "b"] {
        let board = Board::load(&dir.path(&format!("{board}.board"))).expect("a board");
        assert!(board.flash().iter().all(|byte| *byte == 0xFF), "nothing was written");
    }
    dir.ironroot("sfi install a.sfi --license a.license --device vdev:a.board --json").ok();
}

#[test]
fn sfi_install_goes_on_after_faults_of_a_serial_line() {
    let dir = bench();
    licensed(&dir);
    dir.ironroot("cert demo-ca -o maker.pem --json").ok();
    let wire = Wire::new(&dir, Faults { lost: &[6000], flipped: &[2500], ..Faults::default() });
    let on = format!("--device uart:{} --license a.license --json", wire.name);
    // A real device is never taken for genuine by the demo maker's word unless somebody says so.
    dir.ironroot(&format!("sfi install a.sfi {on}")).refused("IR-1001", 2);
    // Nor can its option bytes be set on this wire.
    dir.ironroot(&format!("sfi install a.sfi {on} --maker maker.pem --prepare")).refused("IR-1001", 2);
    dir.write("options.toml", b"SECURITY = 1\nRDP = \"level0\"\n");
    let run =
        dir.ironroot(&format!("sfi install a.sfi {on} --maker maker.pem --expect-options options.toml"));
    drop(wire);
    let done = run.ok().last("result");
    assert_eq!(done["compared_options"].as_array().map(Vec::len), Some(2), "asked over the wire");
    assert_eq!(done["faults"], 2, "{done}");
    assert_eq!(done["compared_bytes"], 5024);
}

#[test]
fn line_run_installs_32_devices_and_one_that_fails_stops_none() {
    let dir = bench();
    let tool = ironroot().get_program().to_owned();
    let mut say = |_: &str| {};
    let path = dir.path("");
    let mut stage = demo_sfi::Stage::new(tool.as_ref(), &path, &mut say);
    for line in [
        "cert demo-ca -o maker.pub.pem",
        "license ca new ca",
        "license station new line-1 --site s --ca ca -o station",
        "license vault new vault.json",
        "license firmware add fw --package a.sfi --key fw.key --vault vault.json",
        "license quota create fw --site s --granted 32",
        "keys generate -o other.pem",
        "vdev new boards/x.board --maker-key other.pem",
    ] {
        if line.starts_with("vdev") {
            std::fs::create_dir(dir.path("boards")).expect("a directory");
        }
        stage.ok(line).expect("the bench");
    }
    for number in 0..32 {
        stage.ok(&format!("vdev new boards/{number:02}.board")).expect("a board");
    }
    let server = stage.serve().expect("the server");
    let line = format!(
        "line run --package a.sfi --boards boards --prepare --report r.json --json --license-server {} --firmware fw \
         --station-certificate station/line-1.pem --station-key station/line-1.key --server-authority ca/authority.pem",
        server.url
    );
    // A report that cannot be written is found before the first licence is counted.
    dir.ironroot(&line.replace("--report r.json", "--report nodir/r.json")).refused("IR-1004", 2);
    assert!(stage.ok("license quota show --json").expect("shown").contains("\"issued\":0"));
    for number in 0..32 {
        let board = Board::load(&dir.path(&format!("boards/{number:02}.board"))).expect("a board");
        assert!(board.flash().iter().all(|byte| *byte == 0xFF), "untouched");
    }
    // Nor do its own files become one.
    let key = dir.read("station/line-1.key");
    dir.ironroot(&line.replace("--report r.json", "--report station/line-1.key")).refused("IR-1012", 2);
    assert!(dir.read("station/line-1.key") == key);
    let run = dir.ironroot(&line);
    run.refused("IR-4274", 4);
    let report: serde_json::Value = serde_json::from_slice(&dir.read("r.json")).expect("JSON");
    assert_eq!((&report["installed"], &report["failed"]), (&32.into(), &1.into()), "{report}");
    let devices = report["devices"].as_array().expect("devices");
    let failed: Vec<_> = devices.iter().filter(|device| device["state"] == "failed").collect();
    assert_eq!((failed.len(), &failed[0]["code"]), (1, &"IR-4262".into()));
    let serials: std::collections::BTreeSet<i64> =
        devices.iter().filter_map(|d| d["serial"].as_i64()).collect();
    assert_eq!(serials.len(), 32, "a licence each");
    for number in 0..32 {
        let board = Board::load(&dir.path(&format!("boards/{number:02}.board"))).expect("a board");
        assert_eq!(board.flash()[..5000], program(5000));
    }
    // The same devices again: no licence more.
    let again =
        dir.ironroot(&line.replace("--boards boards", "--boards boards/00.board boards/01.board")).ok();
    assert_eq!(again.last("result")["installed"], 2);
    assert!(stage.ok("license quota show --json").expect("shown").contains("\"issued\":32"));
    drop(server);
    let gone = line.replace("--boards boards", "--boards boards/00.board --license-timeout 1 --retry 0");
    let run = dir.ironroot(&gone);
    run.refused("IR-4274", 4);
    let report: serde_json::Value = serde_json::from_slice(&dir.read("r.json")).expect("JSON");
    assert_eq!(report["devices"][0]["code"], "IR-6041");
    for (boards, code) in [("boards/00.board boards/00.board", "IR-1806"), ("ca", "IR-1806")] {
        dir.ironroot(&line.replace("--boards boards", &format!("--boards {boards}"))).refused(code, 2);
    }
    dir.ironroot("line run --package a.sfi --boards boards/00.board --json").refused("IR-1805", 2);
}
