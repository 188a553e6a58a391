//! `ironroot license`: the licence server, its quotas, and its audit log.

mod audit;
mod authority;
mod package;
mod serve;
mod stock;
mod vault;

use clap::{Args, Subcommand};
use ironroot_license_server::store::Location;

use crate::error::Result;
use crate::report::Reporter;

/// Give out counted licences for secure firmware install, and prove how many
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license ca new ca/ --host licenses.example
  ironroot license station new line-1 --site plant-a --ca ca/ -o stations/
  ironroot license vault new vault.json --passphrase-file pass
  ironroot license firmware add pump-1.2 --package pump.irsfi --key pump.key --vault vault.json --passphrase-file pass
  ironroot license quota create pump-1.2 --site plant-a --granted 1000 --expires 2027-01-31
  ironroot license serve --tls-certificate ca/server.pem --tls-key ca/server.key --station-authority ca/authority.pem \\
      --maker maker.pub.pem --vault vault.json --passphrase-file pass
  ironroot license quota show
  ironroot license audit export -o audit.jsonl
  ironroot license audit verify audit.jsonl")]
pub struct License {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Serve),
    #[command(subcommand)]
    Ca(authority::Ca),
    #[command(subcommand)]
    Station(authority::Station),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    #[command(subcommand)]
    Firmware(stock::Firmware),
    #[command(subcommand)]
    Quota(stock::Quota),
    #[command(subcommand)]
    Revoke(stock::Revoke),
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// Which store.
#[derive(Args, Debug)]
struct StoreOption {
    /// The store: a file (SQLite) or postgres://…
    #[arg(long, value_name = "FILE|URL", default_value = "licenses.sqlite")]
    store: Location,
}

/// The longest name: what certificates have room for (RFC 5280).
const MAX_NAME: usize = 64;

/// A name that files, certificates and requests all take.
fn name(text: &str) -> std::result::Result<String, String> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let others = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if first && others && text.len() <= MAX_NAME {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit"
            .into())
    }
}

/// A name as certificates of another authority may have it: a line.
fn line(text: &str) -> std::result::Result<String, String> {
    if text.trim() == text
        && (1..=MAX_NAME).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
    {
        Ok(text.to_owned())
    } else {
        Err("it has 1 to 64 characters in one line, and no space around them".into())
    }
}

/// Runs the command.
pub fn run(args: &License, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Serve(args) => serve::run(args, report),
        Command::Ca(args) => authority::ca(args, report),
        Command::Station(args) => authority::station(args, report),
        Command::Vault(args) => vault::run(args, report),
        Command::Firmware(args) => stock::firmware(args, report),
        Command::Quota(args) => stock::quota(args, report),
        Command::Revoke(args) => stock::revoke(args, report),
        Command::Audit(args) => audit::run(args, report),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// A parser around the group, as the tool has it.
    #[derive(clap::Parser, Debug)]
    #[command(name = "ironroot", disable_version_flag = true)]
    struct Tool {
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: Group,
    }

    #[derive(Subcommand, Debug)]
    enum Group {
        License(License),
    }

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().next().is_none() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.push((path.clone(), help));
        }
        command.get_subcommands().for_each(|command| leaves(command, &path, found));
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let mut found = Vec::new();
        leaves(&Tool::command(), "", &mut found);
        assert_eq!(found.len(), 15, "{found:?}");
        for (path, help) in found {
            let path = path.trim();
            let examples = help.replace("\\\n", "");
            let examples: Vec<&str> =
                examples.lines().filter(|line| line.starts_with(&format!("  {path}"))).collect();
            assert!(help.contains("Examples:\n") && !examples.is_empty(), "{path}: {help}");
            for example in examples {
                let words = example.split_whitespace().map(|word| word.trim_matches('\''));
                let parsed = <Tool as clap::Parser>::try_parse_from(words);
                assert!(parsed.is_ok(), "{example}: {parsed:?}");
            }
        }
    }

    #[test]
    fn names_stay_in_their_directory_and_in_one_line() {
        for good in ["a", "line-1", "pump-1.2", "Plant_A", "9", &"x".repeat(64)] {
            assert!(name(good).is_ok() && line(good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "../evil", "/evil", "a/b", "a\nb", "a b", "-a", ".a", "ä", "a\0", &long] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(line("Plant A, Köln").is_ok());
        for bad in ["", " ", " a", "a\nb", "a\u{1b}[2J", &long] {
            assert!(line(bad).is_err(), "{bad:?}");
        }
    }
}
