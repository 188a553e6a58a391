//! `image payload` and `image attach`, with OpenSSL as the signer elsewhere.

use crate::support::Scratch;

/// Every kind that signs, how its key is made, and how OpenSSL signs a digest and a whole payload.
const KINDS: &[(&str, &str, &str)] = &[
    ("ecdsa-p256", "", "dgst -sha256 -sign KEY.pem -out sig payload"),
    ("ecdsa-p384", "", "dgst -sha384 -sign KEY.pem -out sig payload"),
    ("ed25519", "-rawin", "pkeyutl -sign -rawin -inkey KEY.pem -in payload -out sig"),
    (
        "rsa-2048",
        "-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32",
        "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign KEY.pem -out sig payload",
    ),
    (
        "rsa-3072",
        "-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32",
        "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign KEY.pem -out sig payload",
    ),
];

const CREATE: &str = "image create -v 1.2.3 -s 5 -H 0x400 --pad-header -S 0x60000 app.bin";

fn openssl(dir: &Scratch, line: &str) {
    let status = std::process::Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(dir.path(""))
        .output()
        .unwrap();
    assert!(status.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&status.stderr));
}

fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.write("app.bin", &(0..70_001_u32).map(|i| (i * 31) as u8).collect::<Vec<_>>());
    dir.run(&format!("{CREATE} --unsigned -o unsigned")).exit_ok();
    dir
}

fn key(dir: &Scratch, kind: &str) {
    dir.run(&format!("keys generate --type {kind} -o {kind}.pem")).exit_ok();
    dir.run(&format!("keys public {kind}.pem -o {kind}.pub")).exit_ok();
}

#[test]
fn openssl_signs_elsewhere_and_the_image_verifies() {
    let dir = bench();
    for (kind, options, whole) in KINDS {
        key(&dir, kind);
        // The digest.
        let out =
            dir.run(&format!("image payload unsigned --public-key {kind}.pub -o digest --json")).result();
        let len = if *kind == "ecdsa-p384" { 48 } else { 32 };
        assert_eq!((&out["what"], dir.read("digest").len()), (&"digest".into(), len), "{kind}");
        openssl(&dir, &format!("pkeyutl -sign -inkey {kind}.pem {options} -in digest -out sig"));
        let attach = format!("image attach unsigned --signature sig --public-key {kind}.pub");
        let made = dir.run(&format!("{attach} -o signed --json")).result();
        assert_eq!(made["verified"], true, "{kind}");
        let verified =
            dir.run(&format!("image verify signed -k {kind}.pub --min-security-counter 5 --json")).result();
        assert_eq!(verified["verified"], true, "{kind}");
        // base64, in lines, and the key in the image instead of its hash.
        openssl(&dir, "base64 -in sig -out sig.txt");
        let attach = format!("image attach unsigned --signature sig.txt --public-key {kind}.pub");
        dir.run(&format!("{attach} -o full --public-key-format full")).exit_ok();
        dir.run(&format!("image verify full -k {kind}.pub")).exit_ok();
        assert!(dir.read("full").len() > dir.read("signed").len());
        // The whole content, hashed by the signer.
        if *kind != "ed25519" {
            let out = dir.run(&format!(
                "image payload unsigned --public-key {kind}.pub --what payload -o payload --json"
            ));
            assert_eq!(out.result()["what"], "payload");
            openssl(&dir, &whole.replace("KEY", kind));
            dir.run(&format!("image attach unsigned --signature sig --public-key {kind}.pub -o other"))
                .exit_ok();
            dir.run(&format!("image verify other -k {kind}.pub")).exit_ok();
        }
        // What another key signed, or another image, is refused before there is a file.
        let mut sig = dir.read("sig");
        if let Some(last) = sig.last_mut() {
            *last ^= 1;
        }
        dir.write("bad", &sig);
        let refused = format!("image attach unsigned --signature bad --public-key {kind}.pub -o nothing");
        dir.refused(&refused, "IR-1331", 3);
        dir.write("short", &sig[1..]);
        dir.refused(&refused.replace("bad", "short"), "IR-1330", 2);
    }
}

#[test]
fn a_pure_signature_is_over_the_content() {
    let dir = bench();
    key(&dir, "ed25519");
    key(&dir, "ecdsa-p256");
    let out = dir.run("image payload unsigned --pure -o payload --json").result();
    assert_eq!((&out["what"], &out["algorithm"]), (&"payload".into(), &"Ed25519".into()));
    openssl(&dir, "pkeyutl -sign -rawin -inkey ed25519.pem -in payload -out sig");
    dir.run("image attach unsigned --pure --signature sig --public-key ed25519.pub -o signed").exit_ok();
    dir.run("image verify signed -k ed25519.pub").exit_ok();
    dir.run(&format!("{CREATE} -k ed25519.pem --pure -o ours")).exit_ok();
    assert_eq!(dir.read("signed"), dir.read("ours"), "Ed25519 is deterministic");
    dir.refused("image attach unsigned --signature sig --public-key ed25519.pub -o x", "IR-1331", 3);
    dir.refused(
        "image attach unsigned --pure --signature sig --public-key ecdsa-p256.pub -o x",
        "IR-1320",
        2,
    );
    dir.refused("image payload unsigned --pure --what digest -o x", "IR-1320", 2);
}

#[test]
fn r_and_s_are_taken_like_der_and_a_signature_is_replaced() {
    let dir = bench();
    key(&dir, "ecdsa-p256");
    dir.run("keys generate -o old.pem").exit_ok();
    dir.run(&format!("{CREATE} -k old.pem -o unsigned --public-key-format full")).exit_ok();
    dir.run("image payload unsigned -o digest").exit_ok();
    openssl(&dir, "pkeyutl -sign -inkey ecdsa-p256.pem -in digest -out sig");
    // DER taken apart: two numbers, each with its length, filled up to 32 bytes.
    let der = dir.read("sig");
    let (r, s) = der[2..].split_at(2 + usize::from(der[3]));
    let mut raw = Vec::new();
    for number in [&r[2..], &s[2..]] {
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        raw.extend(vec![0; 32 - number.len()]);
        raw.extend(number);
    }
    dir.write("raw", &raw);
    dir.run("image attach unsigned --signature sig --public-key ecdsa-p256.pub -o one").exit_ok();
    dir.run("image attach unsigned --signature raw --public-key ecdsa-p256.pub -o two").exit_ok();
    assert_eq!(dir.read("one"), dir.read("two"));
    dir.run("image verify one -k ecdsa-p256.pub").exit_ok();
    dir.refused("image verify one -k old.pem", "IR-2207", 3);
}

#[test]
fn an_encrypted_image_is_signed_over_its_plain_content() {
    let dir = bench();
    key(&dir, "ecdsa-p256");
    dir.run("keys generate --type x25519 -o enc.pem").exit_ok();
    dir.run(&format!("{CREATE} --unsigned -E enc.pem -o unsigned")).exit_ok();
    dir.refused("image payload unsigned -o digest", "IR-2203", 3);
    dir.run("image payload unsigned --decryption-key enc.pem -o digest").exit_ok();
    openssl(&dir, "pkeyutl -sign -inkey ecdsa-p256.pem -in digest -out sig");
    let attach = "image attach unsigned --signature sig --public-key ecdsa-p256.pub --decryption-key enc.pem -o signed";
    dir.run(attach).exit_ok();
    dir.run("image verify signed -k ecdsa-p256.pub --decryption-key enc.pem").exit_ok();
    let (before, after) = (dir.read("unsigned"), dir.read("signed"));
    assert_eq!(before[..70_000], after[..70_000], "what is stored stays encrypted");
}

#[test]
fn misuse_has_its_code_and_leaves_no_file() {
    let dir = bench();
    key(&dir, "ecdsa-p256");
    dir.run("keys generate --type x25519 -o enc.pem").exit_ok();
    dir.run("image payload unsigned -o digest").exit_ok();
    openssl(&dir, "pkeyutl -sign -inkey ecdsa-p256.pem -in digest -out sig");
    dir.write("none", b"");
    dir.write("large", &[0; 5000]);
    dir.write("cut", &dir.read("unsigned")[..60_000]);
    let mut damaged = dir.read("unsigned");
    damaged[5000] ^= 1;
    dir.write("damaged", &damaged);
    dir.write("padded", &[dir.read("unsigned"), vec![0xff; 100]].concat());
    for (line, code, exit) in [
        ("image payload missing -o x", "IR-1002", 2),
        ("image payload . -o x", "IR-1003", 2),
        ("image payload none -o x", "IR-1006", 2),
        ("image payload damaged -o x", "IR-2203", 3),
        ("image payload unsigned --public-key enc.pem -o x", "IR-1102", 2),
        ("image payload unsigned --public-key none -o x", "IR-1006", 2),
        ("image payload unsigned --decryption-key enc.pem -o x", "IR-1327", 2),
        ("image payload unsigned -o unsigned", "IR-1012", 2),
        ("image payload unsigned -o missing/x", "IR-1004", 2),
        ("image attach unsigned --signature missing --public-key ecdsa-p256.pub -o x", "IR-1002", 2),
        ("image attach unsigned --signature none --public-key ecdsa-p256.pub -o x", "IR-1006", 2),
        ("image attach unsigned --signature large --public-key ecdsa-p256.pub -o x", "IR-1007", 2),
        ("image attach unsigned --signature digest --public-key ecdsa-p256.pub -o x", "IR-1330", 2),
        ("image attach unsigned --signature sig --public-key enc.pem -o x", "IR-1102", 2),
        ("image attach unsigned --signature sig --public-key ecdsa-p256.pub -o sig", "IR-1012", 2),
        ("image attach unsigned --signature sig --public-key ecdsa-p256.pub -o x.hex", "IR-1322", 2),
        ("image attach damaged --signature sig --public-key ecdsa-p256.pub -o x", "IR-2203", 3),
        ("image attach padded --signature sig --public-key ecdsa-p256.pub -o x", "IR-1011", 2),
        ("image attach unsigned --signature sig -o x", "IR-1001", 2),
    ] {
        dir.refused(line, code, exit);
    }
    assert_ne!(dir.run("image payload cut -o x").exit, 0);
    assert!(!dir.path("x").exists());
}
