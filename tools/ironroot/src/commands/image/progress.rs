//! How far a long work is: a bar on a terminal, events for a program, nothing for what is done in a moment.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::report::Reporter;

/// Payloads below this size are done before a bar could be read.
const WORTH_A_BAR: u64 = 16 * 1024 * 1024;
/// Events of one work.
const EVENTS: u64 = 20;

/// The progress of one work.
pub struct Progress<'r, 'o> {
    report: &'r mut Reporter<'o>,
    task: &'static str,
    total: u64,
    /// The next event is due at this many bytes.
    next: u64,
    bar: Option<ProgressBar>,
}

impl<'r, 'o> Progress<'r, 'o> {
    /// Of `task`, which has `total` bytes before it.
    pub fn new(report: &'r mut Reporter<'o>, task: &'static str, total: u64) -> Self {
        let mut bar = None;
        if total > WORTH_A_BAR && !report.is_json() {
            // Hidden by itself where stderr is no terminal.
            let shown = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            if let Ok(style) =
                ProgressStyle::with_template("{msg:8} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}")
            {
                shown.set_style(style.progress_chars("=> "));
            }
            shown.set_message(task);
            shown.enable_steady_tick(Duration::from_millis(200));
            bar = Some(shown);
        }
        Progress { report, task, total, next: total / EVENTS, bar }
    }

    /// `done` bytes of the total are done.
    pub fn at(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.total > WORTH_A_BAR && self.report.is_json() && done >= self.next {
            self.next = done + self.total / EVENTS;
            self.report.progress(self.task, json!({ "done": done, "total": self.total }));
        }
    }
}

impl Drop for Progress<'_, '_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
