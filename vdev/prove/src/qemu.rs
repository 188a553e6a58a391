//! Starting qemu-system-arm with the machine that [`ironroot_mps2`] mirrors.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::report::Error;

/// The program.
const QEMU: &str = "qemu-system-arm";

/// A run of QEMU that never outlives its owner.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command for one program: no console but semihosting, files of the program in `directory`.
pub fn command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(["-M", "mps2-an500", "-display", "none", "-serial", "null", "-monitor", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .arg("-kernel")
        .arg(program)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Starts a command.
pub fn start(command: &mut Command) -> Result<Running, Error> {
    command.spawn().map(Running).map_err(|error| Error::new(QEMU, error))
}

/// Runs a command to its end. Ok(false): it was still running after `limit` and has been ended.
pub fn run_to_end(command: &mut Command, limit: Duration) -> Result<bool, Error> {
    let mut running = start(command)?;
    let begin = Instant::now();
    loop {
        match running.0.try_wait() {
            Ok(Some(_)) => return Ok(true),
            Ok(None) if begin.elapsed() > limit => return Ok(false),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(Error::new(QEMU, error)),
        }
    }
}
