//! A PostgreSQL of our own in a directory of its own, on a free port.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ironroot_license_server::store::Location;

/// A running database; stopped when dropped.
pub struct Postgres {
    dir: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    child: Option<Child>,
}

/// Where Debian has the server programs, newest first.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    versions.into_iter().rev().find(|dir| dir.join("initdb").is_file())
}

impl Postgres {
    /// Starts one; `None`, said loudly, if PostgreSQL is not installed. Under `IRONROOT_FULL` that is a failure.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("IRONROOT_FULL").is_none(), "PostgreSQL is not installed");
            eprintln!("SKIPPED: PostgreSQL is not installed (Debian: postgresql)");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("ir-pg").tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let mut postgres = Self { dir, programs, port, child: None };
        if is_root() {
            // The database refuses to run as root; Debian's package made a user for it.
            let owned = Command::new("chown").arg("-R").arg("postgres").arg(postgres.dir.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "chown to postgres");
        }
        let made = postgres
            .command("initdb")
            .args(["--auth=trust", "--username=ironroot", "--no-sync", "-D"])
            .arg(postgres.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "initdb");
        postgres.run();
        Some(postgres)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.dir.path());
        command
    }

    /// Starts the server process and waits until it answers.
    pub fn run(&mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match &mut self.child {
                None => self.child = Some(self.spawn()),
                // A database that was just killed may still have children that hold its memory: the new one gives up, and
                // is started again.
                Some(child) => {
                    if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                        self.child = None;
                    }
                }
            }
            let ready = self
                .command("pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .is_ok_and(|status| status.success());
            if ready {
                return;
            }
            assert!(Instant::now() < end, "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(&self) -> Child {
        let socket = format!("unix_socket_directories={}", self.dir.path().display());
        let port = format!("port={}", self.port);
        self.command("postgres")
            .arg("-D")
            .arg(self.data())
            .args([
                "-c",
                &socket,
                "-c",
                &port,
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "restart_after_crash=off",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres starts")
    }

    /// SIGKILL to the server and its children, as a power cut would.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("pkill").args(["-KILL", "-P", &child.id().to_string()]).status();
        let _ = child.kill();
        let _ = child.wait();
        // A server that was killed leaves its lock file; it knows by itself that the process is gone.
    }

    /// How to connect.
    pub fn location(&self) -> Location {
        Location::Postgres(format!("postgres://ironroot@127.0.0.1:{}/postgres", self.port))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        if is_root() {
            let _ = Command::new("chown").args(["-R", "root"]).arg(self.dir.path()).status();
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|proc| proc.uid() == 0)
}
