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
            "IR-1101",
        ),
        ("rsa.pem", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "IR-1101"),
        ("dsa.pem", b"-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", "IR-1102"),
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

/// Every kind, and whether it signs and decrypts.
const KINDS: [(&str, bool, bool); 8] = [
    ("ecdsa-p256", true, true),
    ("ecdsa-p384", true, false),
    ("ed25519", true, false),
    ("rsa-2048", true, true),
    ("rsa-3072", true, false),
    ("x25519", false, true),
    ("aes-kw-128", false, true),
    ("aes-kw-256", false, true),
];

#[test]
fn every_kind_is_made_shown_and_checked() {
    let dir = Scratch::new();
    for (kind, signs, decrypts) in KINDS {
        let made = dir.run(&format!("keys generate -o {kind} --type {kind} --json")).result();
        assert_eq!(mode(&dir.path(kind)), 0o600, "{kind}");
        let shown = dir.run(&format!("keys info {kind} --json")).result();
        assert_eq!(shown["type"], kind);
        assert_eq!((&shown["signs"], &shown["decrypts"]), (&signs.into(), &decrypts.into()), "{kind}");
        assert_eq!(shown["key_hash"], made["key_hash"], "{kind}");
        let checked = dir.run(&format!("keys check {kind} --json")).result();
        assert_eq!(checked["checked"], if signs { "sign" } else { "open" }, "{kind}");
        let secret = kind.starts_with("aes");
        if secret {
            for command in ["public {} -o p", "hash {}"] {
                dir.refused(&format!("keys {}", command.replace("{}", kind)), "IR-1102", 2);
            }
            continue;
        }
        dir.run(&format!("keys public {kind} -o pub --force")).exit_ok();
        assert_eq!(dir.run("keys info pub --json").result()["key_hash"], made["key_hash"]);
        let hash = dir.run(&format!("keys hash {kind} --json")).result();
        assert_eq!(hash["hash"], made["key_hash"]);
        dir.refused("keys check pub", "IR-1103", 2);
    }
    // imgtool's names work too, and others are refused with the list.
    dir.run("keys generate -o alias --type p384").exit_ok();
    let refused = dir.refused("keys generate -o x --type rsa-1024", "IR-1001", 2);
    assert!(refused["cause"].as_str().unwrap().contains("rsa-3072"), "{refused}");
}

#[test]
fn an_encrypted_key_needs_its_passphrase_and_never_an_argument() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new();
    let secret = |name: &str, text: &str| {
        dir.write(name, text.as_bytes());
        std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    secret("pass", "correct horse\n");
    secret("wrong", "battery staple\n");
    secret("empty", "");
    dir.refused("keys generate -o key.pem --encrypt", "IR-1104", 2);
    dir.refused("keys generate -o key.pem --encrypt --passphrase-file missing", "IR-1002", 2);
    dir.refused("keys generate -o key.pem --encrypt --passphrase-file empty", "IR-1006", 2);
    let made = dir.run("keys generate -o key.pem --encrypt --passphrase-file pass --json").result();
    assert_eq!((&made["encrypted"], &made["private"]), (&true.into(), &true.into()));
    assert!(String::from_utf8(dir.read("key.pem")).unwrap().contains("BEGIN ENCRYPTED PRIVATE KEY"));
    let shown = dir.run("keys info key.pem --passphrase-file pass --json").result();
    assert_eq!(shown["key_hash"], made["key_hash"]);
    dir.refused("keys info key.pem", "IR-1104", 2);
    dir.refused("keys public key.pem -o pub.pem", "IR-1104", 2);
    dir.refused("keys info key.pem --passphrase-file wrong", "IR-1111", 2);
    dir.refused("keys info key.pem --passphrase hush", "IR-1001", 2);
    dir.refused("keys generate -o wrap --type aes-kw-128 --encrypt --passphrase-file pass", "IR-1102", 2);
    // Others may read the encrypted file, with a warning; not the passphrase.
    std::fs::set_permissions(dir.path("key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let shown = dir.run("keys info key.pem --passphrase-file pass");
    shown.exit_ok();
    assert!(shown.stderr.contains("warning"), "{}", shown.stderr);
    std::fs::set_permissions(dir.path("pass"), std::fs::Permissions::from_mode(0o644)).unwrap();
    dir.refused("keys info key.pem --passphrase-file pass", "IR-1106", 2);
}

#[test]
fn a_private_key_is_given_away_only_by_name_of_the_danger() {
    let dir = Scratch::new();
    dir.run("keys generate -o sign.pem --type ed25519").exit_ok();
    dir.run("keys generate -o enc.pem --type x25519").exit_ok();
    dir.run("keys generate -o both.pem").exit_ok();
    dir.run("keys public enc.pem -o pub.pem").exit_ok();
    dir.refused("keys private enc.pem -o out.der", "IR-1126", 2);
    dir.refused("keys private sign.pem -o out.der --i-know-this-is-secret", "IR-1102", 2);
    dir.refused("keys private pub.pem -o out.der --i-know-this-is-secret", "IR-1103", 2);
    dir.refused("keys private pkcs11:object=x -o out.der --i-know-this-is-secret", "IR-1127", 2);
    dir.refused("keys private enc.pem -o enc.pem --force --i-know-this-is-secret", "IR-1012", 2);
    dir.run("keys private enc.pem -o out.der --i-know-this-is-secret").exit_ok();
    assert_eq!((mode(&dir.path("out.der")), dir.read("out.der").len()), (0o600, 48));
    dir.refused("keys private enc.pem -o out.der --i-know-this-is-secret", "IR-1005", 2);
    let both = dir.run("keys private both.pem -o both.der --i-know-this-is-secret");
    both.exit_ok();
    assert!(both.stderr.contains("warning") && dir.read("both.der").len() == 67, "{}", both.stderr);
    assert_eq!(mode(&dir.path("both.der")), 0o600);
}

fn flip_last_letter(pem: &str) -> String {
    let end = pem.find("-----END").unwrap();
    let at = pem[..end].rfind(|c: char| c.is_ascii_alphanumeric()).unwrap();
    // Not the very last quantum's padding bits: four letters further in, all six bits count.
    let at = at - 4;
    let other = if pem.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &pem[..at], &pem[at + 1..])
}
