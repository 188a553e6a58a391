//! The heat map of a power-loss campaign: one file, no script, nothing loaded from anywhere.
//!
//! A panel for each mode and layout, a band for each scenario, in it a line for each effect of a cut; from left to right
//! the operation at which power was cut first, from the script's beginning to its end.

use std::fmt::Write;

use ironroot_prove::power_loss::flash::Effect;
use ironroot_prove::power_loss::results::{COLUMNS, Heat, Outcome, Row, Strip};

use super::power_loss::{Total, axes, cell, row_of};

const LINE: usize = 5;
const BAND: usize = Effect::ALL.len() * LINE + 4;
const LABEL: usize = 84;
const STRETCH: usize = 3;
const PANEL: usize = LABEL + COLUMNS * STRETCH + 24;
const HEAD: usize = 26;
const GAP: usize = 14;
const ACROSS: usize = 3;

/// What a colour means; the class is also the outcome's letter.
const OUTCOMES: [(Heat, &str, &str); 4] = [
    (Heat::Old, "#7da7d9", "the old image runs after the cut"),
    (Heat::New, "#8fce9b", "the new image runs"),
    (Heat::Either, "#5fb3b3", "old or new, by image size and encryption"),
    (Heat::Failed, "#b3261e", "counter-example"),
];

/// The map as a picture of its own.
pub fn picture(outcome: &Outcome) -> String {
    let (body, width, height) = panels(outcome);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Power loss\">\n<style>\n{}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n",
        style()
    )
}

/// Table and map as a page.
pub fn page(outcome: &Outcome) -> String {
    let total = Total::of(outcome);
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Power loss</title>\n<style>\n\
         body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #1d2733; }\n\
         table { border-collapse: collapse; } td, th { padding: .15em .8em; text-align: right; font-weight: normal; }\n\
         th { color: #5b6875; } td.bad, p.bad { color: #b3261e; } td.none { color: #9aa4ae; }\n\
         .good { color: #1a6b2c; } .bad { color: #b3261e; } svg { max-width: 100%; height: auto; }\n",
    );
    html.push_str(&style());
    let verdict = if total.failures == 0 {
        "<strong class=\"good\">none fails</strong>".to_owned()
    } else {
        format!("<strong class=\"bad\">{} fail</strong>", total.failures)
    };
    let _ = write!(
        html,
        "</style></head><body>\n<h1>Power cut at every flash operation</h1>\n\
         <p>{} cases ({} with two cuts, {} with three) on {} devices in {:.1} s: {verdict}.</p>\n<p>{}</p>\n",
        total.cases,
        total.pairs,
        total.triples,
        total.devices,
        outcome.seconds,
        escaped(&outcome.asked)
    );
    for example in outcome.rows.iter().flat_map(|row| &row.examples) {
        let text = format!("{} {}: {}", example.case, example.kind, example.why);
        let _ = writeln!(html, "<p class=\"bad\">{}</p>", escaped(&text));
    }
    table(&mut html, outcome);
    let (body, width, height) = panels(outcome);
    let _ = write!(
        html,
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"Power loss\">\n{body}</svg>\n\
         </body></html>\n"
    );
    html
}

fn table(html: &mut String, outcome: &Outcome) {
    let (modes, layouts) = axes(outcome);
    html.push_str("<table>\n<tr><th></th>");
    for mode in &modes {
        let _ = write!(html, "<th>{}</th>", escaped(mode));
    }
    html.push_str("</tr>\n");
    for layout in layouts {
        let _ = write!(html, "<tr><th>{}</th>", escaped(layout));
        for mode in &modes {
            let row = row_of(outcome, mode, layout);
            let class = match row {
                Some(row) if row.failures > 0 => "bad",
                Some(row) if row.cases > 0 => "good",
                _ => "none",
            };
            let _ = write!(html, "<td class=\"{class}\">{}</td>", escaped(&cell(row)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table>\n");
}

fn style() -> String {
    let mut style = String::from(
        ".t { font: 12px system-ui, sans-serif; fill: #1d2733; } .b { font: bold 13px system-ui, sans-serif; fill: #1d2733; }\n\
         .s { font: 11px system-ui, sans-serif; fill: #5b6875; } .bg { fill: #edf0f2; }\n",
    );
    for (heat, colour, _) in OUTCOMES {
        let _ = writeln!(style, ".{} {{ fill: {colour}; }}", heat.letter());
    }
    style
}

/// The panels, and how large they are together.
fn panels(outcome: &Outcome) -> (String, usize, usize) {
    let mut body = String::new();
    let width = PANEL * ACROSS;
    let mut x = 0;
    for (heat, _, words) in OUTCOMES {
        let _ = writeln!(
            body,
            "<rect class=\"{}\" x=\"{x}\" y=\"4\" width=\"12\" height=\"12\"/><text class=\"t\" x=\"{}\" y=\"14\">{words}</text>",
            heat.letter(),
            x + 18
        );
        x += 40 + words.len() * 6;
    }
    let effects = Effect::ALL.map(Effect::name).join(", ");
    let _ = writeln!(
        body,
        "<text class=\"s\" x=\"0\" y=\"34\">Left to right: the operation at which power was cut first. The lines of a band: \
         {effects}. Grey: such a cut does not exist there.</text>"
    );
    let mut y = 48;
    let rows: Vec<&Row> = outcome.rows.iter().filter(|row| !row.heat.is_empty()).collect();
    for line in rows.chunk_by(|a, b| a.mode == b.mode).flat_map(|mode| mode.chunks(ACROSS)) {
        let tallest = line.iter().map(|row| HEAD + row.heat.len() * BAND).max().unwrap_or(0);
        for (column, row) in line.iter().enumerate() {
            panel(&mut body, row, column * PANEL, y);
        }
        y += tallest + GAP;
    }
    (body, width, y)
}

fn panel(body: &mut String, row: &Row, x: usize, y: usize) {
    let _ = writeln!(
        body,
        "<text class=\"b\" x=\"{x}\" y=\"{}\">{} on {}</text><text class=\"s\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        y + 14,
        escaped(&row.mode),
        escaped(&row.layout),
        x + LABEL + COLUMNS * STRETCH,
        y + 14,
        escaped(&cell(Some(row)))
    );
    for (index, (scenario, strip)) in row.heat.iter().enumerate() {
        let top = y + HEAD + index * BAND;
        let _ = writeln!(
            body,
            "<text class=\"s\" x=\"{x}\" y=\"{}\">{}</text><rect class=\"bg\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\"/>",
            top + 16,
            escaped(scenario),
            x + LABEL,
            COLUMNS * STRETCH,
            Effect::ALL.len() * LINE
        );
        for (heat, _, _) in OUTCOMES {
            let path = path(strip, heat, x + LABEL, top);
            if !path.is_empty() {
                let _ = writeln!(body, "<path class=\"{}\" d=\"{path}\"/>", heat.letter());
            }
        }
    }
}

/// One path for all runs of cells with this outcome: a map of thousands of cells stays small.
fn path(strip: &Strip, heat: Heat, x: usize, y: usize) -> String {
    let mut path = String::new();
    for (line, letters) in strip.iter().enumerate() {
        let cells: Vec<bool> = letters.chars().map(|letter| letter == heat.letter()).collect();
        let mut at = 0;
        for run in cells.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                let (left, top, width) = (x + at * STRETCH, y + line * LINE, run.len() * STRETCH);
                let _ = write!(path, "M{left} {top}h{width}v{LINE}h-{width}z");
            }
            at += run.len();
        }
    }
    path
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_prove::power_loss::results::{Example, Shard};

    fn outcome(fails: bool) -> Outcome {
        let mut row = Row::new("swap-move", "<l4>");
        row.cases = 3;
        row.heat("confirm", Effect::Torn, 0, 3, Heat::Old);
        row.heat("confirm", Effect::Torn, 2, 3, if fails { Heat::Failed } else { Heat::New });
        if fails {
            row.failures = 1;
            let (case, kind) = ("swap-move/l4/none/confirm/edge/1/2t".to_owned(), "no boot".to_owned());
            row.examples.push(Example { case, kind, why: "<why>".to_owned() });
        }
        Outcome { asked: "all".to_owned(), shard: Shard::WHOLE, rows: vec![row], seconds: 1.0 }
    }

    #[test]
    fn the_page_is_one_file_and_says_the_verdict() {
        let good = page(&outcome(false));
        assert!(
            good.contains("none fails") && good.contains("&lt;l4&gt;") && !good.contains("class=\"F\" d=")
        );
        assert!(!good.contains("<script") && !good.contains("src=") && !good.contains("href="));
        let bad = page(&outcome(true));
        assert!(bad.contains("1 fail<") && bad.contains("class=\"F\" d=") && bad.contains("&lt;why&gt;"));
    }

    #[test]
    fn a_picture_has_a_rectangle_for_each_run() {
        let picture = picture(&outcome(true));
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
        assert_eq!(picture.matches("<path").count(), 2);
    }
}
