//! `cargo xtask test` and `cargo xtask check`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::step::{Outcome, display, run as step_run, say};
use crate::{firmware, host, packages};

/// Format check and lints of both workspaces; warnings are errors.
pub fn check() -> Outcome {
    say("checking the format");
    step_run(host::cargo().args(["fmt", "--all", "--check"]))?;
    step_run(host::firmware_cargo().args(["fmt", "--all", "--check"]))?;
    packages::ensure_rust_targets()?;
    say("linting the host workspace");
    step_run(host::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    say("linting the firmware");
    // Not --all-targets: a test of a no_std binary would want a test harness that its target does not have.
    step_run(host::firmware_cargo().args([
        "clippy",
        "--workspace",
        "--release",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Everything, or the tests whose name contains the argument. The last line says how it went.
pub fn run(args: &[String]) -> Outcome {
    let filter = match args {
        [] => None,
        [name] => Some(name.as_str()),
        [_, extra, ..] => return Err(format!("`test` takes one NAME, got `{extra}` too").into()),
    };
    let start = Instant::now();
    packages::ensure(packages::For::Tests)?;
    if filter.is_none() {
        check()?;
    }
    firmware::build(firmware::Set::All)?;
    // The end-to-end tests start the binary, which cargo does not build for tests of another package.
    say("building the tool");
    step_run(host::cargo().args(["build", "--quiet", "--package", "ironroot"]))?;
    say("running the tests");
    let mut cargo = host::cargo();
    // Documentation examples are part of `cargo test` as long as no kind of target is named.
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    // The tests that need QEMU, objdump and the Arm compilers: `packages` has seen to it that they are here.
    cargo.env("IRONROOT_FULL", "1");
    if let Some(name) = filter {
        cargo.args(["--", name]);
    }
    let (totals, passed) = run_tests(&mut cargo)?;
    conclude(&totals, passed, filter, start.elapsed().as_secs())
}

/// The last line: success on stdout, anything else as the failure that xtask ends with.
fn conclude(totals: &Totals, passed: bool, filter: Option<&str>, seconds: u64) -> Outcome {
    let counts = format!(
        "{} passed, {} failed, {} ignored, {seconds} s",
        totals.passed, totals.failed, totals.ignored
    );
    if !totals.names.is_empty() {
        println!("\nfailed tests:\n  {}", totals.names.join("\n  "));
    }
    if !passed && totals.failed == 0 {
        // Not built, or a test program that died: cargo has said which one.
        return Err(format!("test FAILED: a test program did not build or did not end; {counts}").into());
    }
    if !passed || totals.failed > 0 {
        return Err(format!("test FAILED: {counts}").into());
    }
    // Without this a misspelt NAME would look like success.
    match filter {
        Some(name) if totals.passed == 0 => return Err(format!("no test has `{name}` in its name").into()),
        Some(_) => println!("\nxtask: test PASSED: {counts}"),
        None => println!("\nxtask: test PASSED: {counts}; format and lints clean"),
    }
    Ok(())
}

#[derive(Default, Debug, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// The tests that failed.
    names: Vec<String>,
}

impl Totals {
    /// Adds one of cargo's own result lines, or takes note of a failed test; any other line is left alone.
    fn add(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.names.push(name.to_owned());
            return;
        }
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        for part in rest.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Passes cargo's output through as it comes, and adds up its result lines. With it: whether cargo was content.
fn run_tests(cargo: &mut Command) -> Outcome<(Totals, bool)> {
    let shown = display(cargo);
    let mut child =
        cargo.stdout(Stdio::piped()).spawn().map_err(|e| format!("cannot start `{shown}`: {e}"))?;
    let mut totals = Totals::default();
    let mut out = std::io::stdout().lock();
    if let Some(stdout) = child.stdout.take() {
        // Bytes, not text: a failing test may print anything.
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            // A closed pipe (`| head`) must not stop the tests or hide their outcome.
            let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
            totals.add(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait().map_err(|e| format!("`{shown}`: {e}"))?;
    Ok((totals, status.success()))
}

#[cfg(test)]
mod tests {
    use super::{Totals, conclude};

    #[test]
    fn result_lines_are_added_up_and_others_ignored() {
        let mut totals = Totals::default();
        totals.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
        );
        totals.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        totals.add("test 99 passed; in the name of a test ... ok");
        totals.add("test it::fails ... FAILED");
        let names = vec!["it::fails".to_owned()];
        assert_eq!(totals, Totals { passed: 14, failed: 4, ignored: 1, names });
    }

    #[test]
    fn only_a_run_of_passing_tests_passes() {
        let totals = |passed, failed| Totals { passed, failed, ..Totals::default() };
        assert!(conclude(&totals(3, 0), true, None, 1).is_ok());
        assert!(conclude(&totals(3, 1), false, None, 1).is_err());
        assert!(conclude(&totals(3, 1), true, None, 1).is_err());
        // Did not build.
        assert!(conclude(&totals(3, 0), false, None, 1).is_err());
        // A misspelt name.
        assert!(conclude(&totals(0, 0), true, Some("nonsense"), 1).is_err());
    }
}
