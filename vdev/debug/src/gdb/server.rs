//! Transports: a TCP port, or the standard input and output of a process that GDB started.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::Duration;

use ironroot_cpu::machine::Machine;

use super::remote::{Remote, State};
use super::target::Session;
use crate::port::{DebugPort, Refusal};

/// Instructions between two looks at the connection.
const SLICE: u64 = 200_000;
/// Pieces read ahead. A debugger that sends faster than it is served waits.
const READ_AHEAD: usize = 16;
/// Between two looks at a device that sleeps.
const NAP: Duration = Duration::from_millis(5);

/// Whoever runs the server looks on.
pub trait Watcher<B: DebugPort> {
    /// A debugger has connected.
    fn connected(&mut self) {}
    /// It has gone; the device is as it was left.
    fn gone(&mut self) {}
    /// An access was refused.
    fn refused(&mut self, _refusal: &Refusal) {}
    /// The device has run a while: its serial ports may have something to say, or take input.
    fn ran(&mut self, _machine: &mut Machine<B>) {}
}

impl<B: DebugPort> Watcher<B> for () {}

/// Serves one debugger on a pair of streams until it goes; true if it said `kill`.
///
/// `input` is read by a thread of its own: it must end when the debugger does.
pub fn serve_stream<B: DebugPort>(
    input: impl Read + Send + 'static,
    mut output: impl Write,
    session: Session<B>,
    watcher: &mut impl Watcher<B>,
) -> (Session<B>, bool) {
    let received = read_ahead(input);
    let mut remote = Remote::new(session);
    watcher.connected();
    let mut sleeps = false;
    loop {
        match remote.state() {
            State::Detached | State::Killed => break,
            State::Stopped => match received.recv() {
                Ok(bytes) => remote.receive(&bytes),
                Err(_) => break,
            },
            State::Running => {
                match next(&received, sleeps) {
                    Ok(Some(bytes)) => remote.receive(&bytes),
                    Ok(None) => {}
                    Err(Gone) => break,
                }
                sleeps = remote.run(SLICE);
                watcher.ran(&mut remote.session().machine);
            }
        }
        for refusal in remote.session().take_log() {
            watcher.refused(&refusal);
        }
        // A debugger that no longer listens has gone.
        if output.write_all(&remote.take_output()).and_then(|()| output.flush()).is_err() {
            break;
        }
    }
    let _ = output.write_all(&remote.take_output()).and_then(|()| output.flush());
    watcher.gone();
    let killed = remote.state() == State::Killed;
    let mut session = remote.into_session();
    session.release();
    (session, killed)
}

struct Gone;

fn next(received: &Receiver<Vec<u8>>, sleeps: bool) -> Result<Option<Vec<u8>>, Gone> {
    match sleeps {
        false => match received.try_recv() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Gone),
        },
        true => match received.recv_timeout(NAP) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        },
    }
}

fn read_ahead(mut input: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
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

/// Serves one connection of `listener`; gives the session back when the debugger has gone, and whether it said `kill`.
pub fn serve_tcp_once<B: DebugPort>(
    listener: &TcpListener,
    session: Session<B>,
    watcher: &mut impl Watcher<B>,
) -> io::Result<(Session<B>, bool)> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let reader = stream.try_clone()?;
    let result = serve_stream(reader, &stream, session, watcher);
    // Ends the reading thread too. It fails if the other side was faster.
    let _ = stream.shutdown(Shutdown::Both);
    Ok(result)
}

/// Serves connections one after the other until a debugger says `kill`.
pub fn serve<B: DebugPort>(
    listener: &TcpListener,
    mut session: Session<B>,
    watcher: &mut impl Watcher<B>,
) -> io::Result<Session<B>> {
    loop {
        let (back, killed) = serve_tcp_once(listener, session, watcher)?;
        session = back;
        if killed {
            return Ok(session);
        }
    }
}
