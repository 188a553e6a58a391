//! A batch of cases that the host leaves in memory and collects again.
#![allow(unsafe_code)] // memory that somebody outside of the program writes

use core::mem::MaybeUninit;

/// Bytes of a batch.
pub const BATCH: usize = 2 * 1024 * 1024;

/// The host finds it by its name. Start-up does not clear this section, the host writes before the program starts.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".uninit.batch")]
static mut BATCH_CASES: MaybeUninit<[u8; BATCH]> = MaybeUninit::uninit();

/// The batch.
///
/// # Safety
/// Call it once.
pub unsafe fn take() -> &'static mut [u8] {
    // The compiler must not know that nobody in this program has written it.
    let batch: *mut [u8; BATCH] = core::hint::black_box((&raw mut BATCH_CASES).cast());
    // Safety: the caller's alone, by the contract; memory of the core always holds some bytes, and the host's are there.
    unsafe { &mut *batch }
}
