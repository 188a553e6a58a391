//! Where the serial port of a virtual device ends: this terminal, a pseudo terminal, or a TCP connection.
//!
//! Reading never blocks: the device runs on while nobody types.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use ironroot_codes::{input, transport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::error::{Failure, Result};

/// The destination as it is written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The command's own output.
    Stdout,
    /// A new pseudo terminal.
    Pty,
    /// A TCP port that this command listens on.
    Tcp(String),
}

impl std::str::FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once(':') {
            None if text == "stdout" => Ok(Destination::Stdout),
            None if text == "pty" => Ok(Destination::Pty),
            Some(("tcp", address)) if !address.is_empty() => Ok(Destination::Tcp(address.to_owned())),
            _ => Err("a destination is `stdout`, `pty` or `tcp:ADDRESS:PORT`".to_owned()),
        }
    }
}

/// The open end.
#[derive(Debug)]
pub enum Console {
    /// Output is reported by the command itself; there is no input.
    Stdout,
    /// The controlling side of a pseudo terminal.
    Pty(File),
    /// The accepted connection.
    Tcp(TcpStream),
}

/// The console, and what to tell the user so that he can connect to it.
pub fn open(destination: &Destination, announce: &mut dyn FnMut(&str)) -> Result<Console> {
    match destination {
        Destination::Stdout => Ok(Console::Stdout),
        Destination::Pty => pty(announce),
        Destination::Tcp(address) => tcp(address, announce),
    }
}

fn pty(announce: &mut dyn FnMut(&str)) -> Result<Console> {
    let unavailable =
        |e: rustix::io::Errno| Failure::new(transport::PORT_UNAVAILABLE, e.to_string()).about("pty");
    let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(unavailable)?;
    grantpt(&control).map_err(unavailable)?;
    unlockpt(&control).map_err(unavailable)?;
    let name = ptsname(&control, Vec::new()).map_err(unavailable)?;
    // Raw, like a wire: no echo of the device's output into its input, no translated line ends.
    let mut settings = rustix::termios::tcgetattr(&control).map_err(unavailable)?;
    settings.make_raw();
    rustix::termios::tcsetattr(&control, rustix::termios::OptionalActions::Now, &settings)
        .map_err(unavailable)?;
    set_nonblocking(&control).map_err(unavailable)?;
    announce(&name.to_string_lossy());
    Ok(Console::Pty(File::from(control)))
}

fn set_nonblocking(fd: impl AsFd) -> rustix::io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    fcntl_setfl(&fd, flags | OFlags::NONBLOCK)
}

fn tcp(address: &str, announce: &mut dyn FnMut(&str)) -> Result<Console> {
    let unavailable = |e: io::Error| Failure::new(transport::PORT_UNAVAILABLE, e.to_string()).about(address);
    let listener = TcpListener::bind(address).map_err(unavailable)?;
    announce(&listener.local_addr().map_err(unavailable)?.to_string());
    // The device starts when somebody listens: its first words would be lost otherwise.
    let (stream, _) = listener.accept().map_err(unavailable)?;
    stream.set_nonblocking(true).map_err(unavailable)?;
    stream.set_nodelay(true).map_err(unavailable)?;
    Ok(Console::Tcp(stream))
}

impl Console {
    /// Passes the device's output on. A terminal that nobody has opened, or that is full, loses it, as a wire does.
    pub fn write(&mut self, bytes: &[u8]) -> Result {
        let result = match self {
            Console::Stdout => return Ok(()),
            Console::Pty(file) => file.write_all(bytes),
            Console::Tcp(stream) => write_patiently(stream, bytes),
        };
        match (result, &self) {
            (Ok(()), _) => Ok(()),
            (Err(e), Console::Pty(_)) if matches!(e.kind(), ErrorKind::WouldBlock) || is_hang_up(&e) => {
                Ok(())
            }
            (Err(e), _) => Err(Failure::new(transport::LINK_CLOSED, e.to_string())),
        }
    }

    /// Waits until something was typed, so long at most: for a device that sleeps until then.
    pub fn wait(&self, limit: Duration) {
        let fd = match self {
            Console::Stdout => return std::thread::sleep(limit),
            Console::Pty(file) => file.as_fd(),
            Console::Tcp(stream) => stream.as_fd(),
        };
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) };
        let polled = poll(&mut fds, Some(&timeout));
        // A terminal that nobody has opened is always ready, to say just that.
        if polled.is_err() || fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP)) {
            std::thread::sleep(limit);
        }
    }

    /// What was typed since the last call.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        let mut buffer = [0; 4096];
        let got = match self {
            Console::Stdout => return Ok(Vec::new()),
            Console::Pty(file) => file.read(&mut buffer),
            Console::Tcp(stream) => match stream.read(&mut buffer) {
                Ok(0) => {
                    return Err(Failure::new(transport::LINK_CLOSED, "the other side closed the connection"));
                }
                other => other,
            },
        };
        match got {
            Ok(n) => Ok(buffer.get(..n).unwrap_or_default().to_vec()),
            Err(e) if e.kind() == ErrorKind::WouldBlock || is_hang_up(&e) => Ok(Vec::new()),
            Err(e) => Err(Failure::new(transport::LINK_CLOSED, e.to_string())),
        }
    }
}

/// A pseudo terminal whose other side is not open answers with EIO.
fn is_hang_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// A slow reader slows the device down; virtual time does not notice.
fn write_patiently(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let written = stream.write_all(bytes);
    stream.set_nonblocking(true)?;
    written
}

/// A destination on the command line, with the tool's own refusal.
pub fn parse(text: &str) -> Result<Destination> {
    text.parse().map_err(|e: String| Failure::new(input::USAGE, format!("--uart {text}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        assert_eq!("stdout".parse(), Ok(Destination::Stdout));
        assert_eq!("pty".parse(), Ok(Destination::Pty));
        assert_eq!("tcp:127.0.0.1:0".parse(), Ok(Destination::Tcp("127.0.0.1:0".into())));
        for bad in ["", "tcp", "tcp:", "file:x", "pty:x"] {
            assert!(bad.parse::<Destination>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pty_carries_bytes_both_ways_and_nothing_is_lost_or_echoed() {
        let mut name = String::new();
        let mut console = open(&Destination::Pty, &mut |n| name = n.to_owned()).unwrap();
        assert_eq!(console.read().unwrap(), b"", "nobody has opened it");
        console.write(b"lost\n").unwrap();
        let mut other = File::options().read(true).write(true).open(&name).unwrap();
        other.write_all(b"typed\r").unwrap();
        assert_eq!(console.read().unwrap(), b"typed\r");
        assert_eq!(console.read().unwrap(), b"", "no echo");
    }

    #[test]
    fn tcp_carries_bytes_both_ways_and_an_end_is_an_error() {
        let mut client = None;
        let mut console = open(&Destination::Tcp("127.0.0.1:0".into()), &mut |address| {
            client = Some(TcpStream::connect(address).unwrap());
        })
        .unwrap();
        let mut client = client.unwrap();
        console.write(b"hello").unwrap();
        let mut got = [0; 5];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
        client.write_all(b"x").unwrap();
        let mut read = Vec::new();
        while read.is_empty() {
            read = console.read().unwrap();
        }
        assert_eq!(read, b"x");
        drop(client);
        loop {
            match console.read() {
                Ok(bytes) => assert!(bytes.is_empty()),
                Err(failure) => break assert_eq!(failure.code, transport::LINK_CLOSED),
            }
        }
    }
}
