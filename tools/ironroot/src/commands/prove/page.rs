//! The matrix as a page: one file, no script, nothing loaded from anywhere.

use std::fmt::Write;

use ironroot_prove::access::{Cell, Kind, Level, Matrix, Mode, Outcome};

use super::access::{difference, moments, rows};

const LABEL: usize = 470;
const CELL: usize = 92;
const ROW: usize = 24;
const HEAD: usize = 30;

/// The page.
pub fn render(matrix: &Matrix) -> String {
    let failures = matrix.differences().count();
    let mut html = String::from(STYLE);
    let verdict = if failures == 0 {
        "<strong class=\"good\">every cell is as documented</strong>".to_owned()
    } else {
        format!("<strong class=\"bad\">cells that are not as documented: {failures}</strong>")
    };
    let _ = write!(
        html,
        "<h1>Access rights of the STM32H735, measured</h1>\n<p>{} cells tried on the virtual device in {:.1} s: {verdict}. \
         Point at a cell to see what happened and where it is documented.</p>\n",
        matrix.cells.len(),
        matrix.seconds
    );
    html.push_str(
        "<p class=\"legend\"><span class=\"k yes\">granted</span> <span class=\"k no\">refused</span> \
         <span class=\"k none\">cannot be tried</span> <span class=\"k wrong\">differs</span></p>\n",
    );
    for cell in matrix.differences() {
        let _ = writeln!(html, "<p class=\"bad\">{}</p>", escaped(&difference(cell)));
    }
    for &mode in Mode::ALL {
        for &level in Level::ALL {
            table(&mut html, matrix, mode, level);
        }
    }
    html.push_str("</body></html>\n");
    html
}

fn table(html: &mut String, matrix: &Matrix, mode: Mode, level: Level) {
    let rows = rows(matrix, mode, level);
    let (width, height) = (LABEL + CELL * Kind::ALL.len(), HEAD + ROW * rows.len());
    let _ = write!(
        html,
        "<h2>{mode} mode, {level}</h2>\n<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" \
         aria-label=\"{mode} mode, {level}\">\n"
    );
    for (column, kind) in Kind::ALL.iter().enumerate() {
        let x = LABEL + column * CELL + CELL / 2;
        let _ =
            writeln!(html, "<text class=\"head\" x=\"{x}\" y=\"20\" text-anchor=\"middle\">{kind}</text>");
    }
    for (index, (area, when, cells)) in rows.iter().enumerate() {
        let y = HEAD + index * ROW;
        let label = if mode == Mode::Standard {
            area.name().to_owned()
        } else {
            format!("{area} ({})", moments(when))
        };
        let _ = writeln!(html, "<text x=\"0\" y=\"{}\">{}</text>", y + 16, escaped(&label));
        for (column, cell) in cells.iter().enumerate() {
            square(html, cell, LABEL + column * CELL, y);
        }
    }
    html.push_str("</svg>\n");
}

fn square(html: &mut String, cell: &Cell, x: usize, y: usize) {
    let class = match (cell.agrees(), cell.measured) {
        (false, _) => "wrong",
        (true, Outcome::Granted) => "yes",
        (true, Outcome::Impossible(_)) => "none",
        (true, _) => "no",
    };
    let _ = writeln!(
        html,
        "<g class=\"{class}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"3\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        escaped(&difference(cell)),
        CELL - 4,
        ROW - 4,
        x + CELL / 2 - 2,
        y + 15,
        cell.measured.short()
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Access rights, measured</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; max-width: 1260px; color: #1d2733; }
h2 { margin: 1.6em 0 .3em; font-size: 1.05em; }
svg { max-width: 100%; height: auto; font-size: 12.5px; }
.head { fill: #5b6875; }
.yes rect, .k.yes { fill: #bfe5c5; background: #bfe5c5; }
.no rect, .k.no { fill: #f3d3cd; background: #f3d3cd; }
.none rect, .k.none { fill: #edf0f2; background: #edf0f2; }
.wrong rect, .k.wrong { fill: #b3261e; background: #b3261e; }
.wrong text, .k.wrong { fill: #fff; color: #fff; }
.k { padding: .1em .6em; border-radius: 4px; }
.good { color: #1a6b2c; } .bad { color: #b3261e; }
</style></head><body>
";

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_prove::access::cell::{Documented, RDSERR};
    use ironroot_prove::access::{Key, documented};

    fn matrix(spoil: bool) -> Matrix {
        let cells = Key::all().enumerate().map(|(index, key)| {
            let says: Option<Documented> = documented::says(&key);
            let measured = says.map_or(Outcome::Granted, |says| says.outcome);
            let measured = if spoil && index == 0 { Outcome::Zero(RDSERR) } else { measured };
            Cell { key, measured, documented: says }
        });
        Matrix { cells: cells.collect(), seconds: 0.5 }
    }

    #[test]
    fn the_page_is_one_file_and_says_the_verdict() {
        let page = render(&matrix(false));
        assert!(page.contains("every cell is as documented") && page.matches("<svg").count() == 8);
        assert!(!page.contains("http") && !page.contains("<script") && !page.contains("class=\"wrong\""));
    }

    #[test]
    fn a_difference_shows() {
        let page = render(&matrix(true));
        assert!(page.contains("cells that are not as documented: 1") && page.contains("class=\"wrong\""));
    }
}
