//! What the machine must have besides rustup: one table, checked by trying, installed where that is allowed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::step::{Failure, Outcome, output, run, say, succeeds};

/// What a package is needed for. A later value needs all that an earlier one needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    /// Building the C example application.
    Firmware,
    /// The test oracles.
    Tests,
}

/// A Debian package and how to see that what it gives is there, wherever it came from.
struct Package {
    name: &'static str,
    needed_for: For,
    gives: &'static str,
    present: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "gcc-arm-none-eabi",
        needed_for: For::Firmware,
        gives: "C compiler and objdump for the Arm core",
        present: || {
            runs("arm-none-eabi-gcc", &["--version"]) && runs("arm-none-eabi-objdump", &["--version"])
        },
    },
    Package {
        name: "libnewlib-arm-none-eabi",
        needed_for: For::Firmware,
        gives: "C library for the Arm core",
        // gcc answers with the bare name if it does not find the file.
        present: || {
            output(Command::new("arm-none-eabi-gcc").arg("-print-file-name=nosys.specs"))
                .is_some_and(|path| Path::new(&path).is_absolute())
        },
    },
    Package {
        name: "make",
        needed_for: For::Firmware,
        gives: "the build of the C example",
        present: || runs("make", &["--version"]),
    },
    Package {
        name: "cmake",
        needed_for: For::Tests,
        gives: "the build system that the post-build step is tried with",
        present: || runs("cmake", &["--version"]),
    },
    Package {
        name: "qemu-system-arm",
        needed_for: For::Tests,
        gives: "the processor that ours is compared with",
        present: || runs("qemu-system-arm", &["--version"]),
    },
    Package {
        name: "gdb-multiarch",
        needed_for: For::Tests,
        gives: "the debugger that the debug server is tried with",
        present: || runs("gdb-multiarch", &["--version"]),
    },
    Package {
        name: "openocd",
        needed_for: For::Tests,
        gives: "the debugger that the JTAG port is tried with",
        present: || runs("openocd", &["--version"]),
    },
    Package {
        name: "stm32flash",
        needed_for: For::Tests,
        gives: "the flasher that the system bootloader is tried with",
        // It has no option that only succeeds: -h fails as any error does, but it runs.
        present: || Command::new("stm32flash").arg("-h").output().is_ok(),
    },
    Package {
        name: "python3-venv",
        needed_for: For::Tests,
        gives: "a place for imgtool, which our images are compared with",
        present: || runs("python3", &["-c", "import venv, ensurepip"]),
    },
    Package {
        name: "softhsm2",
        needed_for: For::Tests,
        gives: "the hardware module that signing through PKCS#11 is tried with",
        present: || runs("softhsm2-util", &["--version"]),
    },
    Package {
        name: "opensc",
        needed_for: For::Tests,
        gives: "the tool that puts objects of others into that module",
        // It wants a command; without one it prints its help and fails.
        present: || Command::new("pkcs11-tool").arg("--help").output().is_ok(),
    },
    Package {
        name: "openssl",
        needed_for: For::Tests,
        gives: "the other side of key files, and the signer elsewhere",
        present: || runs("openssl", &["version"]),
    },
];

/// The Rust targets of the firmware; rust-toolchain.toml names them too, but an older rustup does not install from it.
const RUST_TARGETS: &[&str] = &["thumbv7em-none-eabihf", "thumbv7em-none-eabi"];

fn runs(program: &str, args: &[&str]) -> bool {
    succeeds(Command::new(program).args(args))
}

/// Installs what is missing for `purpose`, or fails with the one line that would.
pub fn ensure(purpose: For) -> Outcome {
    let missing: Vec<&Package> =
        PACKAGES.iter().filter(|p| p.needed_for <= purpose && !(p.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        say(&format!("missing: {} ({})", package.name, package.gives));
    }
    let names: Vec<&str> = missing.iter().map(|p| p.name).collect();
    if !is_root() || !runs("apt-get", &["--version"]) {
        return Err(Failure {
            message: format!(
                "Debian packages are missing and only root may install them. Run this line, then try again:\n\n  \
                 sudo apt-get update && sudo apt-get install -y {}\n",
                names.join(" ")
            ),
            exit: 1,
        });
    }
    say("reading the package lists (apt-get update)");
    run(Command::new("apt-get").args(["update", "-q"]))?;
    say(&format!("installing {}", names.join(" ")));
    run(Command::new("apt-get")
        .args(["install", "-y", "-q", "--no-install-recommends"])
        .args(&names)
        .env("DEBIAN_FRONTEND", "noninteractive"))?;
    // apt-get can succeed with a package that does not give what the table says: better said here than by a
    // compiler error later.
    match missing.iter().find(|p| !(p.present)()) {
        None => Ok(()),
        Some(p) => Err(format!("{} is installed but its check still fails: {}", p.name, p.gives).into()),
    }
}

/// Adds the Rust targets of the firmware to the active toolchain.
pub fn ensure_rust_targets() -> Outcome {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))
        .ok_or_else(|| "`rustc --print sysroot` failed: is rustup installed?".to_owned())?;
    let missing: Vec<&str> = RUST_TARGETS
        .iter()
        .copied()
        .filter(|t| !Path::new(&sysroot).join("lib/rustlib").join(t).join("lib").is_dir())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("adding Rust targets {}", missing.join(" ")));
    run(Command::new("rustup").args(["target", "add"]).args(&missing).current_dir(crate::host::root()))
}

/// `cargo xtask packages`.
pub fn list() -> Outcome {
    for p in PACKAGES {
        println!("{:<8} {:<24} {}", if (p.present)() { "here" } else { "missing" }, p.name, p.gives);
    }
    Ok(())
}

fn is_root() -> bool {
    // The owner of our own /proc entry is our effective user; std has no other way to ask without unsafe code.
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}
