//! `ironroot app`: applications in C that keep the contract with the boot stage, or break it in one place each.

use std::path::Path;
use std::process::{Command, Output};

use ironroot_tests::journey::path_with_tool;
use ironroot_tests::{Scratch, root};

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
  &_estack, (void *)RESET, (void *)Default_Handler, (void *)Default_Handler };
volatile uint32_t counter = 5;
volatile uint32_t zeroed[16];
#ifdef PLACED
__attribute__((section(PLACED))) volatile uint32_t placed[8];
#endif
#ifdef FAST
__attribute__((section(\".fast\"), noinline)) int fast(int x) { return x + counter; }
#else
#define fast(x) (x)
#endif
#ifdef BIG
__attribute__((used)) const uint8_t big[0x1FE000] = { 1 };
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

#[track_caller]
fn gcc(dir: &Path, script: &str, defines: &str) {
    let defines = if defines.contains("-DRESET") {
        defines.to_owned()
    } else {
        format!("-DRESET=Reset_Handler {defines}")
    };
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
    let cases: [(&str, String, &str, &[&str]); 9] = [
        ("flag", good.clone(), "-DPLACED=\".flag\"", &["IR-1214"]),
        ("code in RAM", good.clone(), "-DFAST", &["IR-1216"]),
        ("too large", good.replace("LENGTH = 0x1FDC00", "LENGTH = 4M"), "-DBIG", &["IR-1212", "IR-1208"]),
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
    bench.link(&elsewhere.replace("LENGTH = 0x1FDC00", "LENGTH = 4M"), "-DBIG");
    assert_eq!(bench.codes(), ["IR-1207", "IR-1212", "IR-1208"]);
    bench.link(&good.replace("0x24000000", "0x64000000"), "");
    assert!(bench.codes().contains(&"IR-1215".to_owned()));
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
    let refused = dir.ironroot("app adapt -o other --linker-script none.ld --json");
    assert_eq!((refused.exit, refused.last("error")["code"].as_str()), (2, Some("IR-1011")));
    assert!(!dir.path("other").exists());
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

/// What docs/product-description.md has in its block of this language.
fn documented(language: &str) -> String {
    let text =
        std::fs::read_to_string(root().join("docs/product-description.md")).expect("the documentation");
    let (_, rest) = text.split_once("### At the end of a build").expect("the section");
    let (_, block) = rest.split_once(&format!("```{language}\n")).expect("the block");
    block.split("```").next().expect("its end").trim().to_owned()
}

/// Runs a line of the shell with the tool in the search path, as a user has it. No network.
fn shell(dir: &Scratch, line: &str) -> Output {
    let mut shell = Command::new("sh");
    for name in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CFLAGS",
        "LDFLAGS",
    ] {
        shell.env_remove(name);
    }
    shell.args(["-c", line]).env("PATH", path_with_tool()).env("CARGO_NET_OFFLINE", "true");
    shell.current_dir(dir.path("")).output().expect("a shell")
}

fn all(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

/// The image is one that the product boots.
#[track_caller]
fn is_an_image(dir: &Scratch, image: &str) {
    let verified = format!("image verify {image} -k sign.pem --dialect st --decryption-key enc.pem --json");
    let verified = dir.ironroot(&verified).ok().last("result");
    assert_eq!((&verified["encrypted"], &verified["version"]), (&true.into(), &"1.0.0".into()), "{verified}");
}

const TOOLCHAIN: &str = "\
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX_C .elf)
";

const PROJECT: &str = "\
cmake_minimum_required(VERSION 3.20)
project(app C)
add_executable(app app.c)
target_compile_definitions(app PRIVATE RESET=Reset_Handler)
target_compile_options(app PRIVATE -mcpu=cortex-m7 -mthumb -Os -fno-tree-loop-distribute-patterns)
target_link_options(app PRIVATE -mcpu=cortex-m7 -mthumb -nostdlib -nostartfiles -T ${CMAKE_SOURCE_DIR}/app.ld)
set_target_properties(app PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/app.ld)
";

#[test]
fn cmake_ends_in_the_signed_image() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    dir.write("toolchain.cmake", TOOLCHAIN.as_bytes());
    dir.write("CMakeLists.txt", format!("{PROJECT}{}\n", documented("cmake")).as_bytes());
    dir.write("app.ld", good().as_bytes());
    let configured = shell(dir, "cmake -B build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake");
    assert!(configured.status.success(), "{}", all(&configured));
    let built = shell(dir, "cmake --build build");
    assert!(built.status.success(), "{}", all(&built));
    dir.ironroot("app check build/app.elf").ok();
    is_an_image(dir, "build/app.hex");

    // Built again after a change: made anew, without a question.
    let before = dir.read("build/app.hex");
    dir.write("app.c", SOURCE.replace("counter = 5", "counter = 6").as_bytes());
    let built = shell(dir, "cmake --build build");
    assert!(built.status.success(), "{}", all(&built));
    assert_ne!(dir.read("build/app.hex"), before);
    is_an_image(dir, "build/app.hex");

    // An application that does not keep the contract fails the build, and leaves no image that could be taken for its own.
    std::fs::remove_file(dir.path("build/app.hex")).expect("an image");
    dir.write("app.ld", SCRIPT.as_bytes());
    let built = shell(dir, "cmake --build build");
    assert!(!built.status.success() && all(&built).contains("IR-1219"), "{}", all(&built));
    assert!(!dir.path("build/app.hex").exists());
}

/// No more than the core itself: no crate but this one.
const CRATE: &str = "\
#![no_std]
#![no_main]

unsafe extern \"C\" {
    static _estack: u8;
}

#[repr(C)]
pub struct Table {
    stack: &'static u8,
    handlers: [unsafe extern \"C\" fn() -> !; 3],
}

#[used]
#[unsafe(link_section = \".isr_vector\")]
pub static VECTORS: Table =
    Table { stack: unsafe { &_estack }, handlers: [Reset_Handler, Default_Handler, Default_Handler] };

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn Reset_Handler() -> ! {
    loop {}
}

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn Default_Handler() -> ! {
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

const CONFIG: &str = "\
[build]
target = \"thumbv7em-none-eabihf\"
[target.thumbv7em-none-eabihf]
rustflags = [\"-C\", \"link-arg=-Tapp.ld\", \"-C\", \"link-arg=--nmagic\"]
";

#[test]
fn cargo_ends_in_the_signed_image() {
    let bench = Bench::new("sram");
    let dir = &bench.dir;
    for folder in ["src", ".cargo"] {
        std::fs::create_dir(dir.path(folder)).expect("writable");
    }
    dir.copy(&root().join("rust-toolchain.toml"), "rust-toolchain.toml");
    dir.write(
        "Cargo.toml",
        b"[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[profile.release]\npanic = \"abort\"\n",
    );
    dir.write(".cargo/config.toml", CONFIG.as_bytes());
    dir.write("src/main.rs", CRATE.as_bytes());
    dir.write("app.ld", good().as_bytes());
    let line = documented("sh");
    let built = shell(dir, &line);
    assert!(built.status.success(), "{}", all(&built));
    dir.ironroot("app check target/thumbv7em-none-eabihf/release/app").ok();
    is_an_image(dir, "app.hex");
    // The line may be run again, with nothing to do for cargo.
    let again = shell(dir, &line);
    assert!(again.status.success(), "{}", all(&again));

    std::fs::remove_file(dir.path("app.hex")).expect("an image");
    dir.write("app.ld", SCRIPT.as_bytes());
    dir.write("src/main.rs", format!("{CRATE}// Linked again.\n").as_bytes());
    let built = shell(dir, &line);
    assert!(!built.status.success() && all(&built).contains("IR-1219"), "{}", all(&built));
    assert!(!dir.path("app.hex").exists());
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
