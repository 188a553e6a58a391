//! What may be true of a device, told only by what was asked of it and where power was cut.
//!
//! 1. A [`Truth`] is where one image's update stands; a [`Belief`] is every combination of truths that is possible. A
//!    completed step moves each; a cut inside a step leaves both what was and what would have been.
//! 2. A boot is an observation: what runs must be what one of the truths foretells, and drops the others. A belief that
//!    becomes empty is a counter-example.
//! 3. Nothing here looks at the engine, with one exception, by the format's own limits: an update on trial whose mark
//!    "swap done" was reached may be undone by the next boot although it never ran, since no mark says that it ran.

use std::fmt;

/// Most images of a device.
pub const IMAGES: usize = 2;

/// Which of a scenario's images: index into its table for that slot pair.
pub type Which = u8;

/// Where one image's update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    /// This one runs and stays.
    Settled(Which),
    /// This one runs; an update was asked for.
    Asked {
        /// What runs.
        runs: Which,
        /// What shall.
        next: Which,
        /// Without a trial.
        permanent: bool,
    },
    /// This one runs on trial.
    Trial {
        /// What runs.
        runs: Which,
        /// What comes back at the next boot.
        back: Which,
    },
    /// Nothing runs; this one lies in the secondary slot.
    Empty(Which),
    /// This slot pair is not used.
    Unused,
}

impl Truth {
    /// What the device runs in this state.
    pub fn runs(self) -> Option<Which> {
        match self {
            Truth::Settled(runs) | Truth::Asked { runs, .. } | Truth::Trial { runs, .. } => Some(runs),
            Truth::Empty(_) | Truth::Unused => None,
        }
    }
}

/// A truth for each slot pair.
pub type Joint = [Truth; IMAGES];

/// What an image is, as far as the outcome depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its signature is wrong, or its security counter too low: never starts.
    pub refused: bool,
    /// Needs at least this image in that slot pair.
    pub needs: Option<(usize, Which)>,
}

/// What the rules depend on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Facts of each image of each slot pair.
    pub facts: [Vec<Facts>; IMAGES],
    /// The mode has trials.
    pub trials: bool,
}

impl Rules {
    fn facts(&self, image: usize, which: Which) -> Facts {
        self.facts.get(image).and_then(|table| table.get(usize::from(which))).copied().unwrap_or_default()
    }

    /// What a whole boot makes of a state.
    pub fn booted(&self, joint: Joint) -> Joint {
        let mut next = joint;
        for (image, truth) in next.iter_mut().enumerate() {
            *truth = self.alone(image, *truth);
        }
        // An update whose needs are not met waits for them, which may leave another's needs unmet.
        loop {
            let unmet = (0..IMAGES).find(|image| {
                let asked = matches!(joint[*image], Truth::Asked { .. });
                let changed = next[*image].runs() != joint[*image].runs();
                asked && changed && !self.met(next, *image)
            });
            let Some(image) = unmet else { return next };
            next[image] = joint[image];
        }
    }

    /// Whether what runs in `image` has what it needs.
    pub fn met(&self, joint: Joint, image: usize) -> bool {
        let needs = joint[image].runs().and_then(|runs| self.facts(image, runs).needs);
        needs.is_none_or(|(other, least)| joint[other].runs().is_some_and(|runs| runs >= least))
    }

    fn alone(&self, image: usize, truth: Truth) -> Truth {
        match truth {
            Truth::Asked { runs, next, .. } if self.facts(image, next).refused => Truth::Settled(runs),
            Truth::Asked { next, permanent, .. } if permanent || !self.trials => Truth::Settled(next),
            Truth::Asked { runs, next, .. } => Truth::Trial { runs: next, back: runs },
            Truth::Trial { back, .. } => Truth::Settled(back),
            Truth::Empty(next) if !self.facts(image, next).refused => Truth::Settled(next),
            Truth::Empty(_) | Truth::Settled(_) | Truth::Unused => truth,
        }
    }
}

/// Every state that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belief(Vec<Joint>);

impl Belief {
    /// Exactly this.
    pub fn certain(joint: Joint) -> Belief {
        Belief(vec![joint])
    }

    /// The states.
    pub fn states(&self) -> &[Joint] {
        &self.0
    }

    /// In every state a further boot changes nothing.
    pub fn is_settled(&self, rules: &Rules) -> bool {
        self.0.iter().all(|joint| rules.booted(*joint) == *joint)
    }

    /// `step` was taken on `image`, wholly.
    pub fn step(&mut self, image: usize, step: impl Fn(Truth) -> Truth) {
        for joint in &mut self.0 {
            joint[image] = step(joint[image]);
        }
        self.tidy();
    }

    /// Power was cut while `step` was taken on `image`: any of the states that it passes, or what was before.
    pub fn cut(&mut self, image: usize, step: impl Fn(Truth) -> Vec<Truth>) {
        let mut states = self.0.clone();
        for joint in &self.0 {
            for truth in step(joint[image]) {
                let mut after = *joint;
                after[image] = truth;
                states.push(after);
            }
        }
        self.0 = states;
        self.tidy();
    }

    /// Power was cut in a boot. `done` says whether the mark of a finished swap of an image was reached.
    pub fn cut_boot(&mut self, rules: &Rules, done: impl Fn(usize, Which) -> bool) {
        let mut states = Vec::new();
        for joint in &self.0 {
            let booted = rules.booted(*joint);
            for chosen in 0..1_u32 << IMAGES {
                let mut mixed = *joint;
                for image in (0..IMAGES).filter(|image| chosen >> image & 1 == 1) {
                    mixed[image] = match booted[image] {
                        Truth::Trial { runs, .. } if !done(image, runs) => joint[image],
                        truth => truth,
                    };
                }
                states.push(mixed);
            }
        }
        self.0 = states;
        self.tidy();
    }

    /// A boot ended with `runs` running. False if that was impossible.
    pub fn observe(&mut self, rules: &Rules, runs: [Option<Which>; IMAGES]) -> bool {
        let booted: Vec<Joint> = self.0.iter().map(|joint| rules.booted(*joint)).collect();
        let fits = |joint: &Joint| joint.iter().zip(runs).all(|(truth, runs)| truth.runs() == runs);
        self.0 = booted.into_iter().filter(fits).collect();
        self.tidy();
        !self.0.is_empty()
    }

    fn tidy(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }
}

impl fmt::Display for Belief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |which: Which| char::from(b'A' + which);
        for (index, joint) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " or " })?;
            for (image, truth) in joint.iter().enumerate() {
                let join = if image == 0 { "" } else { "+" };
                match truth {
                    Truth::Settled(runs) => write!(f, "{join}{} settled", name(*runs))?,
                    Truth::Asked { runs, next, permanent } => {
                        let how = if *permanent { "for good" } else { "on trial" };
                        write!(f, "{join}{} with {} asked for {how}", name(*runs), name(*next))?;
                    }
                    Truth::Trial { runs, back } => {
                        write!(f, "{join}{} on trial before {}", name(*runs), name(*back))?
                    }
                    Truth::Empty(next) => write!(f, "{join}empty before {}", name(*next))?,
                    Truth::Unused => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { facts: [vec![Facts::default(); 3], Vec::new()], trials: true }
    }

    fn one(truth: Truth) -> Joint {
        [truth, Truth::Unused]
    }

    #[test]
    fn a_request_wholly_written_must_lead_to_the_new_image() {
        let asked = one(Truth::Asked { runs: 0, next: 1, permanent: false });
        assert!(!Belief::certain(asked).observe(&rules(), [Some(0), None]));
        let mut belief = Belief::certain(asked);
        assert!(belief.observe(&rules(), [Some(1), None]));
        assert_eq!(belief.states(), [one(Truth::Trial { runs: 1, back: 0 })]);
        assert!(!belief.clone().observe(&rules(), [Some(1), None]), "unconfirmed, it must go back");
        assert!(belief.observe(&rules(), [Some(0), None]) && belief.is_settled(&rules()));
    }

    #[test]
    fn a_cut_swap_may_be_undone_only_once_it_is_marked_done() {
        let asked = one(Truth::Asked { runs: 0, next: 1, permanent: false });
        for done in [false, true] {
            let mut belief = Belief::certain(asked);
            belief.cut_boot(&rules(), |_, _| done);
            assert_eq!(belief.observe(&rules(), [Some(0), None]), done);
        }
    }

    #[test]
    fn what_is_needed_and_not_there_stops_what_needs_it() {
        let needs = Facts { needs: Some((0, 1)), ..Facts::default() };
        let rules = Rules { facts: [vec![Facts::default(); 2], vec![Facts::default(), needs]], trials: true };
        let asked = Truth::Asked { runs: 0, next: 1, permanent: true };
        assert_eq!(rules.booted([Truth::Settled(0), asked]), [Truth::Settled(0), asked], "it waits");
        assert_eq!(rules.booted([asked, asked]), [Truth::Settled(1); 2]);
    }
}
