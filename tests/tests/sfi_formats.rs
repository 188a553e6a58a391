//! The formats of secure firmware install against a second implementation that knows only docs/sfi-format.md and RFC 9180: a
//! Python program over somebody else's cryptography (`sfi_formats/peer.py`). What either side makes, the other takes.

use std::os::unix::fs::PermissionsExt;

use ironroot_crypto::Software;
use ironroot_sfi::{Certificate, DeviceKey, FirmwareKey, Licence, LicenceKind, PackageId, Terms};
use ironroot_tests::{Scratch, imgtool_python};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

/// Runs a command of the second implementation; what it prints, or its complaint.
fn peer(dir: &Scratch, line: &str) -> Result<Value, String> {
    let script = ironroot_tests::root().join("tests/tests/sfi_formats/peer.py");
    let output = imgtool_python()
        .arg(script)
        .args(line.split(' '))
        .current_dir(dir.path(""))
        .output()
        .expect("python starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// A device with a certificate of a maker, whose private key is a file.
fn bench() -> (Scratch, Certificate) {
    let dir = Scratch::new();
    for line in [
        "keys generate -o maker.pem",
        "keys generate -o device.pem",
        "cert issue --product 48302001 --key device.pem --maker-key maker.pem -o device.cert",
    ] {
        dir.ironroot(&format!("{line} --json")).ok();
    }
    let mut firmware: Vec<u8> = (0..70_000_u32).map(|at| (at * 31 + at / 251) as u8).collect();
    // A vector table, without which it is no firmware.
    firmware[..8].copy_from_slice(&[0, 0, 2, 0x20, 0x41, 0, 0, 8]);
    dir.write("fw.bin", &firmware);
    let certificate = Certificate::parse(&dir.read("device.cert")).expect("a certificate");
    (dir, certificate)
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("text");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
}

#[test]
fn another_implementation_opens_what_we_make() {
    let (dir, certificate) = bench();
    dir.write("st.csv", b"FOPTSR_PRG,0x1026AAD0\nFSCAR_PRG_A,0x81000200\n");
    dir.ironroot(
        "sfi create -f fw.bin@0x08000000 --readable --options-csv st.csv --new-key fw.key -v 9 -o a.sfi --json",
    )
    .ok();
    let package = dir.read("a.sfi");
    let id = {
        use ironroot_crypto::Crypto;
        PackageId(*Software.sha256_of(&package[..128]).first_chunk().expect("32 bytes"))
    };
    let key: [u8; 16] = dir.read("fw.key").try_into().expect("16 bytes");
    let fingerprint = Terms::fingerprint(certificate.key(), &mut Software);
    let terms = Terms { kind: LicenceKind::Firmware, least_version: 5, least_services: 1, fingerprint };
    let sealed = Licence::seal(
        terms,
        certificate.product(),
        certificate.key(),
        id,
        &FirmwareKey::new(key),
        &mut ChaCha20Rng::seed_from_u64(1),
    );
    dir.write("a.license", sealed.expect("sealed").bytes());
    let line = "open a.sfi a.license device.cert device.pem maker.pem";
    let opened = peer(&dir, line).expect("opens");
    assert_eq!((hex(&opened["key"]), &opened["least"]), (key.to_vec(), &5.into()));
    assert_eq!(opened["version"], 9);
    let areas = opened["areas"].as_array().expect("areas");
    let firmware: Vec<u8> =
        areas.iter().filter(|area| area["kind"] == "F").flat_map(|area| hex(&area["hex"])).collect();
    let plain = dir.read("fw.bin");
    assert_eq!(firmware[..plain.len()], plain);
    assert!(firmware.len().is_multiple_of(32) && firmware[plain.len()..].iter().all(|byte| *byte == 0xFF));
    let options = hex(&areas.last().expect("the configuration")["hex"]);
    assert_eq!((areas.last().expect("areas")["kind"].as_str(), options.len()), (Some("C"), 24));
    assert_eq!(options[12..16], 0x034_u32.to_le_bytes(), "FLASH_SCAR_PRG1");

    // It looks: one changed bit of each, and it does not open.
    for name in ["a.sfi", "a.license", "device.cert"] {
        let bytes = dir.read(name);
        for at in [bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            dir.write(name, &changed);
            peer(&dir, line).expect_err(name);
        }
        dir.write(name, &bytes);
    }
    peer(&dir, line).expect("opens again");
}

#[test]
fn we_take_what_another_implementation_makes() {
    let (dir, certificate) = bench();
    for (name, key) in [("py.key", b"a key of another"), ("pym.key", b"and of a module.")] {
        dir.write(name, key);
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(dir.path(name), owner_only).expect("changed");
    }
    let made = peer(&dir, "make fw.bin py.key py.sfi py.irm pym.key").expect("made");
    let info = dir.ironroot("sfi info py.sfi --json").ok().last("result");
    assert_eq!((&info["package"], &info["version"]), (&made["id"], &7.into()));
    let verified =
        dir.ironroot("sfi verify py.sfi --key py.key --module-key py.irm=pym.key --json").ok().last("result");
    assert_eq!((&verified["areas"], &verified["option_registers"]), (&made["areas"], &2.into()));
    dir.ironroot("sfi verify py.sfi --key py.key --module-key py.irm=py.key --json").refused("IR-4244", 3);

    peer(&dir, "seal py.license device.cert maker.pem py.sfi py.key").expect("sealed");
    let scalar = hex(&peer(&dir, "scalar device.pem").expect("a key")).try_into().expect("32 bytes");
    let device = DeviceKey::new(certificate.product(), *certificate.key(), &scalar).expect("a key");
    let licence = Licence::parse(&dir.read("py.license")).expect("a licence");
    let (package, _) = device.open(&licence, &mut Software).expect("opens");
    assert_eq!(package.to_string(), made["id"].as_str().expect("text"));
}
