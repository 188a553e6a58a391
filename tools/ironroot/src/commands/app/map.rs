//! `ironroot app map`: sections of an application beside the areas of the contract.

use std::path::PathBuf;

use clap::Args;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::Plan;
use serde_json::{Value, json};

use super::contract::{SHARED, rights};
use super::load;
use crate::error::Result;
use crate::product::{self, ProductOption};
use crate::report::{BOLD, DIM, Reporter, printable};

/// Show an application's sections beside the areas of the contract
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot app map app.elf
  ironroot app map app.elf --product board/ironroot.toml --json")]
pub struct Map {
    /// Linked application (ELF)
    #[arg(value_name = "ELF")]
    file: PathBuf,
    #[command(flatten)]
    product: ProductOption,
}

/// An area of the contract.
fn areas(plan: &Plan) -> Vec<(&'static str, Region)> {
    let application = &plan.application;
    let mut areas =
        vec![("image", application.run), ("application", application.code), ("open RAM", application.ram)];
    areas.extend(SHARED);
    areas
}

/// Runs the command.
pub fn run(args: &Map, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.product.product)?;
    let program = load(&args.file)?;
    let plan = &product.plan;
    let mut rows: Vec<(Region, bool, String, String)> =
        areas(plan).into_iter().map(|(name, area)| (area, true, name.to_owned(), String::new())).collect();
    for section in &program.sections {
        let right = rights(plan, section.used.start());
        let mode: String = [(right.read, 'r'), (right.write, 'w'), (right.execute, 'x')]
            .map(|(on, c)| if on { c } else { '-' })
            .iter()
            .collect();
        rows.push((section.used, false, section.name.clone(), mode));
    }
    rows.sort_by_key(|(area, contract, ..)| (area.start(), !contract, area.size()));
    let json_rows: Vec<Value> = rows
        .iter()
        .map(|(area, contract, name, rights)| {
            json!({
                "start": format!("{:#010x}", area.start().value()),
                "size": area.size().bytes(),
                "name": name,
                "kind": if *contract { "contract" } else { "section" },
                "rights": if *contract { Value::Null } else { json!(rights) },
            })
        })
        .collect();
    let mut text = String::new();
    for (area, contract, name, rights) in &rows {
        let size = area.size().to_string();
        let line = if *contract {
            format!("{BOLD}{area}  {size:>12}  {name}{BOLD:#}\n")
        } else {
            format!("  {area}  {size:>10}  {rights}  {DIM}{}{DIM:#}\n", printable(name))
        };
        text.push_str(&line);
    }
    report.result("app map", json!({ "areas": json_rows }), text.trim_end());
    Ok(())
}
