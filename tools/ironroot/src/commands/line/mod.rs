//! `ironroot line`: a station of a production line, several devices at a time.
//!
//! 1. Each device has a thread and ends by itself: what happens to one never stops another.
//! 2. A device that failed has cost nothing: the server gives its licence again, and a retry asks for that.
//! 3. The report says of every device what became of it, also when the run was interrupted.

use std::collections::HashSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{MultiProgress, ProgressBar};
use ironroot_codes::{input, install as codes, licence, transport};
use serde_json::{Value, json};

use crate::atomic::{Access, Existing, Pending};
use crate::commands::ob::wanted::Wanted;
use crate::commands::sfi::effect::READABLE;
use crate::commands::sfi::file::PackageFile;
use crate::commands::sfi::install::style;
use crate::commands::sfi::licences::Server;
use crate::error::{Failure, Result};
use crate::install::{self, Job, Outcome, Progress};
use crate::report::{BAD, BOLD, GOOD, Reporter, printable};
use crate::{files, interrupt, keyfile};

/// Time between two progress events of a device.
const EVENT_EVERY: Duration = Duration::from_secs(1);

/// Install packages on many devices at once
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot line run --package app.sfi --boards uart:/dev/ttyACM0 uart:/dev/ttyACM1 --maker maker.pub.pem \\
      --license-server https://10.0.0.1:8443 --firmware app-3 --station-certificate station.pem --station-key station.key \\
      --server-authority server-ca.pem --report today.json")]
pub struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(Run),
}

/// Install a package on several devices in parallel, with a report
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 0: every device is installed. Else IR-4274 and the exit code 4, and the report says which one is not and why.

Examples:
  ironroot line run --package app.sfi --boards boards/ --prepare --license-server https://10.0.0.1:8443 --firmware app-3 \\
      --station-certificate station.pem --station-key station.key --server-authority server-ca.pem --report today.json
  ironroot line run --package app.sfi --boards uart:/dev/ttyACM0 uart:/dev/ttyACM1 --maker maker.pub.pem …")]
struct Run {
    /// Devices: board files, directories of them (*.board), or uart:PORT
    #[arg(long, value_name = "BOARD", num_args = 1.., required = true)]
    boards: Vec<String>,
    /// Package
    #[arg(long, value_name = "FILE")]
    package: PathBuf,
    /// Bits per second of serial ports
    #[arg(long, value_name = "RATE", default_value_t = 115_200)]
    baud: u32,
    /// Public key of the chips' maker [default: the demo maker, for virtual devices only]
    #[arg(long, value_name = "FILE")]
    maker: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// Set SECURITY first, on virtual devices that do not have it
    #[arg(long)]
    prepare: bool,
    /// Option bytes to compare with at the end
    #[arg(long, value_name = "FILE.toml")]
    expect_options: Option<PathBuf>,
    /// Tries more for a device that failed by a fault of line or server
    #[arg(long, value_name = "N", default_value_t = 1)]
    retry: u32,
    /// Devices at a time [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Report to write, JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What became of one device.
struct Ended {
    outcome: Result<Outcome>,
    tries: u32,
    seconds: f64,
}

impl Ended {
    fn value(&self, device: &str) -> Value {
        let mut value = match &self.outcome {
            Ok(outcome) => outcome.value(),
            Err(failure) => json!({
                "code": failure.code.to_string(),
                "name": failure.entry().name,
                "cause": failure.cause,
                "fix": failure.remedy(),
            }),
        };
        if let Value::Object(fields) = &mut value {
            fields.insert("device".into(), device.into());
            fields.insert("state".into(), if self.outcome.is_ok() { "installed" } else { "failed" }.into());
            fields.insert("tries".into(), self.tries.into());
            fields.insert("seconds_in_all".into(), self.seconds.into());
        }
        value
    }
}

/// What a device's thread says.
enum Said {
    Progress(Progress),
    Ended(Box<Ended>),
}

/// The devices that the arguments name, each once.
fn devices(boards: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for board in boards {
        if board.starts_with("uart:") || board.starts_with("vdev:") {
            found.push(board.clone());
            continue;
        }
        let path = Path::new(board);
        if !path.is_dir() {
            found.push(format!("vdev:{board}"));
            continue;
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .map_err(|e| Failure::read(path, &e))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "board"))
            .collect();
        files.sort();
        if files.is_empty() {
            return Err(Failure::new(input::LINE_NO_BOARDS, "no *.board in it").about(path.display()));
        }
        found.extend(files.iter().map(|path| format!("vdev:{}", path.display())));
    }
    // Two names of one file would be two threads on one device.
    let mut seen = HashSet::new();
    for device in &found {
        let place = device.split_once(':').map_or(device.as_str(), |(_, path)| path);
        let real = std::fs::canonicalize(place).unwrap_or_else(|_| place.into());
        if !seen.insert(real) {
            return Err(Failure::new(input::LINE_NO_BOARDS, format!("{device} is there twice")));
        }
    }
    Ok(found)
}

/// Faults that another try may not have. A refusal stays one.
fn may_pass(failure: &Failure) -> bool {
    let faults = [
        transport::TIMEOUT,
        transport::LINK_CLOSED,
        transport::BOOTLOADER_ANSWER,
        transport::BOOTLOADER_REFUSED,
        licence::SERVER_UNREACHABLE,
        licence::STORE_UNAVAILABLE,
        codes::INSTALL_INTERRUPTED,
        codes::AREA_NOT_AUTHENTIC,
        codes::READ_BACK,
        codes::INSTALL_PROGRAM_FAILED,
    ];
    faults.contains(&failure.code)
}

/// One device, with its retries.
fn one(job: &Job<'_>, retry: u32, say: &mut dyn FnMut(Progress)) -> Ended {
    let started = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = interrupt::check().and_then(|()| install::run(job, say));
        let again = tries <= retry && !interrupt::asked() && outcome.as_ref().is_err_and(may_pass);
        if !again {
            return Ended { outcome, tries, seconds: started.elapsed().as_secs_f64() };
        }
        say(Progress::Step("retry"));
    }
}

/// What became of a device whose thread broke off by a fault of this tool: that fault, as for any other.
fn guarded(work: impl FnOnce() -> Ended) -> Ended {
    let started = Instant::now();
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("its thread ended");
        let outcome = Err(Failure::internal(text));
        Ended { outcome, tries: 1, seconds: started.elapsed().as_secs_f64() }
    })
}

/// Shows what the threads say, until all have ended; in the order of the devices, how.
fn listen(
    devices: &[String],
    total: u32,
    said: &Receiver<(usize, Said)>,
    report: &mut Reporter<'_>,
) -> Vec<Option<Ended>> {
    let bars = MultiProgress::new();
    let shown: Vec<ProgressBar> = devices
        .iter()
        .filter(|_| !report.is_json())
        .map(|device| {
            let bar = bars.add(ProgressBar::new(total.into()));
            style(&bar);
            bar.set_prefix(printable(device));
            bar
        })
        .collect();
    let mut ended: Vec<Option<Ended>> = devices.iter().map(|_| None).collect();
    let mut last: Vec<Instant> = devices.iter().map(|_| Instant::now()).collect();
    while let Ok((index, said)) = said.recv() {
        let (Some(device), Some(place), Some(last)) =
            (devices.get(index), ended.get_mut(index), last.get_mut(index))
        else {
            continue;
        };
        match (said, shown.get(index)) {
            (Said::Progress(Progress::Bytes(done)), Some(bar)) => bar.set_position(done.into()),
            (Said::Progress(Progress::Step(step)), Some(bar)) => bar.set_message(step),
            (Said::Progress(Progress::Step(step)), None) => {
                report.progress("line", json!({ "device": device, "step": step }));
            }
            (Said::Progress(Progress::Bytes(done)), None) => {
                if last.elapsed() >= EVENT_EVERY {
                    *last = Instant::now();
                    report.progress("line", json!({ "device": device, "done": done, "total": total }));
                }
            }
            (Said::Ended(end), bar) => {
                if let Some(bar) = bar {
                    bar.finish_with_message(if end.outcome.is_ok() { "done" } else { "failed" });
                }
                report.task_end("device", end.value(device));
                *place = Some(*end);
            }
        }
    }
    let _ = bars.clear();
    ended
}

/// Runs the command.
pub fn run(args: &Line, report: &mut Reporter<'_>) -> Result {
    let Command::Run(args) = &args.command;
    let devices = devices(&args.boards)?;
    if let Some(path) = &args.report {
        let boards = devices.iter().filter_map(|device| device.strip_prefix("vdev:")).map(Path::new);
        let read = [&args.maker, &args.expect_options].into_iter().flatten().map(PathBuf::as_path);
        let inputs = boards.chain([args.package.as_path()]).chain(args.server.files()).chain(read);
        files::not_an_input(path, inputs)?;
    }
    let package = PackageFile::open(&args.package)?;
    let maker = args.maker.as_deref().map(keyfile::read).transpose()?.map(|key| key.public);
    let licences = args.server.open(None)?;
    let expected = args.expect_options.as_deref().map(Wanted::from_file).transpose()?;
    // Before the first device: a report that cannot be written is found when nothing was counted yet.
    let unwritable = |e: std::io::Error| Failure::write(args.report.as_deref().unwrap_or(Path::new("")), &e);
    let begin = |path: &PathBuf| Pending::create(path, Access::Public, Existing::Replace).map_err(unwritable);
    let mut pending = args.report.as_ref().map(begin).transpose()?;
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let (say, said) = channel();
    let work = |say: Sender<(usize, Said)>| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(device) = devices.get(index) else { return };
            let job = Job {
                device,
                baud: args.baud,
                package: &package,
                maker,
                licences: &*licences,
                prepare: args.prepare,
                expected: expected.as_ref(),
            };
            // Nobody listens only when the command itself has ended.
            let mut watch = |progress| drop(say.send((index, Said::Progress(progress))));
            let end = guarded(|| one(&job, args.retry, &mut watch));
            let _ = say.send((index, Said::Ended(Box::new(end))));
        }
    };
    let threads = args.jobs.map_or(devices.len(), usize::from).min(devices.len());
    let ended = std::thread::scope(|scope| {
        for _ in 0..threads {
            let say = say.clone();
            scope.spawn(|| work(say));
        }
        drop(say);
        listen(&devices, package.len(), &said, report)
    });

    let seconds = started.elapsed().as_secs_f64();
    let lost = || Ended { outcome: Err(Failure::internal("its thread ended")), tries: 0, seconds };
    let ended: Vec<Ended> = ended.into_iter().map(|end| end.unwrap_or_else(lost)).collect();
    let values: Vec<Value> = devices.iter().zip(&ended).map(|(device, end)| end.value(device)).collect();
    let failed: Vec<(&String, &Failure)> = devices
        .iter()
        .zip(&ended)
        .filter_map(|(device, end)| Some((device, end.outcome.as_ref().err()?)))
        .collect();
    let data = json!({
        "package": package.id.to_string(),
        "version": package.header.version,
        "installed": ended.len() - failed.len(),
        "failed": failed.len(),
        "seconds": seconds,
        "devices": values,
    });
    let mut text = String::new();
    for (device, end) in devices.iter().zip(&ended) {
        text += &match &end.outcome {
            Ok(outcome) => {
                let rate = f64::from(outcome.bytes) / outcome.seconds.max(1e-9) / 1024.0;
                let again = if outcome.again { ", licence given again" } else { "" };
                let open = if outcome.closed_by.is_none() { ", open for reading" } else { "" };
                format!(
                    "{GOOD}installed{GOOD:#} {}  {:.1} s, {rate:.0} KB/s{again}{open}\n",
                    printable(device),
                    end.seconds
                )
            }
            Err(failure) => {
                format!(
                    "{BAD}failed{BAD:#}    {}  {} {}\n",
                    printable(device),
                    failure.code,
                    printable(&failure.cause)
                )
            }
        };
    }
    text += &format!(
        "{BOLD}{} of {} installed{BOLD:#} in {seconds:.1} s",
        ended.len() - failed.len(),
        ended.len()
    );
    let open =
        ended.iter().filter_map(|end| end.outcome.as_ref().ok()).any(|outcome| outcome.closed_by.is_none());
    if open {
        report.warning(READABLE);
    }
    let bytes = serde_json::to_vec_pretty(&data).map_err(|e| Failure::internal(e.to_string()))?;
    // What became of the devices is said first: it must not be lost with a disk that has become full.
    report.result("line run", data, text);
    if let Some(mut pending) = pending.take() {
        pending.file().write_all(&bytes).and_then(|()| pending.commit()).map_err(unwritable)?;
    }
    interrupt::check()?;
    match failed.first() {
        None => Ok(()),
        Some((device, first)) => {
            let cause = format!("{} of {} failed; the first: {device}: {first}", failed.len(), ended.len());
            Err(Failure::new(codes::LINE_INCOMPLETE, cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_codes::internal;

    #[test]
    fn a_thread_that_breaks_off_is_a_failed_device() {
        let fine = || Ended { outcome: Err(interrupt::failure()), tries: 3, seconds: 1.0 };
        assert_eq!(guarded(fine).tries, 3);
        for end in [guarded(|| panic!("plain")), guarded(|| panic!("{}", "formatted"))] {
            let failure = end.outcome.unwrap_err();
            assert_eq!(failure.code, internal::INTERNAL);
            assert!(["plain", "formatted"].contains(&failure.cause.as_str()), "{}", failure.cause);
        }
    }
}
