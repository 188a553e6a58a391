//! The wire to a device: a serial port of this machine, or a USART of a virtual device in this process.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ironroot_chip_h7rs::Stm32h7rs;
use ironroot_codes::transport;
use ironroot_cpu::machine::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::interrupt;
use crate::report::Reporter;
use crate::vdev::chip::Chip;
use crate::vdev::session::Session;
use crate::vdev::{self, HeldBoard};

/// Instructions that a virtual device may take for a byte, for each second of patience.
const BUDGET: u64 = 500_000_000;
/// Instructions between two looks at the line. About a byte: what the device does behind its last one has then hardly begun.
const PIECE: u64 = 10_000;
/// Millions of instructions after which a virtual device has made its reset.
const SETTLE: u32 = 20;

/// An open wire.
pub enum Link {
    /// A serial port.
    Uart(File),
    /// A virtual device, powered on with BOOT0 high.
    Vdev(Box<Virtual>),
    /// A virtual device with an STM32H7R/7S, powered on by who holds its board.
    H7rs(Box<Session<Stm32h7rs>>),
}

/// A virtual device under power.
pub struct Virtual {
    session: Session,
    held: HeldBoard,
    path: PathBuf,
}

fn timeout(cause: impl Into<String>) -> Failure {
    Failure::new(transport::TIMEOUT, cause)
}

fn unavailable(path: &Path, cause: impl ToString) -> Failure {
    Failure::new(transport::PORT_UNAVAILABLE, cause.to_string()).about(path.display())
}

impl Link {
    /// Opens `uart:PORT` or `vdev:FILE`.
    pub fn open(device: &str, baud: u32) -> Result<Self> {
        match device.split_once(':') {
            Some(("uart", path)) if !path.is_empty() => serial_port(Path::new(path), baud).map(Link::Uart),
            Some(("vdev", path)) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let rom = vdev::system_flash()?;
                let held = vdev::load(&path)?;
                let mut board = held.board.clone();
                board.set_boot0(true);
                let session = Session::power_on(&board, &rom);
                Ok(Link::Vdev(Box::new(Virtual { session, held, path })))
            }
            _ => Err(Failure::new(
                transport::BAD_DEVICE_NAME,
                format!("`{device}` is neither uart:PORT nor vdev:FILE"),
            )),
        }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result {
        match self {
            Link::Vdev(device) => {
                feed(&mut device.session, bytes);
                Ok(())
            }
            Link::H7rs(session) => {
                feed(session, bytes);
                Ok(())
            }
            Link::Uart(port) => {
                let end = Instant::now() + Duration::from_secs(10);
                let mut left = bytes;
                while !left.is_empty() {
                    match port.write(left) {
                        Ok(count) => left = left.get(count..).unwrap_or(&[]),
                        Err(e) if e.kind() == ErrorKind::WouldBlock => wait(port, PollFlags::OUT, end)?,
                        Err(e) => return Err(Failure::new(transport::LINK_CLOSED, e.to_string())),
                    }
                }
                Ok(())
            }
        }
    }

    /// Appends what arrives, at least one byte, within `limit`. A virtual device knows at once that nothing will come.
    pub fn receive(&mut self, line: &mut impl Extend<u8>, limit: Duration) -> Result {
        match self {
            Link::Vdev(device) => receive(&mut device.session, line, limit),
            Link::H7rs(session) => receive(session, line, limit),
            Link::Uart(port) => {
                let end = Instant::now() + limit;
                let mut buffer = [0; 1024];
                loop {
                    match port.read(&mut buffer) {
                        Ok(0) => return Err(Failure::new(transport::LINK_CLOSED, "the port was closed")),
                        Ok(count) => {
                            line.extend(buffer.get(..count).unwrap_or(&[]).iter().copied());
                            return Ok(());
                        }
                        Err(e) if e.kind() == ErrorKind::WouldBlock => wait(port, PollFlags::IN, end)?,
                        Err(e) => return Err(Failure::new(transport::LINK_CLOSED, e.to_string())),
                    }
                }
            }
        }
    }

    /// The virtual device, if it is one: what it does after the bootloader has let go of it.
    pub fn virtual_session(&mut self) -> Option<&mut Session> {
        match self {
            Link::Uart(_) | Link::H7rs(_) => None,
            Link::Vdev(device) => Some(&mut device.session),
        }
    }

    /// The same with an STM32H7R/7S.
    pub fn h7rs_session(&mut self) -> Option<&mut Session<Stm32h7rs>> {
        match self {
            Link::Uart(_) | Link::Vdev(_) => None,
            Link::H7rs(session) => Some(session),
        }
    }

    /// Gives the device time for a reset that it makes by itself.
    pub fn settle(&mut self) -> Result {
        match self {
            Link::Uart(_) => {
                std::thread::sleep(Duration::from_millis(200));
                interrupt::check()
            }
            Link::Vdev(device) => settle(&mut device.session),
            Link::H7rs(session) => settle(session),
        }
    }

    /// Ends. The flash of a virtual device is saved, with the level of BOOT0 that it had.
    pub fn close(mut self) -> Result {
        if let Link::Vdev(device) = &mut self {
            let mut board = device.session.chip().to_board();
            board.set_boot0(device.held.board.boot0());
            if board != device.held.board {
                vdev::save(&board, &device.path)?;
            }
        }
        Ok(())
    }
}

/// Sends bytes to a virtual device.
fn feed<C: Chip>(session: &mut Session<C>, bytes: &[u8]) {
    session.chip().feed_uart_input(C::CONSOLE, bytes);
    session.machine.poke();
}

/// Runs a virtual device until it sends something.
fn receive<C: Chip>(session: &mut Session<C>, line: &mut impl Extend<u8>, limit: Duration) -> Result {
    // Without patience: only what is on the line already.
    let mut left = if limit.is_zero() { 1 } else { BUDGET.saturating_mul(limit.as_secs().max(1)) };
    while left > 0 {
        interrupt::check()?;
        let piece = left.min(PIECE);
        let stop = session.machine.run(piece);
        let bytes = session.chip().take_uart_output(C::CONSOLE);
        if !bytes.is_empty() {
            line.extend(bytes);
            return Ok(());
        }
        if stop != Stop::Limit {
            let pc = session.machine.core.r[15];
            return Err(timeout(format!("the core stands at {pc:#010x} and says nothing")));
        }
        left -= piece;
    }
    Err(timeout("the device is busy with something else"))
}

/// Runs a virtual device over its reset.
fn settle<C: Chip>(session: &mut Session<C>) -> Result {
    for _ in 0..SETTLE {
        interrupt::check()?;
        if session.machine.run(1_000_000) != Stop::Limit {
            break;
        }
    }
    Ok(())
}

fn wait(port: &File, flags: PollFlags, end: Instant) -> Result {
    interrupt::check()?;
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(timeout("nothing came over the serial port"));
    }
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    match poll(&mut [PollFd::new(port, flags)], Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(Failure::new(transport::LINK_CLOSED, e.to_string())),
    }
}

/// Opens a serial port for the bootloader: raw, 8 data bits, even parity. A pseudo terminal takes it without parity.
fn serial_port(path: &Path, baud: u32) -> Result<File> {
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
    let port = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags).unwrap_or_default())
        .open(path)
        .map_err(|e| unavailable(path, e))?;
    let mut settings = tcgetattr(&port).map_err(|e| unavailable(path, e))?;
    settings.make_raw();
    settings.control_modes.remove(ControlModes::CSIZE | ControlModes::PARODD | ControlModes::CSTOPB);
    settings
        .control_modes
        .insert(ControlModes::CS8 | ControlModes::PARENB | ControlModes::CLOCAL | ControlModes::CREAD);
    settings.set_speed(baud).map_err(|e| unavailable(path, format!("{baud} bit/s: {e}")))?;
    tcsetattr(&port, OptionalActions::Flush, &settings).map_err(|e| unavailable(path, e))?;
    Ok(port)
}

/// `ironroot device list`.
pub fn list(report: &mut Reporter<'_>) -> Result {
    let mut ports: Vec<String> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| ["ttyACM", "ttyUSB", "ttyAMA"].iter().any(|kind| name.starts_with(kind)))
        .map(|name| format!("uart:/dev/{name}"))
        .collect();
    ports.sort();
    let text = if ports.is_empty() {
        "no serial port; a virtual device is written vdev:FILE".to_owned()
    } else {
        ports.join("\n")
    };
    report.result("device list", json!({ "devices": ports }), text);
    Ok(())
}
