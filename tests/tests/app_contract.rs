//! `ironroot app`: applications in C that keep the contract with the boot stage, or break it in one place each.

use std::path::Path;
use std::process::Command;

use ironroot_tests::{Scratch, root};
use serde_json::Value;

#[path = "app_contract/build.rs"]
mod build;
#[path = "app_contract/st.rs"]
mod st;

/// OEMiRoT, load and run from external RAM, everything internal open: ST's default project.
const PRODUCT: &str = "\
[product]
device = \"stm32h7s7\"
boot = \"oemirot\"
execute = \"external-ram\"
update = \"overwrite\"
[memories]
external-flash.size = \"128M\"
external-ram.size = \"32M\"
[keys]
sign = \"sign.pem\"
encrypt = \"enc.pem\"
debug = \"debug.pem\"
[protections]
state = \"closed\"
debug = \"certificate\"
[application]
open = \"OPEN\"
";

/// An application that knows nothing of secure boot.
const SOURCE: &str = "\
#include <stdint.h>
#ifndef INTERRUPTS
#define INTERRUPTS
#endif
extern uint32_t _estack, _sdata, _edata, _sidata, _sbss, _ebss;
int main(void);
void Reset_Handler(void) {
  for (uint32_t *d = &_sdata, *s = &_sidata; d < &_edata;) *d++ = *s++;
  for (uint32_t *d = &_sbss; d < &_ebss;) *d++ = 0;
  main();
  for (;;) {}
}
void Default_Handler(void) { for (;;) {} }
__attribute__((section(\".isr_vector\"), used)) const void *vectors[] = {
  &_estack, (void *)RESET, (void *)Default_Handler, (void *)Default_Handler INTERRUPTS };
volatile uint32_t counter = 5;
volatile uint32_t zeroed[16];
#ifdef PLACED
__attribute__((section(PLACED), used)) volatile uint32_t placed[WORDS];
#endif
#ifdef HANDLE
__attribute__((section(HANDLE), used)) volatile uint32_t handle[16];
#endif
#ifdef FAST
__attribute__((section(\".fast\"), noinline)) int fast(int x) { return x + counter; }
#else
#define fast(x) (x)
#endif
#ifdef BIG
__attribute__((used)) const uint8_t big[BIG] = { 1 };
#endif
int main(void) { return fast(zeroed[counter & 15]); }
";

const SCRIPT: &str = "\
ENTRY(Reset_Handler)
_Min_Heap_Size = 0x200;
_Min_Stack_Size = 0x400;
MEMORY
{
  FLASH (rx)  : ORIGIN = 0x70000000, LENGTH = 512K
  RAM   (xrw) : ORIGIN = 0x24000000, LENGTH = 128K
  SHARED (rw) : ORIGIN = 0x30004000, LENGTH = 16K
}
_estack = ORIGIN(RAM) + LENGTH(RAM);
SECTIONS
{
  .isr_vector : { KEEP(*(.isr_vector)) } > FLASH
  .text : { *(.text*) *(.rodata*) } > FLASH
  _sidata = LOADADDR(.data);
  .data : { _sdata = .; *(.data*) . = ALIGN(4); _edata = .; } > RAM AT > FLASH
  .bss (NOLOAD) : { _sbss = .; *(.bss*) . = ALIGN(4); _ebss = .; end = .; } > RAM
  .fast : { *(.fast) } > RAM AT > FLASH
  .shared (NOLOAD) : { *(.shared) } > SHARED
  .flag 0x30007FA0 (NOLOAD) : { *(.flag) }
  .big 0x70100000 (NOLOAD) : { *(.big) }
}
";

struct Bench {
    dir: Scratch,
}

impl Bench {
    fn new(open: &str) -> Self {
        let dir = Scratch::new();
        dir.write("ironroot.toml", PRODUCT.replace("OPEN", open).as_bytes());
        for key in ["sign", "enc", "debug"] {
            dir.ironroot(&format!("keys generate -o {key}.pem")).ok();
        }
        dir.write("app.c", SOURCE.as_bytes());
        Self { dir }
    }

    /// With a description of `examples/h7s`: for checks, which need no keys.
    fn of(example: &str) -> Self {
        let dir = Scratch::new();
        dir.copy(&root().join("examples/h7s").join(example), "ironroot.toml");
        dir.write("app.c", SOURCE.as_bytes());
        Self { dir }
    }

    /// The notes of a check.
    #[track_caller]
    fn notes(&self) -> Vec<String> {
        strings(&self.dir.ironroot("app check app.elf --json").last("result")["notes"])
    }

    /// Links `app.c` with a script; `defines` are the compiler's.
    #[track_caller]
    fn link(&self, script: &str, defines: &str) {
        self.dir.write("app.ld", script.as_bytes());
        gcc(&self.dir.path(""), "app.ld", defines);
    }

    /// The codes of the findings, with their events.
    #[track_caller]
    fn codes(&self) -> Vec<String> {
        let run = self.dir.ironroot("app check app.elf --json");
        let findings = run.last("result")["findings"].clone();
        let codes: Vec<String> = findings
            .as_array()
            .expect("a list")
            .iter()
            .map(|f| f["code"].as_str().unwrap().to_owned())
            .collect();
        for finding in findings.as_array().unwrap() {
            for member in ["address", "reason", "remedy"] {
                assert!(finding[member].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
            }
        }
        if codes.is_empty() {
            assert_eq!(run.exit, 0, "{}", run.stdout);
        } else {
            assert_eq!(run.exit, 3, "{}", run.stdout);
            assert_eq!(run.last("error")["code"], "IR-1219");
        }
        codes
    }
}

/// A list of texts.
#[track_caller]
fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|text| text.as_str().expect("text").to_owned()).collect()
}

#[track_caller]
fn gcc(dir: &Path, script: &str, defines: &str) {
    let mut defines = defines.to_owned();
    for (name, value) in [("-DRESET", "Reset_Handler"), ("-DWORDS", "8")] {
        if !defines.contains(name) {
            defines = format!("{name}={value} {defines}");
        }
    }
    let built = Command::new("arm-none-eabi-gcc")
        .args([
            "-mcpu=cortex-m7",
            "-mthumb",
            "-Os",
            "-nostdlib",
            "-nostartfiles",
            "-g",
            "-fno-tree-loop-distribute-patterns",
        ])
        .args(defines.split_whitespace())
        .args(["-T", script, "app.c", "-o", "app.elf"])
        .current_dir(dir)
        .output()
        .expect("arm-none-eabi-gcc is installed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// The script as it has to be.
fn good() -> String {
    SCRIPT
        .replace(
            "FLASH (rx)  : ORIGIN = 0x70000000, LENGTH = 512K",
            "FLASH (rx)  : ORIGIN = 0x70000400, LENGTH = 0x1FDC00",
        )
        .replace("0x30004000, LENGTH = 16K", "0x30004000, LENGTH = 0x3000")
}

#[test]
fn an_application_as_it_was_is_told_what_to_change() {
    let bench = Bench::new("sram");
    bench.link(SCRIPT, "");
    assert_eq!(bench.codes(), ["IR-1207"]);
    bench.link(&good(), "");
    assert!(bench.codes().is_empty());
}

#[test]
fn each_breach_has_its_code() {
    let bench = Bench::new("sram");
    let good = good();
    let cases: [(&str, String, &str, &[&str]); 13] = [
        (
            "a flag with a value",
            good.replace(".flag 0x30007FA0 (NOLOAD)", ".flag 0x30007FA0"),
            "-DPLACED=\".flag\"",
            &["IR-1214"],
        ),
        ("more than the flag", good.clone(), "-DPLACED=\".flag\" -DWORDS=9", &["IR-1214"]),
        ("between the parts", good.replace("30007FA0", "30007F00"), "-DPLACED=\".flag\"", &["IR-1214"]),
        (
            "a flag that is cleared",
            good.replace("*(.flag)", "_sbss = .; *(.flag) _ebss = .;")
                .replace("_sbss = .; *(.bss*)", "*(.bss*)")
                .replace("_ebss = .; end", "end"),
            "-DPLACED=\".flag\"",
            &["IR-1214"],
        ),
        ("code in RAM", good.clone(), "-DFAST", &["IR-1216"]),
        ("too large", good.replace("LENGTH = 0x1FDC00", "LENGTH = 4M"), "-DBIG=0x1FE000", &["IR-1208"]),
        ("elsewhere", good.replace("0x70100000 (NOLOAD)", "0x71000000"), "-DPLACED=\".big\"", &["IR-1212"]),
        (
            "stack in the shared memory",
            good.replace("_estack = ORIGIN(RAM) + LENGTH(RAM)", "_estack = 0x30008000"),
            "",
            &["IR-1214"],
        ),
        (
            "stack nowhere",
            good.replace("_estack = ORIGIN(RAM) + LENGTH(RAM)", "_estack = 0x60000000"),
            "",
            &["IR-1218"],
        ),
        (
            "stack not aligned",
            good.replace("_estack = ORIGIN(RAM) + LENGTH(RAM)", "_estack = 0x24001004"),
            "",
            &["IR-1209"],
        ),
        (
            "heap too large",
            good.replace("_Min_Heap_Size = 0x200", "_Min_Heap_Size = 0x02000000"),
            "",
            &["IR-1218"],
        ),
        ("reset outside", good.clone(), "-DRESET=0x08000001", &["IR-1210"]),
        ("reset even", good.clone(), "-DRESET=0x70000600", &["IR-1210"]),
    ];
    for (name, script, defines, expected) in cases {
        bench.link(&script, defines);
        assert_eq!(bench.codes(), expected, "{name}");
    }
    bench.link(&good.replace("0x70000400", "0x70000480"), "");
    assert_eq!(bench.codes(), ["IR-1217", "IR-1207"]);
    // Linked for another memory: said once, not for each section. What does not fit in there either is still said.
    let elsewhere = good.replace("0x70000400", "0x90000000");
    bench.link(&elsewhere, "");
    assert_eq!(bench.codes(), ["IR-1207"]);
    bench.link(&elsewhere.replace("LENGTH = 0x1FDC00", "LENGTH = 4M"), "-DBIG=0x1FE000");
    assert_eq!(bench.codes(), ["IR-1207", "IR-1208"]);
    bench.link(&good.replace("0x24000000", "0x64000000"), "");
    assert!(bench.codes().contains(&"IR-1215".to_owned()));
}

#[test]
fn vectors_of_interrupts_lead_into_the_image() {
    let bench = Bench::new("sram");
    // Interrupt 4 of 8, in what is hidden of the boot stage; 0 and shared handlers are nothing special.
    let interrupts = |vector: &str| {
        format!(
            "-DINTERRUPTS=,[18]=(void*)Default_Handler,[19]=(void*)Default_Handler,[20]=(void*){vector},[23]=0"
        )
    };
    let merged = good()
        .replace(".isr_vector : { KEEP(*(.isr_vector)) } > FLASH\n", "")
        .replace(".text : {", ".text : { KEEP(*(.isr_vector))");
    // By the section that the table is, and by the size of its symbol.
    for (script, by) in [
        (good(), "23 vectors checked: the section .isr_vector"),
        (merged.clone(), "23 vectors checked: the table ends with vectors"),
    ] {
        bench.link(&script, &interrupts("Default_Handler"));
        assert!(bench.codes().is_empty());
        assert_eq!(bench.notes(), [by]);
        for (vector, reason) in [
            ("0x08000101", "the vector of interrupt 4 is 0x08000101, outside"),
            ("0x70000600", "the vector of interrupt 4 is 0x70000600: an even address"),
        ] {
            bench.link(&script, &interrupts(vector));
            let run = bench.dir.ironroot("app check app.elf --json");
            let findings = run.last("result")["findings"].clone();
            assert_eq!((run.exit, findings.as_array().map(Vec::len)), (3, Some(1)), "{findings}");
            let finding = &findings[0];
            assert_eq!((&finding["code"], &finding["address"]), (&"IR-1210".into(), &"0x70000450".into()));
            assert!(finding["reason"].as_str().is_some_and(|text| text.starts_with(reason)), "{finding}");
        }
    }
    // Where nothing says how long the table is, that is said.
    bench.link(&merged, &interrupts("0x08000101"));
    let strip = Command::new("arm-none-eabi-strip").arg("app.elf").current_dir(bench.dir.path("")).status();
    assert!(strip.expect("arm-none-eabi-strip is installed").success());
    assert!(bench.codes().is_empty());
    assert!(bench.notes().concat().starts_with("15 vectors checked, those of the core: neither"));
}

#[test]
fn too_large_for_internal_ram_is_said_once() {
    let bench = Bench::of("oemirot-internal-ram.toml");
    let script = good()
        .replace("0x70000400, LENGTH = 0x1FDC00", "0x24040400, LENGTH = 1M")
        .replace("0x24000000, LENGTH = 128K", "0x24020000, LENGTH = 128K");
    bench.link(&script, "-DBIG=0x10000");
    assert!(bench.codes().is_empty());
    bench.link(&script, "-DBIG=0x23000");
    assert_eq!(bench.codes(), ["IR-1208"]);
}

#[test]
fn what_is_closed_depends_on_the_product() {
    let bench = Bench::new("ahb-sram2");
    bench.link(&good(), "");
    let codes = bench.codes();
    assert!(
        codes.iter().all(|code| ["IR-1215", "IR-1218"].contains(&code.as_str())) && !codes.is_empty(),
        "{codes:?}"
    );
    let small = good().replace("0x24000000, LENGTH = 128K", "0x30004000, LENGTH = 12K");
    let small = small.replace(
        "SHARED (rw) : ORIGIN = 0x30004000, LENGTH = 0x3000",
        "SHARED (rw) : ORIGIN = 0x30006F00, LENGTH = 0x100",
    );
    bench.link(&small, "");
    assert!(bench.codes().is_empty());
}

#[test]
fn a_linker_script_is_adapted_as_a_diff_and_on_demand() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    dir.write("app.ld", SCRIPT.as_bytes());
    let run = dir.ironroot("app adapt -o generated --linker-script app.ld --json").ok();
    let diff = run.last("result")["linker_script"]["diff"].as_str().unwrap().to_owned();
    assert!(diff.contains("+INCLUDE ironroot_app.ld"), "{diff}");
    assert!(diff.contains("-  FLASH (rx)  : ORIGIN = 0x70000000, LENGTH = 512K"), "{diff}");
    assert!(diff.contains("LENGTH = 0x3e00"), "SHARED ends before the flag: {diff}");
    assert_eq!(dir.read("app.ld"), SCRIPT.as_bytes(), "never without being asked");
    dir.ironroot("app adapt -o generated --linker-script app.ld --apply").ok();
    gcc(&dir.path(""), "app.ld", "-Lgenerated");
    assert!(bench.codes().is_empty());
    // A second time there is nothing left to change.
    let run = dir.ironroot("app adapt -o generated --linker-script app.ld --json").ok();
    assert_eq!(run.last("result")["linker_script"]["diff"], "");
    // The generated header is C, and says the same.
    dir.write("uses.c", b"#include \"generated/ironroot_contract.h\"\n_Static_assert(IRONROOT_VECTOR_TABLE == 0x70000400u, \"\");\n\
        _Static_assert(PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE == IRONROOT_VECTOR_TABLE, \"\");\n");
    let compiled =
        Command::new("arm-none-eabi-gcc").args(["-c", "uses.c"]).current_dir(dir.path("")).status().unwrap();
    assert!(compiled.success());
    // A script that has the name of a generated file is not written over.
    std::fs::create_dir(dir.path("here")).expect("writable");
    dir.write("here/memory.x", SCRIPT.as_bytes());
    dir.ironroot("app adapt -o here --linker-script here/memory.x --apply --json").refused("IR-1012", 2);
    assert_eq!(dir.read("here/memory.x"), SCRIPT.as_bytes());
    assert!(!dir.path("here/ironroot_app.ld").exists());
    dir.write("none.ld", b"SECTIONS { }\n");
    dir.ironroot("app adapt -o other --linker-script none.ld --json").refused("IR-1220", 2);
    assert!(!dir.path("other").exists());
}

/// A script on one line, with a comment that looks like MEMORY, read by us as by the linker.
#[test]
fn the_linker_reads_an_adapted_script_as_it_was_meant() {
    let bench = Bench::new("sram");
    let (start, rest) =
        good().split_once("MEMORY\n{").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a script");
    let (_, sections) = rest.split_once("}\n").expect("its end");
    let script = format!(
        "{start}/* MEMORY {{ FLASH : ORIGIN = 1, LENGTH = 2 }} */\nMEMORY {{ FLASH (rx) : org = 0x70000000, len = 64K \
         RAM (xrw) : o = 0x24000000, l = 456K - 4K /* }} */ SHARED (rw) : ORIGIN = 0x30004000, LENGTH = 0x3000 }}\n\
         ASSERT(ORIGIN(RAM) == 0x24000000 && LENGTH(RAM) == 452K && ORIGIN(FLASH) == 0x70000400, \"lost\")\n{sections}",
    );
    bench.dir.write("app.ld", script.as_bytes());
    bench.dir.ironroot("app adapt -o generated --linker-script app.ld --apply").ok();
    gcc(&bench.dir.path(""), "app.ld", "-Lgenerated");
    assert!(bench.codes().is_empty());
}

#[test]
fn a_file_that_was_not_generated_is_never_replaced() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    const OWN: &[u8] = b"MEMORY\n{\n  FLASH : ORIGIN = 0x70000000, LENGTH = 2M\n  RAM : ORIGIN = 0x24020000, LENGTH = 128K\n}\n";
    for name in ["ironroot_app.ld", "memory.x", "ironroot_contract.h", "ironroot_contract.rs"] {
        dir.write(name, OWN);
        for more in ["", " --dry-run"] {
            let refused = dir.ironroot(&format!("app adapt -o .{more} --json"));
            if name == "memory.x" {
                assert!(refused.stdout.contains("--linker-script ./memory.x"), "{}", refused.stdout);
            }
            refused.refused("IR-1005", 2);
        }
        assert_eq!(dir.read(name), OWN);
        std::fs::remove_file(dir.path(name)).expect("there");
        let left = std::fs::read_dir(dir.path("")).expect("readable").count();
        assert_eq!(left, 5, "the description, three keys and app.c: nothing was written");
    }
    // What was generated is made anew.
    for _ in 0..2 {
        dir.ironroot("app adapt -o .").ok();
    }
    assert!(dir.read("memory.x").starts_with(b"/* application of a product"));
}

#[test]
fn an_image_replaces_none_of_what_it_is_made_from() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    bench.link(&good(), "");
    std::os::unix::fs::symlink(dir.path("ironroot.toml"), dir.path("link.bin")).expect("writable");
    for name in ["ironroot.toml", "app.elf", "sign.pem", "link.bin"] {
        let before = dir.read(name);
        let refused = dir.ironroot(&format!("app image app.elf -o {name} --json"));
        assert_eq!((refused.exit, refused.last("error")["code"].as_str()), (2, Some("IR-1012")), "{name}");
        assert_eq!(dir.read(name), before, "{name}");
    }
    // Nor is anything said about options that nobody gave.
    for name in ["app.bin", "app.hex"] {
        let made = dir.ironroot(&format!("app image app.elf -o {name} --json")).ok();
        assert!(made.events().iter().all(|event| event["event"] != "warning"), "{}", made.stdout);
        assert_eq!(made.stderr, "");
    }
}

#[test]
fn a_map_has_sections_beside_the_areas_of_the_contract() {
    let bench = Bench::new("sram");
    bench.link(&good(), "-DPLACED=\".flag\"");
    let areas = bench.dir.ironroot("app map app.elf --json").ok().last("result")["areas"].clone();
    let areas = areas.as_array().expect("a list");
    let row = |name: &str| {
        let area = areas.iter().find(|area| area["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let text = |member: &str| area[member].as_str().unwrap_or("-").to_owned();
        (text("start"), area["size"].as_u64().expect("a number"), text("kind"), text("rights"))
    };
    let of = |start: &str, size: u64, kind: &str, rights: &str| {
        (start.to_owned(), size, kind.to_owned(), rights.to_owned())
    };
    for (name, expected) in [
        ("image", of("0x70000000", 0x20_0000, "contract", "-")),
        ("application", of("0x70000400", 0x1F_DC00, "contract", "-")),
        ("open RAM", of("0x24020000", 0x2_0000, "contract", "-")),
        ("confirmation flag", of("0x30007fa0", 0x20, "contract", "-")),
        ("RAM-ECC handle", of("0x30007fc0", 0x40, "contract", "-")),
        (".isr_vector", of("0x70000400", 16, "section", "r-x")),
        (".data", of("0x24000000", 4, "section", "rw-")),
        (".bss", of("0x24000004", 64, "section", "rw-")),
        (".flag", of("0x30007fa0", 32, "section", "rw-")),
    ] {
        assert_eq!(row(name), expected, "{name}");
    }
    let starts: Vec<&str> = areas.iter().filter_map(|area| area["start"].as_str()).collect();
    assert!(starts.is_sorted(), "{starts:?}");
    let text = bench.dir.ironroot("app map app.elf").ok().stdout;
    assert!(text.lines().any(|line| line.contains("0x3000_7FA0") && line.ends_with(".flag")), "{text}");
    assert_eq!(text.lines().count(), areas.len());
}

#[test]
fn the_step_after_a_build_makes_the_image() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    bench.link(&good(), "");
    dir.ironroot("app image app.elf -o app.hex -v 1.2.3").ok();
    let verified =
        dir.ironroot("image verify app.hex -k sign.pem --dialect st --decryption-key enc.pem --json").ok();
    assert_eq!(verified.last("result")["version"], "1.2.3");
    let map = dir.ironroot("app map app.elf --json").ok();
    let areas = map.last("result")["areas"].clone();
    let text = areas.as_array().unwrap().iter().find(|area| area["name"] == ".text").expect("a row");
    assert_eq!(text["rights"], "r-x");
    bench.link(SCRIPT, "");
    let refused = dir.ironroot("app image app.elf -o bad.hex --json");
    assert_eq!((refused.exit, refused.last("error")["code"].as_str()), (3, Some("IR-1219")));
    assert!(!dir.path("bad.hex").exists());
}

#[test]
fn a_fault_is_explained_by_the_contract() {
    let bench = Bench::new("ahb-sram2");
    let explain = |line: &str| {
        let run = bench.dir.ironroot(&format!("explain fault {line} --json")).ok();
        run.last("result")["faults"][0].clone()
    };
    // (registers, code, region)
    let cases = [
        ("--cfsr 0x82 --mmfar 0x20000000 --pc 0x70000500", "IR-1215", None),
        ("--cfsr 0x82 --mmfar 0x08000010 --pc 0x70000500", "IR-1215", None),
        ("--cfsr 0x01 --pc 0x24000100", "IR-1216", None),
        ("--cfsr 0x01 --pc 0x30004100", "IR-1216", Some("application")),
        ("--cfsr 0x82 --mmfar 0x70000500 --pc 0x70000600", "IR-1215", Some("application")),
        ("--cfsr 0x10", "IR-1218", None),
    ];
    for (registers, code, region) in cases {
        let fault = explain(registers);
        assert_eq!(fault["code"], code, "{registers}: {fault}");
        if region.is_none() {
            assert_eq!(fault["region"], serde_json::Value::Null, "{registers}: {fault}");
        } else {
            assert!(fault["region"]["number"].is_number(), "{registers}: {fault}");
        }
        assert!(fault["remedy"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let refused = bench.dir.ironroot("explain fault --cfsr 0 --json");
    assert_eq!((refused.exit, refused.last("error")["code"].as_str()), (2, Some("IR-1001")));
}
