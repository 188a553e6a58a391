//! The command line as a user meets it: the binary, its exit codes, its files.

mod bad_input;
mod errors;
mod keys;
mod outputs;
mod support;
