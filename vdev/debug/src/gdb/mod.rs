//! A GDB remote server on a virtual device (`gdbstub` speaks the protocol). Memory accesses are the debugger's own bus
//! accesses: protections apply.
//!
//! Nobody has to guess why an access was refused. The reason is in the answer itself (`E.IR-5201 ...`, shown by GDB where
//! its protocol has a place for text), on GDB's console at the next occasion (a connect, a stop), on the server's own
//! terminal at once, and in `monitor why`.

mod arch;
mod control;
pub mod framer;
pub mod fuzz;
mod monitor;
pub mod remote;
mod server;
mod target;

pub use remote::Remote;
pub use server::{Watcher, serve, serve_stream, serve_tcp_once};
pub use target::Session;
