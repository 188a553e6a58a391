//! What the instructions do: one small function for each form that matters, generic over operation, operand kind and
//! destination so that nothing is decided at run time that the lowering knew (see [`crate::lower`]).
//!
//! 1. A function completes the instruction or leaves the state as it was: on an access fault neither the base nor a loaded
//!    register has changed, so that the instruction can run again after the handler.
//! 2. `core.set` is only for registers that are neither SP nor PC; the lowering picks other functions for those.
//! 3. No function reads `core.r[15]`: it is not true inside a block. PC operands arrive as constants.
//! 4. IT conditions are the block loop's business.

pub(crate) mod alu;
pub(crate) mod bits;
pub(crate) mod branch;
pub(crate) mod exclusive;
pub(crate) mod float;
pub(crate) mod load_store;
pub(crate) mod multiple;
pub(crate) mod multiply;
pub(crate) mod shift;
pub(crate) mod simd;
pub(crate) mod system;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use crate::core::Core;
use crate::op::{Args, Flow};

/// The function of an operation.
pub(crate) type Run<B> = fn(&mut Core<B>, &Args) -> Flow;

/// The value of an access, or leaves the operation with the flow that the access gave.
macro_rules! attempt {
    ($access:expr) => {
        match $access {
            Ok(value) => value,
            Err(flow) => return flow,
        }
    };
}
pub(crate) use attempt;
