//! Ctrl-C and other requests to end.
//!
//! 1. Every ending is a coded one: [`input::INTERRUPTED`], exit code 8, as text or as an event.
//! 2. The loops that run long look at [`asked`] and return; files that were to be written at the end stay as they were.
//! 3. What does not look (waiting for a connection, a write to a full pipe) is ended from the signal's thread, after
//!    [`GRACE`]; a file that is just being written is waited for.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ironroot_codes::{Exit, input};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Failure, Result};
use crate::report::{event_line, failure_fields, render};

/// Time for the command to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// Most time for a file that is just being written.
const WRITE: Duration = Duration::from_secs(10);
/// Most time for the last words: nobody may be reading.
const LAST_WORDS: Duration = Duration::from_millis(500);

static ASKED: AtomicBool = AtomicBool::new(false);
static WRITERS: AtomicUsize = AtomicUsize::new(0);
/// Somebody has begun to say how the command ended.
static ENDED: AtomicBool = AtomicBool::new(false);

/// True once a signal has asked the process to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The ending by a signal, as a failure to return.
pub fn check() -> Result {
    if asked() { Err(failure()) } else { Ok(()) }
}

/// What a command that a signal ended reports.
pub fn failure() -> Failure {
    Failure::new(input::INTERRUPTED, "a signal asked the command to end (Ctrl-C, or a request to terminate)")
}

/// A file is being written until this is dropped.
#[derive(Debug)]
pub struct Writing(());

impl Drop for Writing {
    fn drop(&mut self) {
        WRITERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Keeps the process from being ended inside a write.
#[must_use]
pub fn writing() -> Writing {
    WRITERS.fetch_add(1, Ordering::SeqCst);
    Writing(())
}

/// The command is about to say how it ended. Does not return if the signal's thread says it already.
pub(crate) fn end() {
    // Without a signal there is no other thread, and many commands may end in one process.
    if !asked() || !ENDED.swap(true, Ordering::SeqCst) {
        return;
    }
    loop {
        std::thread::park();
    }
}

/// Takes SIGINT and SIGTERM from now on; for the binary only. SIGHUP stays as it is, so that `nohup` does what it is for.
/// With `json` the last words are an event on stdout.
pub fn install(json: bool) {
    // Without a handler a signal ends the process too, only without a word.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            ASKED.store(true, Ordering::SeqCst);
            end_from_outside(json);
        }
    });
}

/// Ends the process if it has not ended by itself. Further signals change nothing: the first is enough.
fn end_from_outside(json: bool) -> ! {
    std::thread::sleep(GRACE);
    let end = Instant::now() + WRITE;
    while WRITERS.load(Ordering::SeqCst) != 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !ENDED.swap(true, Ordering::SeqCst) {
        let words = std::thread::spawn(move || last_words(json));
        let end = Instant::now() + LAST_WORDS;
        while !words.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    std::process::exit(Exit::Interrupted.code().into())
}

fn last_words(json: bool) {
    let failure = failure();
    // Nothing is left to do if nobody listens.
    let _ = if json {
        let mut out = std::io::stdout();
        out.write_all(event_line("error", failure_fields(&failure)).as_bytes()).and_then(|()| out.flush())
    } else {
        anstream::stderr().write_all(render(&failure).as_bytes())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_signal_nothing_is_asked_for() {
        assert!(!asked() && check().is_ok());
        end();
        end();
        let one = writing();
        let two = writing();
        assert!(WRITERS.load(Ordering::SeqCst) >= 2);
        drop((one, two));
        assert_eq!(failure().exit(), Exit::Interrupted);
    }
}
