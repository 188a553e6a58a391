//! One module a command group: its arguments, and what it does with them.

pub mod demo;
pub mod device;
pub mod doctor;
pub mod explain;
pub mod image;
pub mod keys;
pub mod ob;
pub mod prove;
pub mod vdev;
