//! What a command says, to a person or to a program.
//!
//! 1. With `--json` every line of stdout is one JSON object with a member `event`: `task_begin`, `progress`, `task_end`,
//!    `warning`, `result` or `error`. Nothing else is written to stdout.
//! 2. Without it results go to stdout and refusals to stderr; colours only on a terminal.
//! 3. What comes from a file is printed without control characters: a file name must not steer the terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use ironroot_layout::description::hidden;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Failure;

/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What did not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Times, counts and other asides.
pub const DIM: Style = Style::new().dimmed();

/// Where a command reports to.
pub struct Reporter<'a> {
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    failed: Option<io::Error>,
    /// A device has begun a line and not ended it.
    in_line: bool,
}

impl<'a> Reporter<'a> {
    /// A reporter that writes JSON Lines (`json`) or text to `out`, and refusals in text to `err`.
    pub fn new(json: bool, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Reporter { json, out, err, failed: None, in_line: false }
    }

    /// True with `--json`.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The first error of writing the report itself, a closed pipe aside: `| head` is no failure of the command.
    pub fn write_error(&self) -> Option<&io::Error> {
        self.failed.as_ref().filter(|e| e.kind() != io::ErrorKind::BrokenPipe)
    }

    /// A line of text for a person; nothing with `--json`.
    pub fn text(&mut self, line: impl Display) {
        if !self.json {
            self.end_line();
            let written = writeln!(self.out, "{line}");
            self.keep(written);
        }
    }

    /// A warning: stderr, or an event with `--json`.
    pub fn warning(&mut self, text: &str) {
        if self.json {
            self.event("warning", json!({ "message": text }));
        } else {
            self.end_line();
            let written = writeln!(self.err, "{BAD}warning:{BAD:#} {}", printable(text));
            self.keep(written);
        }
    }

    /// The beginning of a step that takes time or can fail on its own.
    pub fn task_begin(&mut self, task: &str, text: &str) {
        self.event("task_begin", json!({ "task": task, "message": text }));
    }

    /// How far a step is.
    pub fn progress(&mut self, task: &str, data: impl Serialize) {
        let mut fields = object(data);
        fields.insert("task".into(), task.into());
        self.event("progress", Value::Object(fields));
    }

    /// What a device wrote to a serial port, as it came: a terminal shows it like the device's own. Nothing with `--json`.
    pub fn raw(&mut self, bytes: &[u8]) {
        if let (false, Some(last)) = (self.json, bytes.last()) {
            self.in_line = *last != b'\n';
            let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
            self.keep(written);
        }
    }

    /// What another reporter of the same kind wrote to its two writers.
    pub fn replay(&mut self, out: &str, err: &str) {
        let written = self.out.write_all(out.as_bytes()).and_then(|()| self.err.write_all(err.as_bytes()));
        self.keep(written);
    }

    /// Standard output itself, for output too long to keep. With `--json` every line written must be an object with `event`.
    pub fn writer(&mut self) -> &mut dyn Write {
        self.out
    }

    /// Where a console waits for whoever wants to connect.
    pub fn console_open(&mut self, place: &str) {
        if self.json {
            self.progress("run", json!({ "console": place }));
        } else {
            let written = writeln!(self.err, "serial port: {place}");
            self.keep(written);
        }
    }

    /// The end of a step that was begun, with what is known of it.
    pub fn task_end(&mut self, task: &str, data: impl Serialize) {
        let mut fields = object(data);
        fields.insert("task".into(), task.into());
        self.event("task_end", Value::Object(fields));
    }

    /// The outcome of the command: `data` as an event, or `text`.
    pub fn result(&mut self, command: &str, data: impl Serialize, text: impl Display) {
        if self.json {
            let mut fields = object(data);
            fields.insert("command".into(), command.into());
            self.event("result", Value::Object(fields));
        } else {
            self.text(text);
        }
    }

    /// A refusal, always the last thing a command reports.
    pub fn failure(&mut self, failure: &Failure) {
        if self.json {
            self.event("error", failure_fields(failure));
        } else {
            self.end_line();
            let text = render(failure);
            let written = self.err.write_all(text.as_bytes());
            self.keep(written);
        }
    }

    /// One JSON line; nothing without `--json`.
    fn event(&mut self, event: &str, data: Value) {
        if !self.json {
            return;
        }
        let line = event_line(event, data);
        // Flushed line by line: a program that follows a long run wants to see it run.
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        self.keep(written);
    }

    /// Our own words begin a new line, whatever a device has left unfinished.
    fn end_line(&mut self) {
        if std::mem::take(&mut self.in_line) {
            let written = writeln!(self.out);
            self.keep(written);
        }
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

/// An event as a line, its name first, where a reader looks for it.
pub(crate) fn event_line(event: &str, data: Value) -> String {
    let mut line = format!("{{\"event\":{}", Value::from(event));
    if let Value::Object(fields) = data {
        for (name, value) in fields {
            line.push_str(&format!(",{}:{value}", Value::from(name)));
        }
    }
    line.push_str("}\n");
    line
}

/// `data` as the members of an event; what is not an object becomes a member `value`.
fn object(data: impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(data) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null) => Map::new(),
        Ok(value) => Map::from_iter([("value".to_owned(), value)]),
        // Only a map with keys that are no strings can fail, and none of our types has one.
        Err(error) => Map::from_iter([("value".to_owned(), Value::from(error.to_string()))]),
    }
}

pub(crate) fn failure_fields(failure: &Failure) -> Value {
    let entry = failure.entry();
    json!({
        "code": failure.code.to_string(),
        "name": entry.name,
        "message": entry.summary,
        "subject": failure.subject.as_deref().map(bounded),
        "cause": bounded(&failure.cause),
        "consequence": entry.consequence,
        "fix": bounded(failure.remedy()),
        "exit": entry.exit.code(),
    })
}

/// A refusal for a person: code and summary, what it is about, cause, consequence, fix.
pub(crate) fn render(failure: &Failure) -> String {
    let entry = failure.entry();
    let mut text = format!("{BAD}error {}{BAD:#} {BOLD}{}{BOLD:#}\n", failure.code, entry.summary);
    if let Some(subject) = &failure.subject {
        text.push_str(&format!("  {DIM}in{DIM:#}     {}\n", printable(&bounded(subject))));
    }
    text.push_str(&format!("  {DIM}cause{DIM:#}  {}\n", indent(&printable(&bounded(&failure.cause)))));
    text.push_str(&format!("         {}\n", entry.consequence));
    text.push_str(&format!("  {GOOD}fix{GOOD:#}    {}\n", indent(&printable(&bounded(failure.remedy())))));
    text.push_str(&format!("  {DIM}more   ironroot explain {}{DIM:#}\n", failure.code));
    text
}

fn indent(text: &str) -> String {
    text.replace('\n', "\n         ")
}

/// `text` as a refusal may quote it: what is longer was made by a file, not by us, and would bury what the refusal says.
fn bounded(text: &str) -> Cow<'_, str> {
    const MOST: usize = 8000;
    const MOST_IN_LINE: usize = 1000;
    let long = |text: &str, most: usize| text.len() > most && text.chars().nth(most).is_some();
    if !long(text, MOST) && !text.lines().any(|line| long(line, MOST_IN_LINE)) {
        return Cow::Borrowed(text);
    }
    let cut = |text: &str, most: usize| match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    };
    let lines: Vec<String> = cut(text, MOST).lines().map(|line| cut(line, MOST_IN_LINE)).collect();
    Cow::Owned(lines.join("\n"))
}

/// `text` with every control character but the line end shown as an escape, and every character that is not seen: one that turns
/// the direction of writing makes a line say something else than it does.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            c if hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_codes::input;

    #[test]
    fn every_json_line_is_an_object_with_its_event_first() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut report = Reporter::new(true, &mut out, &mut err);
        report.text("not for programs");
        report.task_begin("sign", "Signing");
        report.task_end("sign", json!({ "bytes": 3 }));
        report.failure(&Failure::new(input::KEY_MISSING, "no \"key\"\n").about("a.bin"));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let events: Vec<&str> = lines.iter().filter_map(|l| l["event"].as_str()).collect();
        assert_eq!(events, ["task_begin", "task_end", "error"]);
        assert!(text.lines().all(|l| l.starts_with("{\"event\":")));
        assert_eq!(lines[2]["code"], "IR-1105");
        assert_eq!(lines[2]["exit"], 2);
        assert_eq!(lines[2]["cause"], "no \"key\"\n");
        assert!(err.is_empty());
    }

    #[test]
    fn a_refusal_quotes_only_so_much_of_a_file() {
        let long = "é".repeat(3_000_000);
        for text in [&long, &"ab\n".repeat(1_000_000), &format!("short\n{long}\nshort")] {
            let failure = Failure::new(input::KEY_MISSING, text.as_str()).about(text).fix(text.as_str());
            assert!(render(&failure).len() < 200_000, "{}", render(&failure).len());
            assert!(failure_fields(&failure).to_string().len() < 100_000);
        }
        assert_eq!(bounded("as it is\nin lines"), "as it is\nin lines");
        assert_eq!(bounded(&format!("{}\nb", "a".repeat(1001))), format!("{}…\nb", "a".repeat(1000)));
    }

    #[test]
    fn a_file_name_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\nc");
        assert_eq!(
            printable("\u{202e}moc.\u{2066}\u{200b}\u{feff}\u{e0041}"),
            "\\u{202e}moc.\\u{2066}\\u{200b}\\u{feff}\\u{e0041}"
        );
        assert_eq!(printable("Größe 東京 \u{2026}"), "Größe 東京 \u{2026}");
    }
}
