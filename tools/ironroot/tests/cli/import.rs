//! Project files of ST's package creator: the bytes that its tool makes, and what is refused.
//!
//! The expected digests were computed by a script of its own (hashlib and openssl's DER) from the description of the format
//! in the firmware packages; sizes and destinations are those of the `.obk` files there.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use ironroot_crypto::{Crypto as _, Software};

use crate::support::Scratch;

/// Keys of this test alone.
const AUTHENTICATION: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggXTXge3H9leyNCPb
41rb9jWSdFs1Ii4cQJBdnyq8mvmhRANCAARNu7qsGi7tjNlHK/0JS8+8y80V3Z37
a9OhoUiyZ4TMjLRVO6ywew1vXwvySJjbiDVA3zXh8hJcL9HO93dVdVKw
-----END PRIVATE KEY-----
";
const ENCRYPTION: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6wX2m2fkEbbOkHw+
D02mZ8iXrvj8lj6gn2VAn7yxLLWhRANCAATKj4nJUf5r6DdJEBAND7U4Dbq27Yy5
EGD3x5t32RJoG+lMMZRpmSzv11EGr42FYymkCnInuf8KIVMb49RN4U0H
-----END PRIVATE KEY-----
";

/// A configuration of the fields `(element, name, children)`.
fn config(destination: &str, align: u32, front: &str, fields: &[(&str, &str, &str)]) -> String {
    let mut rows = String::new();
    for (element, name, children) in fields {
        writeln!(rows, "<{element}><Name>{name}</Name>{children}</{element}>").unwrap();
    }
    let mcu = if destination.starts_with("0x0FFD") { "STM32H573" } else { "STM32H7S78" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Root><Obdata><Info><Title>Test</Title><MCU>{mcu}</MCU>\
         <ObDestAddress>{destination}</ObDestAddress><DoEncryption>1</DoEncryption><GlobalAlign>{align}</GlobalAlign>\
         <FlashStart>0</FlashStart><FlashSize>0xA0000000</FlashSize><FlashSectorSize>0x2000</FlashSectorSize></Info>\
         {front}{rows}<Output><Name>Output File</Name><Value>.\\out.obk</Value></Output></Obdata></Root>"
    )
}

fn number(value: &str, width: u32) -> String {
    format!("<Value>{value}</Value><Width>{width}</Width>")
}

fn key(file: &str, public: bool, align: u32) -> String {
    let kind = if public { "Public" } else { "" };
    format!("<Value>./{file}</Value><Align>{align}</Align><KeyType>ecdsa-p256</KeyType><Type>{kind}</Type>")
}

/// OEMiROT's configuration on H7RS.
fn oemirot() -> String {
    let fields = [
        ("File", "Authentication key", &*key("auth.pem", true, 1)),
        ("File", "Encryption key", &key("enc.pem", false, 1)),
    ];
    config("0x00000108", 32, "<Hash></Hash>", &fields)
}

/// STiROT's configuration on H7S, with one number exchanged.
fn stirot(change: (&str, &str)) -> String {
    let numbers = [
        ("Reserved1", "0x01", 1, ""),
        ("Clock selection", "0x01", 1, "<Val>0x00,64</Val><Val>0x01,380</Val>"),
        ("Reserved2", "0x00", 1, ""),
        ("SRAM ECC management activation", "0x01", 1, "<True>0x01</True><False>0x00</False>"),
        ("Firmware area address (in internal RAM)", "0x24000000", 4, "<Slot>start#1</Slot>"),
        ("Firmware area size", "0x00020000", 4, "<Slot>size#1</Slot>"),
        ("Reserved3", "0", 4, ""),
        ("Reserved4", "0", 4, ""),
        ("Reserved5", "0", 4, ""),
        ("Reserved6", "0", 4, ""),
        ("Product state minimal allowed", "0x72", 4, "<Val>0x72,Closed</Val><Val>0x5C,Locked</Val>"),
        ("Firmware installation area address (in external flash)", "0x90000000", 4, ""),
        ("Firmware download area address (in external flash)", "0x90020000", 4, ""),
        ("Reserved7", "0", 4, ""),
        ("External non-volatile memory size", "0x10000000", 4, ""),
        ("STiROT_iLoader offset", "0x0", 4, "<Val>0x0000</Val><Val>0x2000</Val>"),
        ("STiROT_iLoader size", "0x6000", 4, ""),
        ("Reserved8", "0x00", 7, ""),
    ];
    let rows: Vec<(&str, &str, String)> = numbers
        .iter()
        .map(|(name, value, width, more)| {
            let value = if *name == change.0 { change.1 } else { value };
            let element = match (more.contains("<Val>"), more.contains("<True>")) {
                (true, _) => "List",
                (_, true) => "Bool",
                _ => "Data",
            };
            (element, *name, number(value, *width) + more)
        })
        .chain([
            ("File", "Encryption key", key("enc.pem", false, 1)),
            ("File", "Authentication key", key("auth.pem", true, 1)),
        ])
        .collect();
    let rows: Vec<(&str, &str, &str)> = rows.iter().map(|(e, n, c)| (*e, *n, c.as_str())).collect();
    config("0x00000108", 32, "<Hash></Hash>", &rows)
}

/// An image description of the parameters `(name, type, switch, rest)`.
fn image(linked: &str, params: &[(&str, &str, &str, &str)]) -> String {
    let mut rows = String::new();
    for (name, kind, switch, rest) in params {
        let command = if switch.is_empty() { String::new() } else { format!("<Command>{switch}</Command>") };
        writeln!(rows, "<Param><Name>{name}</Name><Type>{kind}</Type>{command}{rest}</Param>").unwrap();
    }
    format!(
        "<Root><McubootFormat><GlobalParam><Command>sign</Command><Title>Test</Title><LinkedXML>{linked}</LinkedXML>\
         </GlobalParam>{rows}<Output><Name>Image</Name><Value>out/image.hex</Value></Output></McubootFormat></Root>"
    )
}

const OEMIROT_IMAGE: [(&str, &str, &str, &str); 15] = [
    ("Authentication key", "File", "-k", "<Link></Link>"),
    ("Write Option", "Data", "--overwrite-only", "<Default></Default>"),
    ("Number of scratch sectors", "Data", "-M", "<Value>33</Value>"),
    ("Encryption key", "File", "-E", "<Link>GetPublic</Link>"),
    ("Endianness", "Data", "-e", "<Default>little</Default>"),
    ("Padding", "Data", "--pad", ""),
    ("Firmware area size", "Data", "-S", "<Value>0x200000</Value><Default>0xc000</Default>"),
    ("Header Size", "Data", "-H", "<Default>0x400</Default>"),
    ("Padding Header", "Data", "--pad-header", ""),
    ("Dependency with other image", "Dependency", "-d", "<Value>1,1.0.0</Value><Enable>0</Enable>"),
    ("Version", "Data", "-v", "<Value>1.0.0</Value>"),
    ("Security Counter", "Data", "-s", "<Value>auto</Value>"),
    ("Align", "Data", "--align", "<Default>4</Default>"),
    ("Hex format", "Data", "-x", "<Value>0x90200000</Value>"),
    ("Firmware binary input file", "File", "", "<Value>..\\app.bin</Value>"),
];

const STIROT_IMAGE: [(&str, &str, &str, &str); 14] = [
    ("Authentication key", "File", "-k", "<Link></Link>"),
    ("Encryption key", "File", "-E", "<Link>GetPublic</Link>"),
    ("Image magic", "Data", "-ma", "<Default>0xc1592ee9</Default>"),
    ("Endianness", "Data", "-e", "<Default>little</Default>"),
    ("Padding", "Data", "--pad", ""),
    ("Firmware area size", "Data", "-S", "<Link></Link>"),
    ("Header Size", "Data", "-H", "<Default>0x400</Default>"),
    ("Padding Header", "Data", "--pad-header", ""),
    ("Write Option", "Data", "--primary-only", ""),
    ("Version", "Data", "-v", "<Value>1.2.3</Value>"),
    ("Security Counter", "Data", "-s", "<Value>auto</Value>"),
    ("Align", "Data", "--align", "<Default>16</Default>"),
    ("Firmware download area address (in external flash)", "Data", "-x", "<Link></Link>"),
    ("Firmware binary input file", "File", "", "<Value>app.bin</Value>"),
];

fn bench() -> Scratch {
    let dir = Scratch::new();
    for (name, text) in [("auth.pem", AUTHENTICATION), ("enc.pem", ENCRYPTION)] {
        dir.write(name, text.as_bytes());
        std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    dir
}

#[track_caller]
fn digest_of(dir: &Scratch, text: &str) -> String {
    dir.write("config.xml", text.as_bytes());
    dir.run("import tpc-xml config.xml --force").exit_ok();
    assert_eq!(crate::support::mode(&dir.path("out.obk")), 0o600, "it may hold a private key");
    let digest = Software.sha256_of(&dir.read("out.obk"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_configuration_gives_the_bytes_of_st_s_tool() {
    let dir = bench();
    let oem = "cfe230a72c7d6255be3f3f4c42ec0bc514c36a95542266db1965b60881a5702f";
    assert_eq!(digest_of(&dir, &oemirot()), oem);
    assert_eq!(dir.read("out.obk").len(), 12 + 224);
    let st = "d38c14f756dc287303c38a87be6641c61917a30fdc4fe88000dd09f95e0bc28a";
    assert_eq!(digest_of(&dir, &stirot(("", ""))), st);
    assert_eq!(dir.read("out.obk").len(), 12 + 256);
    let fields = [
        ("File", "Authentication secure key", &*key("auth.pem", true, 4)),
        ("File", "Authentication non secure key", &key("auth.pem", true, 4)),
        ("File", "Encryption key", &key("enc.pem", false, 4)),
    ];
    let h5 = "88321a7b46e448ee7b000f9e1754b12b35b8151c1b6949f8607d7bd0e3fd1079";
    assert_eq!(digest_of(&dir, &config("0x0FFD0160", 16, "<Hash></Hash>", &fields)), h5);
    assert_eq!(dir.read("out.obk").len(), 12 + 288);
}

#[test]
fn debug_authentication_stores_hashes_only() {
    let dir = bench();
    let permissions = "<Value>0x80000000000000000000000000004007</Value><Width>4</Width>";
    let fields =
        [("File", "Root key", &*key("auth.pem", true, 4)), ("Permission", "Permission", permissions)];
    let certificate = "db7898a32aac4340072cf2a46b5c63d17f8900b7d23463c13ea44e2e4e96a6c1";
    assert_eq!(digest_of(&dir, &config("0x00510008", 32, "<Hash/><DA></DA>", &fields)), certificate);
    let fields = [
        ("Text", "Password", "<Value>0123456789012345</Value><MinWidth>4</MinWidth><Width>16</Width>"),
        ("Data", "Reserved", &number("0", 4)),
    ];
    let password = "257184728584747f9e04f2bc5f320a261bfb470fe11088eb73ee596ab78122af";
    assert_eq!(digest_of(&dir, &config("0x008A0008", 32, "<Hash/><DA/>", &fields)), password);
    let shown = dir.run("import tpc-xml config.xml --dry-run --json");
    assert!(!shown.stdout.contains("0123456789012345"), "{}", shown.stdout);
    let fields = [("Text", "Password", "<Value>tiny</Value><Width>16</Width>")];
    dir.write("short.xml", config("0x008A0008", 32, "<Hash/><DA/>", &fields).as_bytes());
    let error = dir.refused("import tpc-xml short.xml", "IR-8005", 2);
    assert!(!error["cause"].as_str().unwrap().contains("tiny"), "{error}");
}

#[test]
fn an_image_description_gives_its_options_and_its_image() {
    let dir = bench();
    for (name, text) in [("OEMiROT_Config.xml", oemirot()), ("STiROT_Config.xml", stirot(("", "")))] {
        dir.write(name, text.as_bytes());
    }
    std::fs::create_dir(dir.path("Images")).unwrap();
    dir.write("Images/oem.xml", image("..\\OEMiROT_Config.xml", &OEMIROT_IMAGE).as_bytes());
    dir.write("Images/st.xml", image("../STiROT_Config.xml", &STIROT_IMAGE).as_bytes());
    dir.write("app.bin", &crate::support::program(0x7000_0400, 0x1000));
    let said = dir.run("import tpc-xml Images/oem.xml --json").result();
    let switches: Vec<&str> =
        said["options"].as_array().unwrap().iter().filter_map(|o| o["switch"].as_str()).collect();
    let expected = [
        "-k",
        "--overwrite-only",
        "-M",
        "-E",
        "-e",
        "--pad",
        "-S",
        "-H",
        "--pad-header",
        "-v",
        "-s",
        "--align",
        "-x",
        "--dialect",
    ];
    assert_eq!(switches, expected, "the dependency is switched off");
    assert!(!dir.path("Images/out").exists());
    std::fs::create_dir(dir.path("made")).unwrap();
    dir.run("import tpc-xml Images/oem.xml --build --output-dir made").exit_ok();
    let verified =
        dir.run("image verify made/image.hex -k auth.pem --dialect st --decryption-key enc.pem --json");
    assert_eq!(verified.exit, 0, "{}{}", verified.stdout, verified.stderr);
    let plain = "image create -k auth.pem -E enc.pem -v 1.0.0 -S 0x200000 -H 0x400 --pad-header --pad -M 33 -s auto --align 4 \
                 -x 0x90200000 --overwrite-only --dialect st app.bin -o by-hand.hex";
    dir.run(plain).exit_ok();
    let (ours, by_hand) = (dir.read("made/image.hex"), dir.read("by-hand.hex"));
    assert_eq!(ours.len(), by_hand.len());
    assert_eq!(ours[..60], by_hand[..60], "address and header");

    let said = dir.run("import tpc-xml Images/st.xml --json").result();
    let value = |switch: &str| {
        let options = said["options"].as_array().unwrap();
        options.iter().find(|option| option["switch"] == switch).unwrap()["value"].clone()
    };
    assert_eq!(value("--dialect"), "stirot-h7s");
    assert_eq!(value("-S"), "0x00020000");
    assert_eq!(value("-x"), "0x90020000");
    dir.run("import tpc-xml Images/st.xml --build --application app.bin --output-dir made --force").exit_ok();
    let verified =
        dir.run("image verify made/image.hex -k auth.pem --dialect stirot-h7s --decryption-key enc.pem");
    verified.exit_ok();
}

#[test]
fn a_bad_configuration_is_refused_with_its_code() {
    let dir = bench();
    let good = stirot(("", ""));
    let deep = format!("{}{}", "<Root>".repeat(40), "</Root>".repeat(40));
    let entities = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><Root>&b;</Root>";
    let other_file = "<!DOCTYPE r [<!ENTITY a SYSTEM \"/etc/passwd\">]><Root><Obdata>&a;</Obdata></Root>";
    let many = format!("<Root>{}</Root>", "<a/>".repeat(30_000));
    let cases: Vec<(&str, String, &str)> = vec![
        ("entities", entities.into(), "IR-8001"),
        ("other-file", other_file.into(), "IR-8001"),
        ("deep", deep, "IR-8001"),
        ("many", many, "IR-8001"),
        ("cut", good[..good.len() / 2].into(), "IR-8001"),
        ("other-root", "<Project/>".into(), "IR-8002"),
        ("empty-root", "<Root/>".into(), "IR-8002"),
        ("no-info", "<Root><Obdata><Hash/></Obdata></Root>".into(), "IR-8003"),
        ("no-width", good.replacen("<Width>1</Width>", "", 1), "IR-8003"),
        ("no-output", good.replacen("<Value>.\\out.obk</Value>", "", 1), "IR-8003"),
        ("unknown", good.replacen("<Width>1</Width>", "<Width>1</Width><Endian>big</Endian>", 1), "IR-8004"),
        ("unknown-section", good.replacen("<Hash>", "<Cipher/><Hash>", 1), "IR-8004"),
        ("twice", good.replacen("<Width>1</Width>", "<Width>1</Width><Width>2</Width>", 1), "IR-8005"),
        ("wide", good.replacen("<Width>1</Width>", "<Width>100000</Width>", 1), "IR-8005"),
        ("zero-width", good.replacen("<Width>1</Width>", "<Width>0</Width>", 1), "IR-8005"),
        ("align", good.replacen("<GlobalAlign>32<", "<GlobalAlign>0<", 1), "IR-8005"),
        ("no-number", stirot(("Reserved3", "-1")), "IR-8005"),
        ("too-large", stirot(("Reserved1", "256")), "IR-8005"),
        ("not-listed", stirot(("Clock selection", "0x02")), "IR-8005"),
        ("not-bool", stirot(("SRAM ECC management activation", "7")), "IR-8005"),
        ("unaligned", stirot(("Firmware area size", "0x20001")), "IR-8006"),
        ("outside", stirot(("Firmware area address (in internal RAM)", "0xA0000000")), "IR-8006"),
        ("other-key", good.replace("auth.pem", "rsa.pem"), "IR-1102"),
        ("no-key", good.replace("auth.pem", "none.pem"), "IR-1002"),
    ];
    dir.run("keys generate --type ed25519 -o rsa.pem").exit_ok();
    for (name, text, code) in cases {
        let file = format!("{name}.xml");
        dir.write(&file, text.as_bytes());
        dir.refused(&format!("import tpc-xml {file}"), code, 2);
    }
}

#[test]
fn a_bad_image_description_is_refused_with_its_code() {
    let dir = bench();
    dir.write("config.xml", oemirot().as_bytes());
    let with = |index: usize, row| {
        let mut params = OEMIROT_IMAGE;
        params[index] = row;
        image("config.xml", &params)
    };
    let good = image("config.xml", &OEMIROT_IMAGE);
    let cases = [
        ("unknown-switch", with(5, ("Padding", "Data", "--exec", "<Value>rm</Value>")), "IR-8004"),
        ("magic", with(5, ("Magic", "Data", "-ma", "<Value>0x12345678</Value>")), "IR-8005"),
        ("type", with(5, ("Padding", "Shell", "--pad", "")), "IR-8005"),
        ("enable", with(5, ("Padding", "Data", "--pad", "<Enable>maybe</Enable>")), "IR-8005"),
        ("no-value", with(6, ("Firmware area size", "Data", "-S", "")), "IR-8003"),
        ("no-input", with(14, ("Padding", "Data", "--pad", "")), "IR-8003"),
        ("link", with(6, ("Firmware area size", "Data", "-S", "<Link></Link>")), "IR-8007"),
        ("no-config", good.replace("config.xml", "none.xml"), "IR-8007"),
        ("self", good.replace("config.xml", "self.xml"), "IR-8007"),
        ("command", good.replace("<Command>sign<", "<Command>format<"), "IR-8005"),
    ];
    for (name, text, code) in cases {
        let file = format!("{name}.xml");
        dir.write(&file, text.as_bytes());
        dir.refused(&format!("import tpc-xml {file}"), code, 2);
    }
    // A value that only the command line's parser can judge.
    dir.write("size.xml", with(6, ("Size", "Data", "-S", "<Value>lots</Value>")).as_bytes());
    dir.write("app.bin", &[0; 64]);
    let run = dir.run("import tpc-xml size.xml --build --application app.bin --output-dir .");
    assert_eq!(run.exit, 2);
    assert!(run.stderr.contains("IR-8005"), "{}", run.stderr);
}

/// A value that is read in two ways ends in the keys of a closed part.
#[test]
fn a_value_is_one_text_and_nothing_else() {
    let dir = bench();
    let good = stirot(("", ""));
    let address = "<Value>0x90000000</Value>";
    assert!(good.contains(address));
    let cases = [
        ("comment", address, "<Value>0x9000<!-- install -->0000</Value>", "IR-8005"),
        ("instruction", address, "<Value>0x9000<?x y?>0000</Value>", "IR-8005"),
        ("element", address, "<Value>0x9<Typo>0</Typo></Value>", "IR-8004"),
        ("element-only", address, "<Value><Typo>0x90000000</Typo></Value>", "IR-8004"),
        ("attribute", address, "<Value radix=\"10\">0x90000000</Value>", "IR-8004"),
        ("name-space", address, "<Value xmlns=\"urn:x\">0x90000000</Value>", "IR-8004"),
        ("mark-element", "<Hash></Hash>", "<Hash><Evil/></Hash>", "IR-8004"),
        ("mark-text", "<Hash></Hash>", "<Hash>no</Hash>", "IR-8005"),
        ("stray", "<Hash></Hash>", "0x24000000<Hash></Hash>", "IR-8005"),
        ("stray-in-field", "<Width>4</Width>", "<Width>4</Width>8", "IR-8005"),
        ("stray-in-root", "<Root>", "<Root>x", "IR-8005"),
        ("long", "<Title>Test</Title>", &format!("<Title>{}</Title>", "x".repeat(5000)), "IR-8005"),
    ];
    for (name, from, to, code) in cases {
        let file = format!("{name}.xml");
        assert!(good.contains(from), "{name}");
        dir.write(&file, good.replacen(from, to, 1).as_bytes());
        dir.refused(&format!("import tpc-xml {file}"), code, 2);
    }
    // Remarks beside a value, and white space around it, change nothing.
    let remarked = good.replace(address, "<Value><!-- where --> 0x90000000\n</Value><!-- it goes -->");
    assert_eq!(digest_of(&dir, &remarked), digest_of(&dir, &good));
    let image = image("config.xml", &OEMIROT_IMAGE).replace("0x200000", "0x2<!-- -->00000");
    dir.write("image.xml", image.as_bytes());
    dir.refused("import tpc-xml image.xml", "IR-8005", 2);
}

#[test]
fn a_result_never_replaces_what_it_is_made_of_or_a_private_key() {
    let dir = bench();
    dir.run("keys generate -o other.pem").exit_ok();
    let to = |output: &str| oemirot().replace(".\\out.obk", output);
    for (output, code) in [
        ("./auth.pem", "IR-1012"),
        ("enc.pem", "IR-1012"),
        ("config.xml", "IR-1012"),
        ("other.pem", "IR-1005"),
    ] {
        dir.write("config.xml", to(output).as_bytes());
        dir.refused("import tpc-xml config.xml --force", code, 2);
        dir.refused("import tpc-xml config.xml --force --output-dir .", code, 2);
        dir.refused("import tpc-xml config.xml --force --dry-run", code, 2);
    }
    // Also what another file of the same command is made of, and what is linked.
    dir.write("config.xml", to("image.xml").as_bytes());
    dir.write("image.xml", image("config.xml", &OEMIROT_IMAGE).as_bytes());
    dir.refused("import tpc-xml config.xml image.xml --force", "IR-1012", 2);
    dir.write("app.bin", &crate::support::program(0x7000_0400, 0x1000));
    for output in ["config.xml", "image.xml", "auth.pem", "enc.pem", "app.bin"] {
        let text = image("config.xml", &OEMIROT_IMAGE).replace("out/image.hex", output);
        dir.write("image.xml", text.as_bytes());
        let line = "import tpc-xml image.xml --build --application app.bin --force";
        dir.refused(line, "IR-1012", 2);
    }
}

#[test]
fn several_files_are_taken_over_together_or_not_at_all() {
    let dir = bench();
    std::fs::create_dir(dir.path("out")).unwrap();
    let empty = || assert_eq!(std::fs::read_dir(dir.path("out")).unwrap().count(), 0);
    dir.write("good.xml", oemirot().as_bytes());
    dir.write(
        "late.xml",
        oemirot().replace("auth.pem", "none.pem").replace("out.obk", "late.obk").as_bytes(),
    );
    let error = dir.refused("import tpc-xml good.xml late.xml -o out", "IR-1002", 2);
    let cause = error["cause"].as_str().unwrap();
    assert!(cause.starts_with("late.xml, line 2: File \"Authentication key\": "), "{cause}");
    empty();
    dir.write("same.xml", stirot(("", "")).as_bytes());
    for options in ["", " --force", " --dry-run"] {
        let error = dir.refused(&format!("import tpc-xml good.xml same.xml -o out{options}"), "IR-8011", 2);
        assert!(error["cause"].as_str().unwrap().contains("good.xml and same.xml"), "{error}");
    }
    empty();
    // An image that cannot be made leaves neither the keys nor the image before it.
    dir.write("image.xml", image("good.xml", &OEMIROT_IMAGE).as_bytes());
    dir.write("app.bin", &crate::support::program(0x7000_0400, 0x1000));
    let other =
        image("good.xml", &OEMIROT_IMAGE).replace("image.hex", "late.hex").replace("..\\app.bin", "none.bin");
    dir.write("other.xml", other.replace("0x200000", "0x800").as_bytes());
    let files = "good.xml image.xml other.xml";
    dir.refused(&format!("import tpc-xml {files} -o out --build --application app.bin"), "IR-1208", 2);
    empty();
    dir.run("import tpc-xml good.xml image.xml -o out --build --application app.bin").exit_ok();
    let run =
        dir.run("import tpc-xml good.xml image.xml -o out --build --application app.bin --force --json");
    run.exit_ok();
    assert!(!run.stdout.contains(".ironroot-"), "the name for the time of making: {}", run.stdout);
    let made = run.events().into_iter().find(|event| event["command"] == "image create").unwrap();
    assert_eq!(made["output"], "out/image.hex");
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["image.hex", "out.obk"]);
}

#[test]
fn a_configuration_is_for_a_known_part_and_a_place_on_it() {
    let dir = bench();
    let oem = oemirot();
    let mcu = |text: &str, name: &str| text.replace("STM32H7S78", name);
    let at = |word: &str| oem.replace("0x00000108", word);
    let permissions = "<Value>0x80000000000000000000000000004007</Value><Width>4</Width>";
    let certificate =
        [("File", "Root key", &*key("auth.pem", true, 4)), ("Permission", "Permission", permissions)];
    let password = [("Text", "Password", "<Value>0123456789012345</Value><Width>16</Width>")];
    let cases = [
        ("other-family", mcu(&oem, "STM32U585")),
        ("other-line", mcu(&oem, "STM32H735")),
        ("h5-for-h7s", mcu(&oem, "STM32H573")),
        ("level-3", at("0x00FF0399")),
        ("no-such-key", at("0x00000120")),
        ("nowhere", at("0x08000000")),
        ("behind-the-keys", at("0x0FFD2000")),
        ("too-long-here", at("0x0000011A")),
        ("certificate-as-password", config("0x008A0008", 32, "<Hash/><DA/>", &certificate)),
        ("password-as-certificate", config("0x00510008", 32, "<Hash/><DA/>", &password)),
        ("key-in-clear", config("0x00510008", 32, "<Hash/>", &certificate[..1])),
        ("debug-elsewhere", config("0x00000108", 32, "<Hash/><DA/>", &certificate)),
        ("locks-for-ever", config("0x00B40008", 32, "<Hash/><DA/>", &certificate)),
    ];
    for (name, text) in cases {
        let file = format!("{name}.xml");
        dir.write(&file, text.as_bytes());
        dir.refused(&format!("import tpc-xml {file}"), "IR-8005", 2);
    }
    for mcu_name in ["STM32H7S3L8", "STM32H7R7", ""] {
        digest_of(&dir, &mcu(&oem, mcu_name));
    }
}
