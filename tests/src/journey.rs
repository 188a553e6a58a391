//! An application on its way under secure boot, as a user takes it there: the tool, a compiler, and a description of
//! `examples/h7s`. Nothing here reaches past the command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Run, Scratch, firmware, ironroot, root};

/// The unique id of the device.
pub const UID: &str = "495256440000000000000001";
/// What the makefile of the C programs calls them.
const C: &str = "app/h7rs.ld";
const RUST: &str = "app/memory.x";

/// The language of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `firmware/apps/h7rs-hello-c`, built by its makefile.
    C,
    /// `firmware/apps/h7rs-hello`, as a cargo project of its own.
    Rust,
}

/// A directory with a description, its keys, an application that knows nothing of secure boot, and a fresh board.
pub struct Journey {
    /// Where all of it is.
    pub dir: Scratch,
    language: Language,
    /// Whether `app adapt` has been asked for.
    adapted: bool,
    /// Image of the second stage, if the product has one.
    stage: bool,
}

/// Copies the files of a directory and of its subdirectories.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary directory is writable");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).expect("copied");
        }
    }
}

/// A package of the firmware workspace as one that stands alone.
fn alone(manifest: &str) -> String {
    let hal = root().join("firmware/hal-h7rs");
    let mut text: String = manifest
        .replace("ironroot-hal-h7rs.workspace = true", &format!("ironroot-hal-h7rs = {{ path = {hal:?} }}"))
        .lines()
        .filter(|line| !line.ends_with("workspace = true") && *line != "[lints]")
        .map(|line| match line {
            "[package]" => "[package]\nversion = \"0.1.0\"\nedition = \"2024\"\n".to_owned(),
            line => format!("{line}\n"),
        })
        .collect();
    text.push_str("[workspace]\n[profile.release]\npanic = \"abort\"\nlto = true\n");
    text
}

/// A cargo that does not know of the one that runs the tests.
pub fn cargo(dir: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    cargo.current_dir(dir).env("CARGO_NET_OFFLINE", "true");
    cargo
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Journey {
    /// Begins with a description of `examples/h7s`.
    pub fn begin(example: &str, language: Language) -> Self {
        let dir = Scratch::new();
        dir.copy(&root().join("examples/h7s").join(example).with_extension("toml"), "ironroot.toml");
        std::fs::create_dir(dir.path("keys")).expect("writable");
        for key in ["application", "encryption", "stage", "stage-encryption", "debug-root"] {
            dir.ironroot(&format!("keys generate -o keys/{key}.pem")).ok();
        }
        dir.write_secret("keys/debug-password.txt", b"0penSesame-42/xy\n");
        let source = match language {
            Language::C => "h7rs-hello-c",
            Language::Rust => "h7rs-hello",
        };
        copy(&root().join("firmware/apps").join(source), &dir.path("app"));
        if language == Language::Rust {
            let manifest = String::from_utf8(dir.read("app/Cargo.toml")).expect("text");
            dir.write("app/Cargo.toml", alone(&manifest).as_bytes());
            dir.copy(&root().join("firmware/Cargo.lock"), "app/Cargo.lock");
            dir.copy(&root().join("rust-toolchain.toml"), "app/rust-toolchain.toml");
        }
        let part = if example == "h7r" { "stm32h7r7" } else { "stm32h7s7" };
        dir.ironroot(&format!("vdev new my.board --part {part} --uid {UID}")).ok();
        Journey { dir, language, adapted: false, stage: false }
    }

    /// Builds a program; those in Rust share what they are made of in `shared`. The name of its ELF file.
    pub fn build(&self, program: &str, shared: &Scratch) -> &'static str {
        match self.language {
            Language::C => {
                let mut make = Command::new("make");
                make.args(["--silent", "OUT=..", "NAME=app"]).arg(format!("PROGRAM={program}"));
                if self.adapted {
                    make.arg("GENERATED=../ironroot");
                }
                succeed(make.current_dir(self.dir.path("app")));
            }
            Language::Rust => {
                let mut cargo = cargo(&self.dir.path("app"));
                cargo.args(["build", "--release", "--quiet", "--target", "thumbv7em-none-eabihf"]);
                cargo.arg("--target-dir").arg(shared.path("target"));
                if self.adapted {
                    cargo.env("IRONROOT_GENERATED", self.dir.path("ironroot"));
                }
                succeed(&mut cargo);
                let built: PathBuf =
                    shared.path("target/thumbv7em-none-eabihf/release").join(format!("h7rs-{program}"));
                self.dir.copy(&built, "app.elf");
            }
        }
        "app.elf"
    }

    /// The codes of what `app check` finds, each once and in order.
    #[track_caller]
    pub fn findings(&self, elf: &str) -> Vec<String> {
        let run = self.dir.ironroot(&format!("app check {elf} --json"));
        let result = run.last("result");
        let found = result["findings"].as_array().expect("a list").clone();
        assert_eq!(run.exit, if found.is_empty() { 0 } else { 3 }, "{}", run.stdout);
        let mut codes: Vec<String> =
            found.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// Has the linker script adapted: shown first, then applied.
    pub fn adapt(&mut self) {
        let script = match self.language {
            Language::C => C,
            Language::Rust => RUST,
        };
        let before = self.dir.read(script);
        let command = format!("app adapt -o ironroot --linker-script {script}");
        let shown = self.dir.ironroot(&format!("{command} --json")).ok().last("result");
        let diff = shown["linker_script"]["diff"].as_str().expect("a diff");
        for line in ["+INCLUDE ironroot_app.ld", "-  FLASH", "+  FLASH"] {
            assert!(diff.contains(line), "{line} is not in\n{diff}");
        }
        assert_eq!(self.dir.read(script), before, "not without being asked");
        self.dir.ironroot(&format!("{command} --apply")).ok();
        let left = self.dir.ironroot(&format!("{command} --json")).ok().last("result");
        assert_eq!(left["linker_script"]["diff"], "", "nothing is left to change");
        self.adapted = true;
    }

    /// Makes the image of the second stage from its ELF file in `target/ironroot-firmware`.
    pub fn stage_image(&mut self, file: &str) {
        self.dir.copy(&firmware(file), "stage.elf");
        self.dir.ironroot("boot image stage.elf -o stage.hex").ok();
        self.stage = true;
    }

    /// Runs a command of `provision`.
    pub fn provision(&self, command: &str) -> Run {
        let stages = firmware("iloader");
        let stages = stages.parent().expect("a directory").display().to_string();
        let stage = if self.stage { "--stage-image stage.hex" } else { "" };
        self.dir.ironroot(&format!(
            "provision {command} --device vdev:my.board --image app.hex {stage} --firmware {stages} --json"
        ))
    }

    /// Rehearses, provisions and closes the device, and has it reported.
    #[track_caller]
    pub fn close(&self) {
        self.provision("rehearse").ok();
        let done = self.provision(&format!("run --confirm {UID}")).ok().last("result");
        assert_eq!(done["state"], "Closed");
        let report = self.provision("report").ok().last("result");
        assert_eq!((&report["as_wanted"], &report["finished"]), (&true.into(), &true.into()));
    }

    /// Powers the device on until it sleeps: what it said, and the record of the boot.
    #[track_caller]
    pub fn boot(&self, more: &str) -> (String, Value) {
        let run = self.dir.ironroot(&format!("vdev run my.board --json {more}")).ok();
        let said: Vec<String> = run
            .events()
            .iter()
            .filter(|event| event["event"] == "progress")
            .filter_map(|event| event["text"].as_str().map(|line| line.trim_end().to_owned()))
            .collect();
        (said.join("\n"), run.last("result")["hand_off"].clone())
    }

    /// Puts an update into the download slot, as an application that received it does: on trial, where there is a way back.
    #[track_caller]
    pub fn download(&self, elf: &str, version: &str) {
        self.dir.ironroot(&format!("app image {elf} -o update.hex --version {version}")).ok();
        self.dir.ironroot("vdev install my.board update.hex").ok();
    }
}

/// Where `ironroot` is, to be searched before anything else: for builds that call it.
pub fn path_with_tool() -> std::ffi::OsString {
    let tool = ironroot();
    let tool = Path::new(tool.get_program()).parent().expect("a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([tool].into_iter().chain(std::env::split_paths(&path))).expect("a search path")
}
