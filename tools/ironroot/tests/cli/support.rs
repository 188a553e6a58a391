//! A scratch directory, the binary, and applications made byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// First byte of the slot of the STM32H735, and where the vector table belongs.
pub const SLOT: u32 = 0x0802_0000;
pub const VECTORS: u32 = SLOT + 0x400;

/// What one run of the binary left.
pub struct Run {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The JSON lines of stdout.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
    }

    /// Asserts that the command succeeded.
    #[track_caller]
    pub fn exit_ok(&self) {
        assert_eq!(self.exit, 0, "{}{}", self.stdout, self.stderr);
    }

    /// The only result.
    pub fn result(&self) -> Value {
        assert_eq!(self.exit, 0, "{}{}", self.stdout, self.stderr);
        let results: Vec<Value> = self.events().into_iter().filter(|e| e["event"] == "result").collect();
        assert_eq!(results.len(), 1, "{}", self.stdout);
        results[0].clone()
    }
}

/// A directory of its own for one test, removed at the end.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Scratch { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs `ironroot` in the directory; `line` is split at spaces.
    pub fn run(&self, line: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .args(line.split_whitespace())
            .current_dir(self.dir.path())
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .env_remove("IRONROOT_PASSPHRASE")
            .env_remove("IRONROOT_PIN")
            .env_remove("IRONROOT_PKCS11_MODULE")
            // Nobody is there to type a passphrase.
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Run {
            exit: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Every file of the directory with its bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Runs a command that must be refused with `code` and `exit`: as text and as JSON, without a panic, and with every
    /// file of the directory as it was before.
    #[track_caller]
    pub fn refused(&self, line: &str, code: &str, exit: i32) -> Value {
        let before = self.files();
        let text = self.run(line);
        assert_eq!(text.exit, exit, "{line}\n{}{}", text.stdout, text.stderr);
        assert!(text.stderr.contains(code), "{line}: {code} is missing in\n{}", text.stderr);
        assert!(text.stderr.contains("cause") && text.stderr.contains("fix"), "{line}\n{}", text.stderr);
        assert!(!text.stderr.contains("panicked"), "{}", text.stderr);
        assert!(!text.stderr.contains('\u{1b}'), "colours where no terminal is: {:?}", text.stderr);
        let json = self.run(&format!("{line} --json"));
        assert_eq!(json.exit, exit, "{line} --json\n{}{}", json.stdout, json.stderr);
        let error = json.events().pop().expect("an event");
        assert_eq!(error["event"], "error", "{line}");
        assert_eq!(error["code"], code, "{line}: {error}");
        assert_eq!(error["exit"], exit, "{line}");
        assert_eq!(self.files(), before, "{line}: a file was written, changed or left");
        error
    }
}

/// An application of `len` bytes with a vector table that is right for `base`.
pub fn program(base: u32, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
    bytes[..4].copy_from_slice(&0x2405_0000u32.to_le_bytes());
    bytes[4..8].copy_from_slice(&(base + 0x41).to_le_bytes());
    bytes
}

/// A 32-bit little-endian Arm executable with one segment for each `(physical address, bytes)` and no sections.
pub fn elf(segments: &[(u32, Vec<u8>)], entry: u32) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2u16, 40] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, entry, 52, 0, 0x0500_0000] {
        file.extend(u32::to_le_bytes(word));
    }
    for half in [52, 32, segments.len() as u16, 40, 0, 0] {
        file.extend(u16::to_le_bytes(half));
    }
    let mut offset = (52 + 32 * segments.len()) as u32;
    for (address, bytes) in segments {
        let len = bytes.len() as u32;
        for word in [1, offset, *address, *address, len, len, 5, 4] {
            file.extend(u32::to_le_bytes(word));
        }
        offset += len;
    }
    for (_, bytes) in segments {
        file.extend(bytes);
    }
    file
}

/// Intel HEX of `bytes` at `address`.
pub fn hex(address: u32, bytes: &[u8]) -> Vec<u8> {
    ironroot::input::hex::write(address, bytes)
}

/// The mode bits of a file.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
