//! `ironroot provision`: a device of the STM32H7R/7S from fresh to closed, as its product description says.
//!
//! 1. One list of steps for plan, rehearsal, run and report; what is wanted comes from `ironroot_layout`, the same numbers from
//!    which boot stage and application are built.
//! 2. The device's own bootloader and services do every step, on a serial port and on a virtual device alike; what they
//!    refuse arrives as their code.
//! 3. A journal is written and synced around every change. A step is done again or recognised as done by what the device holds.
//! 4. No product is closed that was not rehearsed with the same inputs for the same device, with the credential that brings it back.
//! 5. Nothing secret leaves: journal, note and report have digests, and none of what could be guessed.

mod bench;
mod contents;
mod credential;
mod inputs;
mod journal;
mod note;
mod rehearse;
mod run;
mod seen;
mod show;
mod start;
mod steps;
mod stops;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ironroot_chip_h7rs::{CutEffect, PowerCut};
use ironroot_layout::stm32h7rs::state::ProductState;

use self::bench::Bench;
use self::inputs::Recipe;
use crate::error::Result;
use crate::files;
use crate::keyarg::KeyOptions;
use crate::product::ProductOption;
use crate::report::Reporter;

/// Rate of a serial port, if no other is given.
const BAUD: u32 = 115_200;

/// Provision a device of the STM32H7R/7S: option bytes, keys, boot code, images, product state
#[derive(Args, Debug)]
#[command(after_help = "\
Usual order: plan, rehearse, run, report. An interrupted run goes on when it is given again, or by resume. Known boards: \
STM32H7S78-DK, NUCLEO-H7S3L8.

Examples:
  ironroot vdev new my.board --part stm32h7s7 --uid 495256440000000000000001
  ironroot provision plan --device vdev:my.board --image app.hex
  ironroot provision rehearse --device vdev:my.board --image app.hex
  ironroot provision run --device vdev:my.board --image app.hex \\
    --confirm 495256440000000000000001
  ironroot provision report --device vdev:my.board --image app.hex -o report.json")]
pub struct Provision {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Plan(show::Plan),
    Rehearse(rehearse::Rehearse),
    Run(Run),
    Resume(Resume),
    Status(show::Standing),
    Report(show::Report),
}

/// What a provisioning is made of
#[derive(Args, Debug, Clone)]
pub struct Inputs {
    #[command(flatten)]
    product: ProductOption,
    /// Device: vdev:FILE (board of a virtual device) or uart:PORT (bootloader on a serial port)
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// Image of the application, binary or Intel HEX, as `app image` makes it
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Image of the second stage (path stirot-oemurot)
    #[arg(long, value_name = "FILE")]
    stage_image: Option<PathBuf>,
    /// Boot code for user flash (ELF): OEMiRoT, or the iLoader [default: by the product, from --firmware]
    #[arg(long, value_name = "ELF")]
    boot_code: Option<PathBuf>,
    /// Directory with the boot stages that the firmware build made
    #[arg(long, value_name = "DIR", default_value = "target/ironroot-firmware")]
    firmware: PathBuf,
    /// Key content made elsewhere, instead of what follows from the key files; may be repeated
    #[arg(long, value_name = "FILE")]
    obk: Vec<PathBuf>,
    /// Journal [default: the board file's name with .provision, or provision-ID for a device on a serial port]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Rate of a serial port [default: 115200]
    #[arg(long, value_name = "BAUD")]
    baud: Option<u32>,
    /// The images are in the external flash already: the board's loader has programmed them (serial port only)
    #[arg(long)]
    external_programmed: bool,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Do what is not done yet, and read everything back
#[derive(Args, Debug)]
#[command(after_help = "\
Steps that cannot be undone without a regression need --confirm with the device's unique id, typed: `provision plan` prints it. \
Closing needs the note of a rehearsal. A device on a serial port takes no external flash through its bootloader: its board's \
loader programs the image, then --external-programmed. A run that was interrupted goes on with the same command.

Examples:
  ironroot provision run --device vdev:my.board --image app.hex --dry-run
  ironroot provision run --device vdev:my.board --image app.hex --no-close \\
    --confirm 495256440000000000000001
  ironroot provision run --device vdev:my.board --image app.hex \\
    --confirm 495256440000000000000001")]
struct Run {
    #[command(flatten)]
    args: RunArgs,
}

/// Go on with a provisioning that was interrupted
#[derive(Args, Debug)]
#[command(after_help = "\
With the arguments of the run that was interrupted. `provision run` does the same, and begins if there is nothing to resume.

Examples:
  ironroot provision resume --device vdev:my.board --image app.hex \\
    --confirm 495256440000000000000001
  ironroot provision resume --device vdev:my.board --image app.hex --dry-run")]
struct Resume {
    #[command(flatten)]
    args: RunArgs,
}

/// What `run` and `resume` take
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    inputs: Inputs,
    /// Confirm steps that cannot simply be undone: the unique id of this device
    #[arg(long, value_name = "UID")]
    confirm: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do everything but close the product; `resume` closes it later
    #[arg(long)]
    no_close: bool,
    /// For tests: end as a signal would, behind so many places
    #[arg(long, hide = true, value_name = "N")]
    stop_after: Option<u32>,
    /// For tests: cut the power of a virtual device at an operation of its flash
    #[arg(long, hide = true, value_name = "N")]
    cut_at: Option<u64>,
}

impl RunArgs {
    fn cut(&self) -> Option<PowerCut> {
        // What reads as something else, and what does not read at all.
        let effect =
            |operation: u64| if operation.is_multiple_of(2) { CutEffect::Broken } else { CutEffect::Torn };
        self.cut_at.map(|operation| PowerCut { operation, effect: effect(operation), seed: operation })
    }
}

impl Inputs {
    /// Opens the device for a recipe; what its options mean for the product is noted there.
    fn open(&self, recipe: &mut Recipe) -> Result<Bench> {
        let part = recipe.product.plan.product.part;
        let mut bench = Bench::open(&self.device, self.baud.unwrap_or(BAUD), part)?;
        files::not_an_input(&self.journal_path(&bench), self.files(recipe).iter().map(PathBuf::as_path))?;
        recipe.note_options(&bench.options()?);
        Ok(bench)
    }

    /// The board file of a virtual device.
    fn board_file(&self) -> Option<&Path> {
        self.device.strip_prefix("vdev:").map(Path::new)
    }

    /// Every file that is read, and that nothing may be written over.
    fn files(&self, recipe: &Recipe) -> Vec<PathBuf> {
        let product = &recipe.product;
        let keys = &product.description.keys;
        let keys = [&keys.sign, &keys.encrypt, &keys.stage_sign, &keys.stage_encrypt, &keys.debug];
        let keys = keys.into_iter().flatten().map(|name| PathBuf::from(product.file(name)));
        let given = [
            Some(product.path.as_path()),
            self.board_file(),
            self.image.as_deref(),
            self.stage_image.as_deref(),
            self.boot_code.as_deref(),
            self.keys.passphrase_file.as_deref(),
        ];
        let given = given.into_iter().flatten().map(Path::to_owned);
        given.chain(self.obk.iter().cloned()).chain(keys).chain([recipe.boot_code.clone()]).collect()
    }

    /// A file beside the board, or one that bears the device's id.
    fn beside(&self, bench: &Bench, ending: &str) -> PathBuf {
        match self.board_file() {
            Some(board) => PathBuf::from(format!("{}.{ending}", board.display())),
            None => Path::new(&format!("provision-{}.{ending}", bench.uid())).to_owned(),
        }
    }

    fn journal_path(&self, bench: &Bench) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| self.beside(bench, "provision"))
    }

    fn note_path(&self, bench: &Bench) -> PathBuf {
        self.beside(bench, "rehearsal")
    }
}

/// Whether a state is one in which nothing can be changed.
fn is_closed(state: ProductState) -> bool {
    matches!(state, ProductState::Closed | ProductState::Locked)
}

/// Runs the command.
pub fn run(args: &Provision, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Plan(args) => show::plan(args, report),
        Command::Rehearse(args) => rehearse::run(args, report),
        Command::Run(args) => run::run(&args.args, false, report),
        Command::Resume(args) => run::run(&args.args, true, report),
        Command::Status(args) => show::status(args, report),
        Command::Report(args) => show::report(args, report),
    }
}
