//! Building what runs on the Arm core, and putting it where the tool and the tests look for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host;
use crate::packages;
use crate::size;
use crate::step::{Outcome, run, say};

/// Which part of the firmware.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// What the demo needs: no Arm compiler but rustc.
    Rust,
    /// The C example and the benchmark programs too.
    All,
}

/// The Rust programs: the package, which is also the name of its binary and of the file in `ironroot-firmware`.
const PROGRAMS: &[&str] = &[
    "rss",
    "rss-install",
    "secure-boot",
    "hello-hal",
    "license-check",
    "secure-update",
    "secure-init",
    "self-confirm",
    "never-confirm",
];

/// System flash of the STM32H7R/7S: the programs of `ironroot-rss-h7rs`, one for each window.
const H7RS_SYSTEM: &[&str] = &["rss-h7rs", "rsslib-h7rs", "stirot-h7rs", "bootloader-h7rs"];

/// Boot stages of the STM32H7R/7S, one build for each set of features: the file, and the features of `ironroot-oemirot`.
const H7RS_STAGES: &[(&str, &str)] = &[
    ("oemirot-external-flash-overwrite-hardware", "exec-external-flash,overwrite,hardware-crypto"),
    ("oemirot-external-flash-swap-hardware", "exec-external-flash,swap,hardware-crypto"),
    ("oemirot-external-ram-overwrite-hardware", "exec-external-ram,overwrite,hardware-crypto"),
    ("oemirot-external-ram-swap-hardware", "exec-external-ram,swap,hardware-crypto"),
    ("oemirot-internal-ram-overwrite-hardware", "exec-internal-ram,overwrite,hardware-crypto"),
    ("oemirot-internal-ram-swap-hardware", "exec-internal-ram,swap,hardware-crypto"),
    ("oemirot-external-flash-swap-software", "exec-external-flash,swap,software-crypto"),
    ("oemirot-external-ram-overwrite-software", "exec-external-ram,overwrite,software-crypto"),
    ("oemirot-internal-ram-overwrite-software", "exec-internal-ram,overwrite,software-crypto"),
    ("oemurot-internal-ram-overwrite-hardware", "exec-internal-ram,overwrite,hardware-crypto,urot"),
];

/// Plain C applications for the STM32H7R/7S (`PROGRAM` of their makefile)...
const H7RS_PROGRAMS: &[&str] = &["hello", "confirm", "never", "ecc", "outside", "keys"];

/// ... and where their code begins: behind the header in each memory that a stage starts images from.
const H7RS_ORIGINS: &[u32] = &[0x7000_0400, 0x9000_0400, 0x2404_0400];

/// The programs of `vdev bench`, and the one that compares the device's cryptography; of one package.
const BENCHMARKS: &[&str] =
    &["bench-sha256", "bench-ecdsa", "bench-memcpy", "bench-interrupts", "bench-crypto"];

/// The target triple all of them are built for, as firmware/.cargo/config.toml says.
pub const TARGET: &str = "thumbv7em-none-eabihf";

/// Builds `set` and copies the ELF files to `target/ironroot-firmware/`.
pub fn build(set: Set) -> Outcome {
    packages::ensure_rust_targets()?;
    say("building the firmware");
    run(host::firmware_cargo().args(["build", "--release"]))?;
    let built = host::firmware_dir().join("target").join(TARGET).join("release");
    for program in PROGRAMS {
        publish(&built.join(program), &format!("{program}.elf"))?;
    }
    build_h7rs(&built)?;
    if set == Set::All {
        build_h7rs_applications()?;
        // On their own: built together with the others, they would get the others' features of shared crates.
        say("building the benchmark programs");
        run(host::firmware_cargo().args(["build", "--release", "--package", "ironroot-bench"]))?;
        for program in BENCHMARKS {
            publish(&built.join(program), &format!("{program}.elf"))?;
        }
        publish(&build_c_example()?, "hello-c.elf")?;
        size::build_variants()?;
    }
    Ok(())
}

/// The plain C application, built by its own makefile, as somebody without Rust would.
fn build_c_example() -> Outcome<PathBuf> {
    say("building the C example");
    let dir = host::firmware_dir().join("apps/hello-c");
    let out = host::firmware_dir().join("target");
    let mut setting = std::ffi::OsString::from("OUT=");
    setting.push(&out);
    run(Command::new("make").arg("--silent").arg(setting).current_dir(dir))?;
    Ok(out.join("hello-c.elf"))
}

/// The boot stages of the STM32H7R/7S. All are linked to the same file, one after the other.
fn build_h7rs(built: &Path) -> Outcome {
    say("building system flash and boot stages of the STM32H7R/7S");
    let package = |name: &str| {
        let mut cargo = host::firmware_cargo();
        cargo.args(["build", "--release", "--package", name]);
        cargo
    };
    run(&mut package("ironroot-rss-h7rs"))?;
    for program in H7RS_SYSTEM {
        publish(&built.join(program), &format!("{program}.elf"))?;
    }
    run(&mut package("ironroot-iloader"))?;
    publish(&built.join("iloader"), "iloader.elf")?;
    // As a debugger starts it, and for a boot stage.
    for (features, file) in [("", "h7rs-hello-plain.elf"), ("adapted", "h7rs-hello.elf")] {
        run(package("h7rs-hello").args(["--features", features]))?;
        publish(&built.join("h7rs-hello"), file)?;
    }
    for (file, features) in H7RS_STAGES {
        run(package("ironroot-oemirot").args(["--no-default-features", "--features", features]))?;
        publish(&built.join("oemirot"), &format!("{file}.elf"))?;
    }
    Ok(())
}

/// Their C applications, by their own makefile.
fn build_h7rs_applications() -> Outcome {
    say("building the C applications of the STM32H7R/7S");
    let dir = host::firmware_dir().join("apps/h7rs-hello-c");
    let out = host::firmware_dir().join("target");
    let mut setting = std::ffi::OsString::from("OUT=");
    setting.push(&out);
    for program in H7RS_PROGRAMS {
        for origin in H7RS_ORIGINS {
            let name = format!("h7rs-{program}-c-{origin:08x}");
            run(Command::new("make")
                .arg("--silent")
                .arg(&setting)
                .args([format!("PROGRAM={program}"), format!("NAME={name}"), format!("ORIGIN={origin:#x}")])
                .arg("LENGTH=0x1DC00")
                .current_dir(&dir))?;
            publish(&out.join(format!("{name}.elf")), &format!("{name}.elf"))?;
        }
    }
    Ok(())
}

/// Copies `elf` to the place where `tools/ironroot/build.rs` looks, unless the same bytes are there already: an unchanged
/// file keeps its time stamp, so the tool is not built again.
pub fn publish(elf: &Path, name: &str) -> Outcome {
    let bytes = fs::read(elf).map_err(|e| format!("the build left no {}: {e}", elf.display()))?;
    let dir = host::firmware_out();
    let to = dir.join(name);
    if fs::read(&to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(&dir).map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    // Rename, so that a cargo that runs at the same time never embeds half a file.
    let partial = dir.join(format!(".{name}.{}", std::process::id()));
    fs::write(&partial, &bytes)
        .and_then(|()| fs::rename(&partial, &to))
        .map_err(|e| format!("cannot write {}: {e}", to.display()).into())
}
