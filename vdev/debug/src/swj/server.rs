//! The probe on a TCP port.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::Duration;

use super::SwjPort;
use super::bitbang::Probe;
use super::target::Activity;
use crate::gdb::Watcher;

/// Instructions between two looks at a silent connection.
const SLICE: u64 = 50_000;
/// Core cycles for a clock of the wire: 4 MHz at reset clock.
const CYCLES_PER_CLOCK: u64 = 16;
/// Pieces read ahead. A debugger that sends faster than it is served waits.
const READ_AHEAD: usize = 16;
/// How long a silent connection is waited for while the core does not run.
const NAP: Duration = Duration::from_millis(1);

/// Serves one connection of `listener` until the client goes. The device keeps its power and its state.
pub fn serve_tcp_once<B: SwjPort>(
    listener: &TcpListener,
    probe: &mut Probe<B>,
    watcher: &mut impl Watcher<B>,
) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let received = read_ahead(stream.try_clone()?);
    watcher.connected();
    // A client that no longer listens has gone.
    while let Some(input) = next(&received, activity(probe)) {
        let served = probe.receive(&input);
        let reply = probe.take_reply();
        if served.quit || (!reply.is_empty() && (&stream).write_all(&reply).is_err()) {
            break;
        }
        let limit =
            if input.is_empty() { SLICE } else { (served.clocks * CYCLES_PER_CLOCK).clamp(64, SLICE) };
        if probe.target.run(limit) != Activity::Runs && input.is_empty() {
            probe.target.pass_time();
        }
        watcher.ran(&mut probe.target.machine);
        for refusal in probe.target.take_log() {
            watcher.refused(&refusal);
        }
    }
    for refusal in probe.target.take_log() {
        watcher.refused(&refusal);
    }
    probe.disconnect();
    // Ends the reading thread too. It fails if the other side was faster.
    let _ = stream.shutdown(Shutdown::Both);
    watcher.gone();
    Ok(())
}

/// Serves connections one after the other, for ever.
pub fn serve<B: SwjPort>(
    listener: &TcpListener,
    probe: &mut Probe<B>,
    watcher: &mut impl Watcher<B>,
) -> io::Result<()> {
    loop {
        serve_tcp_once(listener, probe, watcher)?;
    }
}

fn activity<B: SwjPort>(probe: &mut Probe<B>) -> Activity {
    probe.target.run(0)
}

/// The next piece of input: empty if there is none, none if the client has gone.
fn next(received: &Receiver<Vec<u8>>, activity: Activity) -> Option<Vec<u8>> {
    if activity == Activity::Runs {
        return match received.try_recv() {
            Ok(bytes) => Some(bytes),
            Err(TryRecvError::Empty) => Some(Vec::new()),
            Err(TryRecvError::Disconnected) => None,
        };
    }
    match received.recv_timeout(NAP) {
        Ok(bytes) => Some(bytes),
        Err(RecvTimeoutError::Timeout) => Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

fn read_ahead(mut input: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut buffer = [0; 16384];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    if sender.send(buffer.iter().take(count).copied().collect()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}
