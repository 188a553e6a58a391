//! The licence server: how many devices get a firmware is decided here, and nowhere else.
//!
//! 1. A decision is one transaction: the quota is counted, the licence kept and the audit log appended together, and the
//!    answer leaves only after the commit. So a licence that anybody received is in the log, and killing server or database
//!    at any moment neither loses one nor gives one too many.
//! 2. The same device and firmware get the same licence again, for free: a failed install costs nothing.
//! 3. Several stateless servers may share one PostgreSQL store; SQLite is enough for one.
//! 4. The audit log is a chain of hashes that anybody can check without the server.
//!
//! The way of a request: [`http`] (TLS, station, form) -> [`queue`] (one writer, many requests in one transaction) ->
//! [`decide`] -> [`store`].
#![forbid(unsafe_code)]

pub mod admin;
pub mod ask;
pub mod audit;
pub mod client;
pub mod decide;
pub mod error;
pub mod http;
pub mod metrics;
pub mod model;
pub mod pki;
pub mod prepare;
pub mod queue;
pub mod server;
pub mod store;
pub mod vault;

pub use error::Error;
