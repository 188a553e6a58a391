//! `cargo xtask bench image`: whole runs of `ironroot image create`, timed from outside, beside imgtool where it is
//! installed by the tests.
//!
//! A whole process is what a build waits for. Each figure is the median of the runs, and the tools take turns, so that a
//! machine that gets slower does so for both.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::host;
use crate::step::{Outcome, say};

/// Runs of each command that count; one before them does not.
const RUNS: usize = 7;
/// What is signed and encrypted: MiB, and the size of a slot for it.
const SIZES: [(u64, &str); 2] = [(1, "0x480000"), (64, "0x4800000")];
/// The memory figure comes from here; without it there is none.
const TIME: &str = "/usr/bin/time";

/// Runs the benchmark with the tool that was built.
pub fn run(tool: &Path) -> Outcome {
    let dir = host::target_dir().join("bench-image");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let (key, public) = (dir.join("key.pem"), dir.join("key.pub"));
    let mut keys = Command::new(tool);
    quiet(keys.args(["keys", "generate", "--force", "-o"]).arg(&key))?;
    let mut keys = Command::new(tool);
    quiet(keys.args(["keys", "public", "--force"]).arg(&key).arg("-o").arg(&public))?;
    let imgtool = host::root().join("target/imgtool-2.5.0/bin/imgtool");
    if !imgtool.exists() {
        say("imgtool is not here (the tests of `ironroot-tests` install it): only our own figures");
    }
    println!("sign (P-256) and encrypt (ECIES-P256, AES-128), median of {RUNS} runs of the whole process");
    println!("{:>8}  {:<9} {:>9} {:>9} {:>11}", "payload", "tool", "median s", "worst s", "memory KB");
    for (mib, slot) in SIZES {
        let payload = dir.join(format!("payload-{mib}.bin"));
        write_noise(&payload, mib << 20).map_err(|e| format!("{}: {e}", payload.display()))?;
        let common = |command: &mut Command| {
            command.args(["-v", "1.0.0", "-H", "0x400", "--pad-header", "-S", slot, "--align", "32"]);
            command.arg("-k").arg(&key).arg("-E").arg(&public).arg(&payload);
        };
        let mut tools: Vec<Contender> = Vec::new();
        let mut arguments = Command::new(tool);
        common(arguments.args(["image", "create"]));
        arguments.arg("-o").arg(dir.join("ours.bin"));
        tools.push(Contender::new("ironroot", &arguments));
        if imgtool.exists() {
            let mut arguments = Command::new(&imgtool);
            common(arguments.arg("sign"));
            arguments.arg(dir.join("theirs.bin"));
            tools.push(Contender::new("imgtool", &arguments));
        }
        for round in 0..=RUNS {
            for tool in &mut tools {
                tool.once(&dir, round > 0)?;
            }
        }
        for tool in &mut tools {
            tool.print(mib);
        }
    }
    Ok(())
}

/// `cargo xtask bench sfi`: an encrypted package of 64 MiB (external flash), whole runs of `ironroot sfi create`.
pub fn packages(tool: &Path) -> Outcome {
    const MIB: u64 = 64;
    let dir = host::target_dir().join("bench-sfi");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let (boot, payload) = (dir.join("boot.bin"), dir.join("payload.bin"));
    // The vector table of a program at the start of flash, and nothing more.
    let mut program = vec![0x11; 4096];
    program.splice(..8, [0, 0, 2, 0x20, 0x41, 0, 0, 8]);
    fs::write(&boot, program).map_err(|e| format!("{}: {e}", boot.display()))?;
    write_noise(&payload, MIB << 20).map_err(|e| format!("{}: {e}", payload.display()))?;
    let key = dir.join("fw.key");
    fs::write(&key, [7; 16]).map_err(|e| format!("{}: {e}", key.display()))?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))
        .map_err(|e| format!("{}: {e}", key.display()))?;
    let mut arguments = Command::new(tool);
    arguments.args(["sfi", "create", "-v", "1", "--max-areas", "4096", "--readable"]);
    arguments.arg("-f").arg(format!("{}@0x08000000", boot.display()));
    arguments.arg("--external").arg(format!("{}@0x90000000", payload.display()));
    arguments.arg("--key").arg(dir.join("fw.key")).arg("-o").arg(dir.join("out.sfi"));
    let mut contender = Contender::new("ironroot", &arguments);
    println!("hash and encrypt a package (AES-128-GCM), median of {RUNS} runs of the whole process");
    println!("{:>8}  {:<9} {:>9} {:>9} {:>11}", "payload", "tool", "median s", "worst s", "memory KB");
    for round in 0..=RUNS {
        contender.once(&dir, round > 0)?;
    }
    contender.print(MIB);
    Ok(())
}

fn quiet(command: &mut Command) -> Outcome {
    crate::step::run(command.stdout(Stdio::null()))
}

/// A command and what its runs took.
struct Contender {
    name: &'static str,
    line: Vec<std::ffi::OsString>,
    seconds: Vec<f64>,
    memory: Vec<u64>,
}

impl Contender {
    fn new(name: &'static str, command: &Command) -> Self {
        let program = std::iter::once(command.get_program());
        let line = program.chain(command.get_args()).map(ToOwned::to_owned).collect();
        Contender { name, line, seconds: Vec::new(), memory: Vec::new() }
    }

    fn once(&mut self, dir: &Path, counts: bool) -> Outcome {
        let report: PathBuf = dir.join("time.txt");
        let mut command = match Path::new(TIME).exists() {
            true => {
                let mut command = Command::new(TIME);
                command.args(["-f", "%M", "-o"]).arg(&report).args(&self.line);
                command
            }
            false => {
                let mut line = self.line.iter();
                let mut command = Command::new(line.next().ok_or_else(|| "an empty command".to_owned())?);
                command.args(line);
                command
            }
        };
        let begin = Instant::now();
        quiet(&mut command)?;
        let seconds = begin.elapsed().as_secs_f64();
        if counts {
            self.seconds.push(seconds);
            let memory = fs::read_to_string(&report).ok().and_then(|text| text.trim().parse::<u64>().ok());
            self.memory.extend(memory);
        }
        Ok(())
    }

    fn print(&mut self, mib: u64) {
        self.seconds.sort_by(f64::total_cmp);
        let median = self.seconds.get(self.seconds.len() / 2).copied().unwrap_or(f64::NAN);
        let worst = self.seconds.last().copied().unwrap_or(f64::NAN);
        let memory = self.memory.iter().max().map_or("?".to_owned(), u64::to_string);
        println!("{:>4} MiB  {:<9} {median:>9.3} {worst:>9.3} {memory:>11}", mib, self.name);
    }
}

/// Bytes without a pattern, the same each time.
fn write_noise(path: &Path, len: u64) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(File::create(path)?);
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..len / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.write_all(&state.to_le_bytes())?;
    }
    out.flush()
}
