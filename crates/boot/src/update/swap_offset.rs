//! swap-offset: the update lies one unit up in its slot, so that there is a free unit to swap through.
//!
//! | | step of entry `2i` | step of entry `2i + 1` |
//! |---|---|---|
//! | update, `u = i` | old unit `u`: primary to secondary | new unit `u`: secondary, one up, to primary |
//! | revert, `u = units - 1 - i` | tested unit `u`: primary to secondary, one up | old unit `u`: secondary to primary |
//!
//! The source of a step is not touched before its entry is written.

use ironroot_codes::Code;

use super::copy::{copy, erase};
use super::decision::Home;
use super::pair::{Ciphers, Pair, Place};
use super::status::Status;
use super::trailer::{Kind, Plan};

pub(crate) fn run(pair: &mut Pair<'_>, plan: &Plan) -> Result<(), Code> {
    let layout = pair.layout();
    let status = Status::of_slot(&layout);
    let unit = pair.geometry.unit;
    let units = pair.geometry.units(plan.size);
    let entries = units.saturating_mul(2);
    let done = pair.done(0, entries)?;
    let revert = plan.kind == Kind::Revert;

    let (old, new) = match revert {
        false if done == 0 => (Place::Primary(0), Place::Secondary(unit)),
        false if done == 1 => (Place::Secondary(0), Place::Secondary(unit)),
        false => (Place::Secondary(0), Place::Primary(0)),
        // The first unit, with the header, is the last to be swapped.
        true if done.saturating_add(1) < entries => (Place::Primary(0), Place::Secondary(0)),
        true => (Place::Secondary(unit), Place::Secondary(0)),
    };
    let ciphers =
        if done < entries { pair.ciphers(plan, Home::Primary, old, new)? } else { Ciphers::default() };
    for entry in done..entries {
        let index = if revert { units.saturating_sub(1).saturating_sub(entry / 2) } else { entry / 2 };
        let low = index.saturating_mul(unit);
        let high = low.saturating_add(unit);
        // Where in the secondary slot the image goes that leaves the primary, and where the other comes from.
        let (to, from) = if revert { (high, low) } else { (low, high) };
        let state = if entry % 2 == 0 {
            erase(pair.secondary, to, to.saturating_add(unit))?;
            if !ciphers.drop_old {
                let recode = ciphers.old.as_ref().map(|cipher| (cipher, low));
                copy(pair.primary, low, pair.secondary, to, unit, pair.buffer, recode)?;
            }
            1
        } else {
            erase(pair.primary, low, high)?;
            let recode = ciphers.new.as_ref().map(|cipher| (cipher, low));
            copy(pair.secondary, from, pair.primary, low, unit, pair.buffer, recode)?;
            2
        };
        status.write(pair.primary, entry, state)?;
    }
    if revert {
        // Else the header that is left there would pass for an image to go back to.
        erase(pair.secondary, 0, unit)?;
    }
    Ok(())
}
