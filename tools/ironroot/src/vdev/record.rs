//! The hand-off record of a boot, for people and programs.

use ironroot_boot::{HandOff, Status};
use serde_json::{Value, json};

use crate::hex;

/// The record as the members of an event.
pub fn fields(record: &HandOff) -> Value {
    let code = match record.status {
        Status::Booted => None,
        Status::Refused(code) => Some(code),
    };
    json!({
        "status": if code.is_none() { "booted" } else { "refused" },
        "code": code.map(|c| c.to_string()),
        "name": code.and_then(|c| c.entry()).map(|e| e.name),
        "stage": record.stage.name(),
        "slot": record.slot.value(),
        "vector_table": record.vector_table.value(),
        "version": record.version.map(|v| v.to_string()),
        "security_counter": record.security_counter,
        "sha256": hex::encode(&record.digest),
        "key_id": hex::encode(&record.key_id),
        "demo_key": record.demo_key,
        "debug_closed": record.debug_closed,
    })
}

/// The record in one line.
pub fn line(record: &HandOff) -> String {
    let version = record.version.map_or("unknown".to_owned(), |v| v.to_string());
    match record.status {
        Status::Booted => format!(
            "booted version {version} at {:#010x}, key {}{}, debug {}",
            record.vector_table.value(),
            hex::encode(&record.key_id),
            if record.demo_key { " (demo)" } else { "" },
            if record.debug_closed { "closed" } else { "open" },
        ),
        Status::Refused(code) => {
            let summary = code.entry().map_or("a code that this tool does not know", |e| e.summary);
            format!("refused with {code} in stage `{}`: {summary}", record.stage.name())
        }
    }
}
