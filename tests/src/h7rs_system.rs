//! A virtual STM32H7R/7S with our whole system flash: for tests of RSS, RSSLIB, STiRoT, bootloader and debug authentication.

use ironroot_chip_h7rs::{BoardH7, RomImage, Stm32h7rs};
use ironroot_cpu::bus::Size;
use ironroot_crypto::seal::EncryptionKey;
use ironroot_crypto::{Crypto, KeyBits, P256ContentKeys, Sealing, Signer, SigningKey, Software};
use ironroot_debug_auth::host::{self, Answer};
use ironroot_debug_auth::mailbox::{DEV_ACK, HELLO, HOST_ACK, Receiver, WELCOME, words};
use ironroot_image::build::{Builder, KeySource, Seal};
use ironroot_image::{Dialect, Version};
use ironroot_layout::stm32h7rs::obkeys::{Destination, IROT_CONFIG, STIROT_DATA};
use ironroot_layout::stm32h7rs::state::{
    DebugAuthentication, IROT_OEM, IROT_ST, NVSTATE_CLOSED, NVSTATE_OPEN, OEM_NOT_PROVISIONED,
    OEM_PROVISIONED, ProductState,
};
use ironroot_layout::stm32h7rs::{Part, chip, contract, iloader, stirot};

use crate::assemble::assemble;
use crate::device::load_pieces;
use crate::firmware;
use crate::h7rs::{DEVICE_SCALAR, Device, data, set_keys, signing_key};

/// Where the programs of `tests/arm` leave what they found, those in user flash.
const RESULT: u32 = 0x2000_8000;
/// The same of applications: RAM that is open to all of them.
pub const LEFT: u32 = 0x3000_5000;
/// The installed image, and the download.
pub const INSTALL: u32 = 0x9000_0000;
/// See [`INSTALL`].
pub const DOWNLOAD: u32 = 0x9002_0000;
/// Where STiRoT's image is, and how much room it has.
pub const AREA: (u32, u32) = (0x2400_0000, 0x2_0000);

/// Our system flash.
pub fn rom() -> RomImage {
    let programs = ["rss-h7rs", "rsslib-h7rs", "stirot-h7rs", "bootloader-h7rs"];
    let pieces = programs.map(|name| load_pieces(&std::fs::read(firmware(name)).expect("readable")));
    RomImage::h7rs(pieces.concat()).expect("the ROM fits system flash")
}

/// A device with our system flash, just powered on.
pub fn device(board: &BoardH7) -> Device {
    Device::with_rom(board, &rom())
}

/// A new board in a state, with the first stage that is asked for.
pub fn board(part: Part, state: ProductState, debug: DebugAuthentication, stirot: bool) -> BoardH7 {
    let mut board = BoardH7::with_serial(part, 11);
    let provisioned = if state == ProductState::Open { OEM_NOT_PROVISIONED } else { OEM_PROVISIONED };
    let open = matches!(state, ProductState::Open | ProductState::Provisioning);
    let debug = if state == ProductState::Locked { DebugAuthentication::Locked } else { debug };
    let first = if stirot { IROT_ST } else { IROT_OEM };
    let options = board.options_mut();
    options.nvsr = u32::from(if open { NVSTATE_OPEN } else { NVSTATE_CLOSED });
    options.rotsr = u32::from_le_bytes([provisioned, debug.bits(), 0, first]);
    board
}

/// A program of `tests/arm` as one piece, with words put behind its first two vectors.
pub fn program(name: &str, vectors: u32, words: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (address, data) in assemble(name, vectors) {
        let at = address.checked_sub(vectors).expect("behind the vectors") as usize;
        bytes.resize(bytes.len().max(at + data.len()), 0xFF);
        bytes[at..at + data.len()].copy_from_slice(&data);
    }
    for (place, word) in bytes[8..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Puts a program into user flash.
pub fn install(board: &mut BoardH7, name: &str, words: &[u32]) {
    assert!(board.preload(chip::FLASH.start().value(), &program(name, chip::FLASH.start().value(), words)));
}

/// The program that calls `service` of RSSLIB with these arguments, in user flash.
pub fn install_call(board: &mut BoardH7, service: u32, arguments: [u32; 4]) {
    let [a, b, c, d] = arguments;
    install(board, "h7rs_probe", &[service, a, b, c, d]);
}

/// Puts the built iLoader into user flash.
pub fn install_iloader(board: &mut BoardH7) {
    for (address, bytes) in load_pieces(&std::fs::read(firmware("iloader")).expect("readable")) {
        assert!(board.preload(address, &bytes), "{address:#x}");
    }
}

/// What a program of `tests/arm` in user flash found, and the level at which it ran.
pub fn result(device: &Device) -> (u32, u32) {
    two_words(device, RESULT)
}

/// The mark of an application (`h7rs_app`), and the level at which it ran; zeros if none did.
pub fn left(device: &Device) -> (u32, u32) {
    two_words(device, LEFT)
}

fn two_words(device: &Device, at: u32) -> (u32, u32) {
    let bytes = device.peek(at, 8);
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (word(0), word(4))
}

/// STiRoT's configuration as ST's tool makes it, 256 bytes. `change` may spoil it before it is hashed.
pub fn config(key: &SigningKey, change: impl Fn(&mut [u8])) -> Vec<u8> {
    use stirot::config as at;
    let mut bytes = vec![0; at::LEN];
    let word = |bytes: &mut Vec<u8>, place: usize, value: u32| {
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
    };
    bytes[at::IMAGES] = 1;
    bytes[at::CLOCK] = 1;
    bytes[at::SRAM_ECC] = 1;
    word(&mut bytes, at::AREA_START, AREA.0);
    word(&mut bytes, at::AREA_SIZE, AREA.1);
    word(&mut bytes, at::LEAST_STATE, u32::from(ProductState::Provisioning.number()));
    word(&mut bytes, at::INSTALL, INSTALL);
    word(&mut bytes, at::DOWNLOAD, DOWNLOAD);
    word(&mut bytes, 76, 0x1000_0000);
    word(&mut bytes, at::ILOADER_SIZE, 0x6000);
    // Both keys in the form that the other stages' configuration has them.
    let keys = crate::h7rs::config(&Signer::public_key(key), &DEVICE_SCALAR);
    bytes[at::AUTHENTICATION_KEY..at::END].copy_from_slice(&keys[32..123]);
    bytes[at::DECRYPTION_KEY..at::AUTHENTICATION_KEY].copy_from_slice(&keys[123..193]);
    change(&mut bytes);
    let hash = Software.sha256_of(&bytes[32..]);
    bytes[..32].copy_from_slice(&hash);
    bytes
}

/// A board for STiRoT: configuration, records at version `version`, nothing in the flashes.
pub fn stirot_board(version: u32) -> BoardH7 {
    let mut board = board(Part::Stm32h7s7, ProductState::Closed, DebugAuthentication::Password, true);
    set_keys(&mut board, IROT_CONFIG, &config(&signing_key(), |_| {}));
    set_keys(&mut board, STIROT_DATA, &[data(version), data(version)].concat());
    // Debug authentication is set up, or a closed device would take itself for half regressed.
    set_keys(&mut board, DA, &da_config(&Software.sha256_of(PASSWORD), 0));
    board
}

/// The keys of debug authentication, without a method.
pub const DA: Destination = Destination {
    index: 8,
    level: ironroot_layout::stm32h7rs::state::Hdpl::Level0,
    debug_authentication: None,
};
/// The password of the tests.
pub const PASSWORD: &[u8; 16] = b"sixteen letters!";

/// The configuration of debug authentication: hash of the root key or of the password, and the permissions mask.
pub fn da_config(hash: &[u8; 32], permissions: u128) -> Vec<u8> {
    let mut content = hash.to_vec();
    content.extend(permissions.to_le_bytes());
    content.resize(64, 0);
    let mut bytes = Software.sha256_of(&content).to_vec();
    bytes.extend(content);
    bytes
}

/// How an image for STiRoT is made.
pub struct Recipe<'a> {
    /// Version and security counter.
    pub major: u8,
    /// Who signs.
    pub key: &'a SigningKey,
    /// Whose device may open it; `None`: not encrypted.
    pub scalar: Option<&'a [u8; 32]>,
    /// The format.
    pub dialect: Dialect,
}

impl Default for Recipe<'_> {
    fn default() -> Self {
        static KEY: std::sync::OnceLock<SigningKey> = std::sync::OnceLock::new();
        Self {
            major: 1,
            key: KEY.get_or_init(signing_key),
            scalar: Some(&DEVICE_SCALAR),
            dialect: Dialect::StirotH7s,
        }
    }
}

impl Recipe<'_> {
    /// An image of this payload.
    pub fn image(&self, payload: &[u8]) -> Vec<u8> {
        let version = Version { major: self.major, minor: 0, revision: 0, build: 0 };
        let builder = Builder::new(version)
            .security_counter(u32::from(self.major))
            .dialect(self.dialect)
            .primary_only();
        let signer = Some(self.key as &dyn Signer);
        let Some(scalar) = self.scalar else {
            return builder.build(payload, signer, &mut Software).expect("an image");
        };
        let device = P256ContentKeys::from_scalar(scalar).expect("a valid scalar");
        let to = EncryptionKey::P256(device.public_key().expect("a public key"));
        let secret = [self.major; 32];
        let seal =
            Seal { to: &to, sealing: Sealing::EciesP256, source: KeySource::Derived(&secret), clear: false };
        let mut image = Vec::new();
        builder
            .encrypted(KeyBits::Aes128)
            .write(&payload, signer, Some(seal), &mut Software, &mut |piece| {
                image.extend_from_slice(piece);
                Ok(())
            })
            .expect("an image");
        image
    }

    /// An image of the application that leaves `mark`, padded to `size` bytes of payload.
    pub fn application(&self, mark: u32, size: usize) -> Vec<u8> {
        let mut payload = program("h7rs_app", AREA.0 + contract::IMAGE_HEADER.bytes(), &[mark]);
        payload.resize(payload.len().max(size), 0x5A);
        self.image(&payload)
    }
}

/// An iLoader that copies nothing and answers this; `None`: it says nothing.
pub fn install_liar(board: &mut BoardH7, answer: Option<u16>) {
    install(board, "h7rs_liar", &[answer.map_or(u32::MAX, u32::from)]);
}

/// An iLoader that copies nothing, leaves this answer (`None`: none), and then loops or sleeps for ever.
pub fn install_hanging(board: &mut BoardH7, answer: Option<u16>, sleeps: bool) {
    install(board, "h7rs_hang", &[answer.map_or(u32::MAX, u32::from), u32::from(sleeps)]);
}

/// The answers that no liar may get away with.
pub fn lies() -> Vec<Option<u16>> {
    let known = iloader::Answer::ALL.map(|answer| Some(answer.bits()));
    [&known[..], &[None, Some(0xFFFF), Some(0x5A01), Some(0x50DA), Some(0xC000)]].concat()
}

const HOST: u32 = 0x5C00_1100;
const DEV: u32 = 0x5C00_1104;
const ACK: u32 = 0x5C00_1108;
/// Instructions that the device gets for one word.
const PATIENCE: u64 = 40_000_000;

/// The host's end of the mailbox, through the debug port.
pub struct Debugger<'a> {
    device: &'a mut Device,
}

impl<'a> Debugger<'a> {
    /// Leaves the word, resets, and waits for the device to answer; `None` if it does not.
    pub fn connect(device: &'a mut Device) -> Option<Self> {
        let mut debugger = Debugger { device };
        debugger.write(HOST, HELLO);
        debugger.write(ACK, DEV_ACK);
        debugger.device.console.clear();
        debugger.device.machine.system_reset();
        (debugger.receive()? == WELCOME).then_some(debugger)
    }

    fn chip(&mut self) -> &mut Stm32h7rs {
        &mut self.device.machine.core.bus
    }

    fn write(&mut self, address: u32, value: u32) {
        self.chip().debugger_write(address, value, Size::Word).expect("the mailbox is always open");
    }

    fn read(&mut self, address: u32) -> u32 {
        self.chip().debugger_read(address, Size::Word).expect("the mailbox is always open")
    }

    fn wait(&mut self, done: impl Fn(u32) -> bool) -> Option<()> {
        let mut left = PATIENCE;
        while !done(self.read(ACK)) {
            left = left.checked_sub(200)?;
            self.device.run(200);
        }
        Some(())
    }

    fn send(&mut self, word: u32) -> Option<()> {
        self.wait(|ack| ack & DEV_ACK == 0)?;
        self.write(HOST, word);
        let ack = self.read(ACK);
        self.write(ACK, ack | DEV_ACK);
        Some(())
    }

    fn receive(&mut self) -> Option<u32> {
        self.wait(|ack| ack & HOST_ACK != 0)?;
        let word = self.read(DEV);
        let ack = self.read(ACK);
        self.write(ACK, ack & !HOST_ACK);
        Some(word)
    }

    /// One request and its answer.
    pub fn exchange(&mut self, request: &[u8]) -> Option<Answer> {
        for word in words(request) {
            self.send(word)?;
        }
        let mut receiver = Receiver::new();
        loop {
            let word = self.receive()?;
            if let Some(packet) = receiver.word(word).expect("short enough") {
                return Some(Answer::parse(packet).expect("an answer"));
            }
        }
    }

    /// Presents a certificate, a token or a password.
    pub fn present(&mut self, ty: u16, value: &[u8]) -> Answer {
        self.exchange(&host::present(ty, value)).expect("the device answers")
    }
}
