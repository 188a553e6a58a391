//! `ironroot keys list`.

use clap::Args;
use ironroot_codes::input;
use ironroot_keys::token::{self, ObjectEntry};
use ironroot_keys::{KeyArgument, KeyKind, Uri};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::hex;
use crate::keyarg::{self, KeyOptions};
use crate::report::{BAD, BOLD, DIM, Reporter, printable};

/// List the tokens of a PKCS#11 module, or the keys of one token
#[derive(Args, Debug)]
#[command(after_help = "\
A URI that names no token lists the tokens; one that does lists its keys. Private keys are visible only with a PIN \
(pin-source=FILE in the URI, or IRONROOT_PIN), which is not asked for here.

Examples:
  ironroot keys list 'pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so'
  ironroot keys list 'pkcs11:token=release?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin' --json")]
pub struct List {
    /// pkcs11: URI of a module or a token
    #[arg(value_name = "URI")]
    uri: KeyArgument,
    #[command(flatten)]
    options: KeyOptions,
}

/// Runs the command.
pub fn run(args: &List, report: &mut Reporter<'_>) -> Result {
    let Some(uri) = args.uri.uri()? else {
        let cause = "a pkcs11: URI is listed; for a file there is `ironroot keys info`";
        return Err(Failure::new(input::KEY_URI_INVALID, cause).about(&args.uri));
    };
    let names_token = uri.token.is_some() || uri.serial.is_some() || uri.slot_id.is_some();
    if names_token { keys(args, &uri, report) } else { tokens(args, &uri, report) }
}

fn tokens(args: &List, uri: &Uri, report: &mut Reporter<'_>) -> Result {
    let tokens = token::tokens(uri).map_err(|e| e.about(&args.uri))?;
    let rows: Vec<_> = tokens
        .iter()
        .map(|t| json!({ "token": t.name, "model": t.model, "serial": t.serial, "slot_id": t.slot_id, "pin": t.pin }))
        .collect();
    let mut text = format!("{BOLD}{} tokens{BOLD:#}", tokens.len());
    for t in &tokens {
        let pin = if t.pin == "ok" { String::new() } else { format!("  {BAD}PIN {}{BAD:#}", t.pin) };
        text += &format!(
            "\n  {}  {DIM}{}, serial {}, slot-id {}{DIM:#}{pin}",
            printable(&t.name),
            printable(&t.model),
            printable(&t.serial),
            t.slot_id
        );
    }
    report.result("keys list", json!({ "tokens": rows }), text);
    Ok(())
}

fn keys(args: &List, uri: &Uri, report: &mut Reporter<'_>) -> Result {
    let (objects, with_private, warnings) =
        token::objects(uri, &args.options.secrets()).map_err(|e| e.about(&args.uri))?;
    keyarg::warn(report, &warnings);
    let rows: Vec<_> = objects
        .iter()
        .map(|o| {
            json!({
                "object": o.label,
                "id": hex::encode(&o.id),
                "class": o.object_type.name(),
                "type": o.kind.map(KeyKind::name),
                "key_hash": o.hash.map(|hash| hex::encode(&hash)),
                "extractable": o.extractable,
                "uri": object_uri(uri, o).to_string(),
            })
        })
        .collect();
    let mut text = format!("{BOLD}{} objects{BOLD:#}", objects.len());
    for o in &objects {
        let kind = o.kind.map_or("another kind", KeyKind::title);
        let hash = o.hash.map(|hash| hex::encode(&hash)).unwrap_or_default();
        let loose =
            if o.extractable == Some(true) { format!("  {BAD}extractable{BAD:#}") } else { String::new() };
        text += &format!(
            "\n  {:<10} {:<16} {}  {DIM}id {} {}{DIM:#}{loose}",
            o.object_type.name(),
            kind,
            printable(&o.label),
            hex::encode(&o.id),
            hash.get(..16).unwrap_or_default(),
        );
    }
    if !with_private {
        text += &format!("\n  {DIM}Without a PIN private keys are not shown.{DIM:#}");
    }
    report.result("keys list", json!({ "objects": rows, "logged_in": with_private }), text);
    Ok(())
}

/// The URI that names the object and nothing else.
fn object_uri(uri: &Uri, object: &ObjectEntry) -> Uri {
    Uri {
        token: uri.token.clone(),
        serial: uri.serial.clone(),
        slot_id: uri.slot_id,
        object: Some(object.label.clone()),
        id: Some(object.id.clone()),
        object_type: Some(object.object_type),
        ..Uri::default()
    }
}
