//! The `ironroot` binary: the library's command line on the process's arguments and streams.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // anstream removes the colours where the stream is no terminal, or NO_COLOR asks for it.
    // Not locked: whoever ends the process at a signal has a word to say too.
    let mut out = anstream::stdout();
    let mut err = anstream::stderr();
    let json = std::env::args_os().any(|arg| arg == "--json");
    ironroot::interrupt::install(json);
    let exit = ironroot::run(std::env::args_os(), &mut out, &mut err);
    let _ = out.flush();
    ExitCode::from(exit.code())
}
