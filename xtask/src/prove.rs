//! `cargo xtask prove-cpu` and `prove-update`: campaigns that take minutes. The first builds those against objdump, QEMU and the
//! core itself, and runs them.

use std::process::Command;

use crate::step::{Outcome, run, say};
use crate::{firmware, host, packages};

/// The full size; it is what the command means, so that a claim about the core is never made from less by accident.
const FULL: &str = "--full";
/// The size of `cargo xtask test`.
const QUICK: &str = "--quick";

/// Runs the campaigns. The exit code is theirs: 9 for a mismatch, 1 if one could not run.
///
/// They build the programs of `firmware/bench` themselves, at each level of optimisation that they compare.
pub fn run_campaigns(args: &[String]) -> Outcome {
    packages::ensure(packages::For::Tests)?;
    packages::ensure_rust_targets()?;
    say("building the campaigns (release)");
    run(host::cargo().args(["build", "--release", "--package", "ironroot-prove", "--bin", "prove-cpu"]))?;
    let args = with_size(args);
    say(&format!("running: prove-cpu {}", args.join(" ")));
    run(Command::new(host::target_dir().join("release/prove-cpu")).args(args).current_dir(host::root()))
}

/// Every flash operation of the updates that `tests/tests/{update,h7rs}_power.rs` make on the virtual devices, cut.
pub fn cut_updates() -> Outcome {
    packages::ensure(packages::For::Tests)?;
    firmware::build(firmware::Set::All)?;
    say("running: update_power and h7rs_power with every cut (release)");
    let mut cargo = host::cargo();
    cargo.args([
        "test",
        "--release",
        "--package",
        "ironroot-tests",
        "--test",
        "update_power",
        "--test",
        "h7rs_power",
        "--",
        "--nocapture",
    ]);
    run(cargo.env("IRONROOT_ALL_CUTS", "1"))
}

/// The arguments of the program: full size, unless `--quick` takes it away.
fn with_size(args: &[String]) -> Vec<String> {
    let quick = args.iter().any(|arg| arg == QUICK);
    let rest = args.iter().filter(|arg| *arg != QUICK && *arg != FULL).cloned();
    (!quick).then(|| FULL.to_owned()).into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::with_size;

    #[test]
    fn full_size_is_the_rule_and_quick_the_exception() {
        let sized = |args: &[&str]| with_size(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(sized(&[]), ["--full"]);
        assert_eq!(sized(&["--full", "--json"]), ["--full", "--json"]);
        assert_eq!(sized(&["--only", "fuzz", "--quick"]), ["--only", "fuzz"]);
    }
}
