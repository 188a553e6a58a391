//! A picture of an image and its slot: columns to scale, labels beside them that stay readable.

use std::fmt::Write;
use std::ops::Range;

/// A stretch of a column.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub label: String,
    /// Where it is.
    pub range: Range<u32>,
    /// What colour it has.
    pub kind: PartKind,
}

/// Kinds of stretches, by colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// Header and its padding.
    Header,
    /// What runs.
    Payload,
    /// TLVs under the signature.
    Protected,
    /// TLVs beside it.
    Unprotected,
    /// Nothing.
    Free,
    /// What the loader writes.
    Trailer,
}

impl PartKind {
    fn colour(self) -> &'static str {
        match self {
            PartKind::Header => "#4e79a7",
            PartKind::Payload => "#76b7b2",
            PartKind::Protected => "#59a14f",
            PartKind::Unprotected => "#edc948",
            PartKind::Free => "#eeeeee",
            PartKind::Trailer => "#e15759",
        }
    }
}

/// A bar with its parts, from top to bottom by rising offset.
#[derive(Debug, Clone)]
pub struct Column {
    /// Above the bar.
    pub title: String,
    /// By rising offset.
    pub parts: Vec<Part>,
}

const BAR: u32 = 60;
const WIDTH: u32 = 440;
const TOP: u32 = 70;
const LINE: u32 = 17;
const LEAST_HEIGHT: u32 = 420;
const MARGIN: u32 = 20;
/// Columns side by side: more would be unreadable on a page. The others go below.
const ACROSS: usize = 3;
/// From the end of a row to the bars of the next one.
const BETWEEN: u32 = 50;

/// The picture as SVG.
pub fn svg(title: &str, columns: &[Column]) -> String {
    let rows: Vec<(&[Column], u32)> = columns
        .chunks(ACROSS)
        .map(|row| {
            let most = row.iter().map(|c| c.parts.len() as u32).max().unwrap_or(0);
            (row, LEAST_HEIGHT.max(most * LINE))
        })
        .collect();
    let heights: u32 = rows.iter().map(|(_, height)| height + BETWEEN).sum();
    let total_width = MARGIN * 2 + WIDTH * columns.len().min(ACROSS) as u32;
    let total_height = TOP + heights.saturating_sub(BETWEEN) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total_width}\" height=\"{total_height}\" \
         viewBox=\"0 0 {total_width} {total_height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{0}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{0}</text>\n",
        escape(title)
    );
    let mut top = TOP;
    for (row, height) in rows {
        for (index, column) in row.iter().enumerate() {
            draw(&mut out, column, MARGIN + WIDTH * index as u32, top, height);
        }
        top += height + BETWEEN;
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, column: &Column, left: u32, over: u32, height: u32) {
    let start = column.parts.first().map_or(0, |p| p.range.start);
    let end = column.parts.last().map_or(0, |p| p.range.end);
    let length = f64::from(end.saturating_sub(start).max(1));
    let y = |offset: u32| f64::from(over) + f64::from(offset - start) / length * f64::from(height);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<g>\n<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{}</text>",
        over - 18,
        escape(&column.title)
    );
    let labels = spread(&column.parts, y, over, height);
    for (part, label_y) in column.parts.iter().zip(labels) {
        let (top, bottom) = (y(part.range.start), y(part.range.end));
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top:.2}\" width=\"{BAR}\" height=\"{:.2}\" fill=\"{}\" stroke=\"#333333\" \
             stroke-width=\"0.5\"><title>{}</title></rect>",
            bottom - top,
            part.kind.colour(),
            escape(&describe(part)),
        );
        let (bar_end, text_start) = (left + BAR, left + BAR + 28);
        let _ = writeln!(
            out,
            "<polyline points=\"{bar_end},{:.2} {},{label_y:.2}\" fill=\"none\" stroke=\"#999999\" stroke-width=\"0.7\"/>\n\
             <text x=\"{text_start}\" y=\"{:.2}\">{}</text>",
            f64::midpoint(top, bottom),
            text_start - 4,
            label_y + 4.0,
            escape(&describe(part)),
        );
    }
    out.push_str("</g>\n");
}

fn describe(part: &Part) -> String {
    let (start, size) = (part.range.start, size(part.range.end - part.range.start));
    // Addresses as everywhere else; offsets are small.
    match start {
        0..0x0100_0000 => format!("{start:#x}  {}  ({size})", part.label),
        _ => format!("{start:#010x}  {}  ({size})", part.label),
    }
}

fn size(bytes: u32) -> String {
    match (bytes / 1024, bytes % 1024) {
        (kb, 0) if kb > 0 => format!("{kb} KB"),
        (10.., _) => format!("{:.1} KB", f64::from(bytes) / 1024.0),
        _ => format!("{bytes} bytes"),
    }
}

/// Where the labels go: beside their parts, but a line apart from each other.
fn spread(parts: &[Part], y: impl Fn(u32) -> f64, over: u32, height: u32) -> Vec<f64> {
    let line = f64::from(LINE);
    let (first, last) = (f64::from(over) + line / 2.0, f64::from(over + height) - line / 2.0);
    let mut at: Vec<f64> =
        parts.iter().map(|p| f64::midpoint(y(p.range.start), y(p.range.end)).clamp(first, last)).collect();
    let mut least = first;
    for label in &mut at {
        *label = label.max(least);
        least = *label + line;
    }
    // What was pushed over the lower edge goes back up; there is room for all lines.
    let mut most = last;
    for label in at.iter_mut().rev() {
        *label = label.min(most);
        most = *label - line;
    }
    at
}

/// For text between tags: names from files and command lines among it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write most control characters.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap_however_small_the_parts() {
        let mut parts: Vec<Part> = (0..30)
            .map(|i| Part { label: "a<b>&\u{1b}".into(), range: i..i + 1, kind: PartKind::Free })
            .collect();
        parts.push(Part { label: "rest".into(), range: 30..1_000_000, kind: PartKind::Payload });
        let height = LEAST_HEIGHT.max(parts.len() as u32 * LINE);
        let at = spread(&parts, |o| f64::from(TOP) + f64::from(o) / 1e6 * f64::from(height), TOP, height);
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= f64::from(LINE) - 0.001), "{at:?}");
        assert!(at.iter().all(|y| *y > f64::from(TOP) && *y < f64::from(TOP + height)));
        let picture = svg("x", &[Column { title: "t".into(), parts: parts.clone() }]);
        assert!(!picture.contains("a<b") && picture.contains("a&lt;b&gt;&amp;\u{fffd}"));
        // Many columns go into rows, each below the other.
        let columns = vec![Column { title: "t".into(), parts }; ACROSS + 1];
        let rows = svg("x", &columns);
        let titles = |y: u32| rows.matches(&format!("y=\"{y}\" font-weight=\"bold\">t<")).count();
        assert_eq!((titles(TOP - 18), titles(TOP + height + BETWEEN - 18)), (ACROSS, 1));
    }
}
