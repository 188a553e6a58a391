//! The two expensive stages of a real secure boot, on the virtual STM32H735 with its protections in force.

use ironroot_chip::flash::registers::optsr::SECURITY;
use std::time::Instant;

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_codes::{input, vdev as codes};
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook, Machine, Stop};
use ironroot_cpu::op::Args;
use ironroot_crypto::{Signer, SigningKey, Software};
use ironroot_debug::flasher::Flasher;
use ironroot_image::Version;
use ironroot_image::build::Builder;
use ironroot_layout::stm32h735::{CLASS_ID, ERASED, KEY_STORE, SECURE_AREA, SLOT, VENDOR_ID};

use super::{Bench, Figure, Row, contradiction, quantile};
use crate::error::{Failure, Result};
use crate::input::elf;
use crate::vdev::session::Session;
use crate::{firmware, interrupt, vdev};

/// The benchmarks of this group.
pub const NAMES: &[&str] = &["h735-sha256", "h735-ecdsa", "h735-sha256-hook"];

/// What is timed: between which two numbers that the secure boot hands to its function `stage` (see `stage.rs` there), and
/// whether with a hook.
const PARTS: [(u32, u32, bool); 3] = [(3, 4, false), (5, 6, false), (3, 4, true)];

/// Bytes of the application: most of its slot.
const APPLICATION: usize = 256 << 10;
/// More than a boot takes.
pub const LIMIT: u64 = 500_000_000;

/// Regions of the MPU for the secure boot: base, and the attribute and size register. Every access that is not named is
/// refused (no background region).
#[rustfmt::skip]
const MPU_REGIONS: [(u32, u32); 7] = [
    (0x0800_0000, READ_ONLY | size(20)),
    (0x1FF0_0000, READ_ONLY | size(17)),
    (0x2000_0000, DATA | size(17)),
    (0x2400_0000, DATA | size(19)),
    (0x3000_0000, DATA | size(17)),
    (0x3800_0000, DATA | size(16)),
    (0x4000_0000, DEVICE | size(29)),
];
/// Offsets from MPU_TYPE (B3.5.4).
const MPU_CTRL: u32 = 0x4;
const MPU_RNR: u32 = 0x8;
const MPU_RBAR: u32 = 0xC;
const MPU_RASR: u32 = 0x10;
/// MPU_RASR: normal memory that is read and executed; normal memory that is read and written; devices.
const READ_ONLY: u32 = 0b110 << 24 | 0b010 << 16;
const DATA: u32 = 1 << 28 | 0b011 << 24 | 0b011 << 16;
const DEVICE: u32 = 1 << 28 | 0b011 << 24 | 0b001 << 16;

/// MPU_RASR.SIZE for 2^`bits` bytes, and ENABLE.
const fn size(bits: u32) -> u32 {
    (bits - 1) << 1 | 1
}

/// A provisioned device: its board, and what its parts are found with.
pub struct Provisioned {
    board: Board,
    rom: RomImage,
    stage: u32,
    /// The application's first instruction.
    pub entry: u32,
}

/// Counts instructions in the secure area: the least that a hook is for.
struct Counter {
    instructions: u64,
    secure: u64,
}

impl Hook<Stm32h735> for Counter {
    fn before(&mut self, _: &mut Core<Stm32h735>, pc: u32, _: &Args) -> Action {
        self.instructions += 1;
        self.secure += u64::from(pc.wrapping_sub(SECURE_AREA.start().value()) < SECURE_AREA.size().bytes());
        Action::Run
    }
}

/// Measures the benchmarks in `names`.
pub fn run(args: &Bench, names: &[&'static str], row: &mut dyn FnMut(Row)) -> Result {
    let device = provision()?;
    for (name, (from, to, hooked)) in NAMES.iter().zip(PARTS).filter(|(name, _)| names.contains(name)) {
        let mut session = device.power_on();
        let machine = &mut session.machine;
        machine.set_breakpoints([device.stage]);
        to_stage(machine, from)?;
        protect(machine);
        let start = machine.snapshot();
        let before = machine.core.instructions;
        to_stage(machine, to)?;
        let (instructions, end) = (machine.core.instructions - before, machine.state_hash());
        machine.set_breakpoints([]);
        let mut times = Vec::new();
        for run in 0..=args.runs {
            interrupt::check()?;
            machine.restore(&start);
            let mut counter = Counter { instructions: 0, secure: 0 };
            let clock = Instant::now();
            let stop = if hooked {
                machine.run_hooked(instructions, &mut counter)
            } else {
                machine.run(instructions)
            };
            let seconds = clock.elapsed().as_secs_f64();
            let seen = if hooked { instructions } else { 0 };
            if stop != Stop::Limit
                || machine.state_hash() != end
                || (counter.instructions, counter.secure) != (seen, seen)
            {
                return Err(contradiction(name));
            }
            // The first run warms up.
            if run > 0 {
                times.push(seconds);
            }
        }
        let figure = Figure::Speed { instructions, seconds: quantile(&mut times, 0.5), qemu_seconds: None };
        row(Row { benchmark: name, figure });
    }
    Ok(())
}

/// Puts the MPU in force as a careful secure boot would.
fn protect(machine: &mut Machine<Stm32h735>) {
    let mpu = &mut machine.core.scs.mpu;
    for (number, (base, attributes)) in (0..).zip(MPU_REGIONS) {
        mpu.write(MPU_RNR, number);
        mpu.write(MPU_RBAR, base);
        mpu.write(MPU_RASR, attributes);
    }
    mpu.write(MPU_CTRL, 1);
    machine.poke();
}

/// Runs until the secure boot reports `wanted`.
fn to_stage(machine: &mut Machine<Stm32h735>, wanted: u32) -> Result {
    loop {
        match machine.run(LIMIT) {
            Stop::Breakpoint(_) if machine.core.r[0] == wanted => return Ok(()),
            Stop::Breakpoint(_) => {}
            stop => return Err(not_reached(&format!("stage {wanted} of the secure boot"), stop)),
        }
    }
}

/// A boot did not come as far as it must.
pub fn not_reached(what: &str, stop: Stop) -> Failure {
    Failure::new(codes::BOOT_NOT_AS_EXPECTED, format!("{what} was not reached: {stop:?}"))
}

impl Provisioned {
    /// The device, powered on.
    pub fn power_on(&self) -> Session {
        Session::power_on(&self.board, &self.rom)
    }
}

/// Makes a device with secure boot, key store and a signed application, secure by the real sequences.
pub fn provision() -> Result<Provisioned> {
    let rom = vdev::system_flash()?;
    let stage = elf::symbol_address(firmware::SECURE_BOOT.require()?, "stage").ok_or_else(|| {
        Failure::new(input::FIRMWARE_INVALID, "there is no symbol `stage`").about(firmware::SECURE_BOOT.name)
    })?;
    // The key protects nothing: the device is gone when the command ends.
    let key = SigningKey::from_scalar(&[7; 32])
        .map_err(|_| Failure::internal("the benchmark's key is not a key"))?;
    let start = SLOT.vector_table().map_or(0, |table| table.value());
    let image = Builder::new(Version { major: 1, minor: 0, revision: 0, build: 0 })
        .security_counter(1)
        .vendor_id(VENDOR_ID)
        .class_id(CLASS_ID)
        .build(&application(start), Some(&key as &dyn Signer), &mut Software)
        .map_err(|e| Failure::new(e.code(), "the benchmark's image"))?;
    let keys = keystore::build(&[StoredKey { key: key.public_key(), demo: false }], &mut Software)
        .map_err(|e| Failure::new(e.code(), "the benchmark's key store"))?;
    let mut board = Board::with_serial(1);
    let mut pieces: Vec<(u32, Vec<u8>)> =
        vec![(KEY_STORE.start().value(), keys.to_vec()), (SLOT.region.start().value(), image)];
    pieces.extend(vdev::program(&firmware::SECURE_BOOT)?.into_iter().map(|p| (p.address, p.bytes)));
    for (address, bytes) in pieces {
        if !board.preload(address, &bytes) {
            return Err(Failure::internal(format!("{address:#010x} is not in flash")));
        }
    }
    let mut session = Session::power_on(&board, &rom);
    let mut options = *session.chip().options();
    options.optsr |= SECURITY;
    Flasher(session.chip()).change_options(&options).map_err(|e| Failure::new(e.code(), e.to_string()))?;
    session.machine.poke();
    session.machine.system_reset();
    let entry = start + ENTRY;
    session.machine.set_breakpoints([entry]);
    match session.machine.run(LIMIT) {
        Stop::Breakpoint(_) => Ok(Provisioned { board: session.chip().to_board(), rom, stage, entry }),
        stop => Err(not_reached("the application", stop)),
    }
}

/// Offset of the application's first instruction.
const ENTRY: u32 = 0x40;

/// An application that sleeps at once, as long as one that does something.
fn application(start: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..APPLICATION).map(|i| (i * 31) as u8).collect();
    let vectors = [0x2405_0000u32.to_le_bytes(), (start + ENTRY + 1).to_le_bytes()].concat();
    // WFI; B to itself.
    let code = [0x30, 0xbf, 0xfe, 0xe7];
    for (at, part) in [(0, vectors.as_slice()), (ENTRY as usize, &code)] {
        if let Some(target) = bytes.get_mut(at..at + part.len()) {
            target.copy_from_slice(part);
        }
    }
    // What is not a multiple of the flash word is filled as erased flash.
    bytes.resize(bytes.len().next_multiple_of(32), ERASED);
    bytes
}
