//! The lines of the demo: each with its virtual time and instruction count, each step with its checks.

use std::fmt::Debug;

use ironroot_codes::input;
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, GOOD, Reporter, printable};
use crate::vdev::session::Moment;

/// The teller.
pub struct Story<'s, 'r> {
    report: &'s mut Reporter<'r>,
    step: &'static str,
    at: Option<Moment>,
    steps: u32,
    checks: u32,
}

impl<'s, 'r> Story<'s, 'r> {
    /// A story without a line yet.
    pub fn new(report: &'s mut Reporter<'r>) -> Self {
        Story { report, step: "", at: None, steps: 0, checks: 0 }
    }

    /// The steps that were done.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// A step begins, on the host or at a new power-on: no virtual time yet.
    pub fn begin(&mut self, step: &'static str, text: &str) {
        (self.step, self.at, self.checks) = (step, None, 0);
        self.report.task_begin(step, text);
        self.line(&format!("{BOLD}{step:<12}{BOLD:#}{text}"));
    }

    /// The virtual time of the lines that follow.
    pub fn at(&mut self, moment: Moment) {
        self.at = Some(moment);
    }

    /// Something to tell inside a step.
    pub fn note(&mut self, text: &str, data: Value) {
        self.event(data);
        self.line(&format!("{:<12}{}", "", printable(text)));
    }

    /// A line that the device wrote.
    pub fn said(&mut self, port: &str, text: &str, at: Moment) {
        self.at(at);
        self.event(json!({ "port": port, "text": text }));
        self.line(&format!("{DIM}{port:>11}|{DIM:#}{}", printable(text)));
    }

    /// Compares wanted and actual; the first difference ends the demo.
    pub fn check<T: PartialEq + Debug>(&mut self, what: &str, actual: &T, wanted: &T) -> Result {
        if actual == wanted {
            self.checks += 1;
            return Ok(());
        }
        let cause = format!("{what}: wanted {wanted:?}, actual {actual:?}");
        Err(Failure::new(input::DEMO_STEP_FAILED, cause).about(format!("step `{}`", self.step)))
    }

    /// The step is done, and was checked.
    pub fn done(&mut self, text: &str, data: Value) {
        self.steps += 1;
        let mut data = data;
        if let Value::Object(fields) = &mut data {
            fields.insert("checks".into(), self.checks.into());
            self.moment(fields);
        }
        self.report.task_end(self.step, data);
        self.line(&format!("{GOOD}{:<12}{GOOD:#}{text}", "  ok"));
    }

    fn event(&mut self, mut data: Value) {
        if let Value::Object(fields) = &mut data {
            self.moment(fields);
        }
        self.report.progress(self.step, data);
    }

    fn moment(&self, fields: &mut serde_json::Map<String, Value>) {
        if let Some(at) = self.at {
            fields.insert("instructions".into(), at.instructions.into());
            fields.insert("virtual_ns".into(), at.nanoseconds.into());
        }
    }

    fn line(&mut self, text: &str) {
        let time = match self.at {
            Some(at) => format!("{:>10.3} ms {:>11} instr", at.nanoseconds as f64 / 1e6, at.instructions),
            None => format!("{:>31}", "host"),
        };
        self.report.text(format!("{DIM}{time}{DIM:#}  {text}"));
    }

    /// What the model has to complain about.
    pub fn warn(&mut self, text: &str) {
        self.report.warning(text);
    }
}
