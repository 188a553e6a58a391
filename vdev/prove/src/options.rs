//! Random sequences of option changes on the chip: whatever a debugger or code does, the device ends in a state from which
//! the way back that `ironroot ob` documents really works, or in one that it had called final or dead before.
//!
//! 1. A sequence is option changes with random register values (by the debugger, by an application, by the code of the
//!    secure area, by RSS), erases, exits, resets and power cuts, also in the middle of a change.
//! 2. Before each step the outlook of everything it can lead to is asked; where the device then really is must be among it.
//! 3. At the end the documented way back is executed on the model, down to a factory part that can be programmed. Where
//!    there is none, it is checked that nothing from outside gets in.

mod bench;

use ironroot_chip::flash::registers::optsr::SECURITY;
use std::collections::HashMap;

use ironroot_chip::flash::change::{self, Requester};
use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::flash::registers::cr;
use ironroot_chip::reach::{Agent, Boot, Content, Outlook, Step, next_boot};
use ironroot_chip::{Mode, ReadProtection};
use ironroot_debug::flasher::Flasher;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{AXI_SRAM, FLASH, SECTOR, SECTOR_COUNT, rss};

use crate::report::{Config, Report};
use crate::rng::Rng;
use bench::{Bench, By};

/// Sequences: full, modest.
const SEQUENCES: (u64, u64) = (1_000_000, 20_000);
/// Steps of a sequence, at most.
const STEPS: usize = 10;
/// Where programs may stand, besides each sector's start.
const ENTRIES: [u32; 2] = [0x0800_0100, 0x0802_0400];
const ERASE: u32 = 1 << 31;
const NO_AREA: u32 = 0xFF;
const SECTOR0: u32 = 0x01FF_0000;
const OUTLOOKS: [&str; 4] = ["way-back", "own-code-only", "final", "dead-end"];

/// Runs the campaign; a row for each outlook in which sequences ended.
pub fn run(config: Config) -> Vec<Report> {
    sequences(config.pick(SEQUENCES.0, SEQUENCES.1), config.seed)
}

/// The same with a number of sequences. The seed of the first failing one is in the details.
pub fn sequences(count: u64, seed: u64) -> Vec<Report> {
    let mut reports = OUTLOOKS.map(|name| Report::new(format!("option bytes: {name}")));
    // A way back that works ends in a factory part: the next sequence begins there.
    let mut bench = Bench::new();
    let mut names = Names::default();
    for number in 0..count {
        let case = seed.wrapping_mul(0x1_0000_0001).wrapping_add(number);
        let ended = sequence(&mut bench, &mut Rng::new(case), &mut names);
        let (name, failure) = match ended {
            Ok(name) => (name, None),
            Err((name, why)) => (name, Some(format!("sequence {case}: {why}"))),
        };
        if let Some(report) = OUTLOOKS.iter().position(|o| *o == name).and_then(|i| reports.get_mut(i)) {
            report.cases += 1;
            if let Some(failure) = failure {
                report.mismatch(failure);
            }
        }
        if bench.chip.options() != &OptionBytes::FACTORY {
            bench = Bench::new();
        }
    }
    reports.into()
}

/// What the outlook is, by name and as a whole.
fn outlook(bench: &Bench, options: &OptionBytes, erased: u32) -> Outlook {
    let entry = |address| bench.look(address);
    Outlook::of(options, &Content { entry: &entry, opens_debug: false }, erased)
}

/// What the name of an outlook depends on: the abstraction of the state space. Were it too coarse, the search that ends each
/// sequence, which uses none of it, would contradict.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Class {
    level: ReadProtection,
    security: bool,
    secure_area: bool,
    execute_only: bool,
    erased_with: (bool, bool),
    boots: [Boot; 2],
}

/// Outlooks by class, found by search once.
#[derive(Default)]
struct Names(HashMap<Class, &'static str>);

impl Names {
    fn of(&mut self, options: &OptionBytes, content: &Content<'_>, erased: u32) -> &'static str {
        let class = Class {
            level: options.read_protection(),
            security: options.security(),
            secure_area: options.secure_area() != SecureArea::None,
            execute_only: options.pcrop() != SecureArea::None,
            erased_with: (options.dmep(), options.dmes()),
            boots: [false, true].map(|boot0| next_boot(options, boot0, content, erased)),
        };
        self.0.entry(class).or_insert_with(|| Outlook::of(options, content, erased).name())
    }
}

/// What was said of the states that the step can lead to.
struct Called<'a> {
    seen: Vec<&'static str>,
    names: &'a mut Names,
}

impl Called<'_> {
    fn add(&mut self, bench: &Bench, options: &OptionBytes, erased: u32) {
        let entry = |address| bench.look(address);
        self.add_with(options, &Content { entry: &entry, opens_debug: false }, erased);
    }

    fn add_with(&mut self, options: &OptionBytes, content: &Content<'_>, erased: u32) {
        let name = self.names.of(options, content, erased);
        if !self.seen.contains(&name) {
            self.seen.push(name);
        }
    }
}

/// One sequence. The outlook in which it ended, and what was wrong about it.
fn sequence(
    bench: &mut Bench,
    rng: &mut Rng,
    names: &mut Names,
) -> Result<&'static str, (&'static str, String)> {
    for sector in 0..SECTOR_COUNT {
        if rng.one_in(3) {
            bench.install(FLASH.start().value() + sector * SECTOR.bytes());
        }
    }
    for address in ENTRIES {
        if rng.one_in(2) {
            bench.install(address);
        }
    }
    bench.power_cycle(rng.one_in(4));
    let (mut story, mut last) = (Vec::new(), "");
    for _ in 0..1 + rng.below(STEPS) {
        let mut called = Called { seen: Vec::new(), names };
        let options = *bench.chip.options();
        called.add(bench, &options, 0);
        let what = step(bench, rng, &mut called);
        let now = *bench.chip.options();
        story.push((what, now));
        let called = std::mem::take(&mut called.seen);
        let entry = |address| bench.look(address);
        last = names.of(&now, &Content { entry: &entry, opens_debug: false }, 0);
        if !called.contains(&last) {
            return Err((last, format!("was called {called:?} before; {}", told(&story))));
        }
    }
    let options = *bench.chip.options();
    let outlook = outlook(bench, &options, 0);
    let name = outlook.name();
    if name != last {
        return Err((name, format!("its class was called {last}; {}", told(&story))));
    }
    let checked = match outlook {
        Outlook::Open(steps) => go_back(bench, &steps),
        Outlook::OwnCode => own_code_leads_back(bench),
        Outlook::Final | Outlook::Dead => nothing_gets_in(bench, name),
    };
    checked.map(|()| name).map_err(|why| (name, format!("{why}; {}", told(&story))))
}

/// A sequence in words.
fn told(story: &[(&str, OptionBytes)]) -> String {
    story.iter().map(|(what, options)| format!("{what}: {options:X?}")).collect::<Vec<_>>().join(", ")
}

/// One random step.
fn step(bench: &mut Bench, rng: &mut Rng, called: &mut Called<'_>) -> &'static str {
    let runs = bench.boot.runs_own_code() || bench.boot == Boot::Bootloader;
    let area = match bench.chip.options().secure_area() {
        SecureArea::Region(region) => region.start().value(),
        _ => FLASH.start().value(),
    };
    match rng.below(10) {
        0..3 if bench.chip.debug_state().is_ok() => {
            change(bench, rng, By::Debugger, called);
            "debugger changes"
        }
        3 if runs => {
            let pc = *rng.pick(&[bench.pc, AXI_SRAM.start().value()]);
            change(bench, rng, By::Code(pc), called);
            "code changes"
        }
        4 if bench.boot == Boot::SecureCode => {
            change(bench, rng, By::Code(area), called);
            "secure code changes"
        }
        5 if bench.boot.runs_own_code() && bench.chip.mode() == Mode::SecureAccess => {
            change(bench, rng, By::Code(rss::LIBRARY.start().value() + 0x80), called);
            "library changes"
        }
        6 => {
            bench.exit(rng.one_in(2));
            "exit"
        }
        7 => {
            let sector = rng.below(SECTOR_COUNT as usize) as u32;
            let by = if bench.chip.debug_state().is_ok() { By::Debugger } else { By::Code(bench.pc) };
            let control = if rng.one_in(2) { cr::SER | sector << cr::SNB_SHIFT } else { cr::BER };
            erase(bench, rng, by, control, called)
        }
        8 => {
            let now = bench.chip.finish_flash_operations();
            bench.reset(now);
            "reset"
        }
        _ => {
            bench.power_cycle(rng.one_in(2));
            "power"
        }
    }
}

/// Who asks, as the rules see it.
fn requester(bench: &Bench, by: By) -> Requester {
    let By::Code(pc) = by else { return Requester::Other };
    let security = bench.chip.security();
    let options = bench.chip.options();
    let access = ironroot_cpu::bus::Access {
        master: ironroot_cpu::bus::Master::Cpu,
        kind: ironroot_cpu::bus::Kind::Write,
        privileged: true,
        secure: false,
        size: ironroot_cpu::bus::Size::Word,
        pc,
        now: 0,
    };
    if security.is_system_code(&access) {
        Requester::Rss
    } else if security.is_secure_code(options, &access) {
        Requester::Secure
    } else {
        Requester::Other
    }
}

/// A random option change, sometimes interrupted.
fn change(bench: &mut Bench, rng: &mut Rng, by: By, called: &mut Called<'_>) {
    let options = *bench.chip.options();
    let wanted = wanted(rng, &options);
    if let Ok(planned) = change::plan(&options, &wanted, requester(bench, by)) {
        called.add(bench, &planned.options, planned.erase);
        // Interrupted: the old options, and any part of the sectors erased.
        interrupted(bench, called, &options, planned.erase);
    }
    bench.stage(by, &wanted);
    bench.start_change(by);
    finish(bench, rng);
}

/// A random erase, sometimes with the pattern of a protection removal staged.
fn erase(bench: &mut Bench, rng: &mut Rng, by: By, control: u32, called: &mut Called<'_>) -> &'static str {
    let options = *bench.chip.options();
    let removal = rng.one_in(2);
    if removal {
        let wanted = OptionBytes { prar: NO_AREA | ERASE, scar: NO_AREA | ERASE, wpsn: 0xFF, ..options };
        bench.stage(by, &wanted);
        if let Some(after) = change::removal(&options, &options.with(&wanted)) {
            called.add(bench, &after, 0xFF);
        }
    }
    let sectors = if control & cr::BER != 0 { 0xFF } else { 1 << (control >> cr::SNB_SHIFT & 7) };
    called.add(bench, &options, sectors);
    interrupted(bench, called, &options, sectors);
    bench.start_erase(by, control);
    finish(bench, rng);
    if removal { "erase with removal" } else { "erase" }
}

/// What an interrupted erase of `sectors` can leave: any of their words erased or damaged, the others as they were.
fn interrupted(bench: &Bench, called: &mut Called<'_>, options: &OptionBytes, sectors: u32) {
    if sectors == 0 {
        return;
    }
    called.add(bench, options, sectors);
    let in_sectors = |address: u32| {
        let sector = address.wrapping_sub(FLASH.start().value()) / SECTOR.bytes();
        sector < SECTOR_COUNT && sectors >> sector & 1 == 1
    };
    let area = match options.secure_area() {
        SecureArea::Region(region) => region.start().value(),
        _ => FLASH.start().value(),
    };
    let places = [area, options.boot_address(false), options.boot_address(true)];
    // Each of the three places kept, erased or damaged.
    for combination in 0..27_u32 {
        let entry = |address| {
            let index = places.iter().position(|place| *place == address).unwrap_or(0) as u32;
            match combination / 3_u32.pow(index) % 3 {
                _ if !in_sectors(address) => bench.look(address),
                0 => bench.look(address),
                1 => ironroot_chip::reach::Entry::Blank,
                _ => ironroot_chip::reach::Entry::Damaged,
            }
        };
        called.add_with(options, &Content { entry: &entry, opens_debug: false }, 0);
    }
}

/// The operation ends, or power or a reset comes first.
fn finish(bench: &mut Bench, rng: &mut Rng) {
    if rng.one_in(8) {
        bench.power_cycle(rng.one_in(2));
    } else {
        bench.settle();
    }
}

/// Random options: each register as it is, one of the values that matter, or anything.
fn wanted(rng: &mut Rng, current: &OptionBytes) -> OptionBytes {
    let mut options = *current;
    let level = *rng.pick(&[0xAA, 0xAA, 0xAA, 0xBB, 0xBB, 0x00, 0xCC]);
    if !rng.one_in(3) {
        // Level 2 seldom: it ends everything.
        let level = if level == 0xCC && rng.one_in(2) { 0xBB } else { level };
        options.optsr = options.optsr & !0xFF00 | level << 8;
    }
    if rng.one_in(3) {
        options.optsr ^= SECURITY;
    }
    if rng.one_in(6) {
        options.optsr = rng.word();
    }
    for register in [&mut options.prar, &mut options.scar] {
        *register = match rng.below(8) {
            0 => NO_AREA | ERASE,
            1 => SECTOR0 | ERASE,
            2 => SECTOR0,
            3 => rng.word(),
            4 => *register | ERASE,
            5 => 0x03FF_0001 | ERASE,
            _ => *register,
        };
    }
    if rng.one_in(4) {
        options.wpsn = rng.word();
    }
    if rng.one_in(4) {
        let target = |rng: &mut Rng| *rng.pick(&[0x0800, 0x0802, 0x1FF0, 0x1FF1, 0x2400, 0x0810, 0x9000]);
        options.boot = target(rng) | target(rng) << 16;
    }
    if rng.one_in(8) {
        options.optsr2 = rng.word();
    }
    options
}

/// Executes the documented steps, then uses the part as a factory part is used.
fn go_back(bench: &mut Bench, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        perform(bench, step)?;
    }
    is_factory(bench)
}

fn perform(bench: &mut Bench, step: &Step) -> Result<(), String> {
    match step {
        Step::PowerOn { boot0 } => bench.power_cycle(*boot0),
        Step::Change { by: Agent::Debugger, options, .. } => {
            Flasher(&mut bench.chip).change_options(options).map_err(|error| error.to_string())?;
        }
        Step::BankErase { by: Agent::Debugger, options } => {
            Flasher(&mut bench.chip)
                .erase_bank_and_protections(options)
                .map_err(|error| error.to_string())?;
        }
        Step::Change { by: Agent::Bootloader, options, .. } => {
            bootloader_is_there(bench)?;
            let by = By::Code(bench.pc);
            bench.stage(by, options);
            bench.start_change(by);
            bench.settle();
            if bench.chip.options() != options {
                return Err(format!("the bootloader's change to {options:X?} was refused"));
            }
        }
        Step::BankErase { by: Agent::Bootloader, options } => {
            bootloader_is_there(bench)?;
            let by = By::Code(AXI_SRAM.start().value());
            bench.stage(by, options);
            bench.start_erase(by, cr::BER);
            bench.settle();
            if bench.chip.options() != options {
                return Err("the bootloader's bank erase was refused".into());
            }
        }
    }
    Ok(())
}

fn bootloader_is_there(bench: &Bench) -> Result<(), String> {
    match bench.boot {
        Boot::Bootloader => Ok(()),
        other => Err(format!("the bootloader was promised, and {other:?} boots")),
    }
}

/// Standard mode, factory options, debug open, and the flash can be erased, programmed and read.
fn is_factory(bench: &mut Bench) -> Result<(), String> {
    bench.power_cycle(false);
    if bench.chip.options() != &OptionBytes::FACTORY || bench.chip.mode() != Mode::Standard {
        return Err(format!("no factory part: {:X?}", bench.chip.options()));
    }
    // Through the registers and not by the flasher, which would read all of the sector back: 10^6 times.
    bench.start_erase(By::Debugger, cr::SER);
    bench.settle();
    let mut flasher = Flasher(&mut bench.chip);
    flasher.program(FLASH.start().value(), &[0x5A; 32]).map_err(|error| error.to_string())
}

/// The recipe for a device whose code leads back: exit with the JTAG magic, regression with everything removed.
fn own_code_leads_back(bench: &mut Bench) -> Result<(), String> {
    nothing_gets_in(bench, "own-code-only")?;
    let boots = [false, true].into_iter().find(|boot0| {
        bench.power_cycle(*boot0);
        bench.boot.runs_own_code()
    });
    boots.ok_or("no code of its own boots")?;
    bench.exit(true);
    let current = *bench.chip.options();
    let level_1 = OptionBytes { optsr: current.optsr & !0xFF00 | 0xBB00, ..current };
    let open = OptionBytes {
        optsr: current.optsr & !(0xFF00 | SECURITY) | 0xAA00,
        prar: NO_AREA | ERASE,
        scar: NO_AREA | ERASE,
        ..current
    };
    for wanted in [level_1, open] {
        Flasher(&mut bench.chip).change_options(&wanted).map_err(|error| error.to_string())?;
    }
    bench.power_cycle(false);
    let now = *bench.chip.options();
    match outlook(bench, &now, 0) {
        Outlook::Open(steps) => go_back(bench, &steps),
        other => Err(format!("after its code opened it, it is {}", other.name())),
    }
}

/// From a power-on, whatever BOOT0 says, neither debugger nor bootloader does anything; at a dead end nothing runs.
fn nothing_gets_in(bench: &mut Bench, name: &str) -> Result<(), String> {
    for boot0 in [false, true] {
        bench.power_cycle(boot0);
        let before = *bench.chip.options();
        if bench.chip.debug_state().is_ok() || bench.boot == Boot::Bootloader {
            return Err(format!("called {name}, but there is a way in with BOOT0 {boot0}"));
        }
        if name == "dead-end" && bench.boot.runs_own_code() {
            return Err(format!("called {name}, but it boots with BOOT0 {boot0}"));
        }
        let open = OptionBytes { optsr: before.optsr & !0xFF00 | 0xAA00, ..before };
        bench.stage(By::Debugger, &open);
        bench.start_change(By::Debugger);
        if before.read_protection() == ReadProtection::Level2 {
            bench.stage(By::Code(AXI_SRAM.start().value()), &open);
            bench.start_change(By::Code(AXI_SRAM.start().value()));
        }
        bench.settle();
        if *bench.chip.options() != before {
            return Err(format!("called {name}, but its options were changed from outside"));
        }
    }
    Ok(())
}
