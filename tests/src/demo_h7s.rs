//! The story of the three boot paths of the STM32H7S: on each a boot, an update, where there is one a way back, and an attack.
//!
//! `cargo xtask demo-h7s` shows it, `tests/tests/h7rs_demo.rs` runs the same. Every sentence is checked before it is said: what
//! the device printed, what its boot record says, what lies in its flash.

use ironroot_boot::Status;
use ironroot_chip_h7rs::BoardH7;
use ironroot_codes::{Code, image as image_codes};
use ironroot_crypto::{Crypto, PublicKey, Signer, SigningKey, Software};
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, OEMIROT_DATA, STIROT_DATA, UROT_CONFIG, UROT_DATA};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use ironroot_layout::stm32h7rs::{Part, stirot};

use crate::device::load_pieces;
use crate::firmware;
use crate::h7rs::{
    self, DEVICE_SCALAR, Device, Run, Stage, data, encrypted, preload_stage, set_keys, signed_by, signing_key,
};
use crate::h7rs_system::{
    self as system, DA, DOWNLOAD, INSTALL, PASSWORD, Recipe, config, da_config, install_iloader, stirot_board,
};

/// What a step returns: why the story ended, if it did.
type Told<T = ()> = Result<T, String>;

/// A boot, as the table at the end has it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Path and place.
    pub what: String,
    /// Instructions from reset to the application's first.
    pub instructions: u64,
    /// The same in virtual time.
    pub milliseconds: f64,
}

/// Tells the story; each line goes to `say`. The boots that were measured.
pub fn tell(say: &mut dyn FnMut(&str)) -> Told<Vec<Row>> {
    let mut story = Story { say, rows: Vec::new() };
    story.oemirot()?;
    story.oemirot_with_a_way_back()?;
    story.stirot()?;
    story.two_stages()?;
    Ok(story.rows)
}

struct Story<'a> {
    say: &'a mut dyn FnMut(&str),
    rows: Vec<Row>,
}

/// The line of a console that has `text`.
fn line_with<'a>(console: &'a str, text: &str) -> Option<&'a str> {
    console.lines().map(str::trim).find(|line| line.contains(text))
}

/// A closed product with a first stage of its own.
pub fn closed(stage: &Stage) -> BoardH7 {
    let mut board = system::board(stage.part, ProductState::Closed, DebugAuthentication::Password, false);
    preload_stage(&mut board, stage);
    h7rs::set_options(&mut board, &stage.plan());
    set_keys(
        &mut board,
        IROT_CONFIG,
        &h7rs::config(&PublicKey::P256(signing_key().public_key()), &DEVICE_SCALAR),
    );
    set_keys(&mut board, OEMIROT_DATA, &[data(0), data(0)].concat());
    set_keys(&mut board, DA, &da_config(&Software.sha256_of(PASSWORD), 0));
    board
}

/// A closed product with STiRoT, whose image is the second stage.
pub fn two_stages(stage: &Stage) -> BoardH7 {
    let mut board = stirot_board(1);
    let key = signing_key();
    set_keys(
        &mut board,
        IROT_CONFIG,
        &config(&key, |bytes| {
            if let Some(next) = bytes.get_mut(stirot::config::NEXT_STAGE) {
                *next = 1;
            }
        }),
    );
    set_keys(&mut board, STIROT_DATA, &[data(1), data(1)].concat());
    set_keys(&mut board, UROT_CONFIG, &h7rs::config(&Signer::public_key(&key), &DEVICE_SCALAR));
    set_keys(&mut board, UROT_DATA, &[data(0), data(0)].concat());
    install_iloader(&mut board);
    h7rs::set_options(&mut board, &stage.plan());
    board.preload_external(INSTALL, &Recipe::default().image(&second_stage(stage)));
    board
}

impl Story<'_> {
    fn say(&mut self, text: &str) {
        (self.say)(text);
    }

    /// The device printed this.
    fn printed(&mut self, device: &Device, text: &str) -> Told {
        match line_with(&device.console, text) {
            Some(line) => {
                self.say(&format!("    {line}"));
                Ok(())
            }
            None => Err(format!("wanted {text:?} on the console:\n{}", device.console)),
        }
    }

    /// It ended at this level with this status.
    fn ended(&mut self, device: &Device, level: Hdpl, status: Status) -> Told {
        let record = device.hand_off().map_err(|error| format!("{error}\n{}", device.console))?;
        if (device.level(), record.status) != (level, status) {
            return Err(format!("{:?} at {:?}\n{}", record.status, device.level(), device.console));
        }
        Ok(())
    }

    fn booted(&mut self, device: &Device) -> Told {
        self.ended(device, Hdpl::Level3, Status::Booted)
    }

    /// Instructions and time of a cold boot to the application's first instruction. `payload` begins with its vectors.
    fn measure(&mut self, what: &str, board: &BoardH7, payload: &[u8]) -> Told {
        let reset = payload.get(4..8).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
        let entry = reset.ok_or("an application without vectors")? & !1;
        let mut device = system::device(board);
        device.machine.set_breakpoints([entry]);
        let before = device.machine.core.instructions;
        let stop = device.run(h7rs::LIMIT);
        if !matches!(stop, ironroot_cpu::machine::Stop::Breakpoint(_)) {
            return Err(format!("{what}: {stop:?} instead of the application\n{}", device.console));
        }
        let instructions = device.machine.core.instructions - before;
        let milliseconds = device.machine.core.bus.nanoseconds(device.machine.core.cycles) as f64 / 1e6;
        self.say(&format!(
            "    cold boot to the application: {instructions} instructions, {milliseconds:.1} ms"
        ));
        self.rows.push(Row { what: what.to_owned(), instructions, milliseconds });
        Ok(())
    }

    fn oemirot(&mut self) -> Told {
        let stage = Stage::new(Part::Stm32h7s7, Run::ExternalRam, false);
        self.say(
            "path 1: OEMiRoT in user flash, the application is loaded to external RAM, updates overwrite",
        );
        let mut board = closed(&stage);
        h7rs::download(&mut board, &stage, &encrypted(1, &stage.application("hello")), true);
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "verified: version 1.0.0")?;
        self.printed(&device, "hello from h7rs-hello-c")?;
        self.booted(&device)?;
        self.measure(
            "OEMiRoT, external RAM",
            &device.machine.core.bus.to_board(),
            &stage.application("hello"),
        )?;
        self.say("  update to version 2");
        device.download(&stage, &encrypted(2, &stage.application("hello")), true);
        device.reboot();
        self.printed(&device, "image: update installed")?;
        self.printed(&device, "verified: version 2.0.0")?;
        self.say("  attack: an update signed by somebody else");
        let foreign = SigningKey::from_scalar(&[8; 32]).map_err(|_| "a scalar")?;
        device.download(&stage, &signed_by(&foreign, 3, &stage.application("hello")), true);
        device.reboot();
        self.printed(&device, &format!("image: update refused: {}", image_codes::UNKNOWN_KEY))?;
        self.printed(&device, "verified: version 2.0.0")?;
        self.say("  attack: back to version 1, which is genuine");
        device.download(&stage, &encrypted(1, &stage.application("hello")), true);
        device.reboot();
        self.printed(&device, &format!("image: update refused: {}", image_codes::COUNTER_TOO_OLD))?;
        self.say("  attack: an application that reads the stage's keys and code");
        device.download(&stage, &encrypted(3, &stage.application("keys")), true);
        device.reboot();
        self.printed(&device, "key 0x00000000")?;
        self.booted(&device)
    }

    fn oemirot_with_a_way_back(&mut self) -> Told {
        let stage = Stage::new(Part::Stm32h7s7, Run::ExternalFlash, true);
        self.say(
            "path 1: OEMiRoT, the application runs from external flash through MCE, updates are swapped",
        );
        let mut board = closed(&stage);
        h7rs::download(&mut board, &stage, &encrypted(1, &stage.application("hello")), true);
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "verified: version 1.0.0")?;
        self.measure(
            "OEMiRoT, external flash",
            &device.machine.core.bus.to_board(),
            &stage.application("hello"),
        )?;
        self.say("  version 2 is tried, and confirms itself");
        device.download(&stage, &encrypted(2, &stage.application("confirm")), false);
        device.reboot();
        self.printed(&device, "image: update on trial")?;
        self.printed(&device, "on trial: confirmed, resetting")?;
        self.printed(&device, "verified: version 2.0.0")?;
        self.booted(&device)?;
        self.say("  version 3 is tried, fails its own test, and is reverted");
        device.download(&stage, &encrypted(3, &stage.application("never")), false);
        device.reboot();
        self.printed(&device, "on trial: self test failed, resetting")?;
        self.printed(&device, "image: reverted")?;
        let last = device.console.rsplit("verified: ").next().unwrap_or_default();
        if !last.starts_with("version 2.0.0") {
            return Err(format!("another version runs after the revert\n{}", device.console));
        }
        self.say(
            "  attack: a byte of the installed image is changed in the flash, and the reverted one is erased",
        );
        let download = stage.plan().slots.download;
        let blank = vec![0xFF; download.size().bytes() as usize];
        device.machine.core.bus.load_external(download.start().value(), &blank);
        let place = stage.installed().start().value() + 0x600;
        let byte = device.external(place, 1).first().copied().unwrap_or_default() ^ 0x10;
        device.machine.core.bus.load_external(place, &[byte]);
        device.reboot();
        self.printed(&device, &format!("refused: {}", image_codes::HASH_MISMATCH))?;
        self.ended(&device, Hdpl::Level1, Status::Refused(image_codes::HASH_MISMATCH))
    }

    fn stirot(&mut self) -> Told {
        self.say(
            "path 2: STiRoT asks the iLoader for the image, verifies it in internal RAM and runs it there",
        );
        let image = |major| Recipe { major, ..Recipe::default() }.application(u32::from(major), 20_000);
        let mut board = stirot_board(1);
        install_iloader(&mut board);
        board.preload_external(INSTALL, &image(1));
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "verified: version 1.0.0")?;
        self.booted(&device)?;
        let payload = system::program("h7rs_app", system::AREA.0 + 0x400, &[1]);
        self.measure("STiRoT, internal RAM", &board, &payload)?;
        self.say("  update to version 2");
        let mut board = device.machine.core.bus.to_board();
        board.preload_external(DOWNLOAD, &image(2));
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "download accepted")?;
        self.printed(&device, "verified: version 2.0.0")?;
        if device.external(INSTALL, 64) != image(2).get(..64).unwrap_or_default() {
            return Err("the update was not installed".to_owned());
        }
        self.attack_on_stirot(
            &device,
            INSTALL,
            &image(1),
            image_codes::COUNTER_TOO_OLD,
            "version 1 is put back",
        )?;
        let other =
            Recipe { scalar: Some(&[0x33; 32]), major: 3, ..Recipe::default() }.application(3, 20_000);
        self.attack_on_stirot(
            &device,
            INSTALL,
            &other,
            image_codes::IMAGE_KEY_REFUSED,
            "an image for another device",
        )
    }

    fn attack_on_stirot(&mut self, device: &Device, at: u32, image: &[u8], code: Code, what: &str) -> Told {
        self.say(&format!("  attack: {what}"));
        let mut board = device.machine.core.bus.to_board();
        board.preload_external(at, image);
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, &format!("refused: {code}"))?;
        self.ended(&device, Hdpl::Level1, Status::Refused(code))
    }

    fn two_stages(&mut self) -> Told {
        let stage = Stage { second: true, ..Stage::new(Part::Stm32h7s7, Run::InternalRam, false) };
        self.say("path 3: STiRoT verifies OEMuRoT, OEMuRoT verifies the application");
        let mut board = two_stages(&stage);
        let second = |major| Recipe { major, ..Recipe::default() }.image(&second_stage(&stage));
        h7rs::download(&mut board, &stage, &encrypted(1, &stage.application("hello")), true);
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "ironroot oemurot")?;
        self.printed(&device, "hello from h7rs-hello-c")?;
        self.booted(&device)?;
        self.measure(
            "STiRoT + OEMuRoT, internal RAM",
            &device.machine.core.bus.to_board(),
            &stage.application("hello"),
        )?;
        self.say("  update of the application to version 2");
        device.download(&stage, &encrypted(2, &stage.application("hello")), true);
        device.reboot();
        self.printed(&device, "image: update installed")?;
        self.printed(&device, "verified: version 2.0.0")?;
        self.say("  update of the second stage itself");
        let mut board = device.machine.core.bus.to_board();
        board.preload_external(DOWNLOAD, &second(2));
        let mut device = system::device(&board);
        device.boot();
        self.printed(&device, "download accepted")?;
        self.printed(&device, "hello from h7rs-hello-c")?;
        self.say("  attack: a second stage that somebody else signed");
        let foreign = SigningKey::from_scalar(&[8; 32]).map_err(|_| "a scalar")?;
        let forged = Recipe { major: 3, key: &foreign, ..Recipe::default() }.image(&second_stage(&stage));
        self.attack_on_stirot(
            &device,
            INSTALL,
            &forged,
            image_codes::UNKNOWN_KEY,
            "it lies in the installed slot",
        )
    }
}

/// The second stage as the payload of an image.
pub fn second_stage(stage: &Stage) -> Vec<u8> {
    let pieces = load_pieces(&std::fs::read(firmware(&stage.file())).unwrap_or_default());
    let start = pieces.iter().map(|(address, _)| *address).min().unwrap_or(0);
    let mut payload = Vec::new();
    for (address, bytes) in pieces {
        let at = (address - start) as usize;
        payload.resize(payload.len().max(at + bytes.len()), 0xFF);
        if let Some(place) = payload.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(&bytes);
        }
    }
    payload
}
