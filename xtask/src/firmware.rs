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
    if set == Set::All {
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
