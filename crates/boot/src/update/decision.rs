//! What the trailers say, in one place and without I/O: the tables of docs/update-engine.md.

use super::trailer::{Flag, Info, Kind, Magic, Plan, Trailer};

/// What was read before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub primary: Trailer,
    pub secondary: Trailer,
    /// The plan in the primary trailer, if it is sound.
    pub plan: Option<Plan>,
    /// Whether that plan was made for the two images as they lie in the slots now, and none of its steps was made. Only
    /// looked at where the secondary slot has a request.
    pub plan_is_fresh: bool,
    /// The plan in the trailer of the scratch area, if the first step of this image's swap is made from there.
    pub scratch: Option<Plan>,
    /// swap-offset, where a revert is requested by copy_done.
    pub offset: bool,
}

/// Which trailer holds the status of a swap in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Primary,
    Scratch,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing was begun and nothing is wanted.
    Nothing,
    /// Go on with a swap.
    Resume(Plan, Home),
    /// Begin one, if the image in the secondary slot is good.
    Start(Kind),
}

/// What to do in the modes that swap.
pub(crate) fn swap(evidence: &Evidence) -> Next {
    let Evidence { primary, secondary, plan, plan_is_fresh, scratch, offset } = *evidence;
    let begun = match plan {
        Some(plan) if primary.magic == Magic::Good && !primary.copy_done.is_set() => Some(plan),
        _ => None,
    };
    if let Some(scratch) = scratch {
        // The primary trailer takes over when it is complete. Until then it may be that of the last swap, half erased.
        return match begun {
            Some(plan) if plan.tag == scratch.tag => Next::Resume(plan, Home::Primary),
            _ => Next::Resume(scratch, Home::Scratch),
        };
    }
    if secondary.magic == Magic::Good {
        // The request stands until the plan is complete; from then on the plan decides, because the request is being
        // erased and may have lost its flags.
        return match begun {
            Some(plan) if plan_is_fresh && (plan.kind == Kind::Test) != primary.image_ok.is_set() => {
                Next::Resume(plan, Home::Primary)
            }
            _ => Next::Start(requested(&secondary, offset)),
        };
    }
    match begun {
        Some(plan) => Next::Resume(plan, Home::Primary),
        None if primary.is_unconfirmed() => Next::Start(Kind::Revert),
        None => Next::Nothing,
    }
}

/// What to do in overwrite-only: a request is one until the secondary slot is erased.
pub(crate) fn overwrite(secondary: &Trailer) -> Next {
    if secondary.magic == Magic::Good { Next::Start(requested(secondary, false)) } else { Next::Nothing }
}

/// What the trailer of a secondary slot asks for.
fn requested(secondary: &Trailer, offset: bool) -> Kind {
    match secondary.image_ok {
        // Damaged: the request was being made permanent. A test is the one that can be undone.
        Flag::Unset | Flag::Damaged if offset && secondary.copy_done.is_set() => Kind::Revert,
        Flag::Unset | Flag::Damaged => Kind::Test,
        Flag::Set if !offset && matches!(secondary.info, Info::Swap(Kind::Revert, _)) => Kind::Revert,
        Flag::Set => Kind::Permanent,
    }
}
