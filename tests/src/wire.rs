//! A virtual device that runs on its own, its serial port on a pseudo terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::{Scratch, ironroot};

/// Longer than anything takes on a loaded machine: who waits so long has found something.
const PATIENCE: Duration = Duration::from_secs(120);

/// The device.
pub struct Wire {
    child: Child,
    /// What the device says, on its port too.
    output: Receiver<Vec<u8>>,
    heard: Vec<u8>,
    /// The pseudo terminal.
    pub port: String,
}

impl Wire {
    /// Powers a board on; `more` are options of `vdev run`.
    pub fn start(dir: &Scratch, board: &str, more: &[&str]) -> Self {
        let mut child = ironroot()
            .args(["vdev", "run", board, "--uart", "pty"])
            .args(more)
            .current_dir(dir.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let mut announced = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut announced).expect("a line");
        let port = announced.trim().strip_prefix("serial port: ").expect("the port").to_owned();
        // Read all the time: a device whose output nobody takes stands still.
        let mut stdout = child.stdout.take().expect("piped");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Wire { child, output, heard: Vec::new(), port }
    }

    /// Waits until the device has said `text`; all that it has said since the last time.
    #[track_caller]
    pub fn hear(&mut self, text: &str) -> String {
        while !self.heard.windows(text.len()).any(|window| window == text.as_bytes()) {
            let more = self.output.recv_timeout(PATIENCE);
            let more = more.unwrap_or_else(|e| {
                panic!("`{text}` was not said ({e}):\n{}", String::from_utf8_lossy(&self.heard))
            });
            self.heard.extend(more);
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
