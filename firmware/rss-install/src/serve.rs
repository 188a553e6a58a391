//! The host's side of an installation: the bootloader's protocol with the sub-commands of the installer, and nothing else.

use ironroot_crypto::Software;
use ironroot_hal::install::CERTIFICATE_LEN;
use ironroot_hal::{flash, install, memory, serial};
use ironroot_sfi::{Installer, Phase};
use ironroot_uart_bootloader::device::{Answer, Device, Erase, Next, Refused, Sink, Special, Target};
use ironroot_uart_bootloader::protocol::{Command, SPECIAL_DATA, SYNC};
use ironroot_uart_bootloader::special;

use crate::target::Chip;

type Run<'a, 'b> = &'a mut Installer<'b, Chip, Software>;

struct Line(serial::Port);

impl Sink for Line {
    fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }
}

/// Serves until the host ends it.
pub fn run(installer: Run<'_, '_>) {
    let mut line = Line(serial::open(SYNC));
    let mut host = Host { installer };
    let mut device = Device::new();
    device.byte(SYNC, &mut host, &mut line);
    loop {
        if let Next::Serve = device.byte(line.0.receive(), &mut host, &mut line) {
            break;
        }
    }
    if host.installer.status().phase != Phase::Done {
        host.installer.abort();
    }
    line.0.flush();
}

struct Host<'a, 'b> {
    installer: Run<'a, 'b>,
}

impl Host<'_, '_> {
    /// The status of a sub-command.
    fn serve(&mut self, special: Special<'_>, answer: &mut Answer) -> u32 {
        let outcome = match (special.code, special.data, special.write) {
            (special::GET_CERTIFICATE, [low, high], []) => {
                let at = usize::from(u16::from_le_bytes([*low, *high]));
                let certificate: [u8; CERTIFICATE_LEN] = install::certificate();
                let rest = certificate.get(at..).unwrap_or_default();
                put(answer, rest.get(..SPECIAL_DATA).unwrap_or(rest));
                Ok(())
            }
            (special::LICENCE, [], licence) => self.installer.licence(licence),
            (special::PACKAGE, data, bytes) if data.len() == 4 => {
                let offset = data.first_chunk().map_or(0, |offset| u32::from_le_bytes(*offset));
                let outcome = self.installer.package(offset, bytes);
                put(answer, &self.installer.status().offset.to_le_bytes());
                outcome.map(|_| ())
            }
            (special::INSTALL_STATUS, [], []) => {
                let status = self.installer.status();
                let code = status.refusal.map_or(0, |code| code.number());
                let first = status.phase as u32 | u32::from(code) << 16;
                put_words(answer, [first, status.area, status.offset]);
                Ok(())
            }
            (special::OPTIONS, [], []) => {
                put_words(answer, flash::options());
                Ok(())
            }
            (special::END_INSTALL, [], []) => Ok(()),
            _ => return special::UNKNOWN,
        };
        match outcome {
            Ok(()) => special::OK,
            Err(code) => u32::from(code.number()),
        }
    }
}

fn put_words<const N: usize>(answer: &mut Answer, words: [u32; N]) {
    for (place, word) in answer.data.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    answer.len = 4 * N;
}

fn put(answer: &mut Answer, bytes: &[u8]) {
    for (place, byte) in answer.data.iter_mut().zip(bytes) {
        *place = *byte;
    }
    answer.len = bytes.len().min(SPECIAL_DATA);
}

impl Target for Host<'_, '_> {
    fn allows(&mut self, command: Command) -> bool {
        matches!(
            command,
            Command::Get | Command::GetVersion | Command::GetId | Command::Special | Command::ExtendedSpecial
        )
    }

    fn product_id(&mut self) -> u16 {
        memory::bootloader_pid()
    }

    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool {
        answer.status = self.serve(special, answer);
        special.code == special::END_INSTALL && answer.status == special::OK
    }

    // Never reached: `allows` refuses the commands that lead here.

    fn sectors(&mut self) -> u32 {
        0
    }

    fn may_read(&mut self, _: u32) -> bool {
        false
    }

    fn may_write(&mut self, _: u32) -> bool {
        false
    }

    fn may_start(&mut self, _: u32) -> bool {
        false
    }

    fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), Refused> {
        Err(Refused)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), Refused> {
        Err(Refused)
    }

    fn erase(&mut self, _: Erase) -> Result<(), Refused> {
        Err(Refused)
    }

    fn write_protect(&mut self, _: u32) -> Result<(), Refused> {
        Err(Refused)
    }

    fn write_unprotect(&mut self) -> Result<(), Refused> {
        Err(Refused)
    }

    fn readout_protect(&mut self) -> Result<(), Refused> {
        Err(Refused)
    }
}
