//! `ironroot keys`.

use crate::support::{Scratch, mode};

#[test]
fn a_new_key_is_for_its_owner_only_and_shows_no_secret() {
    let dir = Scratch::new();
    let made = dir.run("keys generate -o key.pem --json").result();
    assert_eq!(mode(&dir.path("key.pem")), 0o600);
    assert_eq!(made["private"], true);
    assert_eq!(made["demo"], false);
    let shown = dir.run("keys show key.pem --json").result();
    assert_eq!(shown["key_hash"], made["key_hash"]);
    assert_eq!(shown["key_hash"].as_str().unwrap().len(), 64);
    // The 32 bytes of the private number are nowhere in what is printed, in hex or in base64.
    let pem = String::from_utf8(dir.read("key.pem")).unwrap();
    for run in ["keys show key.pem", "keys show key.pem --json"] {
        let text = dir.run(run).stdout;
        assert!(!text.contains("PRIVATE"));
        assert!(pem.lines().filter(|l| l.len() > 16).all(|l| !text.contains(l)), "{text}");
    }
}

#[test]
fn two_keys_differ_and_an_existing_key_is_not_replaced() {
    let dir = Scratch::new();
    let one = dir.run("keys generate -o a.pem --json").result();
    let two = dir.run("keys generate -o b.pem --json").result();
    assert_ne!(one["key_hash"], two["key_hash"]);
    dir.refused("keys generate -o a.pem", "IR-1005", 2);
    let replaced = dir.run("keys generate -o a.pem --force --json").result();
    assert_ne!(one["key_hash"], replaced["key_hash"]);
    assert_eq!(mode(&dir.path("a.pem")), 0o600);
}

#[test]
fn the_public_half_is_the_same_key_without_the_secret() {
    let dir = Scratch::new();
    let key = dir.run("keys generate -o key.pem --demo --json").result();
    let public = dir.run("keys public key.pem -o pub.pem --json").result();
    assert_eq!(public["key_hash"], key["key_hash"]);
    assert_eq!(public["private"], false);
    assert_eq!(public["demo"], true, "the mark of a demo key stays with it");
    let text = String::from_utf8(dir.read("pub.pem")).unwrap();
    assert!(text.contains("-----BEGIN PUBLIC KEY-----") && !text.contains("PRIVATE"));
    dir.refused("keys public key.pem -o pub.pem", "IR-1005", 2);
}

#[test]
fn a_private_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new();
    dir.run("keys generate -o key.pem").exit_ok();
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(dir.path("key.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = dir.refused("keys show key.pem", "IR-1106", 2);
        assert!(error["cause"].as_str().unwrap().contains(&format!("{mode:03o}")));
    }
}

#[test]
fn key_files_that_are_none() {
    let dir = Scratch::new();
    dir.run("keys generate -o key.pem").exit_ok();
    dir.run("keys public key.pem -o pub.pem").exit_ok();
    let pem = String::from_utf8(dir.read("key.pem")).unwrap();
    let public = String::from_utf8(dir.read("pub.pem")).unwrap();
    let cut = &pem[..pem.len() / 2];
    // The last base64 quantum decides the point's last bytes: another letter, a point off the curve.
    let off_curve = flip_last_letter(&public);
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty.pem", b"", "IR-1006"),
        ("garbage.pem", b"\xff\xfe\x00garbage", "IR-1101"),
        ("text.pem", b"no key in here\n", "IR-1101"),
        ("cut.pem", cut.as_bytes(), "IR-1101"),
        ("body.pem", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "IR-1101"),
        ("two.pem", [public.as_bytes(), public.as_bytes()].concat().leak(), "IR-1109"),
        ("off.pem", off_curve.as_bytes(), "IR-1107"),
        (
            "locked.pem",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "IR-1104",
        ),
        ("rsa.pem", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "IR-1102"),
        ("ed25519.pem", ED25519.as_bytes(), "IR-1102"),
        ("ed25519-private.pem", ED25519_PRIVATE.as_bytes(), "IR-1102"),
        ("p384.pem", P384.as_bytes(), "IR-1102"),
        ("large.pem", &[b'a'; 70_000], "IR-1007"),
    ];
    for (name, bytes, code) in cases {
        dir.write(name, bytes);
        dir.refused(&format!("keys show {name}"), code, 2);
    }
    dir.refused("keys show missing.pem", "IR-1002", 2);
    dir.refused("keys show .", "IR-1003", 2);
    dir.refused("keys generate -o missing/key.pem", "IR-1004", 2);
}

/// Public keys of other algorithms, made by OpenSSL for this test; their private halves were never kept.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAbnmdkzgTUA0N+Bfy8kRYdnc4NT4cAjXz2FFwS7oj8w4=
-----END PUBLIC KEY-----
";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEMImfUBMn8FD5YfvR6VVDW4PhsgjWcEpv
oY+un0OUD5gRa+5KFiIOOjPhphqtXB5JSoBpipxeheKmzXrNYv23my2bbuTM43RJ
fBspeF3N5qryI/H3THkKUir0L3Q2JxX7
-----END PUBLIC KEY-----
";
/// The example of RFC 8410, section 10.3: public knowledge.
const ED25519_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

fn flip_last_letter(pem: &str) -> String {
    let end = pem.find("-----END").unwrap();
    let at = pem[..end].rfind(|c: char| c.is_ascii_alphanumeric()).unwrap();
    // Not the very last quantum's padding bits: four letters further in, all six bits count.
    let at = at - 4;
    let other = if pem.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &pem[..at], &pem[at + 1..])
}
