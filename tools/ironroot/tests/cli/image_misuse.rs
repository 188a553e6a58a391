//! The image commands attacked from outside: bad keys, bad files, no room, no permission, a signal. What holds for every
//! one: a code, no backtrace, and every file as it was before ([`Scratch::refused`]).

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::Scratch;

/// What every image of these tests has in common.
const CREATE: &str = "image create -v 1.0.0 -H 0x100 --pad-header -S 0x8000";

/// Keys of every kind, data to sign, a signed and an encrypted image.
fn bench() -> Scratch {
    let dir = Scratch::new();
    for (name, kind) in [
        ("key", "ecdsa-p256"),
        ("p384", "ecdsa-p384"),
        ("ed", "ed25519"),
        ("rsa", "rsa-2048"),
        ("device", "ecdsa-p256"),
        ("x25519", "x25519"),
    ] {
        dir.run(&format!("keys generate --type {kind} -o {name}.pem")).exit_ok();
        dir.run(&format!("keys public {name}.pem -o {name}.pub")).exit_ok();
    }
    dir.write("data.bin", &[0x5A; 1000]);
    dir.run(&format!("{CREATE} -k key.pem data.bin -o good.bin")).exit_ok();
    dir.run(&format!("{CREATE} -k key.pem -E device.pub data.bin -o secret.bin")).exit_ok();
    dir
}

fn private(dir: &Scratch, name: &str, bytes: &[u8]) {
    dir.write(name, bytes);
    std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn key_files_that_are_none() {
    let dir = bench();
    std::fs::create_dir(dir.path("directory.pem")).unwrap();
    private(&dir, "empty.pem", b"");
    private(&dir, "text.pem", b"correct horse battery staple\n");
    private(&dir, "noise.pem", &[0xA5; 3000]);
    private(&dir, "zeros.pem", &[0; 3000]);
    private(&dir, "huge.pem", &vec![b'A'; 3_000_000]);
    private(&dir, "two.pem", &[dir.read("key.pem"), dir.read("ed.pem")].concat());
    for (key, code) in [
        ("missing.pem", "IR-1002"),
        ("missing/key.pem", "IR-1002"),
        ("directory.pem", "IR-1003"),
        ("empty.pem", "IR-1006"),
        ("text.pem", "IR-1101"),
        ("noise.pem", "IR-1101"),
        ("zeros.pem", "IR-1101"),
        ("huge.pem", "IR-1007"),
        ("two.pem", "IR-1109"),
        ("/dev/null", "IR-1006"),
        ("/dev/zero", "IR-1007"),
        ("good.bin", "IR-1101"),
    ] {
        dir.refused(&format!("{CREATE} -k {key} data.bin -o out.bin"), code, 2);
        dir.refused(&format!("{CREATE} -k key.pem -E {key} data.bin -o out.bin"), code, 2);
        dir.refused(&format!("image verify good.bin -k {key}"), code, 2);
        dir.refused(&format!("image decrypt secret.bin --decryption-key {key} -o out.bin"), code, 2);
    }
    dir.refused(&format!("{CREATE} data.bin -o out.bin"), "IR-1105", 2);
}

/// A key file cut after every byte: refused, or still the whole key (the line end behind it was cut).
#[test]
fn key_files_that_are_cut_off() {
    let dir = bench();
    for name in ["key", "ed", "p384", "rsa"] {
        let whole = dir.read(&format!("{name}.pem"));
        // Every byte of the short ones; of RSA's 1,700 some.
        for len in (1..whole.len() - 1).step_by(whole.len() / 24) {
            private(&dir, "cut.pem", &whole[..len]);
            dir.refused(&format!("{CREATE} -k cut.pem data.bin -o out.bin"), "IR-1101", 2);
        }
        private(&dir, "cut.pem", &whole[..whole.len() - 1]);
        dir.run(&format!("{CREATE} -k cut.pem data.bin -o out.bin")).exit_ok();
        std::fs::remove_file(dir.path("out.bin")).unwrap();
    }
}

#[test]
fn keys_of_another_kind() {
    let dir = bench();
    for (line, code, exit) in [
        // A public key does not sign, and not every private key does.
        ("-k key.pub data.bin -o out.bin", "IR-1103", 2),
        ("-k x25519.pem data.bin -o out.bin", "IR-1102", 2),
        ("-k key.pem --pure data.bin -o out.bin", "IR-1320", 2),
        ("-k rsa.pem --sha 512 data.bin -o out.bin", "IR-1320", 2),
        ("-k p384.pem --sha 256 data.bin -o out.bin", "IR-1320", 2),
        // Not every key can be encrypted for.
        ("-k ed.pem -E ed.pub data.bin -o out.bin", "IR-1102", 2),
        ("-k key.pem -E p384.pub data.bin -o out.bin", "IR-1102", 2),
        ("-k key.pem -E device.pub --hmac-sha 512 data.bin -o out.bin", "IR-1320", 2),
        ("-k key.pem --encrypt-keylen 256 data.bin -o out.bin", "IR-1320", 2),
    ] {
        dir.refused(&format!("{CREATE} {line}"), code, exit);
    }
    // The wrong key of the right kind, and of another kind, to verify and to decrypt with.
    for key in ["device.pub", "p384.pub", "ed.pub", "rsa.pub"] {
        dir.refused(&format!("image verify good.bin -k {key}"), "IR-2207", 3);
    }
    dir.refused("image verify good.bin -k x25519.pub", "IR-1102", 2);
    dir.refused("image decrypt secret.bin --decryption-key key.pem -o out.bin", "IR-2214", 3);
    dir.refused("image decrypt secret.bin --decryption-key x25519.pem -o out.bin", "IR-2213", 3);
    dir.refused("image decrypt secret.bin --decryption-key device.pub -o out.bin", "IR-1103", 2);
    dir.refused("image decrypt good.bin --decryption-key device.pem -o out.bin", "IR-1327", 2);
    // A private key that others can read is not used.
    std::fs::set_permissions(dir.path("key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    dir.refused(&format!("{CREATE} -k key.pem data.bin -o out.bin"), "IR-1106", 2);
}

#[test]
fn slots_that_are_too_small() {
    let dir = bench();
    let create = "image create -v 1.0.0 -k key.pem data.bin -o out.bin";
    // Too small for the payload; for the TLVs; for the trailer.
    for (slot, code) in [
        ("1", "IR-1208"),
        ("0x100", "IR-1208"),
        ("0x3f0", "IR-1307"),
        ("0x400", "IR-1307"),
        ("0x500", "IR-1307"),
    ] {
        let error =
            dir.refused(&format!("{create} -H 0x100 --pad-header -S {slot} --overwrite-only"), code, 2);
        assert!(!error["cause"].as_str().unwrap().is_empty());
    }
    dir.refused(&format!("{create} -H 0x100 --pad-header -S 0x1000 --align 32"), "IR-1307", 2);
    dir.refused(&format!("{create} -H 0x20 --pad-header -S 0x8000 --align 3"), "IR-1304", 2);
    dir.refused(&format!("{create} -H 31 --pad-header -S 0x8000"), "IR-1302", 2);
    dir.refused(&format!("{create} -H 0x10000 --pad-header -S 0x80000"), "IR-1302", 2);
    dir.refused(&format!("{create} -H 0x100 --pad-header -S 0x100000000"), "IR-1001", 2);
    // A verifier that knows the slot says so too.
    dir.refused(
        "image verify good.bin -k key.pub --slot-size 0x500 --align 1 --overwrite-only",
        "IR-2006",
        3,
    );
}

/// Every command that writes, to places where nothing can be written.
fn writers(output: &str) -> Vec<String> {
    vec![
        format!("{CREATE} -k key.pem data.bin -o {output}"),
        format!("{CREATE} -k key.pem --pad data.bin -o {output}"),
        format!("{CREATE} -k key.pem -E device.pub data.bin -o {output}"),
        format!("image decrypt secret.bin --decryption-key device.pem -o {output}"),
    ]
}

#[test]
fn places_where_nothing_can_be_written() {
    let dir = bench();
    std::fs::create_dir(dir.path("directory")).unwrap();
    std::os::unix::fs::symlink("circle", dir.path("circle")).unwrap();
    // /proc and /sys let nobody make a file, root included.
    for output in [
        "missing/out.bin",
        "directory",
        "data.bin/out.bin",
        "circle",
        "/dev/full",
        "/proc/out.bin",
        "/sys/out.bin",
    ] {
        for line in writers(output) {
            dir.refused(&line, "IR-1004", 2);
        }
    }
    for input in ["data.bin", "key.pem", "./data.bin"] {
        dir.refused(&format!("{CREATE} -k key.pem data.bin -o {input}"), "IR-1012", 2);
    }
}

/// A disk that is full after a few blocks: the same refusal by the system, made with a limit on the size of files.
#[test]
fn a_disk_that_gets_full() {
    let dir = bench();
    dir.write("big.bin", &[7; 20_000]);
    dir.write("old.bin", b"what was there before");
    let create = "image create -v 1.0.0 -H 0x100 --pad-header -S 0x8000 -k key.pem";
    for line in [
        format!("{create} big.bin -o old.bin"),
        format!("{create} --pad big.bin -o old.bin"),
        format!("{create} -E device.pub big.bin -o old.bin"),
        format!("{create} -x 0x08000000 big.bin -o old.hex"),
    ] {
        let before = dir.files();
        // 8 blocks of 512 bytes or 1024, whatever the shell counts in. Ignored, the signal becomes an error of the write.
        let run = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ironroot")])
            .args(line.split_whitespace())
            .current_dir(dir.path(""))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains("IR-1004") && !text.contains("panicked"), "{line}: {text}");
        assert_eq!(dir.files(), before, "{line}: a file was written, changed or left");
    }
}

/// Images and payloads that are none.
#[test]
fn inputs_that_are_none() {
    let dir = bench();
    std::fs::create_dir(dir.path("directory.bin")).unwrap();
    dir.write("empty.bin", b"");
    dir.write("zeros.bin", &[0; 5000]);
    dir.write("noise.bin", &[0xA5; 5000]);
    dir.write("half.hex", b":020000040800F2\n:10000000AB");
    for (input, code, exit) in [
        ("missing.bin", "IR-1002", 2),
        ("directory.bin", "IR-1003", 2),
        ("empty.bin", "IR-1006", 2),
        ("zeros.bin", "IR-2003", 3),
        ("noise.bin", "IR-2003", 3),
        ("half.hex", "IR-1204", 2),
        ("key.pem", "IR-2003", 3),
    ] {
        dir.refused(&format!("image verify {input} -k key.pub"), code, exit);
        dir.refused(&format!("image info {input}"), code, exit);
        dir.refused(&format!("image decrypt {input} --decryption-key device.pem -o out.bin"), code, exit);
    }
    for (input, code) in [
        ("missing.bin", "IR-1002"),
        ("directory.bin", "IR-1003"),
        ("empty.bin", "IR-1006"),
        ("half.hex", "IR-1204"),
    ] {
        dir.refused(&format!("{CREATE} -k key.pem {input} -o out.bin"), code, 2);
    }
}

/// An image cut after any byte, plain and encrypted: refused by every command that reads one.
#[test]
fn images_that_are_cut_off() {
    let dir = bench();
    for name in ["good.bin", "secret.bin"] {
        let whole = dir.read(name);
        for len in (1..whole.len()).step_by(97).chain([31, 32, 0x100, whole.len() - 1]) {
            dir.write("cut.bin", &whole[..len]);
            dir.refused("image verify cut.bin -k key.pub --decryption-key device.pem", "IR-2001", 3);
        }
        dir.write("cut.bin", &whole[..whole.len() - 1]);
        dir.refused("image info cut.bin", "IR-2001", 3);
        dir.refused("image decrypt cut.bin --decryption-key device.pem -o out.bin", "IR-2001", 3);
    }
}

/// An encrypted image with one changed bit is never decrypted into a file.
#[test]
fn no_damaged_image_is_decrypted() {
    let dir = bench();
    let whole = dir.read("secret.bin");
    let tlvs = 0x100 + 1008;
    for at in [20, 0x40, 0x100, 0x180, tlvs - 1, tlvs + 10, whole.len() - 2, whole.len() - 100] {
        let mut bad = whole.clone();
        bad[at] ^= 4;
        dir.write("bad.bin", &bad);
        let before = dir.files();
        let run = dir.run("image decrypt bad.bin --decryption-key device.pem -o out.bin");
        assert_eq!(run.exit, 3, "byte {at:#x}: {}", run.stderr);
        assert!(
            run.stderr.contains("IR-2") && !run.stderr.contains("panicked"),
            "byte {at:#x}: {}",
            run.stderr
        );
        assert_eq!(dir.files(), before, "byte {at:#x}");
    }
}

/// Ctrl-C at any moment of a long command ends it with its code or lets it finish; a kill leaves the old file. In no case
/// is there half a file under the final name.
#[test]
fn an_interrupted_command_leaves_no_half_file() {
    const SIGINT: &str = "-INT";
    const SIGKILL: &str = "-KILL";
    let dir = bench();
    dir.write("big.bin", &vec![7; 24 << 20]);
    let line = "image create -v 1.0.0 -H 0x100 --pad-header -S 0x2000000 -k key.pem -E device.pub big.bin -o out.bin";
    dir.run(line).exit_ok();
    let size = dir.read("out.bin").len();
    let (mut ended, mut finished) = (0, 0);
    for (signal, wait) in
        [(SIGINT, 2), (SIGINT, 20), (SIGKILL, 5), (SIGINT, 60), (SIGKILL, 40), (SIGINT, 120), (SIGKILL, 120)]
    {
        dir.write("out.bin", b"what was there before");
        let mut child = Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .args(line.split_whitespace())
            .current_dir(dir.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        // The process may have ended by then: kill fails, and the outcome must be that of a finished command.
        let pid = child.id().to_string();
        let _ = Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status().unwrap();
        let status = child.wait().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
        assert!(!text.contains("panicked"), "{text}");
        let out = dir.read("out.bin");
        match (status.code(), status.signal()) {
            (Some(0), _) => {
                assert_eq!(out.len(), size);
                finished += 1;
            }
            // Before the handler is there a signal ends the process as it does any.
            (Some(8), _) | (None, Some(2 | 9)) => {
                assert_eq!(out, b"what was there before", "{signal} after {wait} ms: {text}");
                assert!(status.code().is_none() || text.contains("IR-1010"), "{text}");
                ended += 1;
            }
            other => panic!("{signal} after {wait} ms: {other:?} {text}"),
        }
    }
    assert!(ended > 0, "every one of {finished} commands was faster than its signal: the input is too small");
}
