//! The id of a case: everything that is needed to play it again, in one word.
//!
//! `MODE/LAYOUT/ENCRYPTION/SCENARIO/SIZES/SEED/CUTS`, the cuts as numbers of operations with a letter for the effect,
//! joined by `+`: each counts from the start or from the cut before it. `-` is no cut.

use std::fmt;
use std::str::FromStr;

use super::encryption::Encryption;
use super::flash::Effect;
use super::layout::{Layout, layouts};
use super::play::CutAt;
use super::scenario::{Scenario, Sizes};
use super::world::{MODES, Setup};

/// Most cuts of a case.
const CUTS: usize = 16;

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The device and the script.
    pub setup: Setup,
    /// The cuts.
    pub cuts: Vec<CutAt>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.setup)?;
        if self.cuts.is_empty() {
            return f.write_str("-");
        }
        for (index, cut) in self.cuts.iter().enumerate() {
            write!(f, "{}{cut}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

/// Why a word is no case id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCase(pub String);

impl fmt::Display for NoCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCase {}

/// The entry of a table that has this name, or what names there are.
pub fn named<T>(
    what: &str,
    name: &str,
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> &'static str,
) -> Result<T, NoCase> {
    let mut names = Vec::new();
    for entry in all {
        if of(&entry) == name {
            return Ok(entry);
        }
        names.push(of(&entry));
    }
    Err(NoCase(format!("there is no {what} \"{name}\"; there are {}", names.join(", "))))
}

impl FromStr for Case {
    type Err = NoCase;

    fn from_str(id: &str) -> Result<Case, NoCase> {
        let parts: Vec<&str> = id.split('/').collect();
        let [mode, layout, encryption, scenario, sizes, seed, cuts] = parts.as_slice() else {
            return Err(NoCase("a case is MODE/LAYOUT/ENCRYPTION/SCENARIO/SIZES/SEED/CUTS".to_owned()));
        };
        let (mode, _) = named("mode", mode, MODES, |(_, name)| name)?;
        let setup = Setup {
            mode,
            layout: named("layout", layout, layouts(), |layout: &&Layout| layout.name)?,
            encryption: named("encryption", encryption, Encryption::ALL, |encryption| encryption.name())?,
            scenario: named("scenario", scenario, super::scenario::SCENARIOS, |s: &&Scenario| s.name)?,
            sizes: named("size", sizes, Sizes::ALL, |sizes| sizes.name())?,
            seed: seed.parse().map_err(|_| NoCase(format!("\"{seed}\" is no seed")))?,
        };
        let cuts =
            if *cuts == "-" { Vec::new() } else { cuts.split('+').map(cut).collect::<Result<_, _>>()? };
        if cuts.len() > CUTS {
            return Err(NoCase(format!("more than {CUTS} cuts")));
        }
        Ok(Case { setup, cuts })
    }
}

fn cut(text: &str) -> Result<CutAt, NoCase> {
    let no = || NoCase(format!("\"{text}\" is no cut: a number and one of b, a, t, e, h"));
    let (last, _) = text.char_indices().next_back().ok_or_else(no)?;
    let (number, letter) = text.split_at(last);
    let effect = letter.chars().next().and_then(Effect::of).ok_or_else(no)?;
    let at = number.parse().map_err(|_| no())?;
    Ok(CutAt { at, effect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_case() {
        for id in [
            "swap-move/h735/none/confirm/edge/7/117t+9e+0h",
            "overwrite-only/tiny8/none/again/small/18446744073709551615/-",
        ] {
            assert_eq!(id.parse::<Case>().map(|case| case.to_string()).as_deref(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_id_is_refused_in_words() {
        let good = "swap-move/h735/none/confirm/edge/7/1t";
        for bad in [
            "",
            "swap-move",
            &good.replace("move", "shift"),
            &good.replace("h735", "h999"),
            &good.replace("/7/", "/-7/"),
            &good.replace("1t", "1x"),
            &good.replace("1t", "t"),
            &good.replace("1t", "1t+"),
            &good.replace("1t", "é"),
            &good.replace("1t", ""),
            &format!("{good}/"),
            &good.replace("1t", &["1t"; 17].join("+")),
        ] {
            assert!(bad.parse::<Case>().is_err(), "{bad}");
        }
    }
}
