//! Packages, certificates and lines of devices: what is refused before anything is made, and what stays as it was.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Scratch, mode, program};

const FLASH: u32 = 0x0800_0000;
const AREA: &str = "--option SEC_AREA=0x08000000..0x08020000";

/// Firmware for the start of flash, a firmware key and a signing key.
fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.write("fw.bin", &program(FLASH, 5000));
    secret(&dir, "fw.key", &[7; 16]);
    dir.run("keys generate -o k.pem").exit_ok();
    dir
}

fn secret(dir: &Scratch, name: &str, bytes: &[u8]) {
    dir.write(name, bytes);
    chmod(dir, name, 0o600);
}

fn chmod(dir: &Scratch, name: &str, mode: u32) {
    std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_package_that_leaves_the_firmware_readable_is_made_only_on_request() {
    let dir = bench();
    let create = "sfi create -f fw.bin@0x08000000 --key fw.key -v 1 -o a.sfi";
    for open in
        ["", "--option SECURITY=1", "--option SECURITY=0", "--option PROT_AREA=0x08020000..0x08040000"]
    {
        dir.refused(&format!("{create} {open}"), "IR-1807", 2);
    }
    dir.refused(&format!("{create} {AREA} --option SECURITY=0"), "IR-1807", 2);
    let open = dir.run(&format!("{create} --readable --json"));
    assert!(open.events().iter().any(|event| event["event"] == "warning"), "{}", open.stdout);
    assert_eq!(open.result()["options"]["closed_by"], serde_json::Value::Null);
    let verified = dir.run("sfi verify a.sfi --key fw.key --json");
    assert!(verified.events().iter().any(|event| event["event"] == "warning"), "{}", verified.stdout);

    let closed = dir.run(&format!("{create} {AREA} --option DMES=1 --json"));
    assert!(closed.events().iter().all(|event| event["event"] != "warning"), "{}", closed.stdout);
    assert_eq!(closed.result()["options"]["closed_by"], "SECURITY and a secure area");
    let verified = dir.run("sfi verify a.sfi --key fw.key --json").result();
    let fields: Vec<_> =
        verified["options"]["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, ["SEC_AREA_START", "SEC_AREA_END", "DMES"]);
    assert_eq!(verified["options"], closed.result()["options"], "verify sees what create said");
    let text = dir.run("sfi verify a.sfi --key fw.key").stdout;
    for word in ["DMES", "closed by", "afterwards"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
}

#[test]
fn read_protection_for_ever_must_be_typed() {
    let dir = bench();
    let create = "sfi create -f fw.bin@0x08000000 --key fw.key -v 1 -o a.sfi --option RDP=level2";
    dir.refused(create, "IR-1009", 5);
    dir.refused(&format!("{create} --yes-i-mean 48302001"), "IR-1009", 5);
    dir.refused(&format!("{create} --readable"), "IR-1009", 5);
    // Confirmed or not: a device that starts nothing is what nobody means.
    let dead = "--option SEC_AREA=0x08040000..0x08060000 --yes-i-mean RDP=level2";
    dir.refused(&format!("{create} {dead}"), "IR-1606", 3);
    dir.run(&format!("{create} --yes-i-mean RDP=level2")).exit_ok();
    let verified = dir.run("sfi verify a.sfi --key fw.key --json").result();
    let fields = verified["options"]["fields"].as_array().unwrap();
    assert_eq!((&fields[0]["field"], &fields[0]["irreversible"]), (&"RDP".into(), &true.into()));
    assert_eq!(verified["options"]["outlook"]["state"], "final");
    assert!(dir.run("sfi verify a.sfi --key fw.key").stdout.contains("cannot be undone"));
}

#[test]
fn what_could_not_start_is_not_packed() {
    let dir = bench();
    let create = |from: &str| format!("sfi create -f {from} --key fw.key -v 1 {AREA} -o a.sfi");
    for address in ["0x08000001", "0x08000010", "0x0800001f"] {
        dir.refused(
            &create(&format!("fw.bin@0x08000000 -f k.bin@{address}")).replace("k.bin", "fw.bin"),
            "IR-4224",
            3,
        );
        dir.refused(&create(&format!("fw.bin@{address}")), "IR-4224", 3);
    }
    let noise: Vec<u8> = (0..5000_u32).map(|at| (at * 31 + at / 7) as u8 | 1).collect();
    dir.write("noise.bin", &noise);
    dir.refused(&create("noise.bin@0x08000000"), "IR-1209", 2);
    // The reset vector of another place, of Arm code, and a file that ends before it.
    dir.write("other.bin", &program(0x0804_0000, 5000));
    dir.refused(&create("other.bin@0x08000000"), "IR-1210", 2);
    let mut arm = program(FLASH, 5000);
    arm[4] &= !1;
    dir.write("arm.bin", &arm);
    dir.refused(&create("arm.bin@0x08000000"), "IR-1210", 2);
    dir.refused(&create("k.pem@0x08000000"), "IR-1011", 2);
    // What starts is what stands first in the secure area.
    dir.write("late.bin", &noise);
    let late = "fw.bin@0x08000000 -f late.bin@0x08020000";
    dir.refused(&create(late).replace(AREA, "--option SEC_AREA=0x08020000..0x08040000"), "IR-1209", 2);
    dir.run(&create(late)).exit_ok();
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let dir = bench();
    let create = format!("sfi create -f fw.bin@0x08000000 {AREA} --key fw.key -v 1 -o");
    dir.run(&format!("{create} a.sfi")).exit_ok();
    for open in [0o644, 0o640, 0o604] {
        chmod(&dir, "fw.key", open);
        dir.refused(&format!("{create} b.sfi"), "IR-1106", 2);
        dir.refused("sfi verify a.sfi --key fw.key", "IR-1106", 2);
        dir.refused("sfi module create fw.bin --address 0x08020000 -v 1 --key fw.key -o m.irm", "IR-1106", 2);
    }
}

#[test]
fn a_new_key_stays_only_with_what_it_encrypts() {
    let dir = bench();
    for line in [
        format!("sfi create -f fw.bin@0x08000000 {AREA} -v 1 --new-key new.key -o nodir/a.sfi"),
        "sfi module create fw.bin --address 0x08020000 -v 1 --new-key new.key -o nodir/m.irm".into(),
        format!("sfi create -f fw.bin@0x08000000 {AREA} -v 1 --new-key new.key -o -"),
    ] {
        // `refused` compares all files: no key was left.
        dir.refused(&line, "IR-1004", 2);
    }
    dir.run(&format!("sfi create -f fw.bin@0x08000000 {AREA} -v 1 --new-key new.key -o a.sfi")).exit_ok();
    assert_eq!((mode(&dir.path("new.key")), dir.read("new.key").len()), (0o600, 16));
}

#[test]
fn no_output_replaces_a_private_key() {
    let dir = bench();
    dir.run("keys generate -o other.pem").exit_ok();
    dir.run("keys public k.pem -o device.pub.pem").exit_ok();
    dir.run(&format!("sfi create -f fw.bin@0x08000000 {AREA} --key fw.key -v 1 -o a.sfi")).exit_ok();
    dir.write("data.bin", &[3; 500]);
    for key in ["other.pem", "fw.key"] {
        let new = if key == "fw.key" { "--new-key n.key" } else { "--key fw.key" };
        for line in [
            format!("sfi create -f fw.bin@0x08000000 {AREA} {new} -v 1 -o {key}"),
            format!("sfi module create fw.bin --address 0x08020000 -v 1 {new} -o {key}"),
            format!("image create -k k.pem -v 1.0.0 -H 0x20 --pad-header -S 64K data.bin -o {key}"),
            format!("cert demo-ca -o {key}"),
            format!("cert demo-ca -o {key} --force"),
            format!("cert issue --product 48302001 --key device.pub.pem --maker-key k.pem -o {key} --force"),
            format!("prove power-loss --svg {key}"),
            format!("prove power-loss --html {key}"),
        ] {
            dir.refused(&line, "IR-1005", 2);
        }
    }
}

#[test]
fn a_certificate_is_replaced_only_by_force() {
    let dir = bench();
    dir.run("keys public k.pem -o device.pub.pem").exit_ok();
    let issue = "cert issue --product 48302001 --key device.pub.pem --maker-key k.pem -o x.cert";
    for line in [issue, "cert demo-ca -o ca.pem"] {
        dir.run(line).exit_ok();
        dir.refused(line, "IR-1005", 2);
        dir.run(&format!("{line} --force")).exit_ok();
    }
}

#[test]
fn a_dash_is_no_output() {
    let dir = bench();
    dir.write("data.bin", &[3; 500]);
    for line in [
        "image create -k k.pem -v 1.0.0 -H 0x20 --pad-header -S 64K data.bin -o -",
        "cert demo-ca -o -",
        "keys generate -o -",
        "keys public k.pem -o -",
        "prove power-loss --svg -",
    ] {
        dir.refused(line, "IR-1004", 2);
    }
}

#[test]
fn a_proof_finds_out_first_that_it_cannot_write() {
    let dir = bench();
    // Not a word of the run, which takes minutes: no row, no summary.
    for option in ["--html nodir/x.html", "--svg nodir/x.svg"] {
        let run = dir.run(&format!("prove power-loss {option} --json"));
        assert_eq!((run.exit, run.events().len()), (2, 1), "{}", run.stdout);
        assert_eq!(run.events()[0]["code"], "IR-1004");
    }
}

/// A line: nothing is asked of a server or a device before the files are known to be usable.
#[test]
fn a_line_keeps_its_own_files() {
    let dir = bench();
    dir.run(&format!("sfi create -f fw.bin@0x08000000 {AREA} --key fw.key -v 1 -o a.sfi")).exit_ok();
    for line in ["license ca new ca", "license station new line-1 --site s --ca ca -o st"] {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .args(line.split(' '))
            .current_dir(dir.path(""))
            .env("IRONROOT_PASSPHRASE", "only for the test")
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let line = "line run --package a.sfi --boards none.board --license-server https://127.0.0.1:9 --firmware fw \
                --station-certificate st/line-1.pem --station-key st/line-1.key --server-authority ca/authority.pem \
                --license-timeout 1 --retry 0";
    for own in ["st/line-1.key", "st/line-1.pem", "ca/authority.pem", "a.sfi"] {
        let before = dir.read(own);
        dir.refused(&format!("{line} --report {own}"), "IR-1012", 2);
        assert!(dir.read(own) == before, "{own}");
    }
    dir.refused(&format!("{line} --report k.pem"), "IR-1005", 2);
    dir.refused(&format!("{line} --report nodir/x.json"), "IR-1004", 2);
    // A report comes whatever became of the devices.
    let run = dir.run(&format!("{line} --report r.json --json"));
    assert_eq!((run.exit, &run.events().pop().unwrap()["code"]), (4, &"IR-4274".into()), "{}", run.stdout);
    let report: serde_json::Value = serde_json::from_slice(&dir.read("r.json")).unwrap();
    assert_eq!((&report["failed"], &report["devices"][0]["code"]), (&1.into(), &"IR-1002".into()));
    chmod(&dir, "st/line-1.key", 0o644);
    dir.refused(&format!("{line} --report x.json"), "IR-1106", 2);
    chmod(&dir, "st/line-1.key", 0o600);
    // An identity that is none, in each of its parts, ends with a code and not in the middle of a request.
    let (key, certificate) = (dir.read("st/line-1.key"), dir.read("st/line-1.pem"));
    for (name, key, certificate) in [
        ("another key", dir.read("k.pem"), certificate.clone()),
        ("no certificate", key.clone(), key.clone()),
    ] {
        secret(&dir, "st/line-1.key", &key);
        dir.write("st/line-1.pem", &certificate);
        let run = dir.run(&format!("{line} --report x.json --json"));
        let last = run.events().pop().unwrap();
        assert_eq!((run.exit != 0, &last["event"]), (true, &"error".into()), "{name}: {}", run.stdout);
        assert_ne!(last["code"], "IR-9001", "{name}");
        assert!(!run.stderr.contains("panicked"), "{name}: {}", run.stderr);
    }
}
