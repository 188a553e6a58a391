//! One module a command group: its arguments, and what it does with them.

pub mod doctor;
pub mod explain;
pub mod image;
pub mod keys;
