//! swap-scratch: the images change places through the scratch area, group by group of sectors, from the last to the first.
//!
//! | entry | step of group `i` |
//! |---|---|
//! | `3i` | new: secondary to scratch |
//! | `3i + 1` | old: primary to secondary |
//! | `3i + 2` | new: scratch to primary |
//!
//! Where the images leave no sector to the trailer alone, the first group shares its sectors with the trailers of both
//! slots, and the plan cannot be in the primary slot while that group is swapped. It is in the scratch area then:
//!
//! 1. scratch: data, then the plan behind it, the magic last. Until then nothing else was touched: begin again.
//! 2. secondary: erased (with the request) and filled from the primary.
//! 3. primary: erased, filled from scratch, then the plan, the magic last. From then on the plan in the primary counts.
//!
//! MCUboot writes the plan in the scratch area before the data. Here it is the other way round, because to begin step 1
//! again means to erase scratch, and a half-erased plan must not look like a complete one.

use core::ops::Range;

use ironroot_codes::{Code, boot as codes};

use super::copy::{copy, erase};
use super::decision::Home;
use super::flash::Flash;
use super::layout::group_start;
use super::pair::{Ciphers, Pair, Place};
use super::status::Status;
use super::trailer::Plan;

/// Runs what is left of a swap. `home` is where its status is.
pub(crate) fn run(pair: &mut Pair<'_>, plan: &Plan, home: Home) -> Result<(), Code> {
    let (mut end, shared) = pair.swap_end(plan.size)?;
    if home == Home::Scratch {
        finish_shared_group(pair, plan)?;
    }
    let layout = pair.layout();
    let status = Status::of_slot(&layout);
    let groups = count(pair, end)?;
    let entries = groups.saturating_mul(3);
    let mut done = pair.done(0, entries)?;
    if shared && done < 3 {
        // The plan is in the primary slot, so the group that shares its sectors is complete.
        if done == 2 {
            status.write(pair.primary, 2, 3)?;
        }
        done = 3;
    }

    if done >= entries {
        return Ok(());
    }

    let before_last = entries.saturating_sub(3);
    let new = match done.checked_sub(before_last) {
        None | Some(0) => Place::Secondary(0),
        Some(1 | 2) => Place::Scratch,
        Some(_) => Place::Primary(0),
    };
    let old = if done < before_last.saturating_add(2) { Place::Primary(0) } else { Place::Secondary(0) };
    let ciphers = pair.ciphers(plan, Home::Primary, old, new)?;

    let mut first = 0;
    while end != 0 {
        let start = start_of_group(pair, end)?;
        for entry in done.max(first)..first.saturating_add(3) {
            let state = entry.saturating_sub(first);
            step(pair, plan, state, start..end, end.saturating_sub(start), &ciphers)?;
            status.write(pair.primary, entry, state as u8 + 1)?;
        }
        end = start;
        first = first.saturating_add(3);
    }
    Ok(())
}

/// Begins a swap whose first group shares its sectors with the trailers, up to the plan in the scratch area.
pub(crate) fn set_up_shared(pair: &mut Pair<'_>, plan: &Plan) -> Result<(), Code> {
    let (start, end, len) = shared_group(pair, plan.size)?;
    let sealed = pair.sealed_keys(plan.kind)?;
    let layout = pair.layout();
    step(pair, plan, 0, start..end, len, &Ciphers::default())?;
    let scratch = scratch(pair)?;
    plan.write(scratch, &layout, &sealed.extra())?;
    Ok(())
}

/// From the plan in the scratch area to the plan in the primary slot.
fn finish_shared_group(pair: &mut Pair<'_>, plan: &Plan) -> Result<(), Code> {
    let layout = pair.layout();
    let status = Status::of_scratch(&layout);
    let (start, end, len) = shared_group(pair, plan.size)?;
    let done = status.done(scratch(pair)?, 0, 3)?;
    if done == 0 {
        status.write(scratch(pair)?, 0, 1)?;
    }
    // The old header is still in the primary slot when it is needed, for step 1; the new one is in scratch by then, if the
    // group begins with it.
    let new = if start == 0 { Place::Scratch } else { Place::Secondary(0) };
    let ciphers = pair.ciphers(plan, Home::Scratch, Place::Primary(0), new)?;
    if done < 2 {
        step(pair, plan, 1, start..end, len, &ciphers)?;
        status.write(scratch(pair)?, 1, 2)?;
    }
    let keys = pair.saved_keys(Home::Scratch)?;
    step(pair, plan, 2, start..end, len, &ciphers)?;
    let status = Status::of_slot(&layout);
    status.write(pair.primary, 0, 1)?;
    status.write(pair.primary, 1, 2)?;
    plan.write(pair.primary, &layout, &keys.extra())?;
    Ok(())
}

/// One of the three steps of a group.
///
/// Ours keep the new image encrypted in the scratch area, which may be outside of the chip. MCUboot's have it plain there.
fn step(
    pair: &mut Pair<'_>,
    plan: &Plan,
    state: u32,
    group: Range<u32>,
    len: u32,
    ciphers: &Ciphers<'_>,
) -> Result<(), Code> {
    let Some(scratch) = pair.scratch.as_deref_mut() else { return Err(codes::UPDATE_LAYOUT) };
    let Range { start, end } = group;
    let new = ciphers.new.as_ref().map(|cipher| (cipher, start));
    let (into_scratch, out_of_scratch) = if plan.tag.is_some() { (None, new) } else { (new, None) };
    match state {
        0 => {
            let size = scratch.size();
            erase(scratch, 0, size)?;
            copy(pair.secondary, start, scratch, 0, len, pair.buffer, into_scratch)?;
        }
        1 => {
            erase(pair.secondary, start, end)?;
            if !ciphers.drop_old {
                let old = ciphers.old.as_ref().map(|cipher| (cipher, start));
                copy(pair.primary, start, pair.secondary, start, len, pair.buffer, old)?;
            }
        }
        _ => {
            erase(pair.primary, start, end)?;
            copy(scratch, 0, pair.primary, start, len, pair.buffer, out_of_scratch)?;
        }
    }
    Ok(())
}

/// Start and end of the group that shares its sectors with the trailers, and how many bytes of it are image.
fn shared_group(pair: &Pair<'_>, size: u32) -> Result<(u32, u32, u32), Code> {
    let (end, _) = pair.swap_end(size)?;
    let start = start_of_group(pair, end)?;
    let len = pair.primary.size().checked_sub(pair.layout().size()).and_then(|len| len.checked_sub(start));
    Ok((start, end, len.ok_or(codes::UPDATE_LAYOUT)?))
}

fn start_of_group(pair: &Pair<'_>, end: u32) -> Result<u32, Code> {
    let scratch = pair.scratch.as_deref().map_or(0, Flash::size);
    let start = group_start(pair.primary, pair.secondary, scratch, end);
    start.filter(|start| *start < end).ok_or(codes::UPDATE_LAYOUT)
}

fn count(pair: &Pair<'_>, mut end: u32) -> Result<u32, Code> {
    let mut groups: u32 = 0;
    while end != 0 {
        end = start_of_group(pair, end)?;
        groups = groups.saturating_add(1);
    }
    Ok(groups)
}

fn scratch<'p>(pair: &'p mut Pair<'_>) -> Result<&'p mut dyn Flash, Code> {
    match pair.scratch.as_deref_mut() {
        Some(scratch) => Ok(scratch),
        None => Err(codes::UPDATE_LAYOUT),
    }
}
