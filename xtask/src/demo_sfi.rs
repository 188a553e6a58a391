//! The story of secure firmware install: an owner, a factory, four devices and three licences.
//!
//! Only the standard library and the tool: `cargo xtask demo-sfi` shows it, `tests/tests/sfi_cli.rs` runs the same.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const FIRMWARE: &str = "demo-1";
const SITE: &str = "plant-a";

/// What a step returns: why the story ended, if it did.
pub type Told<T = ()> = Result<T, String>;

/// A directory with all files of the story, and the tool.
pub struct Stage<'a> {
    tool: PathBuf,
    dir: PathBuf,
    say: &'a mut dyn FnMut(&str),
}

/// The licence server; ended when dropped.
pub struct Server {
    child: Child,
    /// Where stations ask.
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Stage<'a> {
    /// A story told with `tool` in the empty directory `dir`.
    pub fn new(tool: &Path, dir: &Path, say: &'a mut dyn FnMut(&str)) -> Self {
        Self { tool: tool.to_owned(), dir: dir.to_owned(), say }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.tool);
        command.args(line.split_whitespace()).current_dir(&self.dir);
        command.env("IRONROOT_PASSPHRASE", "only for the demo");
        command
    }

    fn run(&mut self, line: &str) -> Told<Output> {
        (self.say)(&format!("  $ ironroot {line}"));
        self.command(line).output().map_err(|e| format!("cannot start {}: {e}", self.tool.display()))
    }

    /// A command that must succeed; its output.
    pub fn ok(&mut self, line: &str) -> Told<String> {
        let output = self.run(line)?;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        if !output.status.success() {
            return Err(format!("`ironroot {line}` failed ({}):\n{out}{err}", output.status));
        }
        Ok(out)
    }

    /// A command that must be refused with this code and exit code.
    fn refused(&mut self, line: &str, code: &str, exit: i32) -> Told {
        let output = self.run(line)?;
        let all = text(&output.stdout) + &text(&output.stderr);
        if output.status.code() != Some(exit) || !all.contains(code) {
            return Err(format!(
                "`ironroot {line}` should end with {code} and {exit}, got {}:\n{all}",
                output.status
            ));
        }
        let reason = all.lines().find(|line| line.contains(code)).unwrap_or_default();
        (self.say)(&format!("    refused, as it must be: {}", reason.trim()));
        Ok(())
    }

    /// Quota: so many licences are counted.
    fn counted(&mut self, issued: u32) -> Told {
        let shown = self.ok("license quota show --json")?;
        let wanted = format!("\"issued\":{issued}");
        if !shown.contains(&wanted) {
            return Err(format!("wanted {wanted}, got {shown}"));
        }
        (self.say)(&format!("    {issued} licences are counted"));
        Ok(())
    }

    /// Starts the licence server on the files of the story.
    pub fn serve(&mut self) -> Told<Server> {
        let line = "license serve --json --listen 127.0.0.1:0 --status 127.0.0.1:0 --tls-certificate ca/server.pem \
                    --tls-key ca/server.key --station-authority ca/authority.pem --maker maker.pub.pem --vault vault.json";
        (self.say)(&format!("  $ ironroot {line} &"));
        let mut child = self
            .command(line)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the server: {e}"))?;
        let stdout = child.stdout.take();
        let mut server = Server { child, url: String::new() };
        let mut first = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut first).map_err(|e| e.to_string())?;
        }
        let address = first.split("\"stations\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let address = address.ok_or_else(|| format!("the server did not start: {first}"))?;
        server.url = format!("https://{address}");
        Ok(server)
    }

    /// The whole story; `application` is an ELF file that says `hello from hello-hal`.
    pub fn tell(&mut self, application: &Path) -> Told {
        (self.say)("owner: signs the application, and packs it with secure boot, key store and option bytes");
        self.ok("keys generate -o release.pem")?;
        let app = application.display();
        self.ok(&format!("image sign -k release.pem -v 1.0.0 --security-counter 1 {app} -o app.bin"))?;
        self.ok(
            "sfi create --boot-key release.pem -f app.bin@0x08020000 --option SECURITY=1 --option DMES=1 \
             --option SEC_AREA=0x08000000..0x08020000 --new-key fw.key -v 1 -o demo.sfi",
        )?;
        self.ok("sfi verify demo.sfi --key fw.key")?;

        (self.say)("owner: a licence server with a quota of 3 for one factory");
        self.ok("cert demo-ca -o maker.pub.pem")?;
        self.ok("license ca new ca")?;
        self.ok(&format!("license station new line-1 --site {SITE} --ca ca -o station"))?;
        self.ok("license vault new vault.json")?;
        self.ok(&format!(
            "license firmware add {FIRMWARE} --package demo.sfi --key fw.key --vault vault.json"
        ))?;
        self.ok(&format!("license quota create {FIRMWARE} --site {SITE} --granted 3"))?;
        let server = self.serve()?;
        let licences = format!(
            "--license-server {} --firmware {FIRMWARE} --station-certificate station/line-1.pem --station-key \
             station/line-1.key --server-authority ca/authority.pem",
            server.url
        );

        (self.say)("factory: four boards, and no key of the firmware");
        for board in ["a", "b", "c", "d"] {
            self.ok(&format!("vdev new {board}.board"))?;
        }

        (self.say)("factory: the package was damaged on its way; the device notices, and is empty");
        self.damage("demo.sfi", "damaged.sfi")?;
        self.refused(
            &format!("sfi install damaged.sfi --device vdev:a.board --prepare {licences}"),
            "IR-4226",
            3,
        )?;
        self.counted(1)?;

        (self.say)("factory: the same device again, with the good package: it costs no second licence");
        let out = self.ok(&format!("sfi install demo.sfi --device vdev:a.board --json {licences}"))?;
        if !out.contains("\"again\":true") {
            return Err(format!("the licence was not given again: {out}"));
        }
        self.counted(1)?;

        (self.say)("factory: two more in parallel");
        let line = "line run --package demo.sfi --boards b.board c.board --prepare --report line.json";
        self.ok(&format!("{line} {licences}"))?;
        self.counted(3)?;

        (self.say)("factory: a fourth device");
        self.refused(
            &format!("sfi install demo.sfi --device vdev:d.board --prepare {licences}"),
            "IR-6002",
            6,
        )?;
        self.counted(3)?;
        drop(server);

        (self.say)("owner: the audit log, checked without the server");
        self.ok("license audit export -o audit.jsonl")?;
        let summary = self.ok("license audit verify audit.jsonl")?;
        (self.say)(&format!("    {}", summary.trim()));

        (self.say)("field: the three devices boot the secured application; the fourth has nothing");
        for board in ["a", "b", "c"] {
            let out = self.ok(&format!("vdev run {board}.board"))?;
            for wanted in ["hello from hello-hal", "hand-off booted version 1.0.0"] {
                if !out.contains(wanted) {
                    return Err(format!("{board}.board did not say `{wanted}`:\n{out}"));
                }
            }
        }
        let out = self.run("vdev run d.board --instructions 5000000")?;
        if text(&out.stdout).contains("hello") {
            return Err("the fourth device runs firmware without a licence".into());
        }
        Ok(())
    }

    /// A copy with one bit changed in the middle of the payloads.
    fn damage(&mut self, from: &str, to: &str) -> Told {
        let mut bytes = std::fs::read(self.dir.join(from)).map_err(|e| format!("{from}: {e}"))?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        std::fs::write(self.dir.join(to), bytes).map_err(|e| format!("{to}: {e}"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
