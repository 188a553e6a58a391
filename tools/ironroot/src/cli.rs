//! The command line: parsing, dispatch, and the way out.

use std::ffi::OsString;
use std::io::Write;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use ironroot_codes::{Exit, input, transport};

use crate::commands::{
    app, boot, cert, demo, device, doctor, explain, image, import, keys, license, line, ob, prove, provision,
    sfi, vdev,
};
use crate::error::{Failure, Result};
use crate::interrupt;
use crate::report::Reporter;

/// An open root of trust for STM32-class chips: sign firmware, provision a virtual device, boot it, attack it
#[derive(Parser, Debug)]
#[command(
    name = "ironroot",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    after_help = format!("\
Examples:
  ironroot demo
  ironroot keys generate -o key.pem
  ironroot image sign -k key.pem -v 1.0.0 app.elf -o app.bin
  ironroot image verify app.bin -k key.pem
  ironroot explain IR-2203

{}", explain::exit_code_help())
)]
struct Cli {
    /// Write JSON Lines instead of text: events task_begin, progress, task_end, warning, result, error
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::Demo),
    Keys(keys::Keys),
    License(license::License),
    Image(image::Image),
    Prove(prove::Prove),
    Provision(provision::Provision),
    Vdev(vdev::Vdev),
    Ob(ob::Ob),
    Device(device::Device),
    Sfi(sfi::Sfi),
    Line(line::Line),
    Cert(cert::Cert),
    App(app::App),
    Boot(boot::Boot),
    Import(import::Import),
    Explain(explain::Explain),
    Doctor(doctor::Doctor),
}

/// The whole command line as a tree: what completion and tests walk.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command line `args` (the program's name first) and returns the exit code.
///
/// Results and, with `--json`, refusals go to `out`; all other refusals to `err`. Nothing else of the process is used,
/// so a test can call this.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&args, &error, out, err),
    };
    let mut report = Reporter::new(cli.json, out, err);
    let outcome = dispatch(&cli.command, &mut report).and_then(|()| written(&report));
    // Whatever it stumbled over after a signal, the signal is the reason.
    let outcome = outcome.map_err(|f| if interrupt::asked() { interrupt::failure() } else { f });
    interrupt::end();
    match outcome {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            report.failure(&failure);
            failure.exit()
        }
    }
}

fn dispatch(command: &Command, report: &mut Reporter<'_>) -> Result {
    match command {
        Command::Demo(args) => demo::run(args, report),
        Command::Keys(args) => keys::run(args, report),
        Command::License(args) => license::run(args, report),
        Command::Image(args) => image::run(args, report),
        Command::Prove(args) => prove::run(args, report),
        Command::Provision(args) => provision::run(args, report),
        Command::Vdev(args) => vdev::run(args, report),
        Command::Ob(args) => ob::run(args, report),
        Command::Device(args) => device::run(args, report),
        Command::Sfi(args) => sfi::run(args, report),
        Command::Line(args) => line::run(args, report),
        Command::Cert(args) => cert::run(args, report),
        Command::App(args) => app::run(args, report),
        Command::Boot(args) => boot::run(args, report),
        Command::Import(args) => import::run(args, report),
        Command::Explain(args) => explain::run(args, report),
        Command::Doctor(args) => doctor::run(args, report),
    }
}

/// A report that could not be written is a failure: a caller that reads nothing must not take it for success.
fn written(report: &Reporter<'_>) -> Result {
    match report.write_error() {
        None => Ok(()),
        Some(error) => {
            Err(Failure::new(transport::CONSOLE_FAILED, error.to_string()).about("standard output"))
        }
    }
}

/// Help, version, or a command line that cannot be used.
fn unparsed(args: &[OsString], error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let help = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Some(Exit::Ok),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Some(Exit::Usage),
        _ => None,
    };
    // A closed pipe behind --help is not worth a word.
    if let Some(exit) = help {
        let text = error.render();
        let _ = match exit {
            Exit::Ok => write!(out, "{}", text.ansi()),
            _ => write!(err, "{}", text.ansi()),
        };
        return exit;
    }
    let rendered = error.render().to_string();
    // clap's own text: what is wrong, a similar name if there is one, and the usage line.
    let text = rendered.trim_start_matches("error: ").trim_end();
    let cause = text.split("\n\nFor more information").next().unwrap_or(text);
    // It repeats the argument, and a URI may have a PIN anywhere.
    let uri = cause.to_ascii_lowercase().contains("pkcs11:") || ironroot_keys::names_pin(cause.as_bytes());
    let cause =
        if uri { "a pkcs11: URI, or what may hold a PIN, is an argument where none is taken" } else { cause };
    let failure = Failure::new(input::USAGE, cause);
    let json = args.iter().any(|a| a == "--json");
    Reporter::new(json, out, err).failure(&failure);
    Exit::Usage
}
