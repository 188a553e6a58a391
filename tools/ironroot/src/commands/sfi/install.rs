//! `ironroot sfi install`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::effect::READABLE;
use super::file::PackageFile;
use super::licences::Server;
use crate::commands::ob::wanted::Wanted;
use crate::error::Result;
use crate::install::{self, Job, Outcome, Progress};
use crate::keyfile;
use crate::report::{BAD, GOOD, Reporter};

/// Time between two progress events.
const EVENT_EVERY: Duration = Duration::from_millis(500);

/// Install a package on one device, and compare afterwards
#[derive(Args, Debug)]
#[command(after_help = "\
The device is in its bootloader (BOOT0 high) with option byte SECURITY set; --prepare sets that on a virtual one. Interrupted \
anywhere, by Ctrl-C too, it is empty or empties itself at its next boot; a device that still waits in its installer goes on \
where it stopped when the command is repeated. The same device gets the same licence again, without being counted.

Examples:
  ironroot sfi install app.sfi --device vdev:my.board --prepare --license my.license
  ironroot sfi install app.sfi --device uart:/dev/ttyACM0 --maker maker.pub.pem --license-server https://10.0.0.1:8443 \\
      --firmware app-3 --station-certificate station.pem --station-key station.key --server-authority server-ca.pem")]
pub struct Install {
    /// Package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Device: uart:PORT or vdev:FILE
    #[arg(short, long, value_name = "DEVICE")]
    device: String,
    /// Bits per second of a serial port
    #[arg(long, value_name = "RATE", default_value_t = 115_200)]
    baud: u32,
    /// Public key of the chip's maker [default: the demo maker, for virtual devices only]
    #[arg(long, value_name = "FILE")]
    maker: Option<PathBuf>,
    /// Licence of this device for this package, from a file
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// Set SECURITY first, on a virtual device that does not have it
    #[arg(long)]
    prepare: bool,
    /// Option bytes to compare with at the end: TOML, as for `sfi create`
    #[arg(long, value_name = "FILE.toml")]
    expect_options: Option<PathBuf>,
}

/// The outcome in a few lines.
pub fn text(outcome: &Outcome) -> String {
    let rate = f64::from(outcome.bytes) / outcome.seconds.max(1e-9) / 1024.0;
    let licence = match (outcome.serial, outcome.again) {
        (Some(serial), true) => format!("licence {serial}, given again"),
        (Some(serial), false) => format!("licence {serial}"),
        (None, _) => "licence from a file".to_owned(),
    };
    let mut compared = match outcome.closed_by {
        Some(why) => format!("closed by {why}; the installer had read everything back"),
        None => format!("{BAD}open{BAD:#}: {READABLE}"),
    };
    if outcome.compared != 0 {
        compared += &format!("\n{} bytes read back once more after the reset", outcome.compared);
    }
    if !outcome.tried.is_empty() {
        compared += &format!("\ntried after the reset: {}", outcome.tried.join(", "));
    }
    let options = match outcome.options.len() {
        0 => String::new(),
        count => format!(", {count} option fields as expected"),
    };
    format!(
        "{GOOD}installed{GOOD:#}: {} bytes in {:.1} s, {rate:.0} KB/s ({} bytes on the line: {:.1} s at 115200 baud, {:.1} s at \
         921600), {licence}\n{compared}{options}",
        outcome.bytes,
        outcome.seconds,
        outcome.carried,
        outcome.at_rate(115_200),
        outcome.at_rate(921_600),
    )
}

/// The bar of one device.
pub fn bar(total: u32) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total.into()), ProgressDrawTarget::stderr());
    style(&bar);
    bar
}

/// How a bar looks.
pub fn style(bar: &ProgressBar) {
    if let Ok(style) =
        ProgressStyle::with_template("{prefix} {msg:8} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
}

/// Runs the command.
pub fn run(args: &Install, report: &mut Reporter<'_>) -> Result {
    let package = PackageFile::open(&args.package)?;
    let maker = args.maker.as_deref().map(keyfile::read).transpose()?.map(|key| key.public);
    let licences = args.server.open(args.license.as_deref())?;
    let expected = args.expect_options.as_deref().map(Wanted::from_file).transpose()?;
    let job = Job {
        device: &args.device,
        baud: args.baud,
        package: &package,
        maker,
        licences: &*licences,
        prepare: args.prepare,
        expected: expected.as_ref(),
    };
    let shown = (!report.is_json()).then(|| bar(package.len()));
    let started = Instant::now();
    let mut last = started;
    let outcome = install::run(&job, &mut |progress| match (&shown, progress) {
        (Some(bar), Progress::Bytes(done)) => bar.set_position(done.into()),
        (Some(bar), Progress::Step(step)) => bar.set_message(step),
        (None, Progress::Step(step)) => report.progress("install", json!({ "step": step })),
        (None, Progress::Bytes(done)) if last.elapsed() >= EVENT_EVERY || done == package.len() => {
            last = Instant::now();
            let seconds = started.elapsed().as_secs_f64();
            report.progress("install", json!({ "done": done, "total": package.len(), "seconds": seconds }));
        }
        (None, Progress::Bytes(_)) => {}
    });
    if let Some(bar) = &shown {
        bar.finish_and_clear();
    }
    let outcome = outcome?;
    if outcome.closed_by.is_none() {
        report.warning(READABLE);
    }
    let mut data = outcome.value();
    if let Value::Object(fields) = &mut data {
        fields.insert("device".into(), args.device.clone().into());
        fields.insert("package".into(), package.id.to_string().into());
    }
    report.result("sfi install", data, text(&outcome));
    Ok(())
}
