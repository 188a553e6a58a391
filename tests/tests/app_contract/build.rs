//! The step at the end of a build, as docs/product-description.md has it: run as it stands there.

use std::process::{Command, Output};

use ironroot_tests::journey::path_with_tool;
use ironroot_tests::{Scratch, root};

use super::{Bench, SCRIPT, SOURCE, good};

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
