//! Programming the STM32H73x through its debug port with the controller's real register sequences (RM0399 section 4.3, the
//! same flash IP): what OpenOCD or a programmer would do, over any [`DebugPort`].

use ironroot_codes::{Code, transport, vdev};

use crate::port::{DebugPort, Port, Refusal};

/// Registers of the flash interface (facts: base 0x5200_2000).
mod register {
    pub const KEYR: u32 = 0x5200_2004;
    pub const OPTKEYR: u32 = 0x5200_2008;
    pub const CR: u32 = 0x5200_200C;
    pub const SR: u32 = 0x5200_2010;
    pub const CCR: u32 = 0x5200_2014;
    pub const OPTCR: u32 = 0x5200_2018;
    pub const OPTSR_CUR: u32 = 0x5200_201C;
    pub const OPTCCR: u32 = 0x5200_2024;
}

const CR_LOCK: u32 = 1;
const CR_PG: u32 = 1 << 1;
const CR_SER: u32 = 1 << 2;
const CR_PSIZE: u32 = 3 << 4;
const CR_FW: u32 = 1 << 6;
const CR_START: u32 = 1 << 7;
const SR_QW: u32 = 1 << 2;
/// WRPERR to RDSERR and the ECC flags.
const SR_ERRORS: u32 = 0x07EE_0000;
const SR_WRPERR: u32 = 1 << 17;
const OPTSTART: u32 = 2;
const OPT_BUSY: u32 = 1;
const OPTCHANGEERR: u32 = 1 << 30;

const FLASH_BASE: u32 = 0x0800_0000;
const SECTOR: u32 = 128 * 1024;
const WORD: usize = 32;
/// Longest operation: the erase of a sector takes up to 4 s at the slowest supply; polls are 64 cycles apart at least.
const POLLS: u32 = 20_000;
const POLL_CYCLES: u64 = 64_000;

#[derive(Clone, Copy)]
enum Operation {
    Erase,
    Program,
}

impl Operation {
    fn failed(self) -> Code {
        match self {
            Operation::Erase => vdev::FLASH_ERASE_FAILED,
            Operation::Program => vdev::FLASH_PROGRAM_FAILED,
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Operation::Erase => "sector erase",
            Operation::Program => "program",
        })
    }
}

/// Erases and programs through a debug port.
pub struct FlashLoader<'a, B: DebugPort> {
    port: Port<'a, B>,
}

impl<'a, B: DebugPort> FlashLoader<'a, B> {
    /// A loader on this port.
    pub fn new(port: Port<'a, B>) -> Self {
        FlashLoader { port }
    }

    /// The port.
    pub fn port(&mut self) -> &mut Port<'a, B> {
        &mut self.port
    }

    fn unlock(&mut self) -> Result<(), Refusal> {
        if self.port.read_word(register::CR)? & CR_LOCK != 0 {
            self.port.write_word(register::KEYR, 0x4567_0123)?;
            self.port.write_word(register::KEYR, 0xCDEF_89AB)?;
        }
        self.port.write_word(register::CCR, SR_ERRORS)
    }

    fn lock(&mut self) -> Result<(), Refusal> {
        self.port.write_word(register::CR, CR_LOCK)
    }

    /// Waits for the controller, then turns its error flags into a refusal.
    fn finish(&mut self, what: Operation, address: u32) -> Result<(), Refusal> {
        for _ in 0..POLLS {
            let status = self.port.read_word(register::SR)?;
            if status & SR_QW == 0 {
                let errors = status & SR_ERRORS;
                if errors == 0 {
                    return Ok(());
                }
                self.port.write_word(register::CCR, errors)?;
                let code = if errors & SR_WRPERR != 0 { vdev::WRITE_PROTECTED } else { what.failed() };
                return Err(Refusal {
                    code,
                    text: format!("{what} at {address:#010x}: FLASH_SR error flags {errors:#010x}"),
                });
            }
            self.port.wait(POLL_CYCLES);
        }
        Err(Refusal { code: transport::TIMEOUT, text: format!("{what} at {address:#010x}: FLASH_SR.QW never cleared") })
    }

    /// Erases the sectors that `length` bytes at `start` touch.
    pub fn erase(&mut self, start: u32, length: u32) -> Result<(), Refusal> {
        if length == 0 {
            return Ok(());
        }
        let first = start.wrapping_sub(FLASH_BASE) / SECTOR;
        let last = start.wrapping_add(length - 1).wrapping_sub(FLASH_BASE) / SECTOR;
        for sector in first..=last {
            self.unlock()?;
            let control = CR_SER | CR_PSIZE | (sector << 8);
            self.port.write_word(register::CR, control)?;
            self.port.write_word(register::CR, control | CR_START)?;
            self.finish(Operation::Erase, FLASH_BASE + sector * SECTOR)?;
            self.lock()?;
        }
        Ok(())
    }

    /// Programs bytes into erased flash. The ends of the range are completed to flash words with 0xFF: a flash word is
    /// programmed once, so two calls must not share one (see [`FlashLoader::program_all`]).
    pub fn program(&mut self, start: u32, data: &[u8]) -> Result<(), Refusal> {
        self.program_all(&[(start, data.to_vec())])
    }

    /// Programs pieces in ascending order, joining those that share a flash word.
    pub fn program_all(&mut self, pieces: &[(u32, Vec<u8>)]) -> Result<(), Refusal> {
        let mut words = std::collections::BTreeMap::<u32, [u8; WORD]>::new();
        for (start, data) in pieces {
            for (i, byte) in (0u32..).zip(data) {
                let address = start.wrapping_add(i);
                let word = words.entry(address & !(WORD as u32 - 1)).or_insert([0xFF; WORD]);
                word[address as usize % WORD] = *byte;
            }
        }
        self.unlock()?;
        for (address, word) in words {
            self.port.write_word(register::CR, CR_PG | CR_PSIZE)?;
            self.port.write_bytes(address, &word)?;
            self.finish(Operation::Program, address)?;
        }
        self.lock()
    }

    /// Completes a flash word that the host left half written (CR.FW).
    pub fn force_write(&mut self) -> Result<(), Refusal> {
        self.port.write_word(register::CR, CR_PG | CR_PSIZE | CR_FW)
    }

    /// Reads back and compares.
    pub fn verify(&mut self, start: u32, data: &[u8]) -> Result<(), Refusal> {
        let mut actual = vec![0; data.len()];
        self.port.read_bytes(start, &mut actual)?;
        match actual.iter().zip(data).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(at) => Err(Refusal {
                code: vdev::READ_BACK_MISMATCH,
                text: format!(
                    "at {:#010x}: wanted {:#04x}, flash holds {:#04x}",
                    start + at as u32,
                    data[at],
                    actual[at]
                ),
            }),
        }
    }

    /// Changes option registers by the real sequence: unlock, write the PRG registers, OPTSTART, wait, look at OPTCHANGEERR.
    /// `changes`: (address of a PRG register, value).
    pub fn change_options(&mut self, changes: &[(u32, u32)]) -> Result<(), Refusal> {
        if self.port.read_word(register::OPTCR)? & 1 != 0 {
            self.port.write_word(register::OPTKEYR, 0x0819_2A3B)?;
            self.port.write_word(register::OPTKEYR, 0x4C5D_6E7F)?;
        }
        self.port.write_word(register::OPTCCR, OPTCHANGEERR)?;
        for (address, value) in changes {
            self.port.write_word(*address, *value)?;
        }
        self.port.write_word(register::OPTCR, OPTSTART)?;
        for _ in 0..POLLS {
            let status = self.port.read_word(register::OPTSR_CUR)?;
            if status & OPT_BUSY == 0 {
                self.port.write_word(register::OPTCR, 1)?;
                if status & OPTCHANGEERR != 0 {
                    return Err(Refusal {
                        code: vdev::OPTION_CHANGE_ERROR,
                        text: "OPTSR_CUR.OPTCHANGEERR is set: the change breaks a rule of the option bytes".into(),
                    });
                }
                return Ok(());
            }
            self.port.wait(POLL_CYCLES);
        }
        Err(Refusal { code: transport::TIMEOUT, text: "OPTSR_CUR.OPT_BUSY never cleared".into() })
    }
}
