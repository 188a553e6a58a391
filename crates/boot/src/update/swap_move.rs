//! swap-move: the old image is moved up by one unit, then the images change places unit by unit.
//!
//! | entries | step of entry `n` |
//! |---|---|
//! | `0..units` | old unit `units - 1 - n` moves up by one in the primary slot |
//! | `M + 2i` | new unit `i`: secondary to primary |
//! | `M + 2i + 1` | old unit `i`: primary, one up, to secondary |
//!
//! `M` is the most sectors a slot can have. The source of a step is not touched before its entry is written, so a step
//! that was cut short is made again from its erase.

use ironroot_codes::Code;

use super::copy::{copy, copy_within, erase};
use super::decision::Home;
use super::pair::{Pair, Place};
use super::status::Status;
use super::trailer::Plan;

pub(crate) fn run(pair: &mut Pair<'_>, plan: &Plan) -> Result<(), Code> {
    let layout = pair.layout();
    let status = Status::of_slot(&layout);
    let unit = pair.geometry.unit;
    let units = pair.geometry.units(plan.size);
    let first_swap = layout.max_sectors();
    let swapped = pair.done(first_swap, units.saturating_mul(2))?;
    let moved = if swapped == 0 { pair.done(0, units)? } else { units };

    let at = |index: u32| index.saturating_mul(unit);
    for entry in moved..units {
        let from = units.saturating_sub(1).saturating_sub(entry);
        let to = at(from.saturating_add(1));
        erase(pair.primary, to, to.saturating_add(unit))?;
        copy_within(pair.primary, at(from), to, unit, pair.buffer)?;
        status.write(pair.primary, entry, 1)?;
    }

    if swapped >= units.saturating_mul(2) {
        return Ok(());
    }
    let old = if swapped < 2 { Place::Primary(unit) } else { Place::Secondary(0) };
    let new = if swapped < 1 { Place::Secondary(0) } else { Place::Primary(0) };
    let ciphers = pair.ciphers(plan, Home::Primary, old, new)?;
    for entry in swapped..units.saturating_mul(2) {
        let offset = at(entry / 2);
        let end = offset.saturating_add(unit);
        let state = if entry % 2 == 0 {
            erase(pair.primary, offset, end)?;
            let recode = ciphers.new.as_ref().map(|cipher| (cipher, offset));
            copy(pair.secondary, offset, pair.primary, offset, unit, pair.buffer, recode)?;
            1
        } else {
            erase(pair.secondary, offset, end)?;
            if !ciphers.drop_old {
                let recode = ciphers.old.as_ref().map(|cipher| (cipher, offset));
                copy(pair.primary, end, pair.secondary, offset, unit, pair.buffer, recode)?;
            }
            2
        };
        status.write(pair.primary, first_swap.saturating_add(entry), state)?;
    }
    Ok(())
}
