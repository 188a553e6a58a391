//! One module a command group: its arguments, and what it does with them.

pub mod app;
pub mod boot;
pub mod cert;
pub mod demo;
pub mod device;
pub mod doctor;
pub mod explain;
pub mod image;
pub mod import;
pub mod keys;
pub mod license;
pub mod line;
pub mod ob;
pub mod prove;
pub mod provision;
pub mod sfi;
pub mod vdev;
