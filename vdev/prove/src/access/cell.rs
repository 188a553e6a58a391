//! The coordinates of a cell, and what can be in it.

use std::fmt;

use ironroot_chip::flash::registers::sr;

/// Declares an enum whose variants have names and can all be listed.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All of them, in the order of the tables.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name in tables and in JSON.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// What is accessed.
    Area {
        /// Execute-only area in user flash.
        Pcrop = "PCROP",
        /// Secure user software in user flash.
        Secure = "secure user software",
        /// The services proper, in system flash.
        Rss = "RSS",
        /// The service library, in system flash.
        Library = "RSS library",
        /// The system bootloader, in system flash.
        Bootloader = "bootloader",
        /// User flash outside of every area.
        User = "user flash",
        /// The option bytes through their registers.
        Options = "option bytes",
        /// Backup SRAM.
        Backup = "backup SRAM",
    }
}

named! {
    /// How it is accessed, and by whom.
    Kind {
        /// The core fetches.
        Execute = "execute",
        /// The core reads.
        Read = "read",
        /// The core writes; for flash, the whole programming sequence.
        Write = "write",
        /// A DMA controller reads.
        DmaRead = "DMA read",
        /// A DMA controller writes.
        DmaWrite = "DMA write",
        /// The debugger reads.
        DebugRead = "debug read",
        /// The debugger writes.
        DebugWrite = "debug write",
        /// The debugger halts the core that executes there.
        DebugHalt = "debug halt",
    }
}

named! {
    /// Device mode.
    Mode {
        /// SECURITY = 0.
        Standard = "Standard",
        /// SECURITY = 1.
        Secure = "Secure access",
    }
}

named! {
    /// When it is tried.
    Moment {
        /// By code in RSS, before it hands over.
        WhileRss = "RSS runs",
        /// By the secure user software.
        BeforeExit = "before exit",
        /// By the application, after an exit that kept debug closed.
        ExitClosed = "after exit",
        /// By the application, after an exit that opened debug.
        ExitOpen = "after exit, JTAG on",
        /// By the first user code after the next system reset.
        AfterReset = "after reset",
    }
}

named! {
    /// Readout protection.
    Level {
        /// Level 0.
        Zero = "RDP 0",
        /// Level 1.
        One = "RDP 1",
        /// Level 1, and a debugger was connected.
        OneIntruded = "RDP 1 intruded",
        /// Level 2.
        Two = "RDP 2",
    }
}

named! {
    /// Why something cannot even be tried.
    Why {
        /// Standard mode has neither RSS nor an exit.
        NoSuchMoment = "Standard mode has no RSS and no exit",
        /// Standard mode has no secure area.
        NoSuchArea = "Standard mode has no secure area",
        /// Debug is closed at this moment, so that no debugger can have intruded.
        NoIntrusion = "debug is closed until then: nobody can intrude",
        /// RSS finds user flash closed by the intrusion and stays: no code runs that could try it.
        NothingRuns = "RSS stays: user flash is closed by the intrusion",
        /// The core cannot execute there, so it cannot be halted there.
        NotExecutable = "the core cannot execute there",
    }
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It does what it says.
    Granted,
    /// The read gives zero; flags of SR1.
    Zero(u32),
    /// The write (or the debugger's halt) has no effect; flags of SR1, and OPTCHANGEERR.
    Ignored(u32),
    /// A fault, a bus error; flags of SR1.
    Fault(u32),
    /// The debug port refuses.
    PortClosed,
    /// The read gives something that is neither the content nor zero, or the write leaves something else.
    Wrong(u32),
    /// It cannot be tried.
    Impossible(Why),
}

/// WRPERR alone.
pub const WRPERR: u32 = sr::WRPERR;
/// RDPERR alone.
pub const RDPERR: u32 = sr::RDPERR;
/// RDSERR alone.
pub const RDSERR: u32 = sr::RDSERR;
/// OPTCHANGEERR of OPTSR_CUR, at its own position, which no protection flag of SR1 has.
pub const OPTCHANGEERR: u32 = 1 << 30;
/// The flags that are part of an outcome.
pub const FLAGS: u32 = WRPERR | RDPERR | RDSERR | OPTCHANGEERR;

impl Outcome {
    /// One word for tables: `yes`, `no`, or `-` for what cannot be tried.
    pub fn short(self) -> &'static str {
        match self {
            Outcome::Granted => "yes",
            Outcome::Impossible(_) => "-",
            Outcome::Wrong(_) => "wrong",
            _ => "no",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |f: &mut fmt::Formatter<'_>, text: &str, flags: u32| {
            f.write_str(text)?;
            let names =
                [(WRPERR, "WRPERR"), (RDPERR, "RDPERR"), (RDSERR, "RDSERR"), (OPTCHANGEERR, "OPTCHANGEERR")];
            names.iter().filter(|(bit, _)| flags & bit != 0).try_for_each(|(_, name)| write!(f, " + {name}"))
        };
        match self {
            Outcome::Granted => f.write_str("granted"),
            Outcome::Zero(flags) => with(f, "reads 0", *flags),
            Outcome::Ignored(flags) => with(f, "ignored", *flags),
            Outcome::Fault(flags) => with(f, "fault", *flags),
            Outcome::PortClosed => f.write_str("debug port closed"),
            Outcome::Wrong(value) => write!(f, "wrong: {value:#010x}"),
            Outcome::Impossible(why) => write!(f, "cannot be tried: {why}"),
        }
    }
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Device mode.
    pub mode: Mode,
    /// Readout protection.
    pub level: Level,
    /// When.
    pub moment: Moment,
    /// What.
    pub area: Area,
    /// How.
    pub kind: Kind,
}

impl Key {
    /// Every question, situation by situation.
    pub fn all() -> impl Iterator<Item = Key> {
        let situations = Mode::ALL.iter().flat_map(|&mode| {
            Level::ALL
                .iter()
                .flat_map(move |&level| Moment::ALL.iter().map(move |&moment| (mode, level, moment)))
        });
        situations.flat_map(|(mode, level, moment)| {
            Area::ALL.iter().flat_map(move |&area| {
                Kind::ALL.iter().map(move |&kind| Key { mode, level, moment, area, kind })
            })
        })
    }

    /// Mode, level and moment.
    pub fn situation(&self) -> (Mode, Level, Moment) {
        (self.mode, self.level, self.moment)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { mode, level, moment, area, kind } = self;
        write!(f, "{kind} of {area}, {mode} mode, {level}, {moment}")
    }
}

/// What is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Documented {
    /// The outcome.
    pub outcome: Outcome,
    /// Where it is written.
    pub source: &'static str,
}

/// One question, the measured answer and the documented one.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The question.
    pub key: Key,
    /// What came of it.
    pub measured: Outcome,
    /// What should; `None` if no line of the documented table fits, which is a difference too.
    pub documented: Option<Documented>,
}

impl Cell {
    /// True if measured and documented answer are the same.
    pub fn agrees(&self) -> bool {
        self.documented.is_some_and(|documented| documented.outcome == self.measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_asked_once() {
        let keys: std::collections::HashSet<Key> = Key::all().collect();
        assert_eq!((keys.len(), Key::all().count()), (2 * 4 * 5 * 8 * 8, 2 * 4 * 5 * 8 * 8));
    }

    #[test]
    fn a_difference_in_flags_alone_is_a_difference() {
        let key = Key::all().next().expect("there are cells");
        let says = |outcome| Some(Documented { outcome, source: "" });
        let cell = |measured, documented| Cell { key, measured, documented };
        assert!(cell(Outcome::Zero(RDSERR), says(Outcome::Zero(RDSERR))).agrees());
        assert!(!cell(Outcome::Zero(RDPERR), says(Outcome::Zero(RDSERR))).agrees());
        assert!(!cell(Outcome::Granted, None).agrees());
    }
}
