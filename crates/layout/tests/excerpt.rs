//! What a refusal shows of the file: the part around the place, however long the line is, and nothing that steers a terminal.

use ironroot_layout::description::{Description, Problem, hidden};

fn refused(text: &str) -> Problem {
    Description::read("ironroot.toml", text).unwrap_err()
}

/// The character above the first mark.
fn marked(problem: &Problem) -> String {
    let excerpt = problem.excerpt();
    let mut lines = excerpt.lines();
    let (source, mark) = (lines.next().unwrap(), lines.next().unwrap());
    let at = mark.chars().position(|c| c == '^').unwrap();
    let length = mark.chars().filter(|c| *c == '^').count();
    source.chars().skip(at).take(length).collect()
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let filler = "x".repeat(20_000_000);
    for (text, shown) in [
        // The place in front, at the end, and longer than what is shown.
        (format!("slots = 7 # {filler}\n"), "7"),
        (format!("name{filler} = 1"), "name"),
        (format!("a = \"{filler}\"\nproduct = 1"), "a"),
        (format!("product = {{ name = \"{filler}\", device = 7 }}"), "7"),
        (format!("[{filler}\n"), ""),
        (format!("product.{filler}.{filler} = 1\n"), ""),
    ] {
        let problem = refused(&text);
        let all = problem.to_string();
        assert!(all.len() < 2000, "{} bytes", all.len());
        for line in problem.excerpt().lines() {
            assert!(line.chars().count() < 180, "{line}");
        }
        assert!(marked(&problem).starts_with(shown), "{shown:?}: {}", problem.excerpt());
    }
}

#[test]
fn a_short_line_is_shown_as_it_is() {
    let comment = "y".repeat(140);
    let problem = refused(&format!("slots = 7 # {comment}\n"));
    assert_eq!(problem.source, format!("slots = 7 # {comment}"));
    assert_eq!(marked(&problem), "7");
}

#[test]
fn what_is_not_seen_is_not_shown() {
    let hostile = "\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";
    assert!(hostile.chars().all(hidden));
    let problem = refused(&format!("slots = 7 # {hostile}evil\n"));
    assert!(!problem.excerpt().chars().any(|c| hidden(c) && c != '\n'), "{:?}", problem.excerpt());
    assert!("Grüße, 東京 … \u{1F512}".chars().all(|c| !hidden(c)));
}
