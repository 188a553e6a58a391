//! Other programs, run in a scratch directory.

#![allow(dead_code, reason = "each test program uses a part")]

pub mod softhsm;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of its own for one test, removed at the end.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of mode 0600.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Runs `openssl`; `line` is split at spaces. What it writes gets mode 0600.
    #[track_caller]
    pub fn openssl(&self, line: &str) -> Vec<u8> {
        let mut command = Command::new("openssl");
        let output = command.args(line.split_whitespace()).current_dir(self.0.path()).output();
        let output = output.unwrap_or_else(|e| panic!("openssl is not installed: {e}"));
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        output.stdout
    }
}

/// The code of what went wrong.
#[track_caller]
pub fn code<T>(result: ironroot_keys::Result<T>) -> ironroot_codes::Code {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.code,
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
