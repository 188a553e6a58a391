//! The description of a product as a file, `ironroot.toml`: read strictly, and refused with line and column.
//!
//! 1. Every key is an [`Entry`]; what is none is refused, with the name that was meant. Nothing is ignored.
//! 2. A refusal of the rules ([`Plan::resolve`]) names an entry; here it gets the line of that entry, or of its table, or of
//!    the table around it.
//! 3. Key files are named here, and read by nobody here.

mod problem;
mod read;
mod schema;
mod value;

use std::string::{String, ToString};
use std::vec::Vec;

use ironroot_codes::product as codes;

pub use problem::{Place, Problem};
pub use schema::schema;

use crate::stm32h7rs::product::{BootPath, Cause, Entry, Plan, Product, Refusal, UpdateMode};
use crate::stm32h7rs::state::DebugAuthentication;
use read::Document;

/// Files and URIs of the keys, as they are written in the description: relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Signs the application.
    pub sign: Option<String>,
    /// Its public half encrypts the application.
    pub encrypt: Option<String>,
    /// Signs the second stage, for STiRoT.
    pub stage_sign: Option<String>,
    /// Its public half encrypts the second stage.
    pub stage_encrypt: Option<String>,
    /// Root key of the debug certificates, or the password file.
    pub debug: Option<String>,
}

/// A description that was read; [`Self::plan`] tells whether it can be built.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name of the product.
    pub name: Option<String>,
    /// Name of the board.
    pub board: Option<String>,
    /// What is wanted.
    pub product: Product,
    /// Keys.
    pub keys: Keys,
    document: Document,
}

impl Description {
    /// Reads `text`, which came from `file`.
    ///
    /// # Errors
    /// Grammar, unknown entries, wrong types and values, missing entries: IR-1901 to IR-1905.
    pub fn read(file: &str, text: &str) -> Result<Self, Problem> {
        let document = Document::parse(file, text)?;
        let product = value::product(&document)?;
        let key = |entry| document.text(entry).map(ToString::to_string);
        Ok(Self {
            name: key(Entry::Name),
            board: key(Entry::Board),
            product,
            keys: Keys {
                sign: key(Entry::KeySign),
                encrypt: key(Entry::KeyEncrypt),
                stage_sign: key(Entry::KeyStageSign),
                stage_encrypt: key(Entry::KeyStageEncrypt),
                debug: key(Entry::KeyDebug),
            },
            document,
        })
    }

    /// Applies every rule.
    ///
    /// # Errors
    /// The first broken rule, at the line of the entry to change.
    pub fn plan(&self) -> Result<Plan, Problem> {
        let plan = Plan::resolve(&self.product).map_err(|refusal| self.refused(&refusal))?;
        self.check_keys()?;
        Ok(plan)
    }

    /// The place of an entry: of its value, or of the nearest table around it.
    pub fn place(&self, entry: Entry) -> Place {
        self.document.place(entry)
    }

    /// Names of the features with which the boot stage of Ironroot is built for this product.
    pub fn features(&self) -> Vec<&'static str> {
        use crate::stm32h7rs::product::Place as Where;
        let product = &self.product;
        let mut features = std::vec![
            match product.place {
                Where::ExternalFlash => "exec-external-flash",
                Where::ExternalRam => "exec-external-ram",
                Where::InternalRam => "exec-internal-ram",
            },
            match product.update {
                UpdateMode::Overwrite => "overwrite",
                UpdateMode::Swap => "swap",
            },
            if product.part.has_crypto() { "hardware-crypto" } else { "software-crypto" },
        ];
        if product.boot == BootPath::StirotOemurot {
            features.push("urot");
        }
        features
    }

    fn refused(&self, refusal: &Refusal) -> Problem {
        let problem = self.document.problem(refusal.entry, refusal.code(), refusal.to_string());
        match refusal.with {
            Some(with) => problem.with(with.path(), self.document.place(with)),
            None => problem,
        }
    }

    /// Each key that the choices need is there, and none that they do not.
    fn check_keys(&self) -> Result<(), Problem> {
        let product = &self.product;
        let second = product.boot == BootPath::StirotOemurot;
        let encrypted = product.encrypt || product.boot == BootPath::Stirot;
        let debug =
            matches!(product.protections.debug, DebugAuthentication::Ecdsa | DebugAuthentication::Password);
        let table = [
            (Entry::KeySign, true, Entry::Boot),
            (Entry::KeyEncrypt, encrypted, Entry::Encrypt),
            (Entry::KeyStageSign, second, Entry::Boot),
            (Entry::KeyStageEncrypt, second, Entry::Boot),
            (Entry::KeyDebug, debug, Entry::Debug),
        ];
        for (entry, needed, because) in table {
            let given = self.document.text(entry).is_some();
            if needed && !given {
                let message = std::format!("{} is missing, and {} needs it", entry.path(), because.path());
                let problem = self.document.problem(entry, codes::PRODUCT_ENTRY_MISSING, message);
                return Err(problem.with(because.path(), self.document.place(because)));
            }
            if given && !needed {
                return Err(self.refused(&Refusal { entry, with: Some(because), cause: Cause::Unused }));
            }
        }
        Ok(())
    }
}
