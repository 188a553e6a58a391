//! The device that is provisioned: through its bootloader, whether that answers on a serial port or on the USART of a virtual
//! device. Only the external flash of a virtual device, and the look at what it holds, go past it: that is what the loader of
//! a board and a debug probe are otherwise for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ironroot_chip_h7rs::{BoardH7, PowerCut, RomImage, Stm32h7rs};
use ironroot_codes::{Code, input, project as codes, transport};
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h7rs::chip::{FLASH, SECTOR};
use ironroot_layout::stm32h7rs::obkeys::{Destination, KEY_SIZE};
use ironroot_layout::stm32h7rs::product::OptionRegister;
use ironroot_layout::stm32h7rs::rsslib::SUCCESS;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use ironroot_layout::stm32h7rs::{ERASED, Part, XSPI1, XSPI2};
use ironroot_layout::{Address, Region};
use ironroot_uart_bootloader::host::Exchange;
use ironroot_uart_bootloader::special;
use zeroize::Zeroizing;

use super::start::Start;
use crate::commands::device::bootloader::Bootloader;
use crate::commands::device::link::Link;
use crate::error::{Context, Failure, Result};
use crate::hex;
use crate::install::wire;
use crate::vdev::chip::AnyBoard;
use crate::vdev::session::Session;
use crate::vdev::{self, HeldBoard};

/// Where the bootloader has the unique id.
const UNIQUE_ID: u32 = 0x08FF_F800;
/// The identity of the family.
const DEV_ID: u32 = 0x485;
/// Longest time for a service.
const SERVICE: Duration = Duration::from_secs(10);
/// Most instructions until a closing is done, and between two looks.
const CLOSING: u64 = 20_000_000;
const LOOK: u64 = 1_000;
/// Bytes that are compared at a time.
const PIECE: u32 = 4096;
/// The bits of NVSRP, ROTSRP, ... in the answer of [`special::OPTION_WORDS`], by position.
const WORDS: usize = 7;

/// The option words in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options([u32; WORDS]);

impl Options {
    /// The word of a register.
    pub fn get(&self, register: OptionRegister) -> u32 {
        let [nvs, rots, wrps, hdps, _, obw1, obw2] = self.0;
        match register {
            OptionRegister::Nvsrp => nvs,
            OptionRegister::Rotsrp => rots,
            OptionRegister::Wrpsrp => wrps,
            OptionRegister::Hdpsrp => hdps,
            OptionRegister::Obw1srp => obw1,
            OptionRegister::Obw2srp => obw2,
        }
    }

    /// DBG_AUTH.
    pub fn debug(&self) -> DebugAuthentication {
        let [_, debug, ..] = self.get(OptionRegister::Rotsrp).to_le_bytes();
        DebugAuthentication::from_bits(debug)
    }

    /// The product state.
    pub fn state(&self) -> ProductState {
        let [provisioned, ..] = self.get(OptionRegister::Rotsrp).to_le_bytes();
        let [nvstate, ..] = self.get(OptionRegister::Nvsrp).to_le_bytes();
        ProductState::of(nvstate, provisioned, self.debug())
    }
}

/// What is known of keys.
pub enum Keys {
    /// Nobody outside of the chip can read them.
    Hidden,
    /// At least one is absent, or has another length.
    Absent,
    /// The bytes.
    Present(Zeroizing<Vec<u8>>),
}

/// Where a virtual board came from.
struct File {
    path: PathBuf,
    held: HeldBoard<AnyBoard>,
}

/// A device.
pub struct Bench {
    name: String,
    part: Part,
    uid: [u8; 12],
    /// The board as it was, with its boot pin: of a virtual device.
    board: Option<BoardH7>,
    file: Option<File>,
    /// The wire, while the bootloader answers.
    loader: Option<Bootloader>,
    baud: u32,
    cut: Option<PowerCut>,
    /// The board that was last started for a look, and what that showed.
    started: Option<(BoardH7, Start)>,
}

/// The board of a virtual device, if this part.
fn h7rs(board: &AnyBoard, path: &Path) -> Result<BoardH7> {
    match board {
        AnyBoard::H7rs(board) => Ok(board.as_ref().clone()),
        AnyBoard::H735(_) => {
            let cause = "the board has an stm32h735; products of descriptions have an STM32H7R/7S";
            Err(Failure::new(codes::PROVISION_DEVICE, cause).about(path.display()))
        }
    }
}

impl Bench {
    /// Opens `vdev:FILE` or `uart:PORT`, for a product with `part`.
    pub fn open(device: &str, baud: u32, part: Part) -> Result<Self> {
        let Some(path) = device.strip_prefix("vdev:").filter(|path| !path.is_empty()) else {
            if !device.starts_with("uart:") {
                let cause = format!("`{device}` is neither uart:PORT nor vdev:FILE");
                return Err(Failure::new(transport::BAD_DEVICE_NAME, cause));
            }
            let mut bench = Self::new(device, part, baud);
            bench.identify()?;
            return Ok(bench);
        };
        let path = PathBuf::from(path);
        let held = vdev::load_any(&path)?;
        let board = h7rs(&held.board, &path)?;
        let mut bench = Self::on_board(board, device);
        bench.file = Some(File { path, held });
        bench.check_part(part)?;
        Ok(bench)
    }

    fn new(name: &str, part: Part, baud: u32) -> Self {
        let (board, file, loader, cut, started) = (None, None, None, None, None);
        Bench { name: name.to_owned(), part, uid: [0; 12], board, file, loader, baud, cut, started }
    }

    /// A board that no file has.
    pub fn on_board(board: BoardH7, name: &str) -> Self {
        let (part, uid) = (board.part(), *board.uid());
        Bench { uid, board: Some(board), ..Self::new(name, part, 0) }
    }

    fn check_part(&self, wanted: Part) -> Result {
        if self.part == wanted {
            return Ok(());
        }
        let cause = format!("the device has an {}, the product an {}", self.part.name(), wanted.name());
        Err(Failure::new(codes::PROVISION_DEVICE, cause).about(&self.name))
    }

    /// Asks a device on a serial port what it is.
    fn identify(&mut self) -> Result {
        let (loader, (id, uid)) = Bootloader::ask(&self.name, self.baud, |loader| {
            let id = loader.run(Exchange::get_id())?;
            let id = id.answer().iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
            Ok((id, loader.read(UNIQUE_ID, 12, &mut |_| {})?))
        })?;
        if id != DEV_ID {
            let cause = format!("the device says that it is {id:#05x}; an STM32H7R/7S is {DEV_ID:#05x}");
            return Err(Failure::new(codes::PROVISION_DEVICE, cause).about(&self.name));
        }
        self.uid = uid
            .try_into()
            .map_err(|_| Failure::new(transport::BOOTLOADER_ANSWER, "a unique id of another length"))?;
        self.loader = Some(loader);
        Ok(())
    }

    /// The unique id in hex.
    pub fn uid(&self) -> String {
        hex::encode(&self.uid)
    }

    /// The name that it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a virtual device.
    pub fn is_virtual(&self) -> bool {
        self.board.is_some()
    }

    /// Cuts the power of a virtual device at an operation of its flash: for tests.
    pub fn cut_power_at(&mut self, cut: Option<PowerCut>) {
        self.cut = cut;
    }

    /// The board of a virtual device as it is now.
    pub fn board(&mut self) -> Option<BoardH7> {
        let before = self.board.as_ref()?;
        let boot0 = before.boot0();
        let session = self.loader.as_mut().and_then(|loader| loader.link.h7rs_session());
        let mut board = match session {
            None => before.clone(),
            Some(session) => session.chip().to_board(),
        };
        board.set_boot0(boot0);
        Some(board)
    }

    /// What a copy of a virtual device does when it is powered on; `None` of another device. The same board is started once.
    pub fn start(&mut self, run: Region) -> Result<Option<&Start>> {
        let Some(board) = self.board() else { return Ok(None) };
        if self.started.as_ref().is_none_or(|(known, _)| *known != board) {
            let start = Start::of(&board, &vdev::system_flash_h7rs()?, run)?;
            self.started = Some((board, start));
        }
        Ok(self.started.as_ref().map(|(_, start)| start))
    }

    /// Ends the power of a virtual device; the next command to its bootloader begins a new one.
    pub fn power_off(&mut self) {
        if let Some(board) = self.board() {
            self.board = Some(board);
            self.loader = None;
        }
    }

    /// Keeps what a virtual device has now in its file.
    pub fn save(&mut self) -> Result {
        let Some(board) = self.board() else { return Ok(()) };
        let Some(File { path, held }) = &mut self.file else { return Ok(()) };
        let board = AnyBoard::H7rs(Box::new(board));
        if held.board != board {
            vdev::save(&board, path)?;
            held.board = board;
        }
        Ok(())
    }

    /// The bootloader; a virtual device is powered on with BOOT0 high for it.
    fn loader(&mut self) -> Result<&mut Bootloader> {
        if self.loader.is_none() {
            let link = match &self.board {
                None => Link::open(&self.name, self.baud)?,
                Some(board) => {
                    let mut board = board.clone();
                    board.set_boot0(true);
                    let mut session = Session::<Stm32h7rs>::on(&board, &vdev::system_flash_h7rs()?);
                    session.chip().cut_power_at(self.cut.take());
                    Link::H7rs(Box::new(session))
                }
            };
            self.loader = Some(Bootloader::on(link, &self.name)?);
        }
        self.loader.as_mut().ok_or_else(|| Failure::internal("a link that was opened is not there"))
    }

    /// Runs a service of the bootloader that succeeds or is refused by the device with a code.
    fn service(&mut self, what: &str, code: u16, data: &[u32], write: &[u8]) -> Result<Vec<u8>> {
        let data: Vec<u8> = data.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (answer, status) = wire::ask(self.loader()?, code, &data, write, SERVICE)?;
        match status {
            special::OK => Ok(answer),
            status => {
                let code = u16::try_from(status).map_or(transport::BOOTLOADER_ANSWER, Code::from_number);
                Err(Failure::new(code, format!("the device refused {what} (status {status:#x})"))
                    .about(&self.name))
            }
        }
    }

    /// The option words in force.
    pub fn options(&mut self) -> Result<Options> {
        if let Some(options) = self.options_now() {
            return Ok(options);
        }
        let answer = self.service("its option bytes", special::OPTION_WORDS, &[], &[])?;
        let words: Vec<u32> = answer.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let words = words.try_into().map_err(|_| {
            Failure::new(transport::BOOTLOADER_ANSWER, format!("option bytes of {} bytes", answer.len()))
        })?;
        Ok(Options(words))
    }

    /// Changes bits of an option word.
    pub fn set_option(&mut self, register: OptionRegister, mask: u32, value: u32) -> Result {
        let what = format!("a change of {}", register.name());
        self.service(&what, special::SET_OPTION, &[register.address(), mask, value], &[]).map(|_| ())
    }

    /// Changes the product state. Behind a closing one the bootloader is gone with the next reset.
    pub fn set_state(&mut self, state: ProductState) -> Result {
        let number = u32::from(state.number());
        let what = format!("product state {}", state.name());
        self.service(&what, special::SET_PRODUCT_STATE, &[number], &[])?;
        if !matches!(state, ProductState::Closed | ProductState::Locked) {
            return Ok(());
        }
        // The answer comes first, and behind the change the chip resets and the product boots. A virtual device is stopped in
        // between, so that what was provisioned can be compared.
        if let Some(session) = self.loader.as_mut().and_then(|loader| loader.link.h7rs_session()) {
            let end = session.machine.core.instructions.saturating_add(CLOSING);
            while session.chip().product_state() != state
                && session.machine.core.instructions < end
                && session.machine.run(LOOK) == Stop::Limit
            {}
            self.power_off();
        } else if let Some(loader) = &mut self.loader {
            loader.link.settle()?;
        }
        Ok(())
    }

    /// The option words of a virtual device.
    fn options_now(&mut self) -> Option<Options> {
        let board = self.board()?;
        let o = board.options();
        Some(Options([o.nvsr, o.rotsr, o.wrpsr, o.hdpsr, o.epochsr, o.obw1sr, o.obw2sr]))
    }

    /// Writes option-byte keys. Those of level 0 go through a reset, behind which the device says how it went.
    pub fn provision(&mut self, to: Destination, encrypt: bool, content: &[u8]) -> Result {
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let data = [to.word(), size, u32::from(encrypt), crc(content)];
        self.service("the keys", special::DATA_PROVISIONING, &data, content)?;
        if to.level != Hdpl::Level0 {
            return Ok(());
        }
        let loader = self.loader()?;
        wire::reach_bootloader(loader)?;
        let answer = self.service("to say how it went", special::GET_STATUS, &[], &[])?;
        match answer.first_chunk().map(|word| u32::from_le_bytes(*word)) {
            Some(SUCCESS) => Ok(()),
            word => {
                let code = word.and_then(|word| u16::try_from(word).ok());
                let code = code.map_or(transport::BOOTLOADER_ANSWER, Code::from_number);
                Err(Failure::new(code, "the root security services refused the keys").about(&self.name))
            }
        }
    }

    /// Keys as far as they can be looked at.
    pub fn keys(&mut self, from: Destination, size: u32) -> Keys {
        let Some(board) = self.board() else { return Keys::Hidden };
        let mut bytes = Zeroizing::new(Vec::with_capacity(size as usize));
        for offset in 0..size / KEY_SIZE {
            let index = u8::try_from(u32::from(from.index) + offset).unwrap_or(u8::MAX);
            match board.persistent().keys.get(from.level, index) {
                Some(key) => bytes.extend_from_slice(key.bytes()),
                None => return Keys::Absent,
            }
        }
        if bytes.len() == size as usize { Keys::Present(bytes) } else { Keys::Absent }
    }

    /// Bytes of user flash.
    pub fn flash(&mut self, address: u32, size: usize) -> Result<Vec<u8>> {
        if let Some(board) = self.board() {
            let start = address.wrapping_sub(FLASH.start().value()) as usize;
            let bytes = board.flash().get(start..start.saturating_add(size));
            return Ok(bytes.unwrap_or_default().to_vec());
        }
        self.loader()?.read(address, size, &mut |_| {})
    }

    /// Erases the sectors that bytes at `address` need, after taking their protection away.
    pub fn erase_flash(&mut self, address: u32, size: usize) -> Result {
        let options = self.options()?;
        if options.get(OptionRegister::Wrpsrp) & 0xFF != 0xFF {
            self.set_option(OptionRegister::Wrpsrp, 0xFF, 0xFF)?;
        }
        let first = address.wrapping_sub(FLASH.start().value()) / SECTOR.bytes();
        let last = address.wrapping_sub(FLASH.start().value()).saturating_add(size.max(1) as u32 - 1)
            / SECTOR.bytes();
        let sectors: Vec<u16> = (first..=last).filter_map(|sector| u16::try_from(sector).ok()).collect();
        self.loader()?.erase(Some(&sectors))
    }

    /// Programs erased user flash.
    pub fn write_flash(&mut self, address: u32, bytes: &[u8]) -> Result {
        let name = self.name.clone();
        self.loader()?.write(address, bytes, &mut |_| {}).about(name)
    }

    /// Whether the external flash holds these bytes; `None` if nobody here can tell.
    pub fn external_is(&mut self, area: Region, bytes: &[u8]) -> Option<bool> {
        let board = self.board()?;
        let number = [XSPI1, XSPI2].iter().position(|window| window.contains(area.start()))?;
        let window = [XSPI1, XSPI2].get(number)?.start().value();
        let flash = board.external().get(number)?;
        let offset = area.start().value().wrapping_sub(window);
        let mut found = vec![ERASED; PIECE as usize];
        for (index, wanted) in (0..).zip(bytes.chunks(PIECE as usize)) {
            let found = found.get_mut(..wanted.len())?;
            flash.read(offset.checked_add(index * PIECE)?, found);
            if found != wanted {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Puts bytes into the external flash of a virtual device, as the loader of a board does.
    pub fn write_external(&mut self, address: u32, bytes: &[u8], loader: &str) -> Result {
        let name = self.name.clone();
        if !self.is_virtual() {
            let cause = format!("{} bytes belong at {address:#010x}; the loader is {loader}", bytes.len());
            return Err(Failure::new(codes::PROVISION_UNREACHABLE, cause).about(name));
        }
        // Its own power-on: what is written past the core is no business of what runs there.
        self.power_off();
        let board = self.board.as_mut();
        if board.is_some_and(|board| board.preload_external(address, bytes)) {
            return Ok(());
        }
        let cause = format!(
            "{} bytes at {address:#010x} do not fit the external flash of a virtual device",
            bytes.len()
        );
        Err(Failure::new(input::USAGE, cause).about(name))
    }
}

/// The first boot of a board with its boot pin low: for rehearsals.
pub fn power_on(board: &BoardH7, rom: &RomImage) -> Session<Stm32h7rs> {
    let mut board = board.clone();
    board.set_boot0(false);
    Session::on(&board, rom)
}

/// Bytes of a memory of the chip past all protections: a model can be looked into.
pub fn peek(session: &Session<Stm32h7rs>, area: Region) -> Vec<u8> {
    let offset = session.machine.core.bus.arena_offset(area.start().value());
    offset
        .map(|offset| session.machine.memory().slice(offset, area.size().bytes() as usize).to_vec())
        .unwrap_or_default()
}

/// Whether an address lies in a region.
pub fn is_in(area: Region, address: u32) -> bool {
    area.contains(Address::new(address))
}

/// CRC-32 as in zip.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(super::crc(b"123456789"), 0xCBF4_3926);
    }
}
