//! The boot sequence: which stage runs where at which level, what it verifies, and what it hides when it leaves.

use super::choices::{BootPath, Place, UpdateMode};
use super::{Plan, Product};
use crate::Region;
use crate::stm32h7rs::chip::Part;
use crate::stm32h7rs::rsslib;
use crate::stm32h7rs::state::Hdpl;

/// Something that a stage checks, and against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What is checked.
    pub what: &'static str,
    /// Against what.
    pub against: &'static str,
}

/// A stage of the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowStage {
    /// Its name.
    pub name: &'static str,
    /// The level at which it runs.
    pub level: Hdpl,
    /// Where its code is.
    pub code: Region,
    /// What it does, in order.
    pub does: &'static [&'static str],
    /// What it verifies.
    pub verifies: &'static [Verified],
    /// What nobody can read or run any more once it has handed over.
    pub hides: &'static [&'static str],
}

/// The most stages.
pub(super) const FLOW: usize = 6;

const DIGEST: Verified =
    Verified { what: "SHA-256 over header, payload and protected TLVs", against: "hash TLV" };
const SIGNATURE: Verified =
    Verified { what: "ECDSA P-256 signature", against: "verification key in the OBKeys of this level" };
const COUNTER: Verified = Verified { what: "security counter", against: "data OBKeys: no older image" };

/// Images for OEMiRoT and OEMuRoT, which `ironroot app image` makes with ST's options, have no vendor and class id either.
const IMAGE_CHECKS: &[Verified] = &[
    Verified {
        what: "image header and TLVs",
        against: "slot, magic, header size; vendor and class id of an image that has them",
    },
    DIGEST,
    SIGNATURE,
    COUNTER,
];
/// Images for STiRoT have no TLVs for vendor and class: products differ by their keys alone.
const STIROT_CHECKS: &[Verified] = &[
    Verified {
        what: "image header and TLVs",
        against: "STiRoT's magic, size of the area, encryption; no vendor or class id: the format has none",
    },
    DIGEST,
    SIGNATURE,
    COUNTER,
];

const fn stage(
    name: &'static str,
    level: Hdpl,
    code: Region,
    does: &'static [&'static str],
    verifies: &'static [Verified],
    hides: &'static [&'static str],
) -> Option<FlowStage> {
    Some(FlowStage { name, level, code, does, verifies, hides })
}

const fn does(product: &Product) -> &'static [&'static str] {
    use Place::*;
    use UpdateMode::*;
    match (product.place, product.update, product.part) {
        (ExternalFlash, Overwrite, Part::Stm32h7s7) => &[
            "overwrites the installed image with a verified download, decrypting it; MCE encrypts what is written",
            "verifies the installed image in place",
        ],
        (ExternalFlash, Overwrite, Part::Stm32h7r7) => &[
            "overwrites the installed image with a verified download, decrypting it",
            "verifies the installed image in place",
        ],
        (ExternalFlash, Swap, Part::Stm32h7s7) => &[
            "swaps a verified download with the installed image, or back if it was not confirmed; MCE encrypts what runs",
            "verifies the installed image in place",
        ],
        (ExternalFlash, Swap, Part::Stm32h7r7) => &[
            "swaps a verified download with the installed image, or back if it was not confirmed",
            "verifies the installed image in place",
        ],
        (ExternalRam | InternalRam, Overwrite, _) => &[
            "overwrites the installed image with a verified download",
            "verifies the installed image, copies it to RAM, decrypts it there, hashes it again",
        ],
        (ExternalRam | InternalRam, Swap, _) => &[
            "swaps a verified download with the installed image, or back if it was not confirmed",
            "verifies the installed image, copies it to RAM, decrypts it there, hashes it again",
        ],
    }
}

const RSS: &[&str] = &["serves debug authentication", "starts the first stage that IROT_SELECT names"];
const STIROT_ASKS: &[&str] =
    &["reads its configuration from OBKeys", "leaves a request in DTCM and starts the iLoader at HDPL 3"];
const STIROT: &[&str] = &[
    "finds the image in internal RAM after the reset, by the answer in SBS_RSSCMDR",
    "verifies and decrypts the image where it lies, and zeroes what nobody signed behind it",
    "has the iLoader save a new image as the installed one",
];
const ILOADER: &[&str] = &["copies the image from external flash to internal RAM", "resets the chip"];
const LOADER_CHECKS: &[Verified] = &[];
const STIROT_HIDES: &[&str] = &["code of STiRoT", "OBKeys of HDPL 1 (its keys and data)"];
const APPLICATION: &[&str] = &["runs; may change the MPU and its clock"];
const TRIED: &[&str] =
    &["runs; may change the MPU and its clock", "confirms an update by the flag in AHB SRAM2 and a reset"];

const fn hidden_by_first(product: &Product) -> &'static [&'static str] {
    const KEYS: &str = "OBKeys of HDPL 1 (its keys and data)";
    const DATA: &str = "its RAM, wiped";
    if product.hides() { &["its code (hidden area of user flash)", KEYS, DATA] } else { &[KEYS, DATA] }
}

/// The sequence, in order.
pub(super) const fn flow(plan: &Plan) -> [Option<FlowStage>; FLOW] {
    let product = &plan.product;
    let rss = stage(
        "RSS",
        Hdpl::Level0,
        rsslib::RSS,
        RSS,
        &[],
        &["code of RSS", "OBKeys of HDPL 0 (debug authentication)"],
    );
    let runs = if matches!(product.update, UpdateMode::Swap) { TRIED } else { APPLICATION };
    let application = stage("application", Hdpl::Level3, plan.application.code, runs, &[], &[]);
    let (asks, iloader, stirot) = match plan.iloader {
        Some(place) => (
            stage("STiRoT, first pass", Hdpl::Level1, rsslib::STIROT, STIROT_ASKS, &[], STIROT_HIDES),
            stage("iLoader", Hdpl::Level3, place, ILOADER, LOADER_CHECKS, &[]),
            stage(
                "STiRoT, after the reset",
                Hdpl::Level1,
                rsslib::STIROT,
                STIROT,
                STIROT_CHECKS,
                STIROT_HIDES,
            ),
        ),
        None => (None, None, None),
    };
    let own = match (plan.stage, product.boot) {
        (Some(own), BootPath::Oemirot) => {
            stage("OEMiRoT", own.level, own.code, does(product), IMAGE_CHECKS, hidden_by_first(product))
        }
        (Some(own), _) => {
            let hides = &["OBKeys of HDPL 2 (its keys and data)", "its code and data in RAM, wiped"];
            stage("OEMuRoT", own.level, own.code, does(product), IMAGE_CHECKS, hides)
        }
        (None, _) => None,
    };
    [rss, asks, iloader, stirot, own, application]
}
