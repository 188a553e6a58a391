//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, with the stable compiler and without another tool.
//!
//! The flags are the ones that `cargo fuzz --sanitizer none` uses: coverage counters and traced comparisons. There is no
//! sanitizer because there is no unsafe code in what is tried. New inputs are collected in `target/fuzz/corpus`; only
//! `--keep` puts what widens the coverage into the committed `fuzz/corpus`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::host;
use crate::step::{Outcome, output, run, say, succeeds};

const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Exit code for a broken promise: a counter-example, as for every proof.
const COUNTER_EXAMPLE: u8 = 9;

/// Seconds that a single input may take: longer is a finding of its own.
const TIMEOUT: u32 = 10;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    names: Vec<String>,
    seconds: u32,
    keep: bool,
}

impl Wanted {
    fn parse(args: &[String]) -> Outcome<Wanted> {
        let mut wanted = Wanted { names: Vec::new(), seconds: 10, keep: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let value = args.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0);
                    wanted.seconds =
                        value.ok_or_else(|| "--seconds takes a number of at least 1".to_owned())?;
                }
                "--keep" => wanted.keep = true,
                name if name.starts_with('-') => {
                    return Err(format!("`fuzz` has no option `{name}`").into());
                }
                name => wanted.names.push(name.to_owned()),
            }
        }
        Ok(wanted)
    }
}

/// Runs the targets one after the other and says what each came to.
pub fn run_targets(args: &[String]) -> Outcome {
    let wanted = Wanted::parse(args)?;
    let names = select(&wanted.names)?;
    if !succeeds(Command::new("c++").arg("--version")) {
        let cause = "libFuzzer needs a C++ compiler. Run this line, then try again:\n\n  sudo apt-get install -y g++\n";
        return Err(cause.to_owned().into());
    }
    say("building the fuzz targets (release, with coverage)");
    let target = host_triple()?;
    let built = host::target_dir().join("fuzz/build");
    run(host::cargo()
        .args(["build", "--release", "--target", &target, "--manifest-path", "fuzz/Cargo.toml"])
        .env("CARGO_TARGET_DIR", &built)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")))?;
    let programs = built.join(target).join("release");

    let mut broken = Vec::new();
    println!("{:<12} {:>10} {:>8} {:>8} {:>7}  what", "target", "inputs", "a second", "coverage", "corpus");
    for name in &names {
        let campaign = Campaign::prepare(&programs, name)?;
        match campaign.run(wanted.seconds)? {
            Ended::Clean(figures) => {
                let [inputs, rate, coverage, corpus] = figures;
                println!("{name:<12} {inputs:>10} {rate:>8} {coverage:>8} {corpus:>7}  {}", campaign.what);
            }
            Ended::Broken(input) => {
                println!("{name:<12} BROKEN: {}", input.display());
                broken.push(name.as_str());
            }
        }
        if wanted.keep {
            campaign.keep()?;
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    let message = format!("promises broken by: {}", broken.join(", "));
    Err(crate::step::Failure { message, exit: COUNTER_EXAMPLE })
}

fn host_triple() -> Outcome<String> {
    let version = output(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    triple.map(str::to_owned).ok_or_else(|| "`rustc -vV` names no host".to_owned().into())
}

/// The targets of these names, all without a name: each is a program in `fuzz/fuzz_targets`.
fn select(names: &[String]) -> Outcome<Vec<String>> {
    let directory = host::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut all: Vec<String> =
        entries.flatten().filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned())).collect();
    all.sort();
    match names.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(format!("there is no target `{unknown}`; there are: {}", all.join(", ")).into()),
        None if names.is_empty() => Ok(all),
        None => Ok(names.to_vec()),
    }
}

/// How a campaign ended.
enum Ended {
    /// Inputs tried, inputs a second, coverage, inputs in the corpus.
    Clean([String; 4]),
    /// The input that broke a promise.
    Broken(PathBuf),
}

/// One target and its directories.
struct Campaign<'t> {
    name: &'t str,
    program: PathBuf,
    /// Longest input, and what is tried, in the program's own words.
    max_len: String,
    what: String,
    /// Collected inputs, below `target/`.
    work: PathBuf,
    /// The committed corpus.
    corpus: PathBuf,
    found: PathBuf,
}

impl<'t> Campaign<'t> {
    fn prepare(programs: &Path, name: &'t str) -> Outcome<Self> {
        let fuzz = host::target_dir().join("fuzz");
        let program = programs.join(name);
        let work = fuzz.join("corpus").join(name);
        let corpus = host::root().join("fuzz/corpus").join(name);
        let found = fuzz.join("found");
        for directory in [&work, &corpus, &found] {
            fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        }
        let about = output(Command::new(&program).env("IRONROOT_FUZZ_SEEDS", &work));
        let about = about.ok_or_else(|| format!("{name} has written no seeds to {}", work.display()))?;
        let (max_len, what) = about.split_once(' ').unwrap_or((&about, ""));
        let (max_len, what) = (max_len.to_owned(), what.to_owned());
        Ok(Campaign { name, program, max_len, what, work, corpus, found })
    }

    fn run(&self, seconds: u32) -> Outcome<Ended> {
        let prefix = self.found.join(format!("{}-", self.name));
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.max_len))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-artifact_prefix={}", prefix.display()))
            .args(["-seed=1", "-print_final_stats=1", "-rss_limit_mb=2048"])
            .args([&self.work, &self.corpus])
            .stdin(Stdio::null());
        let ran = command.output().map_err(|e| format!("{}: {e}", self.program.display()))?;
        let text = String::from_utf8_lossy(&ran.stderr);
        if ran.status.success() {
            return Ok(Ended::Clean(figures(&text)));
        }
        // The last lines have the panic and what libFuzzer made of it.
        let tail: Vec<&str> = text.lines().rev().take(40).collect();
        tail.iter().rev().for_each(|line| eprintln!("{line}"));
        let input = text.lines().find_map(|line| line.split("Test unit written to ").nth(1));
        match input {
            Some(path) => Ok(Ended::Broken(PathBuf::from(path.trim()))),
            None => Err(format!("{} ended with {} without an input", self.name, ran.status).into()),
        }
    }

    /// Puts what widens the coverage of the committed corpus into it, and drops what another file covers.
    fn keep(&self) -> Outcome {
        let smaller = self.found.with_file_name("merged").join(self.name);
        let _ = fs::remove_dir_all(&smaller);
        fs::create_dir_all(&smaller).map_err(|e| format!("{}: {e}", smaller.display()))?;
        run(Command::new(&self.program)
            // The smallest set that covers the same, not every input that counts something another number of times.
            .arg("-set_cover_merge=1")
            .arg(format!("-max_len={}", self.max_len))
            .args([&smaller, &self.corpus, &self.work])
            .stderr(Stdio::null()))?;
        let replaced = fs::remove_dir_all(&self.corpus).and_then(|()| fs::create_dir_all(&self.corpus));
        replaced.map_err(|e| format!("{}: {e}", self.corpus.display()))?;
        let entries = fs::read_dir(&smaller).map_err(|e| format!("{}: {e}", smaller.display()))?;
        for entry in entries.flatten() {
            let to = self.corpus.join(entry.file_name());
            fs::copy(entry.path(), &to).map_err(|e| format!("{}: {e}", to.display()))?;
        }
        Ok(())
    }
}

/// From libFuzzer's last words: inputs, rate, coverage, corpus.
fn figures(text: &str) -> [String; 4] {
    let stat = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
        line.map_or("-", str::trim).to_owned()
    };
    // `#8192	DONE   cov: 123 ft: 456 corp: 7/890b ...`
    let done = text.lines().rev().find(|line| line.contains("DONE")).unwrap_or_default();
    let after = |label: &str| {
        let mut words = done.split_whitespace().skip_while(|word| *word != label);
        words.nth(1).and_then(|word| word.split('/').next()).unwrap_or("-").to_owned()
    };
    [stat("number_of_executed_units"), stat("average_exec_per_sec"), after("cov:"), after("corp:")]
}

#[cfg(test)]
mod tests {
    use super::{Wanted, figures};

    fn parse(line: &str) -> Result<Wanted, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Wanted::parse(&args).map_err(|failure| failure.message)
    }

    #[test]
    fn arguments() {
        let wanted = |names: &[&str], seconds, keep| {
            Ok(Wanted { names: names.iter().map(|name| (*name).to_owned()).collect(), seconds, keep })
        };
        assert_eq!(parse(""), wanted(&[], 10, false));
        assert_eq!(parse("image --seconds 60 board --keep"), wanted(&["image", "board"], 60, true));
        for line in ["--seconds", "--seconds 0", "--seconds ten", "--all"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn figures_are_those_of_the_last_line() {
        let text = "#2\tINITED cov: 5 ft: 5 corp: 1/1b\n#900\tDONE   cov: 123 ft: 456 corp: 7/890b lim: 4\n\
                    stat::number_of_executed_units: 900\nstat::average_exec_per_sec:     90\n";
        assert_eq!(figures(text), ["900", "90", "123", "7"]);
    }
}
