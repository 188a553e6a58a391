//! `ironroot image` and imgtool agree: on images of both, good and tampered, and on each other's keys.

use ironroot_tests::{Scratch, firmware};

/// The options that mean the same to both.
const SLOT: &str = "--header-size 0x400 --slot-size 0xE0000 --align 32";

/// Keys and applications: the real one in C (ELF for us, raw for imgtool, which reads no ELF).
fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.copy(&firmware("hello-c"), "app.elf");
    dir.ironroot("keys generate -o key.pem").ok();
    dir.ironroot("keys public key.pem -o pub.pem").ok();
    // The payload as our own reader sees it is compared with objcopy's below.
    let objcopy = std::process::Command::new("arm-none-eabi-objcopy")
        .args(["-O", "binary", "app.elf", "app.raw"])
        .current_dir(dir.path(""))
        .status()
        .expect("arm-none-eabi-objcopy is installed");
    assert!(objcopy.success());
    dir
}

/// Both verifiers on one image with the public key: they must agree, and say `good`.
#[track_caller]
fn both(dir: &Scratch, image: &str, good: bool) {
    let ours = dir.ironroot(&format!("image verify {image} -k pub.pem"));
    let theirs = dir.imgtool(&format!("verify -k pub.pem {image}"));
    assert_eq!(ours.exit == 0, good, "ours on {image}: {}{}", ours.stdout, ours.stderr);
    assert_eq!(theirs.exit == 0, good, "imgtool on {image}: {}{}", theirs.stdout, theirs.stderr);
    if !good {
        assert_eq!(ours.exit, 3, "{}", ours.stderr);
    }
}

#[test]
fn imgtool_takes_our_images_and_we_take_its() {
    let dir = bench();
    dir.ironroot(&format!("image sign -k key.pem -v 1.2.3+4 -s auto {SLOT} app.elf -o ours.bin")).ok();
    dir.imgtool(&format!("sign -k key.pem -v 1.2.3+4 -s auto {SLOT} --pad-header app.raw theirs.bin")).ok();
    both(&dir, "ours.bin", true);
    both(&dir, "theirs.bin", true);
}

#[test]
fn the_same_recipe_gives_the_same_bytes_up_to_the_signature() {
    let dir = bench();
    // imgtool derives the identifiers from the names; ours come from the device description.
    let ids = "--vid ironroot.example --cid stm32h735";
    for (name, options) in
        [("hash", ""), ("full", "--public-key-format full"), ("tlv", "--custom-tlv 0x00a0 0x0102")]
    {
        let options = format!("-k key.pem -v 1.2.3+4 -s auto {SLOT} {options}");
        dir.ironroot(&format!("image sign {options} app.elf -o ours-{name}.bin")).ok();
        dir.imgtool(&format!("sign {options} {ids} --pad-header app.raw theirs-{name}.bin")).ok();
        let (ours, theirs) = (dir.read(&format!("ours-{name}.bin")), dir.read(&format!("theirs-{name}.bin")));
        // Up to the info header of the unprotected TLVs; its total depends on the length of the signature.
        let protected = u16::from_le_bytes([ours[10], ours[11]]) as usize;
        let payload = u32::from_le_bytes([ours[12], ours[13], ours[14], ours[15]]) as usize;
        let end = 0x400 + payload + protected;
        assert_eq!(ours[..end + 2], theirs[..end + 2], "{name}");
        // Then everything up to the signature's own header: hash and key.
        let signature = ours.windows(2).rposition(|w| w == [0x22, 0]).expect("a signature");
        assert_eq!(ours[end + 4..signature], theirs[end + 4..signature], "{name}");
    }
}

#[test]
fn a_slot_padded_by_us_ends_as_imgtool_has_it() {
    let dir = bench();
    dir.ironroot(&format!("image sign -k key.pem -v 1.0.0 {SLOT} --pad app.elf -o ours.bin")).ok();
    dir.imgtool(&format!(
        "sign -k key.pem -v 1.0.0 {SLOT} --max-align 32 --pad --pad-header app.raw theirs.bin"
    ))
    .ok();
    let (ours, theirs) = (dir.read("ours.bin"), dir.read("theirs.bin"));
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours[ours.len() - 0x1000..], theirs[theirs.len() - 0x1000..]);
    both(&dir, "ours.bin", true);
    both(&dir, "theirs.bin", true);
}

#[test]
fn hex_in_hex_out() {
    let dir = bench();
    dir.ironroot(&format!("image sign -k key.pem -v 1.0.0 {SLOT} app.elf -o ours.hex")).ok();
    dir.imgtool(&format!("sign -k key.pem -v 1.0.0 {SLOT} --pad-header -x 0x08020000 app.raw theirs.hex"))
        .ok();
    both(&dir, "ours.hex", true);
    both(&dir, "theirs.hex", true);
}

#[test]
fn one_changed_bit_is_refused_by_both() {
    let dir = bench();
    dir.ironroot(&format!("image sign -k key.pem -v 1.0.0 -s 7 {SLOT} app.elf -o ours.bin")).ok();
    dir.imgtool(&format!("sign -k key.pem -v 1.0.0 -s 7 {SLOT} --pad-header app.raw theirs.bin")).ok();
    for maker in ["ours", "theirs"] {
        let good = dir.read(&format!("{maker}.bin"));
        let len = good.len();
        // Version, header padding, vectors, middle, security counter, hash, signature.
        let sha = good.windows(4).rposition(|w| w == [0x10, 0, 0x20, 0]).expect("a hash");
        for at in [0x14, 0x3ff, 0x404, len / 2, sha - 6, sha + 4, len - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            dir.write("bad.bin", &bad);
            both(&dir, "bad.bin", false);
        }
    }
}

#[test]
fn another_key_or_none_is_refused() {
    let dir = bench();
    dir.ironroot("keys generate -o other.pem").ok();
    dir.imgtool(&format!("sign -k other.pem -v 1.0.0 {SLOT} --pad-header app.raw other.bin")).ok();
    both(&dir, "other.bin", false);
    dir.ironroot("image verify other.bin -k pub.pem --json").refused("IR-2207", 3);
    // imgtool signs without a key, and calls such an image correct when asked without one. Ours does neither.
    dir.imgtool(&format!("sign -v 1.0.0 {SLOT} --pad-header app.raw unsigned.bin")).ok();
    dir.imgtool("verify unsigned.bin").ok();
    dir.ironroot("image verify unsigned.bin --json").refused("IR-1105", 2);
    dir.ironroot("image verify unsigned.bin -k pub.pem --json").refused("IR-2204", 3);
}

#[test]
fn each_reads_the_others_keys() {
    use std::os::unix::fs::PermissionsExt;
    let dir = bench();
    dir.imgtool("keygen -k theirs.pem -t ecdsa-p256").ok();
    // imgtool writes private keys for everybody to read; ours refuses those until that is repaired.
    std::fs::set_permissions(dir.path("theirs.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    dir.ironroot("keys show theirs.pem --json").refused("IR-1106", 2);
    std::fs::set_permissions(dir.path("theirs.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    dir.ironroot("keys generate --demo -o demo.pem").ok();
    for key in ["theirs.pem", "key.pem", "demo.pem"] {
        let ours = dir.ironroot(&format!("keys show {key} --json")).ok().last("result");
        let theirs = dir.imgtool(&format!("getpubhash -k {key} -e raw -o hash.bin")).ok();
        let hash: String = dir.read("hash.bin").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(ours["key_hash"], hash, "{key}: {}", theirs.stdout);
    }
    for kind in ["rsa-2048", "ecdsa-p384", "ed25519", "x25519"] {
        dir.imgtool(&format!("keygen -k {kind}.pem -t {kind}")).ok();
        std::fs::set_permissions(dir.path(&format!("{kind}.pem")), std::fs::Permissions::from_mode(0o600))
            .unwrap();
        // Which keys those are, byte for byte, is in cli_keys.rs.
        assert_eq!(dir.ironroot(&format!("keys show {kind}.pem --json")).ok().last("result")["type"], kind);
    }
}
