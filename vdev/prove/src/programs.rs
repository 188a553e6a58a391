//! The real programs of the proof (`firmware/bench`), built at every level of optimisation.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Error;

/// The programs written in Rust.
const RUST: &[&str] = &["bench-sha256", "bench-ecdsa", "bench-memcpy", "bench-interrupts"];
/// Levels of optimisation, by the profiles of the firmware workspace and by gcc's options.
pub const LEVELS: &[&str] = &["o3", "o0", "o1", "o2", "os"];
const TARGET: &str = "thumbv7em-none-eabihf";
/// The processor with its double-precision unit: the target alone means single precision only.
const RUSTFLAGS: &str = "-C target-cpu=cortex-m7";

/// One built program.
#[derive(Clone, Debug)]
pub struct Built {
    /// Name and level.
    pub name: String,
    /// The ELF.
    pub path: PathBuf,
    /// Uses floating point all the time: the comparison is worth its registers.
    pub float: bool,
}

fn firmware() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware")
}

/// Builds all programs at one of [`LEVELS`].
pub fn build(level: &str) -> Result<Vec<Built>, Error> {
    let firmware = firmware();
    let target = firmware.join("target/lockstep");
    let profile = format!("lockstep-{level}");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&firmware)
        .args(["build", "--quiet", "-p", "ironroot-bench", "--target", TARGET, "--profile", &profile])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS", RUSTFLAGS)
        // Of the outer cargo: they would leak into the inner build.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    finish(&mut cargo)?;
    let directory = target.join(TARGET).join(&profile);
    let mut built: Vec<Built> = RUST
        .iter()
        .map(|name| Built { name: format!("{name} {level}"), path: directory.join(name), float: false })
        .collect();
    built.push(build_c(&firmware.join("bench/c"), &directory, level)?);
    Ok(built)
}

/// The floating-point program, by the other compiler.
fn build_c(source: &Path, directory: &Path, level: &str) -> Result<Built, Error> {
    let path = directory.join("bench-fpu");
    let mut gcc = Command::new("arm-none-eabi-gcc");
    gcc.arg(format!("-{}", level.replacen('o', "O", 1)))
        .args(["-g", "-Wall", "-Wextra", "-ffreestanding", "-fno-math-errno"])
        .args(["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"])
        .args(["-nostartfiles", "--specs=nosys.specs", "-T"])
        .arg(source.join("fpu.ld"))
        .arg(source.join("fpu.c"))
        .args(["-lm", "-lc", "-lgcc", "-o"])
        .arg(&path);
    finish(&mut gcc)?;
    Ok(Built { name: format!("bench-fpu {level}"), path, float: true })
}

fn finish(command: &mut Command) -> Result<(), Error> {
    let what = format!("{command:?}");
    let output = command.output().map_err(|error| Error::new(&what, error))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::new(what, String::from_utf8_lossy(&output.stderr)))
    }
}
