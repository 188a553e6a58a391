//! Power loss: the update engine on flash that is cut at every operation.
//!
//! 1. `flash` is the model, `layout` the table of sector maps, `scenario` the table of scripts, `world` one device of all
//!    these, made with real images.
//! 2. `play` plays a script and checks after each step; `truth` says what may be true, from what was asked and where
//!    power was cut. Neither knows how the engine works.
//! 3. `campaign` cuts at every operation, with every [`flash::Effect`], then again in the recovery. `case` names each
//!    case in one word, from which it can be played again; `results` counts and joins.
//! 4. Cryptography is real; verdicts of signatures are remembered (`crypto`).
//!
//! What the model leaves out: a unit that reads as erased although its *programming* was interrupted (here it is erased), reads
//! that differ from one time to the next, and wear. No loader can tell those from good cells by reading. An *erase* that was
//! interrupted leaves nothing that may be programmed, however it reads: a loader can tell by what it was about to do.

pub mod campaign;
pub mod case;
mod counters;
mod crypto;
pub mod encryption;
pub mod flash;
pub mod layout;
pub mod loader;
pub mod play;
pub mod results;
pub mod scenario;
mod secrets;
pub mod truth;
pub mod world;
