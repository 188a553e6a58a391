//! The same program under QEMU, as a process.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ironroot_codes::{input, vdev as codes};
use tempfile::TempDir;

use super::quantile;
use crate::error::{Failure, Result};
use crate::interrupt;

const QEMU: &str = "qemu-system-arm";

/// A program that exits at once, as the memory at address 0 holds it: initial stack, reset vector, then
/// `movs r0, #0x18` (SYS_EXIT), `ldr r1, [pc, #4]`, `bkpt #0xab`, and ADP_Stopped_ApplicationExit.
#[rustfmt::skip]
const EXITS_AT_ONCE: [u8; 20] = [
    0x00, 0x10, 0x00, 0x20, 0x09, 0x00, 0x00, 0x00, 0x18, 0x20, 0x01, 0x49, 0xab, 0xbe, 0x00, 0xbf,
    0x26, 0x00, 0x02, 0x00,
];

/// Runs that the time to start up is the median of.
const START_UPS: usize = 7;
/// After so long a run counts as hanging.
const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at whether it has ended; the error of one time.
const LOOK: Duration = Duration::from_micros(200);

/// QEMU with a program to run.
pub struct Qemu {
    dir: TempDir,
    start_up: f64,
}

/// The first line that QEMU says about itself.
pub fn version() -> Result<String> {
    let output = Command::new(QEMU).arg("--version").output().map_err(|e| missing(&e))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

impl Qemu {
    /// Measures how long QEMU takes to start up and exit.
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir().map_err(|e| Failure::write(&std::env::temp_dir(), &e))?;
        let mut qemu = Qemu { dir, start_up: 0.0 };
        qemu.load(&EXITS_AT_ONCE)?;
        let mut times = (0..START_UPS).map(|_| qemu.time()).collect::<Result<Vec<f64>>>()?;
        qemu.start_up = quantile(&mut times, 0.5);
        Ok(qemu)
    }

    /// Takes a program to run from now on: an ELF, or plain bytes for address 0.
    pub fn load(&mut self, program: &[u8]) -> Result {
        let path = self.program();
        fs::write(&path, program).map_err(|e| Failure::write(&path, &e))
    }

    /// Runs the program to its end, which must be a good one. Returns seconds, without the start-up.
    pub fn run(&mut self) -> Result<f64> {
        // A faster start than the median must not give a negative time.
        Ok((self.time()? - self.start_up).max(1e-6))
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("program")
    }

    fn time(&self) -> Result<f64> {
        let mut command = Command::new(QEMU);
        command
            .args(["-M", "mps2-an500", "-display", "none", "-serial", "null", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
            .arg(self.program())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let clock = Instant::now();
        let mut child = Running(command.spawn().map_err(|e| missing(&e))?);
        loop {
            match child.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(clock.elapsed().as_secs_f64()),
                Ok(Some(status)) => {
                    let cause = format!("the program did not end well under QEMU: {status}");
                    return Err(Failure::new(codes::OUTPUT_MISMATCH, cause));
                }
                Ok(None) if interrupt::asked() => return Err(interrupt::failure()),
                Ok(None) if clock.elapsed() > LIMIT => {
                    let cause = format!("QEMU had not ended after {} s", LIMIT.as_secs());
                    return Err(Failure::new(codes::BUDGET, cause));
                }
                Ok(None) => std::thread::sleep(LOOK),
                Err(e) => return Err(missing(&e)),
            }
        }
    }
}

/// A process that does not outlive whoever waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn missing(error: &io::Error) -> Failure {
    Failure::new(input::TOOL_MISSING, error.to_string())
        .about(QEMU)
        .fix("Install it (Debian: `apt-get install qemu-system-arm`), or leave --vs-qemu out.")
}
