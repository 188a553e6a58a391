//! `ironroot keys info`.

use clap::Args;
use ironroot_keys::{KeyArgument, KeyFile, KeyKind, PublicKey, load_public};
use serde::Serialize;
use serde_json::json;

use crate::error::Result;
use crate::hex;
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, DIM, Reporter, printable};

/// Show what a key is, and its hash; never the private half
#[derive(Args, Debug)]
#[command(after_help = "\
The key hash is the SHA-256 that an image (TLV KEYHASH) and a device's key store name the key by; images that are hashed \
with SHA-384 or SHA-512 use that: `ironroot keys hash --algorithm`.

Examples:
  ironroot keys info key.pem
  ironroot keys info pub.pem --json
  ironroot keys info 'pkcs11:token=release;object=fw-key?module-path=/usr/lib/softhsm/libsofthsm2.so'")]
pub struct Info {
    /// Key: file or pkcs11: URI, private or public
    #[arg(value_name = "KEY")]
    key: KeyArgument,
    #[command(flatten)]
    options: KeyOptions,
}

/// Runs the command.
pub fn run(args: &Info, report: &mut Reporter<'_>) -> Result {
    let secrets = args.options.secrets();
    let description = match &args.key {
        KeyArgument::File(path) => {
            let file = KeyFile::read(path, &secrets)?;
            keyarg::warn(report, &file.warnings);
            Description::of_file(&args.key, &file)
        }
        KeyArgument::Token(_) => {
            let loaded = load_public(&args.key, &secrets)?;
            keyarg::warn(report, &loaded.warnings);
            Description::of_public(&args.key, &loaded.key)
        }
    };
    description.show("keys info", report);
    Ok(())
}

/// What is told of a key.
#[derive(Serialize)]
pub struct Description {
    file: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip)]
    title: &'static str,
    private: bool,
    encrypted: bool,
    in_token: bool,
    demo: bool,
    signs: bool,
    decrypts: bool,
    key_hash: Option<String>,
    public_key: Option<String>,
}

impl Description {
    /// Of a file.
    pub fn of_file(argument: &KeyArgument, file: &KeyFile) -> Self {
        Description {
            private: file.private.is_some(),
            encrypted: file.encrypted,
            demo: file.demo,
            ..Self::new(argument, file.kind, file.public.as_ref())
        }
    }

    /// Of a public half, wherever it came from.
    pub fn of_public(argument: &KeyArgument, key: &PublicKey) -> Self {
        Self::new(argument, key.kind(), Some(key))
    }

    /// The same, marked as a demo key.
    pub fn with_demo(self) -> Self {
        Description { demo: true, ..self }
    }

    fn new(argument: &KeyArgument, kind: KeyKind, public: Option<&PublicKey>) -> Self {
        Description {
            file: argument.to_string(),
            kind: kind.name(),
            title: kind.title(),
            private: false,
            encrypted: false,
            in_token: argument.path().is_none(),
            demo: false,
            signs: kind.signs(),
            decrypts: kind.decrypts(),
            key_hash: public.map(|key| hex::encode(&key.hash())),
            public_key: public.map(|key| hex::encode(key.raw())),
        }
    }

    /// Reports it.
    pub fn show(&self, command: &str, report: &mut Reporter<'_>) {
        let half = match (self.private, self.public_key.is_some()) {
            (true, false) => "secret",
            (true, true) => "private",
            _ => "public",
        };
        let uses = match (self.signs, self.decrypts) {
            (true, true) => "signs images; images can be encrypted for it",
            (true, false) => "signs images",
            _ => "images can be encrypted for it",
        };
        let mut text = format!(
            "{BOLD}{}{BOLD:#}  {half} key, {}{}{}{}\n  use         {uses}",
            printable(&self.file),
            self.title,
            if self.encrypted { ", encrypted" } else { "" },
            if self.in_token { ", in a token" } else { "" },
            if self.demo { ", DEMO: a real STM32H735 refuses it" } else { "" },
        );
        if let (Some(hash), Some(key)) = (&self.key_hash, &self.public_key) {
            text += &format!("\n  key hash    {hash}\n  public key  {DIM}{key}{DIM:#}");
        }
        report.result(command, json!(self), text);
    }
}
