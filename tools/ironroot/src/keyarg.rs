//! Key arguments: what every command that takes a key has in common.

use std::path::PathBuf;

use clap::Args;
use ironroot_keys::Secrets;

use crate::report::Reporter;

/// Where secrets for keys come from.
#[derive(Args, Debug, Clone, Default)]
pub struct KeyOptions {
    /// File whose first line is the passphrase of an encrypted key file; it must be readable by its owner only. Without
    /// it the variable IRONROOT_PASSPHRASE is taken, or the terminal asks
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl KeyOptions {
    /// The process's secrets: nothing is read or asked before a key needs it.
    pub fn secrets(&self) -> Secrets {
        Secrets::of_process(self.passphrase_file.clone())
    }
}

/// Shows what the user should know about keys.
pub fn warn(report: &mut Reporter<'_>, warnings: &[String]) {
    for warning in warnings {
        report.warning(warning);
    }
}
