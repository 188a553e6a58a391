//! The hand-off record of a boot, for people and programs.

use ironroot_boot::update::{Action, ImageReport};
use ironroot_boot::{HandOff, Status};
use ironroot_codes::Code;
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
        "updates": record.updates.images().iter().map(update_fields).collect::<Vec<_>>(),
    })
}

/// What the boot did about the updates of one image.
fn update_fields(image: &ImageReport) -> Value {
    let code = |code: Option<Code>| code.map(|code| code.to_string());
    json!({
        "action": image.action.name(),
        "resumed": image.resumed,
        "refused": code(image.refused),
        "reverted": code(image.reverted),
        "counter": code(image.counter),
        "version": image.version.to_string(),
        "confirmed": image.confirmed,
    })
}

/// What there is to say about the updates of the images; nothing after an ordinary boot.
fn updates(record: &HandOff) -> String {
    let mut text = String::new();
    for (number, image) in record.updates.images().iter().enumerate() {
        // Why it was reverted says that it was.
        let said = image.action == Action::Reverted && image.reverted.is_some();
        if image.action != Action::None && !said {
            text += &format!("; image {number} {}", image.action.name());
        }
        for (what, code) in
            [("update refused", image.refused), ("reverted", image.reverted), ("counter", image.counter)]
        {
            if let Some(code) = code {
                let summary = code.entry().map_or("a code that this tool does not know", |e| e.summary);
                text += &format!("; image {number} {what}: {code} {summary}");
            }
        }
    }
    text
}

/// The record in one line.
pub fn line(record: &HandOff) -> String {
    let version = record.version.map_or("unknown".to_owned(), |v| v.to_string());
    match record.status {
        Status::Booted => format!(
            "booted version {version} at {:#010x}, key {}{}, debug {}{}",
            record.vector_table.value(),
            hex::encode(&record.key_id),
            if record.demo_key { " (demo)" } else { "" },
            if record.debug_closed { "closed" } else { "open" },
            updates(record),
        ),
        Status::Refused(code) => {
            let summary = code.entry().map_or("a code that this tool does not know", |e| e.summary);
            format!("refused with {code} in stage `{}`: {summary}{}", record.stage.name(), updates(record))
        }
    }
}
