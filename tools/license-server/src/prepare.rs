//! Licences that are sealed while their requests wait.
//!
//! Sealing is half of what a licence costs, needs nothing of the store but what does not change, and inside the transaction would
//! keep all other servers waiting. So it is done before, on what is known of the firmware from earlier requests. The decision
//! compares that with the store and takes the sealed licence or makes another; one that is not given leaves this process never.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aes_gcm::Aes256Gcm;

use crate::decide::seal;
use crate::model::{Firmware, Request};
use crate::vault::{Vault, unwrap};

/// A licence, and the firmware that it was sealed for.
pub struct Prepared {
    /// As it was known.
    pub firmware: Firmware,
    /// The 136 bytes.
    pub licence: Vec<u8>,
}

/// Seals ahead, where the master key is in memory. An HSM is asked for licences that are given, for no others.
pub struct Sealer {
    master: Option<Aes256Gcm>,
    known: RwLock<HashMap<String, Firmware>>,
}

impl Sealer {
    /// For this vault.
    pub fn new(vault: &Vault) -> Self {
        let master = match vault {
            Vault::File(master) => Some((**master).clone()),
            Vault::Module(_) => None,
        };
        Self { master, known: RwLock::default() }
    }

    /// The licence of a request, if it can be sealed from what is known. Refusals are the decision's.
    pub fn prepare(&self, request: &Request) -> Option<Prepared> {
        let master = self.master.as_ref()?;
        let firmware = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(&request.firmware).filter(|it| it.package == request.package)?.clone()
        };
        let key = unwrap(master, &firmware.name, &firmware.wrapped_key).ok()?;
        let licence = seal(&key, &firmware, request).ok()?.bytes().to_vec();
        Some(Prepared { firmware, licence })
    }

    /// Notes what the store has.
    pub fn learn(&self, firmware: &Firmware) {
        if self.master.is_some() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(firmware.name.clone(), firmware.clone());
        }
    }
}
