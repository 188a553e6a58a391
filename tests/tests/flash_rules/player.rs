//! Plays a rule: a short list of steps that the probe does on the Arm core, each with what must come of it.

use std::sync::OnceLock;

use ironroot_chip::flash::registers::{self as reg, cr, optcr, optsr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{Board, OptionBytes, RomImage};
use ironroot_cpu::bus::Size;
use ironroot_layout::stm32h735::rss;
use ironroot_prove::access::probe::{Answer, Bench, Op, VECTORS, image};
use ironroot_prove::access::situation::{APPLICATION, SECURE_PROBE, exited, provision, target};
use ironroot_prove::access::{Level, Mode};
use ironroot_tests::device::load_pieces;
use ironroot_tests::firmware;

/// Sector 1: free for all tests.
pub const S1: u32 = 0x0802_0000;
/// Sector 2.
pub const S2: u32 = 0x0804_0000;
/// PSIZE of 64 bits: what CR1 holds beside the operation.
pub const PSIZE: u32 = 3 << cr::PSIZE_SHIFT;
/// The probe's copy in RAM, where no operation on the flash stops it.
const RAM: u32 = 0x3000_0000;

/// Where the code that makes the accesses is, and on what device.
pub enum On {
    /// In RAM, on a device in Standard mode whose board was prepared by a gang programmer.
    Ram(fn(&mut Board)),
    /// At the start of user flash, where the boot leads, on such a board.
    Flash(fn(&mut Board)),
    /// In the secure area, before the exit.
    Secure,
    /// In the application, after the exit, debug open.
    Exited,
}

/// One step.
#[derive(Clone, Copy)]
pub enum Step {
    /// Writes a FLASH register.
    Set(u32, u32),
    /// The same, and it must be a bus fault.
    SetFaults(u32, u32),
    /// Reads a FLASH register: the masked value.
    Is(u32, u32, u32),
    /// Reading a FLASH register must be a bus fault.
    IsFaults(u32),
    /// Writes memory of a width.
    Write(Size, u32, u32),
    /// The same, and it must be a bus fault.
    WriteFaults(Size, u32, u32),
    /// Writes eight bytes at once.
    Write64(u32, u32, u32),
    /// Reads a word.
    Read(u32, u32),
    /// Reading must be a bus fault.
    ReadFaults(u32),
    /// The code there runs and returns 0x5A.
    Runs(u32),
    /// Fetching must be a fault.
    RunFaults(u32),
    /// Exactly these flags of SR1.
    Flags(u32),
    /// Clears flags of SR1.
    Clear(u32),
    /// Both keys of CR1.
    Unlock,
    /// Both keys of the option registers.
    UnlockOptions,
    /// Eight words of a flash word.
    Fill(u32, u32),
    /// The whole sequence for a flash word (CR1 is open).
    Program(u32, u32),
    /// The sequence for a sector (CR1 is open).
    Erase(u32),
    /// OPTSTART, the wait, and whether it was accepted.
    Change(bool),
    /// Lets the running operations end.
    Settle,
    /// The core asks for a system reset; the probe goes on where it was.
    Reset,
    /// Power off in the middle of whatever is under way, and on again.
    PowerCut,
    /// What is in the cells, past the controller.
    Cell(u32, u32),
    /// A debugger connects.
    Connect,
    /// Anything else about the device.
    Check(&'static str, fn(&mut Bench) -> bool),
}

/// The ROM that the tests' devices have.
pub fn rom() -> &'static RomImage {
    static ROM: OnceLock<RomImage> = OnceLock::new();
    ROM.get_or_init(|| {
        let elf = std::fs::read(firmware("rss")).expect("readable");
        RomImage::from_segments(load_pieces(&elf)).expect("the ROM fits system flash")
    })
}

fn secure_board() -> &'static Board {
    static BOARD: OnceLock<Board> = OnceLock::new();
    BOARD.get_or_init(|| provision(rom(), Mode::Secure, Level::Zero).expect("a secured board"))
}

/// The option bytes of a prepared board.
pub fn options(change: impl FnOnce(&mut OptionBytes)) -> impl FnOnce(&mut Board) {
    |board| change(board.options_mut())
}

/// Plays the steps; the first that does not hold fails the test.
pub fn play(on: On, steps: &[Step]) {
    let (mut bench, in_ram) = match on {
        On::Ram(prepare) | On::Flash(prepare) => {
            let mut board = Board::with_serial(4);
            assert!(board.preload(SECURE_PROBE, &image(SECURE_PROBE)));
            prepare(&mut board);
            let mut bench = Bench::power_on(&board, rom());
            assert_eq!(bench.started(), Some(SECURE_PROBE), "the probe boots from user flash");
            let in_ram = matches!(on, On::Ram(_));
            if in_ram {
                jump(&mut bench);
            }
            (bench, in_ram)
        }
        On::Secure => {
            let mut bench = Bench::power_on(secure_board(), rom());
            assert_eq!(bench.started(), Some(SECURE_PROBE));
            (bench, false)
        }
        On::Exited => (exited(secure_board(), rom(), rss::JTAG_ENABLE).expect("an application"), false),
    };
    for (index, step) in steps.iter().enumerate() {
        if let Err(found) = one(&mut bench, step, in_ram) {
            panic!("step {} of {}: {found}", index + 1, steps.len());
        }
    }
}

/// After a boot from user flash: on from RAM.
fn into_ram(mut bench: Bench) -> Bench {
    assert_eq!(bench.started(), Some(SECURE_PROBE), "the probe boots from user flash");
    jump(&mut bench);
    bench
}

fn jump(bench: &mut Bench) {
    bench.poke(RAM, &image(RAM));
    assert_eq!(bench.leave(RAM + VECTORS + 1, 0, 0), Some(RAM), "the probe runs from RAM");
}

fn register(offset: u32) -> u32 {
    FLASH_REGISTERS + offset
}

type Held = Result<(), String>;

fn same(what: impl std::fmt::Display, answer: Answer, wanted: u32, mask: u32) -> Held {
    match answer {
        Answer::Value(value) if value & mask == wanted => Ok(()),
        other => Err(format!("{what}: wanted {wanted:#x}, found {other:x?}")),
    }
}

fn done(what: impl std::fmt::Display, answer: Answer) -> Held {
    answer.value().map(drop).ok_or_else(|| format!("{what}: {answer:x?}"))
}

fn faults(what: impl std::fmt::Display, answer: Answer) -> Held {
    match answer {
        Answer::Fault(_) => Ok(()),
        other => Err(format!("{what}: wanted a fault, found {other:x?}")),
    }
}

fn sets(bench: &mut Bench, writes: &[(u32, u32)]) -> Held {
    writes.iter().try_for_each(|&(offset, value)| {
        let answer = bench.write(register(offset), value);
        done(format!("register {offset:#x} = {value:#x}"), answer)
    })
}

fn fill(bench: &mut Bench, address: u32, value: u32) -> Held {
    (0..8).try_for_each(|word| done(format!("write {address:#x}"), bench.write(address + 4 * word, value)))
}

fn one(bench: &mut Bench, step: &Step, in_ram: bool) -> Held {
    match *step {
        Step::Set(offset, value) => sets(bench, &[(offset, value)]),
        Step::SetFaults(offset, value) => {
            faults(format!("register {offset:#x} = {value:#x}"), bench.write(register(offset), value))
        }
        Step::Is(offset, mask, wanted) => {
            same(format!("register {offset:#x}"), bench.read(register(offset)), wanted, mask)
        }
        Step::IsFaults(offset) => faults(format!("register {offset:#x}"), bench.read(register(offset))),
        Step::Write(size, address, value) => {
            done(format!("write {address:#x}"), bench.ask(Op::Write(size), address, value, 0))
        }
        Step::WriteFaults(size, address, value) => {
            faults(format!("write {address:#x}"), bench.ask(Op::Write(size), address, value, 0))
        }
        Step::Write64(address, low, high) => {
            done(format!("write {address:#x}"), bench.ask(Op::WriteDouble, address, low, high))
        }
        Step::Read(address, wanted) => {
            same(format!("read {address:#x}"), bench.read(address), wanted, u32::MAX)
        }
        Step::ReadFaults(address) => faults(format!("read {address:#x}"), bench.read(address)),
        Step::Runs(address) => same("call", bench.ask(Op::Call, address | 1, 0, 0), 0x5A, u32::MAX),
        Step::RunFaults(address) => faults("call", bench.ask(Op::Call, address | 1, 0, 0)),
        Step::Flags(wanted) => same("SR1", bench.read(register(reg::SR)), wanted, sr::FLAGS),
        Step::Clear(flags) => sets(bench, &[(reg::CCR, flags)]),
        Step::Unlock => sets(bench, &[(reg::KEYR, reg::KEY1), (reg::KEYR, reg::KEY2)]),
        Step::UnlockOptions => sets(bench, &[(reg::OPTKEYR, reg::OPTKEY1), (reg::OPTKEYR, reg::OPTKEY2)]),
        Step::Fill(address, value) => fill(bench, address, value),
        Step::Program(address, value) => {
            sets(bench, &[(reg::CR, cr::PG | PSIZE)])?;
            fill(bench, address, value)?;
            bench.settle();
            sets(bench, &[(reg::CR, PSIZE)])
        }
        Step::Erase(sector) => {
            let ser = cr::SER | sector << cr::SNB_SHIFT | PSIZE;
            sets(bench, &[(reg::CR, ser), (reg::CR, ser | cr::START)])?;
            bench.settle();
            sets(bench, &[(reg::CR, PSIZE)])
        }
        Step::Change(accepted) => {
            sets(bench, &[(reg::OPTCCR, optsr::OPTCHANGEERR), (reg::OPTCR, optcr::OPTSTART)])?;
            bench.settle();
            let wanted = if accepted { 0 } else { optsr::OPTCHANGEERR };
            let refusal = bench.chip().flash().last_refusal();
            let status = bench.read(register(reg::OPTSR_CUR));
            same(format!("OPTSR_CUR ({refusal:?})"), status, wanted, optsr::OPTCHANGEERR | optsr::OPT_BUSY)
        }
        Step::Settle => {
            bench.settle();
            Ok(())
        }
        Step::Reset => {
            let base = bench.reset_by_core();
            if in_ram && base == Some(SECURE_PROBE) {
                jump(bench);
            }
            base.map(drop).ok_or_else(|| "no start after the reset".to_owned())
        }
        Step::PowerCut => {
            let board = bench.chip().to_board();
            let cut = Bench::power_on(&board, rom());
            *bench = if in_ram { into_ram(cut) } else { cut };
            Ok(())
        }
        Step::Cell(address, wanted) => match bench.peek(address) {
            value if value == wanted => Ok(()),
            value => Err(format!("cells at {address:#x}: wanted {wanted:#x}, found {value:#x}")),
        },
        Step::Connect => {
            let connected = bench.chip().debug_access();
            bench.machine.poke();
            connected.map_err(|refusal| refusal.to_string())
        }
        Step::Check(what, check) => {
            if check(bench) {
                Ok(())
            } else {
                Err(what.to_owned())
            }
        }
    }
}

/// The code and marker of a target, at `address`.
pub fn with_target(board: &mut Board, address: u32) {
    assert!(board.preload(address, &target()));
}

/// Calls exitSecureArea for the application; where the probe is then.
pub fn leaves(bench: &mut Bench) -> Option<u32> {
    let service = bench.read(rss::EXIT_SECURE_AREA.value()).value()?;
    bench.leave(service, APPLICATION, 0)
}

/// Declares one test a rule.
#[macro_export]
macro_rules! rules {
    ($($(#[$about:meta])* $name:ident on $on:expr => [$($step:expr),* $(,)?];)*) => {
        $($(#[$about])* #[test] fn $name() { $crate::player::play($on, &[$($step),*]); })*
    };
}
