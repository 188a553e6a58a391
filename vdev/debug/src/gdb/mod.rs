//! A GDB remote server on a virtual device (`gdbstub` speaks the protocol). Memory accesses are the debugger's own bus
//! accesses: protections apply, and the refusal's reason is shown by `monitor why`.

mod arch;
mod server;
mod target;

pub use server::{serve, serve_once};
pub use target::Session;
