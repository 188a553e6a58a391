//! A SoftHSM of one test: its own configuration, its own tokens.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Scratch;

/// Where distributions put the module.
const MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// The PIN of every token here.
pub const PIN: &str = "4711-secret-pin";

pub struct SoftHsm {
    pub dir: Scratch,
    pub module: PathBuf,
}

/// A new, empty SoftHSM. `None` with a loud line if there is none on this machine, and a failure if all tests must run.
pub fn softhsm() -> Option<SoftHsm> {
    let module = MODULES.iter().map(Path::new).find(|path| path.is_file());
    let runs = Command::new("softhsm2-util").arg("--version").output().is_ok();
    let Some(module) = module.filter(|_| runs) else {
        let missing = "SoftHSM2 is not installed (Debian package softhsm2): the PKCS#11 tests did NOT run";
        assert!(std::env::var_os("IRONROOT_FULL").is_none_or(|full| full != "1"), "{missing}");
        eprintln!("SKIPPED: {missing}");
        return None;
    };
    let dir = Scratch::new();
    std::fs::create_dir(dir.path("tokens")).unwrap();
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        dir.path("tokens").display()
    );
    dir.write("softhsm2.conf", conf.as_bytes());
    dir.write("pin", format!("{PIN}\n").as_bytes());
    dir.write("wrong-pin", b"0000\n");
    Some(SoftHsm { dir, module: module.to_owned() })
}

impl SoftHsm {
    /// A program with this SoftHSM, and nothing of the user's environment that names keys or secrets.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("SOFTHSM2_CONF", self.dir.path("softhsm2.conf"))
            .env_remove("IRONROOT_PIN")
            .env_remove("IRONROOT_PASSPHRASE")
            .env_remove("IRONROOT_PKCS11_MODULE")
            .stdin(std::process::Stdio::null())
            .current_dir(self.dir.path(""));
        command
    }

    /// Makes a token.
    #[track_caller]
    pub fn token(&self, label: &str) {
        self.run(self.command("softhsm2-util").args([
            "--init-token",
            "--free",
            "--so-pin",
            "so-pin-9",
            "--pin",
            PIN,
            "--label",
            label,
        ]));
    }

    /// Puts a key pair from a PKCS#8 file into a token.
    #[track_caller]
    pub fn import(&self, token: &str, file: &str, label: &str, id: &str) {
        self.run(
            self.command("softhsm2-util")
                .args(["--import", file, "--token", token, "--pin", PIN, "--label", label, "--id", id]),
        );
    }

    /// Runs OpenSC's tool on a token.
    #[track_caller]
    pub fn pkcs11_tool(&self, token: &str, args: &[&str]) {
        let mut command = self.command("pkcs11-tool");
        command
            .arg("--module")
            .arg(&self.module)
            .args(["--token-label", token, "--login", "--pin", PIN])
            .args(args);
        self.run(&mut command);
    }

    #[track_caller]
    pub fn run(&self, command: &mut Command) -> String {
        let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// A URI with the module, and the PIN from its file.
    pub fn uri(&self, path: &str) -> String {
        format!("{}&pin-source=pin", self.uri_without_pin(path))
    }

    pub fn uri_without_pin(&self, path: &str) -> String {
        format!("pkcs11:{path}?module-path={}", self.module.display())
    }
}
