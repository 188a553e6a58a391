//! The audit log: every decision and every act of an administrator, each entry hashed together with its predecessor.
//!
//! The hash of an entry is SHA-256 over the hash before it (32 bytes, zeros for the first), the entry's number (u64,
//! big-endian, from 1), and the bytes of its event as JSON, exactly as stored. Exported as JSON Lines, one entry a line:
//! `{"seq":1,"event":"{…}","hash":"…"}`. The event is a string in it, so that no reader's idea of JSON changes a byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

use data_encoding::HEXLOWER;
use ironroot_codes::licence as codes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::{Revocable, Time};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of the log, described in docs/licence-server.md")]
pub enum Event {
    FirmwareAdded {
        time: Time,
        firmware: String,
        package: String,
        product: String,
    },
    FirmwareRemoved {
        time: Time,
        firmware: String,
        package: String,
    },
    QuotaCreated {
        time: Time,
        firmware: String,
        site: String,
        granted: i64,
        expires: Option<Time>,
    },
    QuotaGranted {
        time: Time,
        firmware: String,
        site: String,
        more: i64,
    },
    QuotaClosed {
        time: Time,
        firmware: String,
        site: String,
    },
    Revoked {
        time: Time,
        what: Revocable,
        id: String,
    },
    Issued {
        time: Time,
        request: String,
        firmware: String,
        site: String,
        station: String,
        device: String,
        serial: i64,
        licence_sha256: String,
    },
    Reissued {
        time: Time,
        request: String,
        firmware: String,
        site: String,
        station: String,
        device: String,
        serial: i64,
    },
    Refused {
        time: Time,
        request: String,
        firmware: String,
        site: String,
        station: String,
        device: String,
        code: String,
    },
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: i64,
    /// The event as JSON.
    pub event: String,
    /// The hash, hexadecimal.
    pub hash: String,
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the last entry; 0 if there is none.
    pub seq: i64,
    /// Its hash; zeros if there is none.
    pub hash: [u8; 32],
}

impl Head {
    /// Appends an event: the entry to store; the head is the new end.
    pub fn append(&mut self, event: &Event) -> Result<Entry> {
        let event =
            serde_json::to_string(event).map_err(|e| Error::new(ironroot_codes::internal::INTERNAL, e))?;
        self.seq += 1;
        self.hash = link(&self.hash, self.seq, &event);
        Ok(Entry { seq: self.seq, event, hash: HEXLOWER.encode(&self.hash) })
    }
}

fn link(previous: &[u8; 32], seq: i64, event: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(previous);
    sha.update(seq.to_be_bytes());
    sha.update(event.as_bytes());
    sha.finalize().into()
}

/// What an intact log says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Number of entries.
    pub entries: u64,
    /// Licences, each counted once.
    pub issued: u64,
    /// Licences given again.
    pub reissued: u64,
    /// Refusals.
    pub refused: u64,
    /// Per firmware and site: devices with a licence, and how many were granted.
    pub quotas: Vec<QuotaUse>,
    /// Hash of the last entry: publish it, and nobody can shorten the log unseen.
    pub head: String,
}

/// How much of a quota the log shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaUse {
    /// The firmware.
    pub firmware: String,
    /// The site.
    pub site: String,
    /// Devices with a licence.
    pub issued: i64,
    /// So many were granted.
    pub granted: i64,
}

/// The longest line of a log, with its end: some times what the longest names make.
const MAX_LINE: usize = 64 * 1024;

/// What whoever checks a log knows of it already. A chain that was cut at its end is a chain: only this tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The hash of its last entry, hexadecimal.
    pub last_hash: Option<String>,
    /// The number of its entries.
    pub entries: Option<u64>,
    /// The hash of an entry that an earlier export ended with: the log must go on from there.
    pub earlier_hash: Option<String>,
}

/// The next line without its end; `None` after the last. Never more than [`MAX_LINE`] in memory.
fn next_line(lines: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>> {
    let broken = |why: &str| Error::new(codes::AUDIT_BROKEN, format!("line {number}: {why}"));
    let mut line = Vec::new();
    lines.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line).map_err(|e| broken(&e.to_string()))?;
    if line.len() > MAX_LINE {
        return Err(broken("it is longer than any entry"));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(line))
}

/// Checks an exported log, line by line: the chain, and what it records.
///
/// # Errors
/// `AUDIT_BROKEN` with the first bad entry, also if there is no entry at all; `AUDIT_OVERRUN` if the chain holds but shows
/// more licences than were granted.
pub fn verify(lines: impl BufRead) -> Result<Summary> {
    verify_known(lines, &Known::default())
}

/// The same, and that it is the log that is known, to its end.
///
/// # Errors
/// Also `AUDIT_SHORTENED`: it is intact, but not that log.
pub fn verify_known(mut lines: impl BufRead, known: &Known) -> Result<Summary> {
    let mut head = Head::default();
    let mut summary = Summary::default();
    let mut quotas: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    let mut devices = BTreeSet::new();
    let mut serials = BTreeSet::new();
    let mut met_earlier = false;
    while let Some(line) = next_line(&mut lines, summary.entries + 1)? {
        let broken =
            |why: &str| Error::new(codes::AUDIT_BROKEN, format!("line {}: {why}", summary.entries + 1));
        let entry: Entry = serde_json::from_slice(&line).map_err(|e| broken(&e.to_string()))?;
        if entry.seq != head.seq + 1 {
            return Err(broken(&format!("entry {} follows entry {}", entry.seq, head.seq)));
        }
        let hash = link(&head.hash, entry.seq, &entry.event);
        if HEXLOWER.encode(&hash) != entry.hash {
            return Err(broken("the hash is not that of the content and the entry before"));
        }
        head = Head { seq: entry.seq, hash };
        met_earlier |=
            known.earlier_hash.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(&entry.hash));
        let event: Event = serde_json::from_str(&entry.event).map_err(|e| broken(&e.to_string()))?;
        summary.entries += 1;
        match event {
            Event::QuotaCreated { firmware, site, granted: more, .. }
            | Event::QuotaGranted { firmware, site, more, .. } => {
                quotas.entry((firmware, site)).or_default().1 += more;
            }
            Event::Issued { firmware, site, device, serial, .. } => {
                summary.issued += 1;
                quotas.entry((firmware.clone(), site)).or_default().0 += 1;
                if !devices.insert((firmware, device)) || !serials.insert(serial) {
                    return Err(Error::new(
                        codes::AUDIT_OVERRUN,
                        format!("entry {}: a device or serial number was counted twice", entry.seq),
                    ));
                }
            }
            Event::Reissued { .. } => summary.reissued += 1,
            Event::Refused { .. } => summary.refused += 1,
            // With it went its quotas; it may be there again later.
            Event::FirmwareRemoved { firmware, .. } => {
                let of_it = |(name, _): &(String, String)| *name == firmware;
                if quotas.iter().any(|(which, (issued, _))| of_it(which) && *issued > 0) {
                    let cause =
                        format!("entry {}: {firmware} was removed after licences were given", entry.seq);
                    return Err(Error::new(codes::AUDIT_OVERRUN, cause));
                }
                quotas.retain(|which, _| !of_it(which));
            }
            Event::FirmwareAdded { .. } | Event::QuotaClosed { .. } | Event::Revoked { .. } => {}
        }
    }
    for ((firmware, site), (issued, granted)) in quotas {
        if issued > granted {
            let cause = format!("{issued} of {granted} licences for {firmware} at {site}");
            return Err(Error::new(codes::AUDIT_OVERRUN, cause));
        }
        summary.quotas.push(QuotaUse { firmware, site, issued, granted });
    }
    summary.head = HEXLOWER.encode(&head.hash);
    if summary.entries == 0 {
        let cause = "it has no entry; a log begins with the first firmware";
        return Err(Error::new(codes::AUDIT_BROKEN, cause));
    }
    let shortened = |cause: String| Err(Error::new(codes::AUDIT_SHORTENED, cause));
    match known {
        Known { entries: Some(wanted), .. } if *wanted != summary.entries => {
            shortened(format!("it has {} entries, not {wanted}", summary.entries))
        }
        Known { last_hash: Some(wanted), .. } if !wanted.eq_ignore_ascii_case(&summary.head) => {
            shortened(format!("its last hash, of entry {}, is {}", summary.entries, summary.head))
        }
        Known { earlier_hash: Some(_), .. } if !met_earlier => {
            shortened(format!("none of its {} entries has the earlier hash", summary.entries))
        }
        _ => Ok(summary),
    }
}
