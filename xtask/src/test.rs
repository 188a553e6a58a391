//! `cargo xtask test` and `cargo xtask check`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::step::{Failure, Outcome, display, run as step_run, say};
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

/// Everything, or the tests whose name contains the argument.
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
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    if let Some(name) = filter {
        cargo.args(["--", name]);
    }
    let (totals, failure) = run_tests(&mut cargo)?;
    let seconds = start.elapsed().as_secs();
    println!(
        "\nxtask test: {} passed, {} failed, {} ignored, {seconds} s{}",
        totals.passed,
        totals.failed,
        totals.ignored,
        if filter.is_none() { "; format and lints clean" } else { "" }
    );
    if let Some(failure) = failure {
        return Err(failure);
    }
    // Without this a misspelt NAME would look like success.
    match (filter, totals.passed) {
        (Some(name), 0) => Err(format!("no test has `{name}` in its name").into()),
        _ => Ok(()),
    }
}

#[derive(Default, Debug, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Totals {
    /// Adds one of cargo's own result lines; any other line is left alone.
    fn add(&mut self, line: &str) {
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

/// Passes cargo's output through as it comes, and adds up its result lines.
fn run_tests(cargo: &mut Command) -> Outcome<(Totals, Option<Failure>)> {
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
    let failure =
        (!status.success()).then(|| Failure { message: format!("`{shown}` failed ({status})"), exit: 1 });
    Ok((totals, failure))
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn result_lines_are_added_up_and_others_ignored() {
        let mut totals = Totals::default();
        totals.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
        );
        totals.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        totals.add("test 99 passed; in the name of a test ... ok");
        assert_eq!(totals, Totals { passed: 14, failed: 4, ignored: 1 });
    }
}
