//! `ironroot image`: what it makes, and what it says of what others made.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Scratch, hex};

/// What every image of these tests has in common.
const SLOT: &str = "-v 1.2.3+4 -H 0x200 --pad-header -S 0x20000";

/// Keys of every kind and a payload whose length is no multiple of anything.
fn bench() -> Scratch {
    let dir = Scratch::new();
    for kind in ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072", "x25519"] {
        dir.run(&format!("keys generate --type {kind} -o {kind}.pem")).exit_ok();
        dir.run(&format!("keys public {kind}.pem -o {kind}.pub")).exit_ok();
    }
    let payload: Vec<u8> = (0..5003_u32).map(|i| ((i * 31) >> 2) as u8).collect();
    dir.write("app.bin", &payload);
    dir
}

/// An image that imgtool made: in the test data of the format's crate, which says how.
fn imgtools(name: &str) -> Vec<u8> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crates/image/tests/data");
    std::fs::read(data.join(name)).unwrap()
}

#[test]
fn every_kind_of_key_signs_and_its_images_verify() {
    let dir = bench();
    for (kind, options, hash) in [
        ("ecdsa-p256", "", "SHA256"),
        ("ecdsa-p384", "", "SHA384"),
        ("ed25519", "", "SHA256"),
        ("ed25519", "--sha 512", "SHA512"),
        ("ed25519", "--pure --public-key-format full", "SHA512"),
        ("rsa-2048", "", "SHA256"),
        ("rsa-3072", "", "SHA256"),
    ] {
        dir.run(&format!("image create {SLOT} -k {kind}.pem {options} app.bin -o out.bin")).exit_ok();
        let first = dir.read("out.bin");
        let verified = dir.run(&format!("image verify out.bin -k x25519-not.pem -k {kind}.pub"));
        assert_eq!(verified.exit, 2, "a key that is missing is an error, not skipped");
        let result =
            dir.run(&format!("image verify out.bin -k ecdsa-p384.pub -k {kind}.pub --json")).result();
        assert_eq!(result["verified"], true, "{kind}");
        let info = dir.run("image info out.bin --json").result();
        assert!(info["tlvs"].as_array().unwrap().iter().any(|t| t["name"] == hash), "{kind}: {info}");
        assert_eq!(info["sha256_matches"], true);
        dir.run(&format!("image create {SLOT} -k {kind}.pem {options} app.bin -o again.bin")).exit_ok();
        assert_eq!(first, dir.read("again.bin"), "{kind}: equal inputs give equal bytes");
        let other = if kind == "ecdsa-p256" { "ed25519" } else { "ecdsa-p256" };
        dir.refused(&format!("image verify out.bin -k {other}.pub"), "IR-2207", 3);
        // One changed byte of the payload.
        let mut bad = first;
        bad[0x300] ^= 1;
        dir.write("bad.bin", &bad);
        dir.refused(&format!("image verify bad.bin -k {kind}.pub"), "IR-2203", 3);
    }
}

#[test]
fn encrypted_for_a_device_and_back() {
    let dir = bench();
    for (device, options) in [
        ("ecdsa-p256", ""),
        ("ecdsa-p256", "--encrypt-keylen 256"),
        ("x25519", "--encrypt-keylen 256"),
        ("x25519", "--hmac-sha 512"),
        ("rsa-2048", ""),
    ] {
        let create = format!("image create {SLOT} -k ed25519.pem -E {device}.pub {options}");
        dir.run(&format!("{create} app.bin -o secret.bin")).exit_ok();
        let (plain, secret) = (dir.read("app.bin"), dir.read("secret.bin"));
        assert!(!secret.windows(32).any(|w| w == &plain[64..96]), "plain bytes in an encrypted image");
        dir.run(&format!("image verify secret.bin -k ed25519.pub --decryption-key {device}.pem")).exit_ok();
        dir.refused("image verify secret.bin -k ed25519.pub", "IR-2203", 3);
        // Decrypted it is what --clear makes: it verifies as it is, and encrypts to what it was.
        dir.run(&format!("image decrypt secret.bin --decryption-key {device}.pem -o clear.bin")).exit_ok();
        dir.run("image verify clear.bin -k ed25519.pub").exit_ok();
        assert_eq!(dir.read("clear.bin")[0x200..0x200 + plain.len()], plain);
        dir.run(&format!("image encrypt clear.bin --decryption-key {device}.pem -o back.bin")).exit_ok();
        assert_eq!(dir.read("back.bin"), secret);
        dir.run(&format!("image decrypt secret.bin --decryption-key {device}.pem --payload -o raw.bin"))
            .exit_ok();
        assert_eq!(dir.read("raw.bin")[..plain.len()], plain);
        // Fresh keys each time, unless asked for.
        dir.run(&format!("{create} app.bin -o other.bin")).exit_ok();
        assert_ne!(dir.read("other.bin"), secret);
        for name in ["one.bin", "two.bin"] {
            dir.run(&format!("{create} --deterministic app.bin -o {name}")).exit_ok();
        }
        assert_eq!(dir.read("one.bin"), dir.read("two.bin"));
        let mut changed = plain.clone();
        changed[4000] ^= 1;
        dir.write("changed.bin", &changed);
        dir.run(&format!("{create} --deterministic changed.bin -o three.bin")).exit_ok();
        let (one, three) = (dir.read("one.bin"), dir.read("three.bin"));
        let same = one[0x200..].iter().zip(&three[0x200..]).take(4000).filter(|(a, b)| a == b).count();
        assert!(same < 100, "{same} of 4000 bytes: two contents under one key stream");
        // --clear is refused where the payload is encrypted already, and the other way round.
        dir.refused(
            &format!("image encrypt secret.bin --decryption-key {device}.pem -o x.bin"),
            "IR-1328",
            2,
        );
        dir.refused(&format!("image decrypt clear.bin --decryption-key {device}.pem -o x.bin"), "IR-2203", 3);
    }
}

#[test]
fn a_plain_image_is_encrypted_by_signing_it_again() {
    let dir = bench();
    dir.run(&format!("image create {SLOT} -s 7 --boot-record SPE -k ecdsa-p256.pem app.bin -o plain.bin"))
        .exit_ok();
    dir.run("image encrypt plain.bin -E x25519.pub -k ecdsa-p256.pem -o secret.bin").exit_ok();
    dir.run("image verify secret.bin -k ecdsa-p256.pub --decryption-key x25519.pem --min-security-counter 7")
        .exit_ok();
    let differs = dir.run("image diff plain.bin secret.bin --json");
    assert_eq!(differs.exit, 3);
    let result = &differs.events()[0];
    let names: Vec<&str> =
        result["differences"].as_array().unwrap().iter().filter_map(|d| d["name"].as_str()).collect();
    for name in ["flags", "payload size", "0x0010 SHA256", "0x0022 ECDSASIG", "0x0033 ENCX25519"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("SEC_CNT") || name.contains("BOOT_RECORD")), "{names:?}");
    dir.refused("image encrypt plain.bin -E x25519.pub -o x.bin", "IR-1105", 2);
    dir.refused("image encrypt plain.bin -k ecdsa-p256.pem -o x.bin", "IR-1105", 2);
    dir.refused("image encrypt secret.bin -E x25519.pub -k ecdsa-p256.pem -o x.bin", "IR-1328", 2);
    dir.refused("image encrypt plain.bin --decryption-key x25519.pem -o x.bin", "IR-1327", 2);
    dir.refused("image decrypt plain.bin --decryption-key x25519.pem -o x.bin", "IR-1327", 2);
    dir.refused("image verify plain.bin -k ecdsa-p256.pub --decryption-key x25519.pem", "IR-1327", 2);
    dir.refused("image encrypt plain.bin -E x25519.pub -k ecdsa-p256.pem -o plain.bin", "IR-1012", 2);
    dir.refused("image decrypt secret.bin --decryption-key x25519.pem -o x25519.pem", "IR-1012", 2);
    // A payload that was changed gets no new, good signature.
    let mut bad = dir.read("plain.bin");
    bad[0x400] ^= 1;
    dir.write("bad.bin", &bad);
    dir.refused("image encrypt bad.bin -E x25519.pub -k ecdsa-p256.pem -o x.bin", "IR-2203", 3);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let dir = bench();
    for (options, code) in [
        ("-L 0x24000000 -F 0x08020000", "IR-1320"),
        ("--test --confirm", "IR-1320"),
        ("--test --overwrite-only", "IR-1320"),
        ("--confirm --overwrite-only", "IR-1320"),
        ("--pure --sha 256", "IR-1320"),
        ("--pure", "IR-1320"),
        ("--sha 384", "IR-1320"),
        ("--clear", "IR-1320"),
        ("--encrypt-keylen 256", "IR-1320"),
        ("--hmac-sha 512", "IR-1320"),
        ("--save-enctlv", "IR-1320"),
        ("--primary-only", "IR-1320"),
        ("--unsigned", "IR-1320"),
        ("-E ecdsa-p256.pub --hmac-sha 512", "IR-1320"),
        ("--endian big", "IR-1321"),
        ("--pad-sig", "IR-1321"),
        ("--align 3", "IR-1304"),
        ("--align 16 --max-align 8", "IR-1304"),
        ("--max-sectors 0", "IR-1304"),
        ("--dependencies 1", "IR-1323"),
        ("--boot-record averylongtype", "IR-0"),
        ("--boot-record thirteenchars", "IR-1324"),
        ("--cid name", "IR-1308"),
        ("--custom-tlv 0x50 0x00", "IR-1306"),
        ("--custom-tlv 0x00a0 0x1", "IR-1306"),
        ("--custom-tlv 0x00a0 1 --custom-tlv 0x00a0 2", "IR-1306"),
        ("--custom-tlv-file 0x00a0 missing", "IR-1002"),
        ("-E ed25519.pub", "IR-1102"),
        ("-E ecdsa-p384.pub", "IR-1102"),
        ("-E rsa-3072.pub", "IR-1102"),
    ] {
        let line = format!("image create {SLOT} -k ecdsa-p256.pem {options} app.bin -o out.bin");
        if code == "IR-0" {
            // The longest that is allowed: the limit is where it is said to be.
            dir.run(&line.replace("averylongtype", "averylongtyp")).exit_ok();
            std::fs::remove_file(dir.path("out.bin")).unwrap();
            continue;
        }
        dir.refused(&line, code, 2);
    }
    let unsigned = format!("image create {SLOT} --unsigned app.bin -o out.bin");
    dir.refused(&unsigned.replace("--unsigned", ""), "IR-1105", 2);
    dir.refused(&unsigned.replace("app.bin -o", "--pure app.bin -o"), "IR-1320", 2);
    let derived = "-E x25519.pub --deterministic app.bin -o";
    dir.refused(&unsigned.replace("app.bin -o", derived), "IR-1320", 2);
    dir.refused(&unsigned.replace("-H 0x200", ""), "IR-1001", 2);
    dir.refused(&unsigned.replace("-S 0x20000", ""), "IR-1001", 2);
    dir.refused(&unsigned.replace("-H 0x200", "-H 16"), "IR-1302", 2);
    dir.refused(&unsigned.replace("--pad-header", ""), "IR-1325", 2);
    dir.refused(&unsigned.replace("0x20000", "0x1000"), "IR-1208", 2);
    dir.refused(&unsigned.replace("0x20000", "0x1700"), "IR-1307", 2);
    dir.refused(&unsigned.replace("out.bin", "out.hex"), "IR-1322", 2);
    dir.refused(&unsigned.replace("out.bin", "app.bin"), "IR-1012", 2);
    for name in ["ecdsa-p256.pub", "x25519.pem"] {
        let code = if name.ends_with(".pub") { "IR-1103" } else { "IR-1102" };
        dir.refused(&format!("image create {SLOT} -k {name} app.bin -o out.bin"), code, 2);
    }
    dir.run(&unsigned).exit_ok();
    dir.refused("image verify out.bin -k ecdsa-p256.pub", "IR-2204", 3);
}

#[test]
fn a_refusal_says_why() {
    let dir = bench();
    let create = format!("image create {SLOT} -k ecdsa-p256.pem");
    let cause = |line: String, code: &str| dir.refused(&line, code, 2)["cause"].as_str().unwrap().to_owned();
    let high = format!("{create} -x 0xffff0000 app.bin -o out.hex");
    let refused = dir.refused(&high, "IR-1329", 2);
    assert_eq!(refused["subject"], "out.hex", "never a temporary file: {refused}");
    for (options, why) in
        [("--custom-tlv 0x50 0x00", "low byte"), ("--custom-tlv 0x00a0 1 --custom-tlv 0x00a0 2", "twice")]
    {
        assert!(
            cause(format!("{create} {options} app.bin -o out.bin"), "IR-1306").contains(why),
            "{options}"
        );
    }
    let p384 = create.replace("p256", "p384");
    let why = cause(format!("{p384} --dialect st app.bin -o out.bin"), "IR-1321");
    assert!(why.contains("P-256") && why.contains("P-384"), "{why}");
    // A binary has no address: that is said, and the image is the same.
    let run = dir.run(&format!("{create} -x 0x08040000 app.bin -o out.bin --json"));
    run.exit_ok();
    assert!(run.events().iter().any(|event| event["event"] == "warning"), "{}", run.stdout);
}

#[test]
fn a_private_key_is_no_payload() {
    let dir = bench();
    for payload in ["ecdsa-p256.pem", "x25519.pem"] {
        dir.refused(&format!("image create {SLOT} -k ecdsa-p256.pem {payload} -o out.bin"), "IR-1011", 2);
        let tlv = format!("--custom-tlv-file 0x00a0 {payload} app.bin -o out.bin");
        dir.refused(&format!("image create {SLOT} -k ecdsa-p256.pem {tlv}"), "IR-1011", 2);
    }
}

#[test]
fn the_slot_is_padded_in_binary_and_sparse_in_hex() {
    let dir = bench();
    let create = format!("image create {SLOT} -k ecdsa-p256.pem --align 32 --confirm -R 0");
    dir.run(&format!("{create} app.bin -o slot.bin")).exit_ok();
    dir.run(&format!("{create} -x 0x08040000 app.bin -o slot.hex")).exit_ok();
    let slot = dir.read("slot.bin");
    assert_eq!(slot.len(), 0x20000);
    assert_eq!(slot[slot.len() - 64..][..2], [1, 0], "image_ok, and erased bytes around it");
    assert!(dir.read("slot.hex").len() < 20_000, "nothing but what is not erased");
    dir.run("image verify slot.hex -k ecdsa-p256.pub").exit_ok();
    let info = dir.run("image info slot.hex --json").result();
    assert_eq!(info["address"], 0x0804_0000);
    dir.refused("image verify slot.bin -k ecdsa-p256.pub --slot-size 0x1700", "IR-2006", 3);
    // The input's own addresses, less the header.
    dir.write("app.hex", &hex(0x0804_0200, &dir.read("app.bin")));
    dir.run(&format!("image create {SLOT} -k ecdsa-p256.pem app.hex -o from.hex")).exit_ok();
    assert_eq!(dir.run("image info from.hex --json").result()["address"], 0x0804_0000);
}

#[test]
fn trailers_that_imgtool_made_are_told_in_words() {
    let dir = Scratch::new();
    for (name, options, meaning) in [
        ("slot-align8.bin", "", "test update pending, swap not started"),
        ("slot-align8-confirm.bin", "", "permanent update pending, swap not started"),
        ("slot-align16-confirm.bin", "-M 4", "permanent update pending, swap not started"),
        ("slot-align32-confirm-erased0.bin", "-R 0", "permanent update pending, swap not started"),
        ("slot-max32.bin", "", "test update pending, swap not started"),
        ("slot-overwrite-confirm.bin", "--overwrite-only", "test update pending"),
    ] {
        dir.write(name, &imgtools(name));
        let info = dir.run(&format!("image info {name} {options} --json")).result();
        assert_eq!(info["trailer"]["meaning"], meaning, "{name}: {info}");
        assert_eq!(info["trailer"]["magic"], "good", "{name}");
        assert_eq!(info["sha256_matches"], true, "{name}");
        assert!(dir.run(&format!("image info {name} {options}")).stdout.contains(meaning), "{name}");
    }
    let differs = dir.run("image diff slot-align8.bin slot-align8-confirm.bin --json");
    assert_eq!(differs.exit, 3, "{}", differs.stderr);
    let events = differs.events();
    assert_eq!(events.last().unwrap()["code"], "IR-1326");
    let fields: Vec<&Value> = events[0]["differences"].as_array().unwrap().iter().collect();
    let image_ok = fields.iter().find(|d| d["name"] == "image ok").expect("the flag");
    assert_eq!((&image_ok["a"], &image_ok["b"]), (&"unset".into(), &"set".into()));
    assert!(fields.iter().any(|d| d["name"] == "0x0022 ECDSASIG"));
    assert!(fields.iter().all(|d| d["part"] != "header"), "{fields:?}");
    assert_eq!(events[0]["bytes"][1]["differing_bytes"], 0, "the payload is the same");
    let same = dir.run("image diff slot-align8.bin slot-align8.bin --json").result();
    assert_eq!(same["equal"], true);
}

#[test]
fn a_swap_that_was_cut_off_is_told_in_words() {
    let dir = Scratch::new();
    let good = imgtools("slot-align8.bin");
    let with = |changes: &[(usize, u8)]| {
        let mut slot = good.clone();
        for (before_end, value) in changes {
            let at = slot.len() - before_end;
            slot[at] = *value;
        }
        dir.write("slot.bin", &slot);
        let info = dir.run("image info slot.bin --json").result();
        info["trailer"]["meaning"].as_str().unwrap_or("none").to_owned()
    };
    // From the end: magic 16, image_ok 24, copy_done 32, swap_info 40.
    assert_eq!(with(&[(40, 0x02)]), "test update pending; a test swap of image 0 has begun");
    assert_eq!(with(&[(40, 0x13)]), "test update pending; a permanent swap of image 1 has begun");
    assert_eq!(with(&[(32, 1)]), "swapped in and on trial: reverted at the next boot unless confirmed");
    assert_eq!(with(&[(32, 1), (24, 1)]), "swapped in and confirmed");
    assert_eq!(with(&[(24, 0x7f)]), "image_ok is damaged: neither confirmed nor unconfirmed");
    // Without a magic nothing says that there is a trailer, unless the slot is named.
    assert_eq!(with(&[(1, 0)]), "none");
    let info = dir.run("image info slot.bin -S 0x800 --json").result();
    assert!(info["trailer"]["meaning"].as_str().unwrap().starts_with("the magic is damaged"), "{info}");
}

#[test]
fn two_payloads_are_compared_byte_by_byte() {
    let dir = bench();
    let mut other = dir.read("app.bin");
    other[0] ^= 1;
    other[4] ^= 1;
    other[1000] ^= 1;
    other.push(9);
    dir.write("other.bin", &other);
    for name in ["app", "other"] {
        dir.run(&format!("image create {SLOT} -k ed25519.pem {name}.bin -o {name}.img")).exit_ok();
    }
    let payload = &dir.run("image diff app.img other.img --json").events()[0]["bytes"][1];
    assert_eq!(payload["area"], "payload");
    assert_eq!(payload["differing_bytes"], 3);
    assert_eq!(payload["length_difference"], 1);
    assert_eq!(payload["ranges"], serde_json::json!([[0, 5], [1000, 1001]]));
    // A slot without an image is compared too.
    dir.write("erased.bin", &[0xff; 0x2000]);
    let run = dir.run("image diff erased.bin app.img --json");
    assert_eq!(run.exit, 3);
    assert!(run.events()[0]["differences"][0]["a"].as_str().unwrap().starts_with("no image: IR-20"));
    dir.run("image diff erased.bin erased.bin").exit_ok();
    dir.refused("image diff missing.bin app.img", "IR-1002", 2);
}

#[test]
fn the_picture_is_xml_with_every_part_to_scale() {
    let dir = Scratch::new();
    for name in ["p256.bin", "enc-p256-128.bin", "slot-align8-confirm.bin", "slot-enc256-saved.bin"] {
        dir.write(name, &imgtools(name));
        dir.run(&format!("image info {name} --svg out.svg")).exit_ok();
        let text = String::from_utf8(dir.read("out.svg")).unwrap();
        let svg = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let texts: Vec<&str> =
            svg.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        let has = |what: &str| texts.iter().any(|t| t.contains(what));
        for part in ["header", "payload", "TLVs", "SHA256", "KEYHASH", "ECDSASIG"] {
            assert!(has(part), "{name}: {part} is missing in {texts:?}");
        }
        assert_eq!(has("magic: good"), name.starts_with("slot"), "{name}");
        // In the first column heights are as bytes are.
        let group = svg.descendants().find(|n| n.has_tag_name("g")).unwrap();
        let bars: Vec<(f64, f64)> = group
            .children()
            .filter(|n| n.has_tag_name("rect"))
            .map(|n| {
                let title = n.first_element_child().and_then(|t| t.text()).unwrap();
                let bytes = title.rsplit_once('(').unwrap().1.split(' ').next().unwrap().parse().unwrap();
                (n.attribute("height").unwrap().parse().unwrap(), bytes)
            })
            .collect();
        let scale =
            bars.iter().map(|(height, _)| height).sum::<f64>() / bars.iter().map(|(_, b)| b).sum::<f64>();
        for (height, bytes) in &bars {
            assert!(
                (height - bytes * scale).abs() < 0.1,
                "{name}: {bytes} bytes are {height} high, scale {scale}"
            );
        }
    }
    dir.refused("image info p256.bin --svg p256.bin", "IR-1012", 2);
    dir.refused("image info p256.bin --svg missing/out.svg", "IR-1004", 2);
}

#[test]
fn memory_does_not_grow_with_the_image() {
    let dir = bench();
    let file = std::fs::File::create(dir.path("large.bin")).unwrap();
    file.set_len(64 << 20).unwrap();
    let line = "image create -k ecdsa-p256.pem -E x25519.pub -v 1.0.0 -H 0x200 --pad-header -S 0x4800000 large.bin -o \
                large.img --json";
    // VmHWM of the process itself: ulimit on the address space would count what is only reserved.
    let script = "\"$@\" & pid=$!; most=0; while kill -0 $pid 2>/dev/null; do \
                  now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status 2>/dev/null); \
                  [ \"${now:-0}\" -gt $most ] && most=$now; done; wait $pid; code=$?; echo $most >&2; exit $code";
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_ironroot")])
        .args(line.split_whitespace())
        .current_dir(dir.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let most: u64 = String::from_utf8_lossy(&output.stderr).trim().parse().unwrap();
    assert!(most > 1000 && most <= 32 * 1024, "{most} KB");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let progress = events.iter().filter(|e| e["event"] == "progress").count();
    assert!((5..=25).contains(&progress), "{progress} events");
}
