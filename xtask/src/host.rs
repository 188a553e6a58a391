//! Where things are in this checkout, and the cargo that started us.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The host workspace's build directory, the way cargo finds it.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The firmware workspace.
pub fn firmware_dir() -> PathBuf {
    root().join("firmware")
}

/// Where `tools/ironroot/build.rs` and the tests look for the built firmware.
///
/// Below the checkout's own `target` even if `CARGO_TARGET_DIR` says otherwise: a build script cannot see that variable
/// reliably, and both sides must agree.
pub fn firmware_out() -> PathBuf {
    root().join("target/ironroot-firmware")
}

/// The same cargo that runs us, in the root of the host workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    clean(&mut command);
    command
}

/// Cargo for the firmware workspace.
///
/// `cargo run` leaves its package's variables in our environment. A build script down there that reads one of them
/// would see xtask's value and be rebuilt on every change of caller, so they are removed.
pub fn firmware_cargo() -> Command {
    let mut command = cargo();
    // Settings of the caller's that are meant for the host would change the target, the flags or the place.
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.current_dir(firmware_dir());
    command
}

fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
}
