//! The `ironroot` binary: the library's command line on the process's arguments and streams.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // anstream removes the colours where the stream is no terminal, or NO_COLOR asks for it.
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr().lock();
    let exit = ironroot::run(std::env::args_os(), &mut out, &mut err);
    let _ = out.flush();
    ExitCode::from(exit.code())
}
