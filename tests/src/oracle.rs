//! imgtool from PyPI, in a virtual environment of its own under `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version whose behaviour the format facts were taken from.
const REQUIREMENT: &str = "imgtool==2.5.0";

/// A command that runs imgtool. The first caller installs it; tests in other threads and processes wait for that.
pub fn imgtool() -> Command {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    Command::new(INSTALLED.get_or_init(|| install(&crate::root().join("target/imgtool-2.5.0"))))
}

/// A command that runs Python with what imgtool needs: the package `cryptography` above all.
pub fn imgtool_python() -> Command {
    let tool = PathBuf::from(imgtool().get_program());
    Command::new(tool.with_file_name("python"))
}

fn install(dir: &Path) -> PathBuf {
    let tool = dir.join("bin/imgtool");
    // Written last, so an installation that was interrupted is not taken for one that is complete.
    let complete = dir.join("complete");
    fs::create_dir_all(dir.parent().expect("the directory is under target/")).expect("target/ is writable");
    let lock = File::create(dir.with_extension("lock")).expect("target/ is writable");
    lock.lock().expect("the file system has locks");
    if !complete.is_file() {
        if dir.exists() {
            fs::remove_dir_all(dir).expect("target/ is writable");
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(dir));
        run(Command::new(dir.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            REQUIREMENT,
        ]));
        fs::write(&complete, REQUIREMENT).expect("target/ is writable");
    }
    tool
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}
