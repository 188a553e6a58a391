//! A directory of its own for one test, and the tools run in it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What one run of a program left.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub exit: i32,
    /// Everything written to stdout.
    pub stdout: String,
    /// Everything written to stderr.
    pub stderr: String,
}

impl Run {
    /// Asserts that the program succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.exit, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// The JSON lines of stdout.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The last event of that name.
    #[track_caller]
    pub fn last(&self, event: &str) -> Value {
        let found = self.events().into_iter().rfind(|e| e["event"] == event);
        found.unwrap_or_else(|| panic!("no event `{event}` in\n{}{}", self.stdout, self.stderr))
    }

    /// Asserts a refusal with this code and exit code, in a run with `--json`.
    #[track_caller]
    pub fn refused(&self, code: &str, exit: i32) {
        assert_eq!(self.exit, exit, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.last("error")["code"], code, "{}", self.stdout);
    }
}

/// A directory of its own for one test, removed at the end.
#[derive(Debug)]
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// A new, empty directory.
    pub fn new() -> Self {
        Scratch { dir: tempfile::tempdir().expect("the temporary directory is writable") }
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("the temporary directory is writable");
    }

    /// Writes a file that only its owner may read, as the tool wants secrets.
    pub fn write_secret(&self, name: &str, bytes: &[u8]) {
        self.write(name, bytes);
        std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).expect("our own file");
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Copies a file into the directory.
    #[track_caller]
    pub fn copy(&self, from: &Path, name: &str) {
        std::fs::copy(from, self.path(name)).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }

    /// Runs `ironroot`; `line` is split at spaces.
    pub fn ironroot(&self, line: &str) -> Run {
        self.run(&mut crate::ironroot(), line)
    }

    /// Runs `imgtool`; `line` is split at spaces.
    pub fn imgtool(&self, line: &str) -> Run {
        self.run(&mut crate::imgtool(), line)
    }

    fn run(&self, command: &mut Command, line: &str) -> Run {
        let output = command
            .args(line.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        Run {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
