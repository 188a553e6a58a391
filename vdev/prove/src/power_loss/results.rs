//! What a campaign found: a row for each mode and layout, and how rows of several machines are joined.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::flash::Effect;
use super::play::Failure;

/// Columns of the heat map: operations are put together so that every script has as many.
pub const COLUMNS: usize = 96;
/// Counter-examples of a row that are kept in words.
const KEPT: usize = 20;

/// Which part of the work: `index` of `count`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// Whether a piece of work with this hash belongs to it.
    pub fn has(self, hash: u64) -> bool {
        hash % u64::from(self.count.max(1)) == u64::from(self.index.saturating_sub(1))
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let no = || format!("\"{text}\" is no shard: i/n with i from 1 to n");
        let (index, count) = text.split_once('/').ok_or_else(no)?;
        let shard =
            Shard { index: index.parse().map_err(|_| no())?, count: count.parse().map_err(|_| no())? };
        if shard.index == 0 || shard.index > shard.count { Err(no()) } else { Ok(shard) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A counter-example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The case's id.
    pub case: String,
    /// What sort.
    pub kind: String,
    /// In words.
    pub why: String,
}

/// How one cell of the heat map ended; a later one hides an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// Not tried.
    None,
    /// Always in the old image.
    Old,
    /// Always in the new image.
    New,
    /// In either.
    Either,
    /// A counter-example.
    Failed,
}

impl Heat {
    const LETTERS: [(Heat, char); 5] =
        [(Self::None, '.'), (Self::Old, 'o'), (Self::New, 'n'), (Self::Either, 'e'), (Self::Failed, 'F')];

    /// One letter.
    pub fn letter(self) -> char {
        Self::LETTERS.iter().find(|(heat, _)| *heat == self).map_or('?', |(_, letter)| *letter)
    }

    /// Of a letter.
    pub fn of(letter: char) -> Option<Heat> {
        Self::LETTERS.iter().find(|(_, there)| *there == letter).map(|(heat, _)| *heat)
    }

    /// Both in one cell.
    #[must_use]
    pub fn with(self, other: Heat) -> Heat {
        match (self, other) {
            (Self::Old, Self::New) | (Self::New, Self::Old) => Self::Either,
            (one, other) => one.max(other),
        }
    }
}

/// Outcomes over operations for each effect: a string of letters for each of [`Effect::ALL`].
pub type Strip = [String; Effect::ALL.len()];

/// A strip in which nothing was tried.
pub fn blank() -> Strip {
    std::array::from_fn(|_| Heat::None.letter().to_string().repeat(COLUMNS))
}

fn mark(strip: &mut Strip, effect: usize, column: usize, heat: Heat) {
    if let Some(text) = strip.get_mut(effect) {
        let marked = text.chars().enumerate().map(|(at, letter)| {
            if at == column { Heat::of(letter).unwrap_or(Heat::None).with(heat).letter() } else { letter }
        });
        *text = marked.collect();
    }
}

/// One row: a mode and a layout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The mode.
    pub mode: String,
    /// The layout.
    pub layout: String,
    /// Devices: encryption × scenario × sizes.
    pub devices: u64,
    /// Places for a first cut, of all shards.
    pub points: u64,
    /// Places for a first cut that were tried here.
    pub tried: u64,
    /// Cases: every play with at least one cut, and one without for each device.
    pub cases: u64,
    /// Of them with two cuts.
    pub pairs: u64,
    /// Of them with three.
    pub triples: u64,
    /// Counter-examples.
    pub failures: u64,
    /// The same by sort.
    pub kinds: BTreeMap<String, u64>,
    /// The first of them.
    pub examples: Vec<Example>,
    /// Cases by encryption.
    pub encryptions: BTreeMap<String, u64>,
    /// Why the engine does not serve this layout in this mode, if so.
    pub refused: Option<String>,
    /// Devices for which the images have no room.
    pub no_room: u64,
    /// The most flash operations of one boot.
    pub longest_boot: u64,
    /// Seconds of one core.
    pub seconds: f64,
    /// The heat map by scenario.
    pub heat: BTreeMap<String, Strip>,
}

impl Row {
    /// An empty row.
    pub fn new(mode: &str, layout: &str) -> Row {
        Row { mode: mode.to_owned(), layout: layout.to_owned(), ..Row::default() }
    }

    /// Counts a counter-example.
    pub fn fail(&mut self, case: impl FnOnce() -> String, failure: &Failure) {
        self.failures += 1;
        *self.kinds.entry(failure.kind.name().to_owned()).or_default() += 1;
        if self.examples.len() < KEPT {
            let kind = failure.kind.name().to_owned();
            self.examples.push(Example { case: case(), kind, why: failure.why.clone() });
        }
    }

    /// Puts an outcome on the heat map: operation `at` of `of`.
    pub fn heat(&mut self, scenario: &str, effect: Effect, at: u32, of: u32, heat: Heat) {
        let column = (at as usize * COLUMNS / of.max(1) as usize).min(COLUMNS - 1);
        let effect = Effect::ALL.iter().position(|there| *there == effect).unwrap_or(0);
        let strip = self.heat.entry(scenario.to_owned()).or_insert_with(blank);
        mark(strip, effect, column, heat);
    }

    /// Adds what another thread or machine found for the same mode and layout. `devices` and `points` are those of the
    /// whole: with `apart` the other row is another shard of the same devices, else it is of other devices.
    pub fn add(&mut self, other: Row, apart: bool) {
        if !apart {
            self.devices += other.devices;
            self.points += other.points;
            self.no_room += other.no_room;
        }
        self.tried += other.tried;
        self.cases += other.cases;
        self.pairs += other.pairs;
        self.triples += other.triples;
        self.failures += other.failures;
        self.seconds += other.seconds;
        self.longest_boot = self.longest_boot.max(other.longest_boot);
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (encryption, count) in other.encryptions {
            *self.encryptions.entry(encryption).or_default() += count;
        }
        self.examples.extend(other.examples);
        self.examples.sort_by(|a, b| a.case.cmp(&b.case));
        self.examples.truncate(KEPT);
        self.refused = self.refused.take().or(other.refused);
        for (scenario, strip) in other.heat {
            let mine = self.heat.entry(scenario).or_insert_with(blank);
            for (mine, theirs) in mine.iter_mut().zip(&strip) {
                let joined = mine.chars().zip(theirs.chars()).map(|(a, b)| {
                    Heat::of(a).unwrap_or(Heat::None).with(Heat::of(b).unwrap_or(Heat::None)).letter()
                });
                *mine = joined.collect();
            }
        }
    }

    /// Cases in a second of one core.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.cases as f64 / self.seconds } else { 0.0 }
    }
}

/// What one run was asked to do and what it found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was asked, without the shard: equal for runs that can be joined.
    pub asked: String,
    /// Which part.
    pub shard: Shard,
    /// The rows, in the order of the tables.
    pub rows: Vec<Row>,
    /// Seconds by the clock.
    pub seconds: f64,
}

/// Why results cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// There are none.
    Nothing,
    /// They were asked for different things.
    Asked(String, String),
    /// They are parts of different divisions.
    Division(Shard, Shard),
    /// A part is there twice.
    Twice(Shard),
    /// A part is missing.
    Missing(Shard),
    /// Rows do not fit each other.
    Rows(String),
    /// The parts together have not tried every place.
    Incomplete {
        /// Of which row.
        row: String,
        /// Places that were tried.
        tried: u64,
        /// Places that there are.
        points: u64,
    },
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Apart::Nothing => f.write_str("there is no result"),
            Apart::Asked(one, other) => write!(f, "they answer different questions: {one}; {other}"),
            Apart::Division(one, other) => write!(f, "{one} and {other} are parts of different divisions"),
            Apart::Twice(shard) => write!(f, "part {shard} is there twice"),
            Apart::Missing(shard) => write!(f, "part {shard} is missing"),
            Apart::Rows(row) => write!(f, "the parts disagree about {row}"),
            Apart::Incomplete { row, tried, points } => {
                write!(f, "{row}: {tried} of {points} places for a first cut were tried")
            }
        }
    }
}

impl std::error::Error for Apart {}

/// Joins the parts of one division; all of them must be there, each once.
pub fn merge(parts: Vec<Outcome>) -> Result<Outcome, Apart> {
    let mut parts = parts;
    parts.sort_by_key(|part| part.shard);
    let mut parts = parts.into_iter();
    let mut whole = parts.next().ok_or(Apart::Nothing)?;
    let count = whole.shard.count;
    let mut expected = 1;
    if whole.shard.index != expected {
        return Err(Apart::Missing(Shard { index: expected, count }));
    }
    for part in parts {
        if part.asked != whole.asked {
            return Err(Apart::Asked(whole.asked, part.asked));
        }
        if part.shard.count != count {
            return Err(Apart::Division(whole.shard, part.shard));
        }
        if part.shard.index == expected {
            return Err(Apart::Twice(part.shard));
        }
        expected += 1;
        if part.shard.index != expected {
            return Err(Apart::Missing(Shard { index: expected, count }));
        }
        join(&mut whole, part)?;
    }
    if expected != count {
        return Err(Apart::Missing(Shard { index: expected + 1, count }));
    }
    for row in &whole.rows {
        let (tried, points) = (row.tried, row.points);
        // After a counter-example without any cut there is nothing to cut.
        if tried != points {
            return Err(Apart::Incomplete { row: format!("{} on {}", row.mode, row.layout), tried, points });
        }
    }
    whole.shard = Shard::WHOLE;
    Ok(whole)
}

fn join(whole: &mut Outcome, part: Outcome) -> Result<(), Apart> {
    if whole.rows.len() != part.rows.len() {
        return Err(Apart::Rows("how many rows there are".to_owned()));
    }
    for (mine, theirs) in whole.rows.iter_mut().zip(part.rows) {
        let same = (&mine.mode, &mine.layout, mine.devices, mine.points, mine.no_room, &mine.refused)
            == (&theirs.mode, &theirs.layout, theirs.devices, theirs.points, theirs.no_room, &theirs.refused);
        if !same {
            return Err(Apart::Rows(format!("{} on {}", mine.mode, mine.layout)));
        }
        mine.add(theirs, true);
    }
    whole.seconds = whole.seconds.max(part.seconds);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(index: u32, count: u32) -> Outcome {
        let mut row = Row::new("swap-move", "l4");
        row.points = 10;
        row.tried = 10 / u64::from(count);
        row.cases = 7;
        row.heat("confirm", Effect::Torn, index, 10, if index == 1 { Heat::Old } else { Heat::New });
        row.heat("confirm", Effect::Half, 9, 10, if index == 1 { Heat::Old } else { Heat::New });
        Outcome { asked: "all".to_owned(), shard: Shard { index, count }, rows: vec![row], seconds: 1.0 }
    }

    #[test]
    fn parts_make_the_whole_only_if_all_are_there_once() {
        let whole = merge(vec![part(2, 2), part(1, 2)]).expect("both are there");
        assert_eq!((whole.rows[0].cases, whole.rows[0].tried, whole.rows[0].points), (14, 10, 10));
        let strip = &whole.rows[0].heat["confirm"];
        assert!(strip[2].contains('o') && strip[2].contains('n'));
        assert!(strip[4].contains('e') && !strip[4].contains('n'));
        assert_eq!(merge(Vec::new()), Err(Apart::Nothing));
        assert_eq!(merge(vec![part(1, 2)]), Err(Apart::Missing(Shard { index: 2, count: 2 })));
        assert_eq!(merge(vec![part(2, 2)]), Err(Apart::Missing(Shard { index: 1, count: 2 })));
        assert_eq!(
            merge(vec![part(1, 2), part(1, 2), part(2, 2)]),
            Err(Apart::Twice(Shard { index: 1, count: 2 }))
        );
        assert!(matches!(merge(vec![part(1, 2), part(2, 3)]), Err(Apart::Division(..))));
        let mut other = part(2, 2);
        other.asked = "some".to_owned();
        assert!(matches!(merge(vec![part(1, 2), other]), Err(Apart::Asked(..))));
        let mut short = part(2, 2);
        short.rows[0].tried -= 1;
        assert!(matches!(merge(vec![part(1, 2), short]), Err(Apart::Incomplete { tried: 9, .. })));
        let mut strange = part(2, 2);
        strange.rows[0].points += 1;
        assert!(matches!(merge(vec![part(1, 2), strange]), Err(Apart::Rows(_))));
    }

    #[test]
    fn a_shard_is_i_of_n() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["0/3", "4/3", "1", "", "1/0", "a/b", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        for hash in 0..100 {
            let owners = (1..=3).filter(|index| Shard { index: *index, count: 3 }.has(hash)).count();
            assert_eq!(owners, 1);
        }
    }
}
