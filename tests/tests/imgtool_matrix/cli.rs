//! Our command line, called in this process.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use crate::recipe::{Recipe, SLOT, Sectors, Update};

/// Why a command was refused.
#[derive(Debug)]
pub struct Refusal {
    pub code: String,
    /// The whole event, for the message of a test that fails.
    #[allow(dead_code, reason = "shown by Debug")]
    pub event: String,
}

/// The command line, with files in one directory.
pub struct Cli<'p> {
    directory: &'p Path,
}

impl<'p> Cli<'p> {
    pub fn new(directory: &'p Path) -> Self {
        Self { directory }
    }

    /// Runs a command with `--json`; its result.
    fn run(&self, arguments: &[String]) -> Result<Value, Refusal> {
        let path = |argument: &String| match argument.rsplit_once('.') {
            Some((_, "pem" | "pub" | "bin" | "payload")) => self.directory.join(argument).into_os_string(),
            _ => argument.into(),
        };
        let args: Vec<OsString> = std::iter::once("ironroot".into())
            .chain(arguments.iter().map(path))
            .chain(["--json".into()])
            .collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = ironroot::run(args, &mut out, &mut err);
        let text = String::from_utf8(out).expect("JSON is text");
        let last = text.lines().rev().find(|line| line.contains("\"event\":\"result\"") || exit.code() != 0);
        let line = last.unwrap_or_default();
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        if exit.code() == 0 {
            return Ok(event);
        }
        let code = event["code"].as_str().unwrap_or("no code").to_owned();
        Err(Refusal { code, event: line.to_owned() })
    }

    /// `image create` with imgtool's arguments.
    pub fn create(
        &self,
        recipe: &Recipe,
        arguments: &[String],
        input: &str,
        output: &str,
    ) -> Result<(), Refusal> {
        let mut all = ["image", "create", input, "--output", output].map(str::to_owned).to_vec();
        all.extend_from_slice(arguments);
        // imgtool needs no word for it.
        if recipe.signing_key().is_none() {
            all.push("--unsigned".to_owned());
        }
        self.run(&all).map(|_| ())
    }

    pub fn verify(&self, image: &str, key: &str, decryption: Option<&str>) -> Result<Value, Refusal> {
        let mut all = ["image", "verify", image, "--key", key].map(str::to_owned).to_vec();
        if let Some(key) = decryption {
            all.extend(["--decryption-key".to_owned(), key.to_owned()]);
        }
        self.run(&all)
    }

    pub fn decrypt(&self, image: &str, key: &str, output: &str) -> Result<Value, Refusal> {
        self.run(
            &["image", "decrypt", image, "--decryption-key", key, "--payload", "--output", output]
                .map(str::to_owned),
        )
    }

    /// `image info`, told what no image says of itself: the slot.
    pub fn info(&self, recipe: &Recipe, image: &str) -> Result<Value, Refusal> {
        let mut line = format!(
            "image info {image} --slot-size {SLOT:#x} --align {} --max-align {} --erased-val {}",
            recipe.align(),
            recipe.max_align(),
            if recipe.erased() == 0 { "0" } else { "0xff" },
        );
        if recipe.sectors == Sectors::Few {
            line.push_str(" --max-sectors 33");
        }
        if recipe.update == Update::Overwrite {
            line.push_str(" --overwrite-only");
        }
        self.run(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }
}
