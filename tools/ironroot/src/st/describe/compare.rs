//! What the files say, against what follows from the description that was made of them.

use ironroot_layout::stm32h7rs::obkeys::Destination;
use ironroot_layout::stm32h7rs::product::{ImageOptions, Plan, stirot_config_head};

use super::super::config::PERMISSIONS;
use super::super::number;
use super::super::xml::brief;
use super::facts::{Debug, Facts, Made, Stage};
use crate::st::image::OptionValue;

/// Options whose next word is their value; the keys are compared as entries.
const WITH_VALUE: [&str; 11] = ["-k", "-E", "-ma", "-M", "-e", "-S", "-H", "-v", "-s", "--align", "-x"];
const KEYS: [&str; 2] = ["-k", "-E"];

/// Adds every difference to `lost`.
pub fn all(facts: &Facts<'_>, plan: &Plan, lost: &mut Vec<String>) {
    if let (Some(made), Some(image)) = (&facts.first, &plan.stirot_image) {
        options(made, image, lost);
    }
    if let Some(made) = &facts.own {
        options(made, &plan.image, lost);
    }
    for stage in [&facts.first_config, &facts.own_config, &facts.debug_config].into_iter().flatten() {
        content(stage, plan, lost);
    }
    if let (Some(stage), Some(Debug::Certificate { permissions: Some(bits), .. })) =
        (&facts.debug_config, &facts.debug)
        && *bits != PERMISSIONS
    {
        lost.push(format!("{}: Permission is {bits:#x}; the device gets {PERMISSIONS:#x}", stage.file));
    }
}

/// The options of an image.
fn options(made: &Made, image: &ImageOptions, lost: &mut Vec<String>) {
    let words = image.arguments("", "");
    let mut ours: Vec<(&str, Option<&str>)> = Vec::new();
    let mut rest = words.iter().map(String::as_str);
    while let Some(switch) = rest.next() {
        let value = if WITH_VALUE.contains(&switch) { rest.next() } else { None };
        ours.push((switch, value));
    }
    let said = |switch: &str, value: Option<&str>| match value {
        Some(value) => format!("{switch} {}", brief(value)),
        None => switch.to_owned(),
    };
    let file = &made.file;
    let mut seen = Vec::new();
    for option in &made.options {
        let (switch, value) = theirs(option);
        seen.push(switch);
        match ours.iter().find(|(name, _)| *name == switch) {
            Some((_, other)) if KEYS.contains(&switch) || same(value, *other) => {}
            Some((_, other)) => {
                let (theirs, ours) = (said(switch, value), said(switch, *other));
                lost.push(format!(
                    "{file}: {theirs} ({}); the description makes {ours}",
                    brief(&option.name)
                ));
            }
            None => lost.push(format!(
                "{file}: {} ({}); no entry takes it",
                said(switch, value),
                brief(&option.name)
            )),
        }
    }
    for (switch, value) in ours.into_iter().filter(|(switch, _)| !seen.contains(switch)) {
        lost.push(format!("{file} has no {switch}; the description makes {}", said(switch, value)));
    }
}

/// An option as ST's imgtool has it.
fn theirs(option: &OptionValue) -> (&str, Option<&str>) {
    match (option.switch.as_str(), option.value.as_deref()) {
        ("--dialect", Some("stirot-h7s")) => ("-ma", Some("0xc1592ee9")),
        other => other,
    }
}

fn same(one: Option<&str>, other: Option<&str>) -> bool {
    match (one.and_then(number), other.and_then(number)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// What goes into option-byte keys.
fn content(stage: &Stage<'_>, plan: &Plan, lost: &mut Vec<String>) {
    let (file, config) = (&stage.file, stage.config);
    let word = config.destination;
    match plan.key_contents().find(|content| content.destination.word() == word) {
        None => {
            let place = Destination::from_word(word).map_or(0, |place| place.index);
            lost.push(format!(
                "{file} goes to {word:#010x} (key {place}), where the description puts nothing"
            ));
        }
        Some(content) if content.encrypted != config.encrypt => {
            let how = |encrypted| if encrypted { "encrypted" } else { "as it is" };
            let (theirs, ours) = (how(config.encrypt), how(content.encrypted));
            lost.push(format!("{file}: DoEncryption stores it {theirs}; the description {ours}"));
        }
        Some(_) => {}
    }
    if !config.hash {
        lost.push(format!("{file} has no Hash; the description puts one in front"));
    }
    let (Some(head), Some(ours)) = (&stage.head, stirot_config_head(plan)) else { return };
    for (name, range) in &head.fields {
        let (theirs, ours) = (head.bytes.get(range.clone()), ours.get(range.clone()));
        if let (Some(theirs), Some(ours)) = (theirs, ours)
            && theirs != ours
        {
            lost.push(format!(
                "{file}: {name} is {}; the description makes {}",
                little(theirs),
                little(ours)
            ));
        }
    }
}

/// Bytes of a little-endian number.
fn little(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
    match digits.trim_start_matches('0') {
        "" => "0x0".to_owned(),
        digits => format!("0x{digits}"),
    }
}
