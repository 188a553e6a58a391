//! A virtual STM32H7R/7S with a boot stage of ours on it, for tests that read like the story of a boot.

use std::process::Command;
use std::sync::OnceLock;

use ironroot_boot::{HandOff, HandOffError};
use ironroot_chip_h7rs::{BoardH7, ObKey, RomImage, Stm32h7rs};
use ironroot_cpu::bus::Bus;
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_crypto::seal::EncryptionKey;
use ironroot_crypto::{Crypto, KeyBits, P256ContentKeys, PublicKey, Sealing, Signer, SigningKey, Software};
use ironroot_image::Version;
use ironroot_image::build::{Builder, KeySource, Seal};
use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_layout::Region;
use ironroot_layout::description::Description;
use ironroot_layout::stm32h7rs::obkeys::{Destination, IROT_CONFIG, OEMIROT_DATA, UROT_CONFIG, UROT_DATA};
use ironroot_layout::stm32h7rs::product::{BootPath, OptionRegister, Place, Plan, Product, UpdateMode};
use ironroot_layout::stm32h7rs::{Part, chip, contract, obkeys, state::Hdpl};

use crate::device::load_pieces;
use crate::h7rs_system::program;
use crate::{Scratch, firmware, root};

/// The console of the boot stages and of the examples.
pub const CONSOLE: u8 = 4;
/// The first stages that are built, see xtask/src/firmware.rs.
pub const STAGES: &[Stage] = &[
    Stage::new(Part::Stm32h7s7, Run::ExternalFlash, false),
    Stage::new(Part::Stm32h7s7, Run::ExternalFlash, true),
    Stage::new(Part::Stm32h7s7, Run::ExternalRam, false),
    Stage::new(Part::Stm32h7s7, Run::ExternalRam, true),
    Stage::new(Part::Stm32h7s7, Run::InternalRam, false),
    Stage::new(Part::Stm32h7s7, Run::InternalRam, true),
    Stage::new(Part::Stm32h7r7, Run::ExternalFlash, true),
    Stage::new(Part::Stm32h7r7, Run::ExternalRam, false),
    Stage::new(Part::Stm32h7r7, Run::InternalRam, false),
];
/// Of the second stages that are built: one that runs its application where it lies, and one that loads it.
pub const SECOND_STAGES: &[Stage] =
    &[Stage::new(Part::Stm32h7s7, Run::ExternalFlash, true).behind_another(), SECOND_STAGE];
/// The second stage that most tests are about.
pub const SECOND_STAGE: Stage = Stage::new(Part::Stm32h7s7, Run::InternalRam, false).behind_another();
/// More instructions than any boot with an update needs.
pub const LIMIT: u64 = 600_000_000;

/// Where the application runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Where it is installed.
    ExternalFlash,
    /// Copied to external RAM.
    ExternalRam,
    /// Copied to AXI SRAM.
    InternalRam,
}

/// A boot stage as it was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// With cryptography of its own or of software, and so for which part.
    pub part: Part,
    /// Where its application runs.
    pub run: Run,
    /// With a way back.
    pub swap: bool,
    /// Behind another stage.
    pub second: bool,
    /// Built from a description in `tests/products`; `None`: what ST's projects have for these choices.
    pub product: Option<&'static str>,
}

impl Stage {
    /// A first stage.
    pub const fn new(part: Part, run: Run, swap: bool) -> Self {
        Self { part, run, swap, second: false, product: None }
    }

    /// The same behind STiRoT.
    pub const fn behind_another(self) -> Self {
        Self { second: true, ..self }
    }

    /// The same, built from a description in `tests/products`.
    pub const fn of_product(self, name: &'static str) -> Self {
        Self { product: Some(name), ..self }
    }

    /// Its file in `target/ironroot-firmware`, without the extension.
    pub fn file(&self) -> String {
        if let Some(product) = self.product {
            return format!("stage-{product}");
        }
        let name = if self.second { "oemurot" } else { "oemirot" };
        let run = match self.run {
            Run::ExternalFlash => "external-flash",
            Run::ExternalRam => "external-ram",
            Run::InternalRam => "internal-ram",
        };
        let mode = if self.swap { "swap" } else { "overwrite" };
        let crypto = if self.part.has_crypto() { "hardware" } else { "software" };
        format!("{name}-{run}-{mode}-{crypto}")
    }

    /// The product that it is built for.
    pub fn plan(&self) -> Plan {
        if let Some(product) = self.product {
            let path = root().join(format!("tests/products/{product}.toml"));
            let text = std::fs::read_to_string(&path).expect("readable");
            let description = Description::read(product, &text).expect("a description");
            return description.plan().expect("a product that can be built");
        }
        let boot = if self.second { BootPath::StirotOemurot } else { BootPath::Oemirot };
        let place = match self.run {
            Run::ExternalFlash => Place::ExternalFlash,
            Run::ExternalRam => Place::ExternalRam,
            Run::InternalRam => Place::InternalRam,
        };
        let update = if self.swap { UpdateMode::Swap } else { UpdateMode::Overwrite };
        Plan::resolve(&Product::new(self.part, boot, place, update)).expect("a product that can be built")
    }

    /// The installed image.
    pub fn installed(&self) -> Region {
        self.plan().slots.installed
    }

    /// Where its application's code begins.
    pub fn vectors(&self) -> u32 {
        self.plan().application.code.start().value()
    }

    /// The trailer of its slots.
    pub fn trailer(&self) -> TrailerLayout {
        let (mode, keys) = match self.swap {
            true => (Mode::SwapScratch, SavedKeys::Sealed(113)),
            false => (Mode::OverwriteOnly, SavedKeys::None),
        };
        TrailerLayout::new(mode, 8, 8, self.plan().slots.max_sectors, keys).expect("a trailer")
    }

    /// The payload of an example application (`hello`, `confirm`, ...) that is linked for this stage.
    pub fn application(&self, program: &str) -> Vec<u8> {
        let start = self.vectors();
        let elf = std::fs::read(firmware(&format!("h7rs-{program}-c-{start:08x}"))).expect("readable");
        let mut payload = Vec::new();
        for (address, data) in load_pieces(&elf) {
            let at = address.checked_sub(start).expect("linked behind the header") as usize;
            payload.resize(payload.len().max(at + data.len()), 0xFF);
            payload[at..at + data.len()].copy_from_slice(&data);
        }
        payload
    }

    /// A small program of `tests/arm` that is linked for this stage, with words put behind its first two vectors.
    pub fn program(&self, name: &str, words: &[u32]) -> Vec<u8> {
        program(name, self.vectors(), words)
    }
}

/// The key that signs in the tests.
pub fn signing_key() -> SigningKey {
    SigningKey::from_scalar(&[7; 32]).expect("a valid scalar")
}

/// The scalar of the device's own key.
pub const DEVICE_SCALAR: [u8; 32] = [0x2B; 32];

/// The builder of an image of version `major`.0.0, as ST's options make it: with a security counter.
pub fn builder(major: u8) -> Builder {
    Builder::new(Version { major, minor: 0, revision: 0, build: 0 }).security_counter(u32::from(major))
}

/// A signed image.
pub fn signed(major: u8, payload: &[u8]) -> Vec<u8> {
    signed_by(&signing_key(), major, payload)
}

/// The same by another key.
pub fn signed_by(key: &SigningKey, major: u8, payload: &[u8]) -> Vec<u8> {
    builder(major).build(payload, Some(key as &dyn Signer), &mut Software).expect("an image")
}

/// A signed image, encrypted for the device of [`provisioned`].
pub fn encrypted(major: u8, payload: &[u8]) -> Vec<u8> {
    encrypted_for(&DEVICE_SCALAR, major, payload)
}

/// The same for the device that holds another scalar.
pub fn encrypted_for(scalar: &[u8; 32], major: u8, payload: &[u8]) -> Vec<u8> {
    let device = P256ContentKeys::from_scalar(scalar).expect("a valid scalar");
    let to = EncryptionKey::P256(device.public_key().expect("a public key"));
    let key = signing_key();
    let secret = [major; 32];
    let seal =
        Seal { to: &to, sealing: Sealing::EciesP256, source: KeySource::Derived(&secret), clear: false };
    let mut image = Vec::new();
    builder(major)
        .encrypted(KeyBits::Aes128)
        .write(&payload, Some(&key as &dyn Signer), Some(seal), &mut Software, &mut |piece| {
            image.extend_from_slice(piece);
            Ok(())
        })
        .expect("an image");
    image
}

/// `.obk` content behind its header: the hash of the rest first, padded with zeros.
fn hashed(content: &[u8], size: usize) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(size - 32, 0);
    let mut all = Software.sha256_of(&padded).to_vec();
    all.extend_from_slice(&padded);
    all
}

/// The configuration of a stage as ST's tool makes it: both keys as DER.
pub fn config(key: &PublicKey, scalar: &[u8; 32]) -> Vec<u8> {
    let mut content = key.der().as_bytes().to_vec();
    content.extend_from_slice(&[
        0x30, 0x81, 0x43, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x04, 0x29, 0x30, 0x27, 0x02, 0x01, 0x01,
        0x04, 0x20,
    ]);
    content.extend_from_slice(scalar);
    content.extend_from_slice(&[0xA1, 0x44]);
    hashed(&content, 224)
}

/// One of the two records of security counters: the version that is accepted at least.
pub fn data(version: u32) -> Vec<u8> {
    let mut content = [0; 64];
    content[32..36].copy_from_slice(&version.to_le_bytes());
    hashed(&content, 96)
}

/// Programs OBKeys past the controller.
pub fn set_keys(board: &mut BoardH7, to: Destination, content: &[u8]) {
    for (index, bytes) in (to.index..).zip(content.chunks(obkeys::KEY_SIZE as usize)) {
        assert!(board.set_key(to.level, index, ObKey::new(bytes).expect("32 bytes")));
    }
}

/// A board of this part with the stage, its keys and counters at 0; the external flash is erased.
pub fn provisioned(stage: &Stage) -> BoardH7 {
    let mut board = BoardH7::with_serial(stage.part, 7);
    if !stage.second {
        preload_stage(&mut board, stage);
    }
    let (keys, counters) = if stage.second { (UROT_CONFIG, UROT_DATA) } else { (IROT_CONFIG, OEMIROT_DATA) };
    set_keys(&mut board, keys, &config(&PublicKey::P256(signing_key().public_key()), &DEVICE_SCALAR));
    set_keys(&mut board, counters, &[data(0), data(0)].concat());
    board
}

/// Puts a first stage into user flash. It is hidden from level 2 on, as provisioning does it: from the first to the last unit
/// of 256 bytes.
pub fn preload_stage(board: &mut BoardH7, stage: &Stage) {
    for (address, bytes) in load_pieces(&std::fs::read(firmware(&stage.file())).expect("readable")) {
        assert!(board.preload(address, &bytes), "{address:#x}");
    }
    board.options_mut().hdpsr = 0x00FF_0000;
}

/// Sets the protections of the product's plan, those of its state aside.
pub fn set_options(board: &mut BoardH7, plan: &Plan) {
    for step in plan.option_steps() {
        let options = board.options_mut();
        let word = match step.register {
            OptionRegister::Wrpsrp => &mut options.wrpsr,
            OptionRegister::Hdpsrp => &mut options.hdpsr,
            OptionRegister::Obw1srp => &mut options.obw1sr,
            OptionRegister::Obw2srp => &mut options.obw2sr,
            OptionRegister::Nvsrp | OptionRegister::Rotsrp => continue,
        };
        *word = *word & !step.mask | step.value;
    }
}

/// Puts `image` into the download slot, and a request into its trailer: for a test if `permanent` is not set.
pub fn download(board: &mut BoardH7, stage: &Stage, image: &[u8], permanent: bool) {
    let slot = stage.plan().slots.download;
    let layout = stage.trailer();
    let end = slot.end().value();
    assert!(board.preload_external(slot.start().value(), image));
    assert!(board.preload_external(end - 16, &layout.magic_bytes()));
    if permanent {
        assert!(board.preload_external(end - layout.image_ok(), &[1]));
    }
}

/// A system flash that does no more than start the stage: see `tests/arm/h7rs_rom.s`.
pub fn small_rom() -> RomImage {
    static PIECES: OnceLock<Vec<(u32, Vec<u8>)>> = OnceLock::new();
    let pieces = PIECES.get_or_init(|| {
        let scratch = Scratch::new();
        let elf = scratch.path("rom.elf");
        let done = Command::new("arm-none-eabi-gcc")
            .args(["-nostdlib", "-Wl,--nmagic", "-Wl,-e,reset", "-Wl,--section-start=.vectors=0x1FF00000"])
            .args(["-Wl,-Ttext=0x1FF16000", "-Wl,--section-start=.table=0x1FF1FD4C"])
            .arg(root().join("tests/arm/h7rs_rom.s"))
            .arg("-o")
            .arg(&elf)
            .status()
            .expect("arm-none-eabi-gcc is installed: `cargo xtask test` sees to it");
        assert!(done.success(), "h7rs_rom.s does not assemble");
        load_pieces(&std::fs::read(&elf).expect("readable"))
    });
    RomImage::h7rs(pieces.clone()).expect("the ROM fits system flash")
}

/// A virtual device.
pub struct Device {
    /// Core and chip.
    pub machine: Machine<Stm32h7rs>,
    /// Everything the console printed.
    pub console: String,
}

impl Device {
    /// A chip with the small system flash on `board`, just powered on.
    pub fn on(board: &BoardH7) -> Self {
        Self::with_rom(board, &small_rom())
    }

    /// The same with another system flash.
    pub fn with_rom(board: &BoardH7, rom: &RomImage) -> Self {
        let chip = Stm32h7rs::from_board(board, rom);
        Self { machine: Machine::new(chip), console: String::new() }
    }

    /// A chip on `board` with the stage, wherever it lies, just powered on.
    pub fn with_stage(board: &BoardH7, stage: &Stage) -> Self {
        if stage.second { Self::with_second_stage(board, stage) } else { Self::on(board) }
    }

    /// As [`Device::on`], with a second stage in AXI SRAM as STiRoT leaves it there.
    pub fn with_second_stage(board: &BoardH7, stage: &Stage) -> Self {
        let mut device = Self::on(board);
        for (address, bytes) in load_pieces(&std::fs::read(firmware(&stage.file())).expect("readable")) {
            device.poke(address, &bytes);
        }
        device
    }

    /// Runs at most `limit` instructions and collects the console.
    pub fn run(&mut self, limit: u64) -> Stop {
        let stop = self.machine.run(limit);
        let text = self.machine.core.bus.take_uart_output(CONSOLE);
        self.console.push_str(&String::from_utf8_lossy(&text));
        stop
    }

    /// Runs until the core sleeps for good.
    #[track_caller]
    pub fn boot(&mut self) -> &str {
        let stop = self.run(LIMIT);
        let warnings = self.machine.core.bus.take_warnings();
        if std::env::var_os("H7RS_WARNINGS").is_some() {
            eprintln!("{warnings:x?}");
        }
        assert_eq!(stop, Stop::Idle, "pc {:#010x}\n{}\n{warnings:?}", self.machine.core.r[15], self.console);
        &self.console
    }

    /// Resets the system, forgets the console, and boots.
    #[track_caller]
    pub fn reboot(&mut self) -> &str {
        self.console.clear();
        self.machine.system_reset();
        self.boot()
    }

    /// As [`download`], while the device is there: past all commands, as an application would have done it.
    pub fn download(&mut self, stage: &Stage, image: &[u8], permanent: bool) {
        let slot = stage.plan().slots.download;
        let (layout, start) = (stage.trailer(), slot.start().value());
        let mut content = image.to_vec();
        content.resize(slot.size().bytes() as usize, 0xFF);
        let end = content.len();
        content[end - 16..].copy_from_slice(&layout.magic_bytes());
        if permanent {
            content[end - layout.image_ok() as usize] = 1;
        }
        assert!(self.machine.core.bus.load_external(start, &content));
        self.machine.poke();
    }

    /// The boot record.
    pub fn hand_off(&self) -> Result<HandOff, HandOffError> {
        HandOff::decode(&self.peek(contract::HAND_OFF.start().value(), contract::HAND_OFF.size().bytes()))
    }

    /// Bytes of a memory of the chip past all protections.
    pub fn peek(&self, address: u32, length: u32) -> Vec<u8> {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.memory().slice(offset, length as usize).to_vec()
    }

    /// Puts bytes into a memory of the chip past all protections.
    pub fn poke(&mut self, address: u32, bytes: &[u8]) {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.core.bus.memory_mut().write_bytes(offset, bytes);
        self.machine.poke();
    }

    /// What the external memory holds, as it lies there.
    pub fn external(&self, address: u32, length: usize) -> Vec<u8> {
        self.machine.core.bus.external_bytes(address, length)
    }

    /// The level now.
    pub fn level(&self) -> Hdpl {
        self.machine.core.bus.hdpl()
    }

    /// Whether `needle` is anywhere in DTCM, the stage's RAM.
    pub fn stage_ram_holds(&self, needle: &[u8]) -> bool {
        let ram = self.peek(chip::DTCM.start().value(), chip::DTCM.size().bytes());
        ram.windows(needle.len()).any(|window| window == needle)
    }
}
