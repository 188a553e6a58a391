//! The three masters of the bus, each as it really reaches the chip.

use ironroot_chip::DebugRefusal;
use ironroot_cpu::bus::{Access, Bus, Kind, Master, Size};

use super::probe::{Answer, Bench, Op};

/// Why an access gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A fault or bus error.
    Fault,
    /// The debug port is closed.
    Port,
}

/// Who drives the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The probe on the core.
    Core,
    /// A DMA controller: its accesses carry no instruction address.
    Dma,
    /// A debugger at the debug port.
    Debugger,
}

impl By {
    /// Reads a word.
    pub fn read(self, bench: &mut Bench, address: u32) -> Result<u32, Refused> {
        match self {
            By::Core => core_answer(bench.ask(Op::Read(Size::Word), address, 0, 0)),
            By::Dma => {
                let access = dma(bench, Kind::Read);
                bench.chip().read(address, access).map_err(|_| Refused::Fault)
            }
            By::Debugger => {
                bench.chip().debugger_read(address, Size::Word).map_err(|refusal| refused(&refusal))
            }
        }
    }

    /// Writes a word.
    pub fn write(self, bench: &mut Bench, address: u32, value: u32) -> Result<(), Refused> {
        let done = match self {
            By::Core => core_answer(bench.ask(Op::Write(Size::Word), address, value, 0)).map(drop),
            By::Dma => {
                let access = dma(bench, Kind::Write);
                bench.chip().write(address, value, access).map_err(|_| Refused::Fault)
            }
            By::Debugger => {
                bench.chip().debugger_write(address, value, Size::Word).map_err(|refusal| refused(&refusal))
            }
        };
        bench.machine.poke();
        done
    }
}

fn core_answer(answer: Answer) -> Result<u32, Refused> {
    answer.value().ok_or(Refused::Fault)
}

fn dma(bench: &Bench, kind: Kind) -> Access {
    let now = bench.machine.core.cycles;
    Access { master: Master::Dma, kind, privileged: true, secure: false, size: Size::Word, pc: 0, now }
}

fn refused(refusal: &DebugRefusal) -> Refused {
    match refusal {
        DebugRefusal::Closed | DebugRefusal::Disabled => Refused::Port,
        DebugRefusal::ReadProtected { .. } | DebugRefusal::BusError { .. } => Refused::Fault,
    }
}
