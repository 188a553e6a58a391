//! The journal of a provisioning: JSON Lines, appended and synced before and after every change of the device.
//!
//! | record | members |
//! |---|---|
//! | `begin` | format, device, part, product (digest of all inputs), steps |
//! | `resume` | the run goes on |
//! | `begun` | step, before, wanted |
//! | `done` | step, after, found (nothing had to be done) |
//! | `end` | state |
//!
//! Every record has the second of its writing (`at`). What stands for content is a SHA-256, and nothing at all where the
//! content could be guessed (the hash of a password). An incomplete last line is what an interruption leaves: it is cut off.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ironroot_codes::project as codes;
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::interrupt;

/// Version of the format.
const FORMAT: u64 = 1;
/// More than any journal has.
const MAX: u64 = 16 * 1024 * 1024;

/// A journal.
pub struct Journal {
    path: PathBuf,
    /// Records of the last run, `begin` first.
    records: Vec<Value>,
    /// Length of what can be read, if an incomplete line follows it.
    torn: Option<u64>,
}

impl Journal {
    /// Reads a journal; one that is not there is empty.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => {
                file.take(MAX).read_to_end(&mut bytes).map_err(|e| Failure::read(path, &e))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::read(path, &error)),
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let torn = (whole != bytes.len()).then_some(whole as u64);
        let damaged = |line: usize, cause: &str| {
            let cause = format!("line {}: {cause}", line + 1);
            Failure::new(codes::PROVISION_JOURNAL_DAMAGED, cause).about(path.display())
        };
        let mut records: Vec<Value> = Vec::new();
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
            let record: Value =
                serde_json::from_slice(line).map_err(|error| damaged(number, &error.to_string()))?;
            match record.get("record").and_then(Value::as_str) {
                Some("begin") if record.get("format").and_then(Value::as_u64) != Some(FORMAT) => {
                    return Err(damaged(number, "a format that this version does not know"));
                }
                Some("begin") => records.clear(),
                Some("resume" | "begun" | "done" | "end") if !records.is_empty() => {}
                _ => return Err(damaged(number, "no record of a provisioning")),
            }
            records.push(record);
        }
        Ok(Self { path: path.to_owned(), records, torn })
    }

    /// The journal of nobody: a rehearsal's.
    pub fn none() -> Self {
        Self { path: PathBuf::new(), records: Vec::new(), torn: None }
    }

    /// The same file without the records of the run that has its end.
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { records: Vec::new(), ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an incomplete line was found.
    pub fn is_torn(&self) -> bool {
        self.torn.is_some()
    }

    /// Whether a run was begun.
    pub fn is_begun(&self) -> bool {
        !self.records.is_empty()
    }

    /// Whether the last run has its end.
    pub fn is_ended(&self) -> bool {
        self.records.last().and_then(|record| record.get("record")).and_then(Value::as_str) == Some("end")
    }

    /// Refuses the journal of another device, and with `product` one of other inputs.
    pub fn check(&self, device: &str, product: Option<&str>) -> Result {
        let Some(begin) = self.records.first() else { return Ok(()) };
        let text = |name: &str| begin.get(name).and_then(Value::as_str).unwrap_or_default();
        let refuse = |cause: String| {
            Err(Failure::new(codes::PROVISION_OTHER_JOURNAL, cause).about(self.path.display()))
        };
        if text("device") != device {
            return refuse(format!("it is that of device {}, this one is {device}", text("device")));
        }
        if let Some(product) = product
            && text("product") != product
        {
            return refuse(format!("it was begun with inputs {}, these are {product}", text("product")));
        }
        Ok(())
    }

    /// The last record of that kind of a step.
    pub fn last(&self, record: &str, step: &str) -> Option<&Value> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        self.records.iter().rfind(|value| {
            text(value, "record").as_deref() == Some(record) && text(value, "step").as_deref() == Some(step)
        })
    }

    /// What a step was to write, or wrote, as its digest.
    pub fn digest(&self, step: &str) -> Option<&str> {
        let done = self.last("done", step).and_then(|record| record.get("after"));
        let begun = self.last("begun", step).and_then(|record| record.get("wanted"));
        done.or(begun).and_then(Value::as_str)
    }

    /// The digest of the last attempt at a step.
    pub fn attempted(&self, step: &str) -> Option<&str> {
        self.last("begun", step).and_then(|record| record.get("wanted")).and_then(Value::as_str)
    }

    /// Begins a run.
    pub fn begin(&mut self, device: &str, part: &str, product: &str, steps: &[&str]) -> Result {
        let record = json!({
            "record": "begin", "format": FORMAT, "device": device, "part": part, "product": product, "steps": steps,
        });
        self.append(record)
    }

    /// Goes on with a run.
    pub fn resume(&mut self) -> Result {
        self.append(json!({ "record": "resume" }))
    }

    /// A step is about to change the device.
    pub fn begun(&mut self, step: &str, before: Option<&str>, wanted: Option<&str>) -> Result {
        self.append(json!({ "record": "begun", "step": step, "before": before, "wanted": wanted }))
    }

    /// A step is done.
    pub fn done(&mut self, step: &str, after: Option<&str>, found: bool) -> Result {
        self.append(json!({ "record": "done", "step": step, "after": after, "found": found }))
    }

    /// The run is at its end.
    pub fn end(&mut self, state: &str) -> Result {
        self.append(json!({ "record": "end", "state": state }))
    }

    fn append(&mut self, mut record: Value) -> Result {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if let Value::Object(fields) = &mut record {
            fields.insert("at".to_owned(), at.into());
        }
        let _busy = interrupt::writing();
        self.write(&record).map_err(|error| Failure::write(&self.path, &error))?;
        if record.get("record").and_then(Value::as_str) == Some("begin") {
            self.records.clear();
        }
        self.records.push(record);
        Ok(())
    }

    fn write(&mut self, record: &Value) -> std::io::Result<()> {
        let new = !self.path.exists();
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        if let Some(whole) = self.torn.take() {
            file.set_len(whole)?;
        }
        // One write: a line is there, or a torn one that the next reader knows for what it is.
        file.write_all(format!("{record}\n").as_bytes())?;
        file.sync_all()?;
        if new {
            let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interruption_leaves_is_cut_off_and_anything_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::read(&path).unwrap();
        assert!(!journal.is_begun());
        journal.begin("d", "p", "x", &["a", "b"]).unwrap();
        journal.begun("a", None, Some("1")).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = bytes.clone();
        bytes.extend_from_slice(b"{\"record\":\"done\",\"st");
        std::fs::write(&path, &bytes).unwrap();
        let mut journal = Journal::read(&path).unwrap();
        assert!(journal.is_torn() && journal.is_begun() && !journal.is_ended());
        assert_eq!((journal.digest("a"), journal.digest("b")), (Some("1"), None));
        journal.done("a", Some("2"), false).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(&whole));
        let journal = Journal::read(&path).unwrap();
        assert_eq!(
            (journal.is_torn(), journal.digest("a"), journal.attempted("a")),
            (false, Some("2"), Some("1"))
        );
        assert!(journal.check("d", Some("x")).is_ok());
        for (device, product) in [("e", "x"), ("d", "y")] {
            let refused = journal.check(device, Some(product)).unwrap_err();
            assert_eq!(refused.code, codes::PROVISION_OTHER_JOURNAL);
        }
        for damage in ["{\"record\":\"done\"\n", "[]\n", "{\"record\":\"begin\",\"format\":2}\n"] {
            std::fs::write(&path, [damage.as_bytes(), &whole].concat()).unwrap();
            let refused = Journal::read(&path).err().map(|failure| failure.code);
            assert_eq!(refused, Some(codes::PROVISION_JOURNAL_DAMAGED), "{damage}");
        }
    }
}
