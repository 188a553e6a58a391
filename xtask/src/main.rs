//! `cargo xtask`: everything that takes more than one cargo command.
//!
//! 1. A fresh machine has rustup and git, nothing else: what is missing is installed where that is allowed, and named
//!    in one line where it is not.
//! 2. Every step says what it does before it does it, and the first step that fails ends the run with its exit code.
//! 3. No dependencies, so that the first thing a newcomer waits for is the firmware, not this.

#![forbid(unsafe_code)]

mod demo_sfi;
mod firmware;
mod fuzz;
mod host;
mod image_bench;
mod packages;
mod prove;
mod size;
mod step;
mod test;

use std::process::ExitCode;

use step::{Outcome, say};

const HELP: &str = "\
cargo xtask: build, demonstrate and test Ironroot

Usage: cargo xtask <COMMAND>

  build           install what is missing (Rust targets, Debian packages) and build the firmware; with IRONROOT_PRODUCT=FILE
                  in the environment also the boot stage of that product, into target/ironroot-firmware/product
  demo [ARGS]     build everything, then run `ironroot demo ARGS`: an application is signed, installed and
                  booted on a virtual STM32H735, and an attack is refused. No board and no Arm compiler needed
  demo-sfi        secure firmware install, told with the tool: an owner makes an encrypted package and a quota of 3, a
                  factory installs three virtual devices, the fourth is refused, a failed one costs nothing
  demo-h7s        the three boot paths of the STM32H7S on the virtual chip: on each a boot, an update, where there is one a
                  way back, and attacks; every line is checked
  test [NAME]     format check, lints, firmware, then every test, documentation examples and the modest size of the
                  proofs against objdump and QEMU included; with NAME only tests whose name contains it
  check           format check and lints of both workspaces
  prove-cpu       the core against objdump, QEMU and itself, at full size (minutes); a table of class, cases and
                  mismatches. Exit code 9 if there is a mismatch
       --quick      the size that `test` runs (seconds to a minute)
       --only CLASS one campaign: decoder, system, batches, lockstep, consistency, fuzz, gdb-fuzz
       --seed N     start of every random choice [default: 1]
       --json       JSON Lines; the last one has type `summary`: cases, mismatches, seconds
  prove-update    the power cut at every flash operation of updates and reverts that the real boot stages make on the
                  virtual STM32H735 and STM32H7R/S (half an hour). `test` takes the operations that matter most and a part of the others
  fuzz [TARGET]   libFuzzer on every parser, or on the targets that are named; exit code 9 if a promise is broken.
                  `test` runs the same targets over the committed corpus and over damage to it
       --seconds N  for each target [default: 10]
       --keep       put what widens the coverage into the committed corpus (fuzz/corpus)
  bench [ARGS]    build everything, then run `ironroot vdev bench ARGS`
  bench image     time `ironroot image create` (sign and encrypt 1 MiB and 64 MiB) beside imgtool, if that is here
  bench sfi       time `ironroot sfi create` for an encrypted package of 64 MiB
  size [--write]  bytes of each build of secure-boot by part, instructions of its cryptography, depth of its stack; bytes and
                  cold boots of the STM32H7R/7S; against the gates (exit code 9 beyond one); with --write into
                  docs/size-and-speed.md
  packages        list the Debian packages, what each is for and whether it is here

Examples:
  cargo xtask demo
  cargo xtask demo --app my-application.elf
  cargo xtask demo --json
  cargo xtask test
  cargo xtask test image_sign
  cargo xtask prove-cpu --only decoder
  cargo xtask fuzz image --seconds 60
  cargo xtask bench --vs-qemu
  cargo xtask bench image
  cargo xtask bench sfi
  cargo xtask demo-sfi
  cargo xtask demo-h7s
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_deref() {
        Some("build") => no_arguments("build", &rest).and_then(|()| build()),
        Some("demo") => demo(&rest),
        Some("demo-sfi") => no_arguments("demo-sfi", &rest).and_then(|()| demo_install()),
        Some("demo-h7s") => no_arguments("demo-h7s", &rest).and_then(|()| demo_h7s()),
        Some("test") => test::run(&rest),
        Some("check") => no_arguments("check", &rest).and_then(|()| test::check()),
        Some("prove-cpu") => prove::run_campaigns(&rest),
        Some("prove-update") => no_arguments("prove-update", &rest).and_then(|()| prove::cut_updates()),
        Some("fuzz") => fuzz::run_targets(&rest),
        Some("bench") => bench(&rest),
        Some("size") => size::table(&rest),
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

/// `cargo xtask demo-sfi`: the story of secure firmware install. The files stay below `target`, for those who want to look.
fn demo_install() -> Outcome {
    firmware::build(firmware::Set::Rust)?;
    let tool = build_tool()?;
    let dir = host::target_dir().join("demo-sfi");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let application = host::firmware_out().join("hello-hal.elf");
    let mut say = |line: &str| println!("{line}");
    demo_sfi::Stage::new(&tool, &dir, &mut say)
        .tell(&application)
        .map_err(|why| step::Failure { message: why, exit: 3 })?;
    println!("Every step was checked. The files are in {}.", dir.display());
    Ok(())
}

/// `cargo xtask demo-h7s`: the story of the boot paths. It needs the C compiler for its example applications.
fn demo_h7s() -> Outcome {
    packages::ensure(packages::For::Tests)?;
    firmware::build(firmware::Set::All)?;
    say("building the story (release)");
    let mut cargo = host::cargo();
    step::run(cargo.args(["run", "--release", "--quiet", "--package", "ironroot-tests", "--bin", "demo-h7s"]))
}

/// `cargo xtask bench`: the benchmark programs and the tool, then the benchmark.
fn bench(args: &[String]) -> Outcome {
    if let [only] = args
        && only == "image"
    {
        return image_bench::run(&build_tool()?);
    }
    if let [only] = args
        && only == "sfi"
    {
        return image_bench::packages(&build_tool()?);
    }
    packages::ensure(packages::For::Tests)?;
    firmware::build(firmware::Set::All)?;
    ironroot(&["vdev", "bench"], args)
}

/// Builds the tool as users run it, and runs one of its commands.
fn ironroot(command: &[&str], args: &[String]) -> Outcome {
    let tool = build_tool()?;
    say(&format!("running: ironroot {}", command.join(" ")));
    step::run(std::process::Command::new(tool).args(command).args(args))
}

/// Builds the tool as users run it, and says where it is.
fn build_tool() -> Outcome<std::path::PathBuf> {
    say("building the tool (release)");
    step::run(host::cargo().args(["build", "--release", "--package", "ironroot", "--bin", "ironroot"]))?;
    Ok(host::target_dir().join("release/ironroot"))
}

fn no_arguments(command: &str, rest: &[String]) -> Outcome {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("`{command}` takes no argument, got `{extra}`").into()),
    }
}
