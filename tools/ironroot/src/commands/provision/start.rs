//! A start of a copy of a virtual board: what its boot chain verifies, and what then runs. Behind a memory cipher nothing else
//! can tell what is installed, and nothing else tells that it would start.

use ironroot_boot::update::Action;
use ironroot_boot::{HandOff, Status};
use ironroot_chip_h7rs::{BoardH7, RomImage};
use ironroot_codes::Code;
use ironroot_cpu::machine::Stop;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::contract;
use ironroot_layout::stm32h7rs::state::Hdpl;

use super::bench;
use crate::error::Result;
use crate::interrupt;

/// Instructions of a first boot: it installs the image, encrypts it for its memory, and verifies it.
const BOOT: u64 = 2_000_000_000;
/// Instructions between two looks: fewer than lie between the record that one stage leaves and the next stage, which clears it.
const LOOK: u64 = 1_000;

/// What a start showed.
pub struct Start {
    /// The record of the first stage that started something.
    first: Option<HandOff>,
    /// The application; or why none was reached.
    pub application: std::result::Result<Reached, String>,
}

/// A start that reached the application.
pub struct Reached {
    /// What the stage that started it has recorded.
    pub record: HandOff,
    /// Instructions since power-on.
    pub instructions: u64,
}

impl Reached {
    /// The version, for people.
    pub fn version(&self) -> String {
        self.record.version.map_or("unknown".to_owned(), |version| version.to_string())
    }
}

impl Start {
    /// Powers a copy of `board` on until its application runs, at level 3 and in `run`.
    pub fn of(board: &BoardH7, rom: &RomImage, run: Region) -> Result<Self> {
        let mut session = bench::power_on(board, rom);
        let mut first = None;
        loop {
            interrupt::check()?;
            let stop = session.machine.run(LOOK);
            let instructions = session.machine.core.instructions;
            let record = HandOff::decode(&bench::peek(&session, contract::HAND_OFF));
            let (level, pc) = (session.chip().hdpl(), session.machine.core.r[15]);
            if let Ok(record) = &record
                && record.status == Status::Booted
            {
                first.get_or_insert_with(|| record.clone());
                if level == Hdpl::Level3
                    && bench::is_in(run, record.vector_table.value())
                    && bench::is_in(run, pc)
                {
                    let record = record.clone();
                    return Ok(Self { first, application: Ok(Reached { record, instructions }) });
                }
            }
            if stop == Stop::Limit && instructions < BOOT {
                continue;
            }
            let cause = match record {
                Ok(HandOff { status: Status::Refused(code), stage, .. }) => {
                    format!("the boot refused with {} in stage `{}`", named(code), stage.name())
                }
                _ => format!(
                    "after {instructions} instructions the core is at {pc:#010x}, level {}, and no stage has started the application",
                    level.number()
                ),
            };
            return Ok(Self { first, application: Err(cause) });
        }
    }

    /// The record of the stage that verified an image: of the first stage for the second one, else of the last one.
    pub fn of_image(&self, is_stage: bool) -> std::result::Result<&HandOff, &str> {
        match (&self.application, &self.first) {
            (_, Some(first)) if is_stage => Ok(first),
            (Ok(reached), _) => Ok(&reached.record),
            (Err(cause), _) => Err(cause),
        }
    }
}

/// A code with what it means.
fn named(code: Code) -> String {
    format!("{code} ({})", code.entry().map_or("a code that this tool does not know", |entry| entry.summary))
}

/// What the start did, or refused, about an update that waited; empty if none did.
pub fn update(record: &HandOff) -> String {
    let Some(image) = record.updates.images().first() else { return String::new() };
    let did = match image.action {
        Action::None => "",
        Action::Installed | Action::Bootstrapped => ", which the next start installs",
        Action::Testing => ", which the next start puts on trial",
        Action::Reverted => ", to which the next start goes back",
    };
    let refused =
        image.refused.map(|code| format!(", and refuses what waits in the download slot: {}", named(code)));
    format!("{did}{}", refused.unwrap_or_default())
}
