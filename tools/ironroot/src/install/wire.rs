//! The sub-commands of installation on the wire, and the way from the bootloader into the installer and back.

use std::time::Duration;

use ironroot_chip::OptionBytes;
use ironroot_codes::{Code, install as codes, transport};
use ironroot_layout::stm32h735::UNIQUE_ID;
use ironroot_layout::stm32h735::rss::RSS_DISABLED;
use ironroot_sfi::{CERTIFICATE_LEN, Certificate};
use ironroot_uart_bootloader::host::Exchange;
use ironroot_uart_bootloader::special;

use crate::commands::device::bootloader::{Bootloader, refusal};
use crate::error::{Failure, Result};
use crate::hex;

/// Longest time for the answer to some bytes of the package: an area is decrypted and programmed.
pub const PROGRAM: Duration = Duration::from_secs(10);
/// Tries to reach the installer after the reset.
const TRIES: u32 = 10;

/// The status of a sub-command as what it means.
pub fn check(status: u32) -> std::result::Result<(), Code> {
    match status {
        special::OK => Ok(()),
        special::UNKNOWN => Err(codes::NOT_PREPARED),
        RSS_DISABLED => Err(codes::IN_SERVICE),
        code => Err(u16::try_from(code).map_or(transport::BOOTLOADER_ANSWER, Code::from_number)),
    }
}

/// Runs a sub-command: the data and the status.
pub fn ask(
    loader: &mut Bootloader,
    code: u16,
    data: &[u8],
    write: &[u8],
    limit: Duration,
) -> Result<(Vec<u8>, u32)> {
    let script = if write.is_empty() {
        Exchange::special(code, data)
    } else {
        Exchange::extended_special(code, data, write)
    };
    let script = loader.run_patiently(script.map_err(refusal)?, limit)?;
    let (data, status) = script.special_answer();
    let status = <[u8; 4]>::try_from(status).map_err(|_| {
        Failure::new(transport::BOOTLOADER_ANSWER, format!("a status of {} bytes", status.len()))
    })?;
    Ok((data.to_vec(), u32::from_le_bytes(status)))
}

/// The same where only success goes on.
pub fn command(loader: &mut Bootloader, what: &str, code: u16, data: &[u8], write: &[u8]) -> Result<Vec<u8>> {
    let (answer, status) = ask(loader, code, data, write, PROGRAM)?;
    check(status).map_err(|code| Failure::new(code, format!("the device refused {what}")))?;
    Ok(answer)
}

/// Reads the certificate of a device in its bootloader or installer.
pub fn certificate(loader: &mut Bootloader) -> Result<Certificate> {
    let mut bytes = Vec::with_capacity(CERTIFICATE_LEN);
    while bytes.len() < CERTIFICATE_LEN {
        let offset = (bytes.len() as u16).to_le_bytes();
        let piece =
            command(loader, "its certificate", special::GET_CERTIFICATE, &offset, &[]).map_err(not_served)?;
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.iter().all(|byte| *byte == 0xFF) {
        return Err(Failure::new(codes::NO_IDENTITY, "the place of its certificate is erased"));
    }
    Certificate::parse(&bytes)
        .map_err(|code| Failure::new(code, format!("{} bytes that are no certificate", bytes.len())))
}

/// The option bytes in force, as the device says.
pub fn options(loader: &mut Bootloader) -> Result<OptionBytes> {
    let answer = command(loader, "its option bytes", special::OPTIONS, &[], &[])?;
    let words: Vec<u32> = answer.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    match words[..] {
        [optsr, prar, scar, wpsn, boot, optsr2] => {
            Ok(OptionBytes::FACTORY.with(&OptionBytes { optsr, prar, scar, wpsn, boot, optsr2 }))
        }
        _ => {
            let cause = format!("option bytes of {} bytes", answer.len());
            Err(Failure::new(transport::BOOTLOADER_ANSWER, cause))
        }
    }
}

/// A device that refuses the special commands altogether does not offer the service.
pub fn not_served(failure: Failure) -> Failure {
    if failure.code != transport::BOOTLOADER_REFUSED {
        return failure;
    }
    Failure { code: codes::NOT_PREPARED, fix: None, ..failure }
}

/// What the installer says of itself; `None` in a bootloader.
pub struct Status {
    /// The number of its phase.
    pub phase: u16,
    /// Why it refused.
    pub refusal: Option<Code>,
    /// The area that it takes.
    pub area: u32,
    /// The byte that it wants.
    pub offset: u32,
}

/// Asks the installer how it is.
pub fn status(loader: &mut Bootloader) -> Result<Option<Status>> {
    let (answer, status) = ask(loader, special::INSTALL_STATUS, &[], &[], PROGRAM).map_err(not_served)?;
    if status == special::UNKNOWN {
        return Ok(None);
    }
    check(status).map_err(|code| Failure::new(code, "the device refused to say how it is"))?;
    let word = |at: usize| {
        answer.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let code = (word(0) >> 16) as u16;
    Ok(Some(Status {
        phase: word(0) as u16,
        refusal: (code != 0).then(|| Code::from_number(code)),
        area: word(4),
        offset: word(8),
    }))
}

/// The unique id, where read protection lets it be read.
pub fn unique_id(loader: &mut Bootloader) -> Result<Option<String>> {
    match loader.read(UNIQUE_ID.start().value(), UNIQUE_ID.size().bytes() as usize, &mut |_| {}) {
        Ok(bytes) => Ok(Some(hex::encode(&bytes))),
        Err(failure) if failure.code == transport::BOOTLOADER_REFUSED => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Has the bootloader start the installer, and synchronises with that.
pub fn begin(loader: &mut Bootloader) -> Result {
    command(loader, "to begin", special::BEGIN_INSTALL, &[], &[]).map_err(not_served)?;
    let mut last = None;
    for _ in 0..TRIES {
        loader.link.settle()?;
        loader.forget();
        match loader.synchronise().and_then(|()| status(loader)) {
            Ok(Some(_)) => return Ok(()),
            // Back in the bootloader: the service did not start, and says why.
            Ok(None) => {
                let answer = command(loader, "to say why", special::GET_STATUS, &[], &[])?;
                let word = answer.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                let code = match word as u16 {
                    0 => codes::NOT_PREPARED,
                    code => Code::from_number(code),
                };
                return Err(Failure::new(code, "the installer did not start"));
            }
            Err(failure) if passes(failure.code) => last = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(transport::TIMEOUT, "the installer does not answer")))
}

/// Synchronises with the bootloader after the installer has ended.
pub fn reach_bootloader(loader: &mut Bootloader) -> Result {
    let mut last = None;
    for _ in 0..TRIES {
        loader.link.settle()?;
        loader.forget();
        match loader.synchronise() {
            Ok(()) => return Ok(()),
            Err(failure) if passes(failure.code) => last = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(transport::TIMEOUT, "the bootloader does not answer")))
}

/// A fault of the line, which a second try may not have.
pub fn passes(code: Code) -> bool {
    [transport::TIMEOUT, transport::BOOTLOADER_ANSWER, transport::BOOTLOADER_REFUSED].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_means() {
        assert_eq!(check(special::OK), Ok(()));
        assert_eq!(check(special::UNKNOWN), Err(codes::NOT_PREPARED));
        assert_eq!(check(RSS_DISABLED), Err(codes::IN_SERVICE));
        assert_eq!(check(4205), Err(codes::OTHER_PACKAGE));
        assert_eq!(check(0x1234_5678), Err(transport::BOOTLOADER_ANSWER));
    }
}
