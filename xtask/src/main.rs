//! `cargo xtask`: everything that takes more than one cargo command.
//!
//! 1. A fresh machine has rustup and git, nothing else: what is missing is installed where that is allowed, and named
//!    in one line where it is not.
//! 2. Every step says what it does before it does it, and the first step that fails ends the run with its exit code.
//! 3. No dependencies, so that the first thing a newcomer waits for is the firmware, not this.

#![forbid(unsafe_code)]

mod firmware;
mod host;
mod packages;
mod prove;
mod step;
mod test;

use std::process::ExitCode;

use step::{Outcome, say};

const HELP: &str = "\
cargo xtask: build, demonstrate and test Ironroot

Usage: cargo xtask <COMMAND>

  build           install what is missing (Rust targets, Debian packages) and build the firmware
  demo [ARGS]     build everything, then run `ironroot demo ARGS`: an application is signed, installed and
                  booted on a virtual STM32H735, and an attack is refused. No board and no Arm compiler needed
  test [NAME]     format check, lints, firmware, then every test, documentation examples and the modest size of the
                  proofs against objdump and QEMU included; with NAME only tests whose name contains it
  check           format check and lints of both workspaces
  prove-cpu       the core against objdump, QEMU and itself, at full size (minutes); a table of class, cases and
                  mismatches. Exit code 9 if there is a mismatch
       --quick      the size that `test` runs (seconds to a minute)
       --only CLASS one campaign: decoder, system, batches, lockstep, consistency, fuzz, gdb-fuzz
       --seed N     start of every random choice [default: 1]
       --json       JSON Lines; the last one has type `summary`: cases, mismatches, seconds
  bench [ARGS]    build everything, then run `ironroot vdev bench ARGS`
  packages        list the Debian packages, what each is for and whether it is here

Examples:
  cargo xtask demo
  cargo xtask demo --app my-application.elf
  cargo xtask demo --json
  cargo xtask test
  cargo xtask test image_sign
  cargo xtask prove-cpu --only decoder
  cargo xtask bench --vs-qemu
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_deref() {
        Some("build") => no_arguments("build", &rest).and_then(|()| build()),
        Some("demo") => demo(&rest),
        Some("test") => test::run(&rest),
        Some("check") => no_arguments("check", &rest).and_then(|()| test::check()),
        Some("prove-cpu") => prove::run_campaigns(&rest),
        Some("bench") => bench(&rest),
        Some("packages") => no_arguments("packages", &rest).and_then(|()| packages::list()),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(format!("there is no command `{other}`\n\n{HELP}").into()),
        None => Err(format!("a command is missing\n\n{HELP}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Behind everything that went to stdout, so that the last line is the outcome.
            let _ = std::io::Write::flush(&mut std::io::stdout());
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.exit)
        }
    }
}

/// `cargo xtask build`: all that the tests and the demo take from the Arm side.
fn build() -> Outcome {
    packages::ensure(packages::For::Firmware)?;
    firmware::build(firmware::Set::All)
}

/// `cargo xtask demo`: the Rust firmware and the tool, then the demo itself.
///
/// The C example is left out on purpose: it is the one part that wants a Debian package, and the main job of the
/// product is to be tried by somebody who may not install any.
fn demo(args: &[String]) -> Outcome {
    firmware::build(firmware::Set::Rust)?;
    ironroot(&["demo"], args)
}

/// `cargo xtask bench`: the benchmark programs and the tool, then the benchmark.
fn bench(args: &[String]) -> Outcome {
    packages::ensure(packages::For::Tests)?;
    firmware::build(firmware::Set::All)?;
    ironroot(&["vdev", "bench"], args)
}

/// Builds the tool as users run it, and runs one of its commands.
fn ironroot(command: &[&str], args: &[String]) -> Outcome {
    say("building the tool (release)");
    step::run(host::cargo().args(["build", "--release", "--package", "ironroot", "--bin", "ironroot"]))?;
    say(&format!("running: ironroot {}", command.join(" ")));
    let tool = host::target_dir().join("release/ironroot");
    step::run(std::process::Command::new(tool).args(command).args(args))
}

fn no_arguments(command: &str, rest: &[String]) -> Outcome {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("`{command}` takes no argument, got `{extra}`").into()),
    }
}
