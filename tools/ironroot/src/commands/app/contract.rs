//! The contract between boot stage and application, as questions about an address.

use ironroot_layout::stm32h7rs::chip::MEMORIES;
use ironroot_layout::stm32h7rs::contract::{
    CONFIRMATION_FLAG, HAND_OFF, MPU_REGION_APPLICATION, NO_INIT, RAM_ECC_HANDLE, RESERVED,
};
use ironroot_layout::stm32h7rs::product::{Access, Attributes, MpuRegion, Plan};
use ironroot_layout::{Address, Region};

/// The parts of the shared memory, with what each is for.
pub const SHARED: [(&str, Region); 4] = [
    ("boot record", HAND_OFF),
    ("memory that no start-up code may initialise", NO_INIT),
    ("confirmation flag", CONFIRMATION_FLAG),
    ("RAM-ECC handle", RAM_ECC_HANDLE),
];

/// What the application may do with an address when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// It may be read.
    pub read: bool,
    /// It may be written.
    pub write: bool,
    /// It may be executed.
    pub execute: bool,
    /// It is memory: neither the registers of a device nor a place where nothing answers.
    pub memory: bool,
}

impl Rights {
    const NONE: Self = Self { read: false, write: false, execute: false, memory: false };
}

/// The MPU region that decides about an address at hand-off: of those that hold it, the one with the highest number. The
/// application's own counts: RSSLIB switches it on before the first instruction.
pub fn deciding(plan: &Plan, address: Address) -> Option<&MpuRegion> {
    plan.mpu_hand_off
        .iter()
        .filter(|region| region.enabled || region.number == MPU_REGION_APPLICATION)
        .filter(|region| region.area.contains(address))
        .max_by_key(|region| region.number)
}

/// What the application may do with an address. No region: nothing, the background map is off.
pub fn rights(plan: &Plan, address: Address) -> Rights {
    let Some(region) = deciding(plan, address) else { return Rights::NONE };
    let memory =
        region.attributes != Attributes::Device && MEMORIES.iter().any(|memory| memory.contains(address));
    match region.access {
        Access::None => Rights::NONE,
        Access::PrivilegedReadOnly => Rights { read: true, write: false, execute: region.execute, memory },
        Access::PrivilegedReadWrite | Access::ReadWrite => {
            Rights { read: true, write: true, execute: region.execute, memory }
        }
    }
}

/// Whether all of an area has rights that satisfy `enough`. Rights change only at the bounds of regions and memories.
pub fn all(plan: &Plan, area: Region, enough: impl Fn(Rights) -> bool) -> bool {
    first_without(plan, area, enough).is_none()
}

/// The first address of the area whose rights do not satisfy `enough`.
pub fn first_without(plan: &Plan, area: Region, enough: impl Fn(Rights) -> bool) -> Option<Address> {
    let regions = plan.mpu_hand_off.iter().map(|region| region.area).chain(MEMORIES);
    let bounds = regions.flat_map(|area| [area.start(), area.end()]);
    let mut points: Vec<Address> =
        bounds.filter(|bound| area.contains(*bound)).chain([area.start()]).collect();
    points.sort();
    points.into_iter().find(|point| !enough(rights(plan, *point)))
}

/// The shared part that an area has bytes of.
pub fn shared(area: Region) -> Option<(&'static str, Region)> {
    if !area.overlaps(RESERVED) {
        return None;
    }
    let named = SHARED.into_iter().find(|(_, part)| area.overlaps(*part));
    Some(named.unwrap_or(("memory of the boot stage", RESERVED)))
}
