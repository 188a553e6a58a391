//! Running one command after the other and stopping at the first that fails.

use std::process::Command;

/// Why xtask stopped: what to print, and the exit code to end with.
#[derive(Debug)]
pub struct Failure {
    /// One or more lines for a person.
    pub message: String,
    /// The exit code: that of the command that failed, where there was one, so that `cargo xtask demo` ends as
    /// `ironroot demo` did.
    pub exit: u8,
}

/// What every step returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Failure { message, exit: 1 }
    }
}

/// Announces a step. On stderr, so that `cargo xtask demo --json` leaves stdout to the demo.
pub fn say(what: &str) {
    eprintln!("xtask: {what}");
}

/// Runs `command` with this process's terminal and fails unless it exits with 0.
pub fn run(command: &mut Command) -> Outcome {
    let shown = display(command);
    let status = command.status().map_err(|e| format!("cannot start `{shown}`: {e}"))?;
    if status.success() {
        return Ok(());
    }
    let exit = status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1);
    Err(Failure { message: format!("`{shown}` failed ({status})"), exit })
}

/// Runs `command` silently. True if it could be started and exited with 0.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|o| o.status.success())
}

/// What `command` writes to stdout, without the line end; `None` if it does not run or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let out = command.output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
}

/// The command as a person would type it, without the path to the program.
pub fn display(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}
