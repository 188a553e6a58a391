//! Bad applications and bad images: each is refused with its code, and no file is written, changed or left.

use crate::support::{SLOT, Scratch, VECTORS, elf, hex, program};

/// A scratch directory with a key and a good image.
fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.run("keys generate -o key.pem").exit_ok();
    dir.run("keys public key.pem -o pub.pem").exit_ok();
    dir.write("good.elf", &elf(&[(VECTORS, program(VECTORS, 0x400))], VECTORS + 0x41));
    dir.run("image sign -k key.pem -v 1.2.3 good.elf -o good.bin").exit_ok();
    dir
}

#[track_caller]
fn sign_refused(dir: &Scratch, name: &str, bytes: &[u8], code: &str) -> String {
    dir.write(name, bytes);
    let error = dir.refused(&format!("image sign -k key.pem -v 1.0.0 {name} -o out.bin"), code, 2);
    assert!(!dir.path("out.bin").exists());
    assert_eq!(error["subject"], name);
    error["cause"].as_str().unwrap().to_owned()
}

#[test]
fn elf_hex_and_raw_of_one_application_give_one_image() {
    let dir = bench();
    let app = program(VECTORS, 0x400);
    dir.write("good.hex", &hex(VECTORS, &app));
    dir.write("good.raw", &app);
    dir.run("image sign -k key.pem -v 1.2.3 good.hex -o hex.bin").exit_ok();
    dir.run("image sign -k key.pem -v 1.2.3 good.raw -o raw.bin").exit_ok();
    dir.run("image sign -k key.pem -v 1.2.3 good.raw -o out.hex").exit_ok();
    let image = dir.read("good.bin");
    assert_eq!(image, dir.read("hex.bin"));
    assert_eq!(image, dir.read("raw.bin"));
    assert_eq!(image[0x400..0x800], app);
    assert_eq!(dir.read("out.hex"), hex(SLOT, &image));
    for name in ["good.bin", "out.hex"] {
        for key in ["pub.pem", "key.pem"] {
            let verified =
                dir.run(&format!("image verify {name} -k {key} --device stm32h735 --json")).result();
            assert_eq!(verified["version"], "1.2.3");
        }
    }
    let info = dir.run("image info good.bin --json").result();
    assert_eq!((&info["payload_bytes"], &info["sha256_matches"]), (&0x400.into(), &true.into()));
    let names: Vec<&str> =
        info["tlvs"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names, ["UUID_VID", "UUID_CID", "SHA256", "KEYHASH", "ECDSASIG"]);
}

#[test]
fn options_of_the_image() {
    let dir = bench();
    dir.run("image sign -k key.pem -v 1.2.3 -s auto --pad --custom-tlv 0x00a0 0x0102 good.elf -o slot.bin")
        .exit_ok();
    let slot = dir.read("slot.bin");
    assert_eq!(slot.len(), 0x6_0000);
    assert_eq!(slot[slot.len() - 16..][..6], [0x20, 0, 0x2d, 0xe1, 0x5d, 0x29]);
    let info = dir.run("image info slot.bin --json").result();
    assert_eq!(info["security_counter"], 0x0102_0003);
    assert!(info["tlvs"].as_array().unwrap().iter().any(|t| t["type"] == 0xa0 && t["value"] == "0102"));
    dir.run("image verify slot.bin -k pub.pem --min-security-counter 0x01020003").exit_ok();
    dir.refused("image verify slot.bin -k pub.pem --min-security-counter 0x01020004", "IR-2307", 3);
    dir.refused("image verify good.bin -k pub.pem --min-security-counter 1", "IR-2306", 3);
}

#[test]
fn elf_files_that_are_none_or_are_for_another_machine() {
    let dir = bench();
    let good = dir.read("good.elf");
    sign_refused(&dir, "empty.elf", b"", "IR-1006");
    sign_refused(&dir, "garbage.elf", &[0xA5; 4000], "IR-1211");
    sign_refused(&dir, "text.elf", b"int main(void) { return 0; }\n", "IR-1211");
    // Cut at every place that means something: in the identification, the header, the table, the bytes.
    for len in [4, 10, 40, 52, 60, 84, 85, good.len() - 1] {
        sign_refused(&dir, "cut.elf", &good[..len], "IR-1201");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut elf = good.clone();
        elf[at..at + bytes.len()].copy_from_slice(bytes);
        elf
    };
    sign_refused(&dir, "x86.elf", &with(18, &[3, 0]), "IR-1202");
    sign_refused(&dir, "wide.elf", &with(4, &[2]), "IR-1202");
    sign_refused(&dir, "big.elf", &with(5, &[2]), "IR-1202");
    sign_refused(&dir, "object.elf", &with(16, &[1, 0]), "IR-1202");
    sign_refused(&dir, "shared.elf", &with(16, &[3, 0]), "IR-1202");
    sign_refused(&dir, "bss.elf", &elf(&[(VECTORS, vec![])], 0), "IR-1203");
    sign_refused(&dir, "wrap.elf", &elf(&[(0xFFFF_FFF0, vec![1; 0x20])], 0), "IR-1201");
    let twice = [(VECTORS, program(VECTORS, 0x400)), (VECTORS + 0x3FF, vec![1; 4])];
    sign_refused(&dir, "overlap.elf", &elf(&twice, 0), "IR-1206");
}

#[test]
fn no_byte_of_an_elf_file_makes_it_panic() {
    let dir = bench();
    let good = dir.read("good.elf");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    for at in 0..84 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut elf = good.clone();
            elf[at] = value;
            dir.write("mutant.elf", &elf);
            let args = [
                "ironroot",
                "image",
                "sign",
                "-k",
                "key.pem",
                "-v",
                "1.0.0",
                "mutant.elf",
                "-o",
                "mutant.bin",
            ];
            let args = args.map(|a| match a.contains(".pem") || a.contains("mutant") {
                true => dir.path(a).into_os_string(),
                false => a.into(),
            });
            // Called in this process: a panic fails the test. Accepted or refused, the exit code is one of the table.
            let exit = ironroot::run(args, &mut out, &mut err).code();
            assert!(exit == 0 || exit == 2, "byte {at} = {value:#x}: exit {exit}");
        }
    }
}

#[test]
fn hex_files_that_are_damaged() {
    let dir = bench();
    let good = String::from_utf8(hex(VECTORS, &program(VECTORS, 0x400))).unwrap();
    let cut = &good[..good.len() - 14];
    sign_refused(&dir, "cut.hex", cut.as_bytes(), "IR-1204");
    sign_refused(&dir, "half-line.hex", &good.as_bytes()[..good.len() / 2], "IR-1204");
    sign_refused(&dir, "garbage.hex", &[0xA5; 4000], "IR-1204");
    let mut digit = good.clone().into_bytes();
    let at = good.len() / 2;
    digit[at] = if digit[at] == b'0' { b'1' } else { b'0' };
    let cause = sign_refused(&dir, "sum.hex", &digit, "IR-1205");
    assert!(cause.starts_with("line "), "{cause}");
    sign_refused(&dir, "no-data.hex", b":00000001FF\n", "IR-1213");
}

#[test]
fn applications_for_another_address() {
    let dir = bench();
    // Linked for the start of the flash, as if there were no secure boot.
    let cause =
        sign_refused(&dir, "flash.elf", &elf(&[(0x0800_0000, program(0x0800_0000, 0x400))], 0), "IR-1207");
    assert!(cause.contains("0x08000000") && cause.contains("0x08020400"), "{cause}");
    // Without room for the header.
    let cause = sign_refused(&dir, "header.hex", &hex(SLOT, &program(SLOT, 0x800)), "IR-1207");
    assert!(cause.contains("image header"), "{cause}");
    sign_refused(&dir, "late.elf", &elf(&[(VECTORS + 0x400, program(VECTORS + 0x400, 0x400))], 0), "IR-1207");
    let with_ram = [(VECTORS, program(VECTORS, 0x400)), (0x2400_0000, vec![1; 64])];
    sign_refused(&dir, "ram.elf", &elf(&with_ram, 0), "IR-1212");
    // A raw file has no address: its vectors tell.
    sign_refused(&dir, "flash.raw", &program(0x0800_0000, 0x400), "IR-1210");
    sign_refused(&dir, "entry.elf", &elf(&[(VECTORS, program(VECTORS, 0x400))], 0x0800_0041), "IR-1210");
    sign_refused(&dir, "garbage.raw", &[0xA5; 4000], "IR-1209");
    sign_refused(&dir, "short.raw", &[0; 8], "IR-1210");
    let image = dir.read("good.bin");
    sign_refused(&dir, "again.raw", &image, "IR-1011");
}

#[test]
fn applications_that_are_too_large() {
    let dir = bench();
    // The whole slot, without a byte for signature and trailer.
    sign_refused(&dir, "full.raw", &program(VECTORS, 0x6_0000 - 0x400), "IR-1208");
    let cause = sign_refused(&dir, "huge.elf", &elf(&[(VECTORS, program(VECTORS, 0x20_0000))], 0), "IR-1208");
    assert!(cause.contains("bytes too far"), "{cause}");
    dir.write("two.raw", &program(VECTORS, 0x8000));
    dir.refused("image sign -k key.pem -v 1.0.0 -S 0x8000 two.raw -o out.bin", "IR-1208", 2);
}

#[test]
fn options_that_cannot_be() {
    let dir = bench();
    for (options, code) in [
        ("-v 1.0.0 -H 0x100", "IR-1302"),
        ("-v 1.0.0 -H 0", "IR-1302"),
        ("-v 1.0.0 -H 64K", "IR-1302"),
        ("-v 1.0.0 -S 1M", "IR-1303"),
        ("-v 1.0.0 -S 0", "IR-1303"),
        ("-v 1.0.0 -S 0x8001", "IR-1303"),
        ("-v 1.0.0 -S 0x400", "IR-1303"),
        ("-v 1.0.0 --align 3", "IR-1304"),
        ("-v 1.0.0 --align 64", "IR-1304"),
        ("-v 1.0.0.0", "IR-1301"),
        ("-v 256.0.0", "IR-1301"),
        ("-v one", "IR-1301"),
        ("-v 1.0.0 -s many", "IR-1001"),
        ("-v 1.0.0 -s -1", "IR-1001"),
        ("-v 1.0.0 -H 4294967296", "IR-1001"),
        ("-v 1.0.0 --custom-tlv 0x10 0x00", "IR-1306"),
        ("-v 1.0.0 --custom-tlv 0x00a0 0x0", "IR-1306"),
        ("-v 1.0.0 --device stm32f103", "IR-1001"),
        ("", "IR-1001"),
    ] {
        dir.refused(&format!("image sign -k key.pem {options} good.elf -o out.bin"), code, 2);
    }
    dir.refused("image sign -v 1.0.0 good.elf -o out.bin", "IR-1105", 2);
    dir.refused("image sign -k pub.pem -v 1.0.0 good.elf -o out.bin", "IR-1103", 2);
    dir.refused("image sign -k good.elf -v 1.0.0 good.elf -o out.bin", "IR-1101", 2);
    dir.refused("image sign -k missing.pem -v 1.0.0 good.elf -o out.bin", "IR-1002", 2);
    dir.refused("image sign -k key.pem -v 1.0.0 missing.elf -o out.bin", "IR-1002", 2);
    dir.refused("image sign -k key.pem -v 1.0.0 good.elf -o missing/out.bin", "IR-1004", 2);
}

#[test]
fn an_output_that_exists_survives_a_failed_sign() {
    let dir = bench();
    dir.write("cut.elf", &dir.read("good.elf")[..100]);
    // refused() compares every file, good.bin too.
    dir.refused("image sign -k key.pem -v 1.0.0 cut.elf -o good.bin", "IR-1201", 2);
}

#[test]
fn images_that_do_not_verify() {
    let dir = bench();
    let good = dir.read("good.bin");
    let refused = |name: &str, bytes: &[u8], code: &str, exit| {
        dir.write(name, bytes);
        let error = dir.refused(&format!("image verify {name} -k pub.pem"), code, exit);
        assert_eq!(error["subject"], name);
    };
    refused("empty.bin", b"", "IR-1006", 2);
    refused("garbage.bin", &[0xA5; 4000], "IR-2003", 3);
    refused("app.bin", &program(VECTORS, 0x400), "IR-2003", 3);
    for len in [3, 31, 0x3ff, 0x7ff, good.len() - 1] {
        refused("cut.bin", &good[..len], "IR-2001", 3);
    }
    // One bit each in header padding, payload and protected TLVs, which the hash covers.
    for at in [0x20, 0x400, 0x7ff, 0x80b] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        refused("flipped.bin", &bad, "IR-2203", 3);
    }
    let mut signature = good.clone();
    let last = signature.len() - 1;
    signature[last] ^= 1;
    refused("signature.bin", &signature, "IR-2208", 3);
    dir.refused("image verify good.bin", "IR-1105", 2);
    dir.refused("image verify missing.bin -k pub.pem", "IR-1002", 2);
    dir.refused("image verify good.bin -k good.bin", "IR-1101", 2);
    dir.refused("image info garbage.bin", "IR-2003", 3);
}

#[test]
fn images_by_another_key_or_for_another_device() {
    let dir = bench();
    dir.run("keys generate -o other.pem").exit_ok();
    dir.refused("image verify good.bin -k other.pem", "IR-2207", 3);
    dir.run("image verify good.bin -k other.pem -k pub.pem").exit_ok();
    dir.run("image sign -k key.pem -v 1.0.0 --cid other-device good.elf -o class.bin").exit_ok();
    dir.run("image sign -k key.pem -v 1.0.0 --vid other.example good.elf -o vendor.bin").exit_ok();
    dir.run("image verify class.bin -k pub.pem").exit_ok();
    dir.refused("image verify class.bin -k pub.pem --device stm32h735", "IR-2308", 3);
    dir.refused("image verify vendor.bin -k pub.pem --device stm32h735", "IR-2309", 3);
}

#[test]
fn an_unsigned_image_is_not_verified() {
    let dir = bench();
    // Header, payload and protected TLVs of a good image, with a TLV area that has the hash only.
    let good = dir.read("good.bin");
    let sha = good.windows(4).position(|w| w == [0x10, 0, 0x20, 0]).unwrap();
    let mut unsigned = good[..sha + 4 + 32].to_vec();
    unsigned[sha - 2..sha].copy_from_slice(&40u16.to_le_bytes());
    dir.write("unsigned.bin", &unsigned);
    dir.refused("image verify unsigned.bin -k pub.pem", "IR-2204", 3);
    dir.run("image info unsigned.bin").exit_ok();
}

/// A file is quoted around the place that is wrong, and cannot rearrange the message around the quotation.
#[test]
fn a_refusal_quotes_a_little_of_a_file_and_nothing_that_steers_the_terminal() {
    let dir = Scratch::new();
    let long = "x".repeat(2_000_000);
    for (name, text) in [
        ("line", format!("slots = 7 # {long}")),
        ("name", format!("{long} = 7")),
        ("dotted", format!("product.{long} = 7")),
        ("text", format!("product = {{ device = \"{long}\" }}")),
        ("bidi", "[product]\ndevice = \"\u{202e}7s7h23mts\u{2066}\"\n".to_owned()),
        ("xml", format!("<Root><{long}></Root>")),
        ("xml-title", format!("<Root><Obdata><Info><Title>{long}</Title></Info></Obdata></Root>")),
        ("xml-bidi", "<Root><Obdata><\u{202e}/></Obdata></Root>".to_owned()),
        ("xml-name", "<Root><Obdata><Data><Name>\u{202e}\u{200b}</Name></Data></Obdata></Root>".to_owned()),
        ("options", format!("SECURITY = \"{long}\"")),
    ] {
        let file = if name.starts_with("xml") { format!("{name}.xml") } else { format!("{name}.toml") };
        dir.write(&file, text.as_bytes());
        for line in [
            format!("boot plan --product {file}"),
            format!("import tpc-xml {file}"),
            format!("ob plan --file {file} --device vdev:none.bin"),
        ] {
            let run = dir.run(&line);
            assert_eq!(run.exit, 2, "{line}: {}", run.stderr.len());
            assert!(run.stderr.len() < 3000, "{line}: {} bytes", run.stderr.len());
            assert!(!run.stderr.contains(['\u{202e}', '\u{2066}', '\u{200b}']), "{line}: {}", run.stderr);
            let json = dir.run(&format!("{line} --json"));
            assert!(json.stdout.len() < 5000, "{line}: {} bytes", json.stdout.len());
        }
    }
}
