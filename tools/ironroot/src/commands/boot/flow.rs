//! The boot sequence, as table and picture.

use std::fmt::Write;
use std::path::Path;

use ironroot_layout::stm32h7rs::product::FlowStage;
use serde_json::{Value, json};

use super::{heading, hex, title, write_picture};
use crate::commands::image::picture::escape;
use crate::error::Result;
use crate::product::Product;
use crate::report::{BOLD, DIM, GOOD, Reporter, printable};

/// Runs the command.
pub fn run(product: &Product, svg: Option<&Path>, report: &mut Reporter<'_>) -> Result {
    let stages: Vec<FlowStage> = product.plan.flow().into_iter().flatten().collect();
    write_picture(svg, || picture(&title(product), &stages))?;
    let rows: Vec<Value> = stages
        .iter()
        .map(|stage| {
            let verifies: Vec<Value> = stage
                .verifies
                .iter()
                .map(|check| json!({ "what": check.what, "against": check.against }))
                .collect();
            json!({
                "stage": stage.name,
                "level": stage.level.number(),
                "code": { "start": hex(stage.code.start().value()), "size": stage.code.size().bytes() },
                "does": stage.does,
                "verifies": verifies,
                "hides": stage.hides,
            })
        })
        .collect();
    let mut data = heading(product);
    data.insert("stages".into(), rows.into());
    data.insert("svg".into(), svg.map(|path| path.display().to_string()).into());
    let mut text = format!("{BOLD}{}{BOLD:#}\n", printable(&title(product)));
    for stage in &stages {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{BOLD}HDPL {}  {}{BOLD:#}  {DIM}{}{DIM:#}",
            stage.level.number(),
            stage.name,
            stage.code
        );
        for line in stage.does {
            let _ = writeln!(text, "  {line}");
        }
        for check in stage.verifies {
            let _ = writeln!(
                text,
                "  {GOOD}verifies{GOOD:#} {} {DIM}against {}{DIM:#}",
                check.what, check.against
            );
        }
        for what in stage.hides {
            let _ = writeln!(text, "  {BOLD}hides{BOLD:#}    {what}");
        }
    }
    report.result("boot flow", data, text.trim_end());
    Ok(())
}

const WIDTH: usize = 860;
const LEFT: usize = 78;
const LINE: usize = 17;
const GAP: usize = 26;

/// Boxes from top to bottom, an arrow between them; the level beside each.
fn picture(title: &str, stages: &[FlowStage]) -> String {
    let lines = |stage: &FlowStage| stage.does.len() + stage.verifies.len() + stage.hides.len() + 1;
    let heights: Vec<usize> = stages.iter().map(|stage| lines(stage) * LINE + 14).collect();
    let height = 60 + heights.iter().map(|height| height + GAP).sum::<usize>();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{0}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"16\" font-weight=\"bold\">{0}</text>\n",
        escape(title)
    );
    let mut top = 50;
    for (index, (stage, height)) in stages.iter().zip(&heights).enumerate() {
        let colour = ["#f6d5d5", "#fbe6c8", "#e2eed2", "#d6e4f2"]
            .get(usize::from(stage.level.number()))
            .copied()
            .unwrap_or("#eeeeee");
        let _ = writeln!(
            out,
            "<g>\n<text x=\"20\" y=\"{}\" font-weight=\"bold\">HDPL {}</text>\n<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" \
             height=\"{height}\" rx=\"6\" fill=\"{colour}\" stroke=\"#333333\"/>",
            top + 18,
            stage.level.number(),
            WIDTH - LEFT - 20,
        );
        let mut y = top + 18;
        let mut put = |text: String, style: &str| {
            let _ = writeln!(out, "<text x=\"{}\" y=\"{y}\"{style}>{}</text>", LEFT + 12, escape(&text));
            y += LINE;
        };
        put(format!("{}  {}", stage.name, stage.code), " font-weight=\"bold\"");
        for line in stage.does {
            put((*line).to_owned(), "");
        }
        for check in stage.verifies {
            put(format!("verifies {} against {}", check.what, check.against), " fill=\"#2d6a2d\"");
        }
        for what in stage.hides {
            put(format!("hides {what}"), " fill=\"#8a2c2c\"");
        }
        out.push_str("</g>\n");
        top += height;
        if index + 1 < stages.len() {
            let (x, end) = (LEFT + 40, top + GAP);
            let _ = writeln!(
                out,
                "<path d=\"M{x} {top} V{} M{} {} L{x} {} L{} {}\" fill=\"none\" stroke=\"#333333\"/>",
                end - 1,
                x - 4,
                end - 7,
                end - 1,
                x + 4,
                end - 7,
            );
        }
        top += GAP;
    }
    out.push_str("</svg>\n");
    out
}
