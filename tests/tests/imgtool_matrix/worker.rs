//! imgtool in one process: it needs a third of a second to start and three thousandths for an image.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The process, and the directory that it works in.
pub struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Worker {
    /// Starts it. Files are named relative to `directory`.
    pub fn start(directory: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imgtool_matrix/worker.py");
        let imgtool = PathBuf::from(ironroot_tests::imgtool().get_program());
        let mut child = Command::new(imgtool.with_file_name("python"))
            .arg(script)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the virtual environment of imgtool has Python");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, orders, answers, directory: directory.to_owned() }
    }

    /// One order; what came of it.
    fn order(&mut self, order: &Value) -> Result<Value, String> {
        let orders = self.orders.as_mut().expect("open until the end");
        writeln!(orders, "{order}").expect("the worker listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the worker answers");
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{order}: {error}: {line:?}"));
        match answer["error"].take() {
            Value::Null => Ok(answer["ok"].take()),
            error => Err(error.as_str().unwrap_or("an error without text").to_owned()),
        }
    }

    /// A key pair: `NAME.pem` and `NAME.pub`.
    pub fn keys(&mut self, name: &str, kind: &str) {
        use std::os::unix::fs::PermissionsExt;
        let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
        self.order(&json!({ "keygen": ["-k", private, "-t", kind] })).expect("a key");
        self.order(&json!({ "getpub": ["-k", private, "-e", "pem", "-o", public] })).expect("a public key");
        // imgtool writes private keys for everybody to read, which our tool refuses.
        let path = self.directory.join(private);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    }

    /// `imgtool sign`.
    pub fn sign(&mut self, arguments: &[String]) -> Result<(), String> {
        self.order(&json!({ "sign": arguments })).map(|_| ())
    }

    /// What `imgtool verify` says: "OK", or what is wrong.
    pub fn verify(&mut self, image: &str, key: Option<&str>) -> Result<String, String> {
        let answer = self.order(&json!({ "verify": image, "key": key }))?;
        Ok(answer.as_str().unwrap_or("no text").to_owned())
    }

    /// What `imgtool dumpinfo` reads.
    pub fn dump(&mut self, image: &str) -> Result<Value, String> {
        self.order(&json!({ "dump": image }))
    }

    /// The plain payload, by a program that knows nothing of ours.
    pub fn decrypt(&mut self, image: &str, key: &str) -> Result<Vec<u8>, String> {
        let answer = self.order(&json!({ "decrypt": image, "key": key }))?;
        let digits = answer.as_str().unwrap_or_default();
        ironroot::parsers::hex_digits(digits).ok_or_else(|| "no hex digits".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its input is the end of its work.
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}
