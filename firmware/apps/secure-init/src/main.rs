//! Secure user software, fourth use: initialisation that nobody can redo or look into.
//!
//! What it does at every boot: loads the key of the external flash into OTFDEC, for instruction fetches only, locks key
//! and configuration until the next reset, and leaves. From then on code in the external flash runs, and neither the
//! application nor a debugger can read it, change the key or point it elsewhere; the key itself is in the closed area.
//!
//! What it does once: it makes its own area smaller. RSS creates the area over the whole sector, because nothing less can
//! be erased; this program needs half of it and gives the rest back. Only code in the area may do that.
//!
//! It does not verify the application: that is the secure boot's work, with which a product would combine it.
#![no_std]
#![no_main]

#[path = "../../common/mod.rs"]
mod common;

use common::report::Report;
use ironroot_codes::{Code, boot as codes, internal, rss as rss_codes};
use ironroot_hal::otfdec::{self, Setup};
use ironroot_hal::{flash, memory, scb};
use ironroot_layout::stm32h735::options::{Scar, SecureArea};
use ironroot_layout::stm32h735::{OCTOSPI1, SECURE_AREA, SLOT};
use ironroot_layout::{Address, Region};

pub use common::refuse_silently;

/// What this program keeps of the sector.
const KEPT: Region = Region::between(0x0800_0000, 0x0801_0000);
/// The external flash has 2 to the power of this many bytes.
const MEMORY_BITS: u32 = 24;

/// The first 64 KB of the external flash, as the factory encrypted them. The key is an example like the program.
const CODE: Setup = Setup {
    number: 1,
    mode: 0,
    version: 0xABCD,
    nonce: (0xA5A5_A5A5, 0xC3C3_C3C3),
    key: (0xEDCB_A987, 0x6543_210F, 0xEDCB_A987, 0x6543_210F),
    first: OCTOSPI1.start().value(),
    last: OCTOSPI1.start().value() + 0xFFFF,
};

fn main() -> ! {
    let mut report = common::open("secure-init");
    match run(&mut report) {
        Ok(vectors) => {
            report.text("external flash: key loaded and locked").end();
            common::leave(report, vectors, None)
        }
        Err(code) => common::refuse(report, code),
    }
}

fn run(report: &mut Report) -> Result<Address, Code> {
    let area = common::secure_area(report)?;
    if area == SECURE_AREA {
        shrink(report)?;
    } else if area != KEPT {
        return Err(codes::SECURE_AREA_MISSING);
    }
    otfdec::open(CODE.number, MEMORY_BITS);
    if !otfdec::configure(&CODE) || !otfdec::lock(CODE.number) {
        return Err(codes::EXTERNAL_KEY_REFUSED);
    }
    let vectors = SLOT.vector_table().ok_or(internal::INTERNAL)?;
    match memory::flash_word(vectors.value()) {
        None | Some(u32::MAX) => Err(codes::SLOT_EMPTY),
        Some(_) => Ok(vectors),
    }
}

/// Gives half of the area back, and resets; returns only when the controller refuses.
fn shrink(report: &mut Report) -> Result<(), Code> {
    report.text("secure area: keeping 64 KB").end();
    let wanted = Scar { area: SecureArea::Region(KEPT), remove_during_erase: true };
    let scar = wanted.encode().ok_or(internal::INTERNAL)?;
    flash::program_secure_area(scar).map_err(|_| rss_codes::OPTION_CHANGE_REFUSED)?;
    // Start over, with the area that is in force then: what follows checks it.
    scb::system_reset()
}
