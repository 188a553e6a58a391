//! The bootloader at the other end of a wire: commands of the protocol, with refusals that say why.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ironroot_codes::{Code, transport};
use ironroot_layout::stm32h735::SECTOR_COUNT;
use ironroot_uart_bootloader::host::{Error, Exchange, Part, Poll};
use ironroot_uart_bootloader::protocol::{BLOCK, COMMANDS, SPECIAL_WRITE};
use ironroot_uart_bootloader::special;
use serde_json::json;

use super::link::Link;
use crate::error::{Context, Failure, Result};
use crate::report::{BOLD, Reporter};

/// A line on which nothing came for so long is quiet.
const QUIET: Duration = Duration::from_millis(100);
/// Most time for a line to become quiet.
const RECOVERY: Duration = Duration::from_secs(5);

/// Tries to end a broken exchange: it is not known where in a pair of bytes it ended.
const RECOVERIES: u32 = 2;
/// How a broken exchange shows.
const BROKEN_OFF: [Code; 3] =
    [transport::TIMEOUT, transport::BOOTLOADER_ANSWER, transport::BOOTLOADER_REFUSED];

/// A bootloader that has answered the first byte.
pub struct Bootloader {
    /// The wire.
    pub link: Link,
    /// Bytes that went over it, both ways: what a line of some rate would have carried.
    pub carried: u64,
    line: VecDeque<u8>,
    name: String,
}

impl Bootloader {
    /// Opens the device and synchronises.
    pub fn connect(name: &str, baud: u32) -> Result<Self> {
        Self::on(Link::open(name, baud)?, name)
    }

    /// Synchronises over an open wire.
    pub fn on(link: Link, name: &str) -> Result<Self> {
        let mut bootloader = Bootloader { link, carried: 0, line: VecDeque::new(), name: name.to_owned() };
        bootloader.synchronise()?;
        Ok(bootloader)
    }

    /// Opens the device and asks it something that changes nothing. If the last command was ended in the middle of an exchange, the
    /// device still waits for the rest of that, and takes this for it: then that is ended first.
    pub fn ask<T>(
        name: &str,
        baud: u32,
        mut question: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<(Self, T)> {
        let mut ask = |mut bootloader: Self| question(&mut bootloader).map(|answer| (bootloader, answer));
        let mut outcome = Self::connect(name, baud).and_then(&mut ask);
        // A virtual device is powered on for the command: nothing was broken off.
        let tries = if name.starts_with("vdev:") { 0 } else { RECOVERIES };
        for _ in 0..tries {
            match &outcome {
                Err(failure) if BROKEN_OFF.contains(&failure.code) => {}
                _ => break,
            }
            drop(outcome);
            outcome = Self::recovered(Link::open(name, baud)?, name).and_then(&mut ask);
        }
        outcome
    }

    /// The same where an earlier exchange was broken off, so that the device may still wait for the rest of it.
    pub fn recovered(link: Link, name: &str) -> Result<Self> {
        let mut bootloader = Bootloader { link, carried: 0, line: VecDeque::new(), name: name.to_owned() };
        bootloader.recover()?;
        bootloader.synchronise()?;
        Ok(bootloader)
    }

    /// The first byte; a NACK means that another command has sent it before.
    pub fn synchronise(&mut self) -> Result {
        let mut script = Exchange::sync();
        match self.drive(&mut script, Duration::ZERO).about(&self.name) {
            Err(_) if script.error() == Some(Error::Nack(Part::Command)) => Ok(()),
            Err(failure) if failure.code == transport::TIMEOUT => Err(failure.fix(
                "Reset the device with BOOT0 high. A device at RDP level 2, or with a secure area, has no bootloader to offer.",
            )),
            other => other,
        }
    }

    /// Runs one command to its end.
    pub fn run(&mut self, script: Exchange) -> Result<Exchange> {
        self.run_patiently(script, Duration::ZERO)
    }

    /// The same with a device that may take so long for each answer, if that is more than the protocol allows.
    pub fn run_patiently(&mut self, mut script: Exchange, least: Duration) -> Result<Exchange> {
        self.drive(&mut script, least).about(&self.name)?;
        Ok(script)
    }

    /// Ends a frame that lost bytes on the way: whatever the device still waits for, it gets, and refuses. Then the line is
    /// quiet, and the next command is read from its beginning.
    pub fn recover(&mut self) -> Result {
        // More than the longest frame has. Commands are pairs of bytes, and it is not known where in a pair the frame ended: an
        // odd number, so that a second time begins at the other one.
        self.link.send(&[0; SPECIAL_WRITE + 257])?;
        let end = Instant::now() + RECOVERY;
        while Instant::now() < end {
            match self.link.receive(&mut self.line, QUIET) {
                Ok(()) => {}
                Err(failure) if failure.code == transport::TIMEOUT => break,
                Err(failure) => return Err(failure),
            }
        }
        self.line.clear();
        Ok(())
    }

    /// Forgets what has arrived and was not asked for.
    pub fn forget(&mut self) {
        while self.link.receive(&mut self.line, Duration::ZERO).is_ok() {}
        self.line.clear();
    }

    fn drive(&mut self, script: &mut Exchange, least: Duration) -> Result {
        loop {
            match script.poll() {
                Poll::Send(bytes) => {
                    self.carried += bytes.len() as u64;
                    self.link.send(bytes)?;
                }
                Poll::Done => return Ok(()),
                Poll::Receive(patience) => {
                    if self.line.is_empty() {
                        let limit = Duration::from_millis(patience.milliseconds().into()).max(least);
                        self.link.receive(&mut self.line, limit)?;
                    }
                    if let Some(byte) = self.line.pop_front() {
                        self.carried += 1;
                        script.received(byte).map_err(refusal)?;
                    }
                }
            }
        }
    }

    /// Reads memory; `done` is told how far it is.
    pub fn read(&mut self, address: u32, size: usize, done: &mut dyn FnMut(usize)) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            let at = address.checked_add(bytes.len() as u32).ok_or_else(|| refusal(Error::Argument))?;
            let script = Exchange::read(at, (size - bytes.len()).min(BLOCK)).map_err(refusal)?;
            let script = self.run(script).about(format!("{at:#010x}"))?;
            bytes.extend_from_slice(script.answer());
            done(bytes.len());
        }
        Ok(bytes)
    }

    /// Writes memory in blocks.
    pub fn write(&mut self, address: u32, bytes: &[u8], done: &mut dyn FnMut(usize)) -> Result {
        for (index, block) in bytes.chunks(BLOCK).enumerate() {
            let offset = index * BLOCK;
            let at = address.checked_add(offset as u32).ok_or_else(|| refusal(Error::Argument))?;
            self.run(Exchange::write(at, block).map_err(refusal)?)?;
            done(offset + block.len());
        }
        Ok(())
    }

    /// Erases sectors, or all.
    pub fn erase(&mut self, sectors: Option<&[u16]>) -> Result {
        let script = match sectors {
            Some(sectors) => Exchange::erase_sectors(sectors).map_err(refusal)?,
            None => Exchange::erase_all(),
        };
        self.run(script).map(|_| ())
    }
}

/// The refusal of a protocol error.
pub fn refusal(error: Error) -> Failure {
    let code = match error {
        Error::Nack(_) => transport::BOOTLOADER_REFUSED,
        Error::Unexpected(_) | Error::TooLong => transport::BOOTLOADER_ANSWER,
        Error::Argument => ironroot_codes::input::USAGE,
    };
    let failure = Failure::new(code, error.to_string());
    match error {
        Error::Nack(Part::Command) => failure.fix(
            "The device is read-protected (RDP level 1), or does not have this command: `ironroot device state` tells.",
        ),
        _ => failure,
    }
}

/// `ironroot device state`.
pub fn state(name: &str, baud: u32, report: &mut Reporter<'_>) -> Result {
    let (mut bootloader, get) = Bootloader::ask(name, baud, |bootloader| bootloader.run(Exchange::get()))?;
    let (version, commands) = get.answer().split_first().ok_or_else(|| refusal(Error::TooLong))?;
    let (version, commands) = (*version, commands.to_vec());
    let id = bootloader.run(Exchange::get_id())?;
    let pid = id.answer().iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
    // Reading the unique id is what level 1 refuses first.
    let unique_id = match bootloader.read(0x1FF1_E800, 12, &mut |_| {}) {
        Ok(bytes) => Some(crate::hex::encode(&bytes)),
        Err(failure) if failure.code == transport::BOOTLOADER_REFUSED => None,
        Err(failure) => return Err(failure),
    };
    let services = match bootloader.run(Exchange::special(special::GET_STATUS, &[]).map_err(refusal)?) {
        Ok(script) => Some(
            script.special_answer().0.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)),
        ),
        Err(failure) if failure.code == transport::BOOTLOADER_REFUSED => None,
        Err(failure) => return Err(failure),
    };
    let unknown = commands.iter().filter(|code| COMMANDS.iter().all(|entry| entry.opcode != **code)).count();
    let protected = unique_id.is_none();
    let data = json!({
        "product_id": pid,
        "protocol": format!("{}.{}", version >> 4, version & 15),
        "commands": commands,
        "unknown_commands": unknown,
        "read_protected": protected,
        "unique_id": unique_id,
        "sectors": SECTOR_COUNT,
        "services": services.is_some(),
        "last_service": services.map(|status| json!({ "service": status >> 16, "code": status & 0xFFFF })),
    });
    let text = format!(
        "{BOLD}product id 0x{pid:03X}{BOLD:#}, protocol {}.{}, {} commands\nread protection  {}\nunique id        {}\nservices         {}",
        version >> 4,
        version & 15,
        commands.len(),
        if protected { "level 1: identification only" } else { "none" },
        unique_id.as_deref().unwrap_or("not readable"),
        match services {
            None => "closed (Standard mode, or the secure area has been left)".to_owned(),
            Some(0) => "open; none has run since power-on".to_owned(),
            Some(status) if status & 0xFFFF == 0 =>
                format!("open; the last one, {}, succeeded", status >> 16),
            Some(status) =>
                format!("open; the last one, {}, ended with IR-{:04}", status >> 16, status & 0xFFFF),
        },
    );
    report.result("device state", data, text);
    bootloader.link.close()
}
