//! What happens to a device while power may fail: scripts of an update's life, as a table.

use super::truth::{Facts, IMAGES, Joint, Rules, Truth, Which};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The application writes an update to the secondary slot.
    Receive(usize, Which),
    /// The application asks for it: of which slot pair, which image, for good or on trial.
    Ask(usize, Which, bool),
    /// Reset, and the loader runs.
    Boot,
    /// The application keeps what runs.
    Confirm,
}

/// What makes an image of a scenario special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Security counter.
    pub counter: u32,
    /// A byte of the payload is not what was signed.
    pub corrupt: bool,
    /// Needs at least the version of this image in that slot pair.
    pub needs: Option<(usize, Which)>,
}

const fn with(counter: u32) -> Spec {
    Spec { counter, corrupt: false, needs: None }
}

const FIRST: Spec = with(1);
const SECOND: Spec = with(1);
const CORRUPT: Spec = Spec { corrupt: true, ..with(1) };
const NEEDS: Spec = Spec { needs: Some((0, 1)), ..with(1) };

/// A script.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name in case ids.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The images of each slot pair; the first one is installed and kept at the start.
    pub images: &'static [&'static [Spec]],
    /// The primary slot is erased at the start and the second image lies in the secondary slot.
    pub empty: bool,
    /// The script.
    pub steps: &'static [Step],
    /// It is about the trial, which only modes with a way back have.
    pub trial: bool,
}

use Step::{Ask, Boot, Confirm, Receive};

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "confirm",
        about: "an update on trial, confirmed",
        images: &[&[FIRST, SECOND]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, false), Boot, Confirm, Boot],
        trial: false,
    },
    Scenario {
        name: "revert",
        about: "an update on trial that is not confirmed, and the way back",
        images: &[&[FIRST, SECOND]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, false), Boot, Boot],
        trial: true,
    },
    Scenario {
        name: "permanent",
        about: "an update for good",
        images: &[&[FIRST, SECOND]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, true), Boot],
        trial: false,
    },
    Scenario {
        name: "again",
        about: "an update after an update",
        images: &[&[FIRST, SECOND, with(2)]],
        empty: false,
        steps: &[
            Receive(0, 1),
            Ask(0, 1, false),
            Boot,
            Confirm,
            Boot,
            Receive(0, 2),
            Ask(0, 2, false),
            Boot,
            Confirm,
            Boot,
        ],
        trial: false,
    },
    Scenario {
        name: "bootstrap",
        about: "an empty primary slot, filled from the secondary",
        images: &[&[FIRST, SECOND]],
        empty: true,
        steps: &[Boot],
        trial: false,
    },
    Scenario {
        name: "counter",
        about: "an update that raises the security counter",
        images: &[&[FIRST, with(7)]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, false), Boot, Confirm, Boot],
        trial: false,
    },
    Scenario {
        name: "downgrade",
        about: "an update whose security counter is too low",
        images: &[&[with(5), with(4)]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, true), Boot],
        trial: false,
    },
    Scenario {
        name: "corrupt",
        about: "an update that does not verify",
        images: &[&[FIRST, CORRUPT]],
        empty: false,
        steps: &[Receive(0, 1), Ask(0, 1, false), Boot],
        trial: false,
    },
    Scenario {
        name: "two",
        about: "two images, the second needs the new first",
        images: &[&[FIRST, SECOND], &[FIRST, NEEDS]],
        empty: false,
        steps: &[Receive(0, 1), Receive(1, 1), Ask(0, 1, false), Ask(1, 1, false), Boot, Confirm, Boot],
        trial: false,
    },
    Scenario {
        name: "two-revert",
        about: "two images on trial, not confirmed",
        images: &[&[FIRST, SECOND], &[FIRST, NEEDS]],
        empty: false,
        steps: &[Receive(0, 1), Receive(1, 1), Ask(0, 1, false), Ask(1, 1, false), Boot, Boot],
        trial: true,
    },
    Scenario {
        name: "two-unmet",
        about: "two images, the update of the second needs what is not there",
        images: &[&[FIRST, SECOND], &[FIRST, NEEDS]],
        empty: false,
        steps: &[Receive(1, 1), Ask(1, 1, false), Boot],
        trial: false,
    },
];

impl Scenario {
    /// The scenario of this name.
    pub fn named(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// What is true at the start.
    pub fn start(&self) -> Joint {
        let mut joint = [Truth::Unused; IMAGES];
        for (truth, _) in joint.iter_mut().zip(self.images) {
            *truth = if self.empty { Truth::Empty(1) } else { Truth::Settled(0) };
        }
        joint
    }

    /// The rules for its outcome. With `counters` the device keeps security counters.
    pub fn rules(&self, trials: bool, counters: bool) -> Rules {
        let facts = |table: &&[Spec]| {
            let first = table.first().map_or(0, |spec| spec.counter);
            let fact = |spec: &Spec| Facts {
                refused: spec.corrupt || counters && spec.counter < first,
                needs: spec.needs,
            };
            table.iter().map(fact).collect()
        };
        let mut rules = Rules { facts: [Vec::new(), Vec::new()], trials };
        for (to, from) in rules.facts.iter_mut().zip(self.images) {
            *to = facts(from);
        }
        rules
    }
}

/// How large the images are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sizes {
    /// Both well inside one sector.
    Small,
    /// Both as large as the slots allow.
    Largest,
    /// A small one, then the largest.
    Grow,
    /// The largest, then small ones.
    Shrink,
    /// One byte below and one byte above a sector's end.
    Edge,
    /// Exactly to a sector's end, and a unit more.
    Even,
}

impl Sizes {
    /// All of them.
    pub const ALL: [Sizes; 6] =
        [Self::Small, Self::Largest, Self::Grow, Self::Shrink, Self::Edge, Self::Even];

    /// Name in case ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Largest => "largest",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::Edge => "edge",
            Self::Even => "even",
        }
    }

    /// The sizes of this name.
    pub fn named(name: &str) -> Option<Sizes> {
        Self::ALL.into_iter().find(|sizes| sizes.name() == name)
    }

    /// Bytes of the image `which`, all TLVs included: at least `least`, at most `most`, with a sector of `sector` bytes.
    pub fn bytes(self, which: Which, least: u32, most: u32, sector: u32, unit: u32) -> u32 {
        let first = which == 0;
        let edge = most / sector * sector;
        // A slot whose whole payload is in one sector has no edge inside: its middle will do.
        let edge = if edge <= least { least.midpoint(most) } else { edge };
        let small = (least + 40 + u32::from(which) * 24).min(most);
        let wanted = match (self, first) {
            (Self::Small, _) => small,
            (Self::Largest, _) => most,
            (Self::Grow, first) => {
                if first {
                    small
                } else {
                    most
                }
            }
            (Self::Shrink, first) => {
                if first {
                    most
                } else {
                    small
                }
            }
            (Self::Edge, first) => {
                if first {
                    edge - 1
                } else {
                    edge + 1
                }
            }
            (Self::Even, first) => {
                if first {
                    edge
                } else {
                    edge + unit
                }
            }
        };
        wanted.clamp(least, most)
    }
}
