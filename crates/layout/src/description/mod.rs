//! The description of a product as a file, `ironroot.toml`: read strictly, and refused with line and column.
//!
//! 1. Every key is an [`Entry`]; what is none is refused, with the name that was meant. Nothing is ignored.
//! 2. A refusal of the rules ([`Plan::resolve`]) names an entry; here it gets the line of that entry, or of another that has a
//!    part in it. What has its value by default has no line, and is said to be not in the file.
//! 3. Key files are named here, and read by nobody here.

mod problem;
mod read;
mod reference;
mod schema;
mod value;

use std::string::{String, ToString};
use std::vec::Vec;

use ironroot_codes::{Code, product as codes};

pub use problem::{Place, Problem, hidden};
pub use reference::reference;
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

    /// The place of an entry: of its value, or of the nearest table around it; `None` if neither is in the file.
    pub fn place(&self, entry: Entry) -> Option<Place> {
        self.document.place(entry)
    }

    /// A problem that others than the rules here have found with an entry, at its line.
    pub fn problem(&self, entry: Entry, code: Code, message: String) -> Problem {
        self.document.problem(entry, code, message)
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
        let document = &self.document;
        let given = |entry| document.given(entry);
        let blamed = self.blamed(refusal);
        let message = blamed.to_string();
        // What is in the file is what can be changed there.
        let (first, second) = match blamed.with {
            Some(with) if given(blamed.entry).is_none() && given(with).is_some() => {
                (with, Some(blamed.entry))
            }
            with => (blamed.entry, with),
        };
        // The table around a default is no place where something is wrong.
        let problem = document.problem_at(given(first), blamed.code(), message);
        let problem = if given(first).is_some() { problem } else { problem.with(first, None) };
        match second {
            Some(second) => problem.with(second, given(second)),
            None => problem,
        }
    }

    /// The refusal with the entry that stands in the file. The rules blame one number of an area, like its size; the one that was
    /// written may be another, like its offset.
    fn blamed(&self, refusal: &Refusal) -> Refusal {
        let of_area = matches!(refusal.cause, Cause::Unused | Cause::Outside(..) | Cause::Overlap(..));
        if !of_area || self.document.given(refusal.entry).is_some() {
            return *refusal;
        }
        let table = |path: &'static str, up: usize| path.rsplitn(up + 1, '.').nth(up);
        let path = refusal.entry.path();
        let written = |up: usize| {
            let same = |other: &&Entry| {
                let known = other.path();
                let depth = |path: &str| path.matches('.').count();
                depth(known) == depth(path) && table(known, up).is_some_and(|it| table(path, up) == Some(it))
            };
            Entry::ALL.iter().filter(same).copied().find(|other| self.document.given(*other).is_some())
        };
        // A pair of slots that has no meaning may have been written by its other half.
        let entry = written(1).or_else(|| (refusal.cause == Cause::Unused).then(|| written(2)).flatten());
        Refusal { entry: entry.unwrap_or(refusal.entry), ..*refusal }
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
                return Err(problem.with(because, self.document.given(because)));
            }
            if given && !needed {
                return Err(self.refused(&Refusal { entry, with: Some(because), cause: Cause::Unused }));
            }
        }
        Ok(())
    }
}
