//! The command line as a user meets it: the binary, its exit codes, its files.

mod bad_input;
mod boot;
#[path = "../../../keystore/tests/common/mod.rs"]
mod common;
mod errors;
mod image;
mod image_misuse;
mod import;
mod import_description;
mod keys;
mod license;
mod offline;
mod outputs;
mod parts;
mod prove;
mod sfi;
mod support;
mod tokens;
