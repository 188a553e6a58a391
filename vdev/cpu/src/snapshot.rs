//! A machine at one moment, to come back to: for campaigns that try a thousand things from one state.

use std::hash::Hasher;

use crate::bus::Bus;
use crate::core::Core;
use crate::machine::Machine;
use crate::memory::MemorySnapshot;

/// A machine at one moment. Cheap to make and to keep: unchanged memory is shared with other snapshots.
#[derive(Clone)]
pub struct Snapshot<B: Bus> {
    core: Core<B>,
    memory: MemorySnapshot,
    resets: u64,
}

impl<B: Bus> Machine<B> {
    /// The machine as it is now.
    pub fn snapshot(&mut self) -> Snapshot<B> {
        self.core.tlb.write.flush();
        let mut memory = std::mem::take(self.core.bus.memory_mut());
        let core = self.core.clone();
        let pages = memory.snapshot();
        *self.core.bus.memory_mut() = memory;
        Snapshot { core, memory: pages, resets: self.resets }
    }

    /// Brings back a moment of this machine (or of one made from the same chip).
    pub fn restore(&mut self, snapshot: &Snapshot<B>) {
        let mut memory = std::mem::take(self.core.bus.memory_mut());
        memory.restore(&snapshot.memory);
        let breakpoints_differ = self.core.scs.fpb != snapshot.core.scs.fpb;
        self.core.clone_from(&snapshot.core);
        *self.core.bus.memory_mut() = memory;
        self.core.tlb.flush();
        self.core.sync = true;
        self.resets = snapshot.resets;
        self.stepping_off = None;
        self.drop_written_code();
        if breakpoints_differ {
            self.renew_breakpoints();
        }
    }

    /// A hash of everything that decides how the machine goes on.
    pub fn state_hash(&self) -> u64 {
        use std::hash::Hash;
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        let core = &self.core;
        (core.r, core.flags.to_apsr(), core.it, core.thumb, core.ipsr, core.other_sp).hash(&mut hasher);
        (core.primask, core.faultmask, core.basepri, core.control, &core.fp).hash(&mut hasher);
        (core.exclusive, core.event, core.sleep, core.lockup, core.cycles, core.instructions)
            .hash(&mut hasher);
        core.scs.hash_state(&mut hasher);
        core.bus.hash_state(&mut hasher);
        core.bus.memory().hash_content(&mut hasher);
        hasher.finish()
    }
}
