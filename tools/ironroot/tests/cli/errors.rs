//! Help, usage errors, `explain`, `doctor`.

use crate::support::Scratch;

/// A command as its words, and whether it has others below it.
struct Named {
    words: String,
    group: bool,
}

/// Every command: the tree that the tool itself parses with, so that none is forgotten.
fn commands() -> Vec<Named> {
    fn below(words: &str, command: &clap::Command, all: &mut Vec<Named>) {
        all.push(Named { words: words.to_owned(), group: command.has_subcommands() });
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            below(format!("{words} {}", sub.get_name()).trim(), sub, all);
        }
    }
    let mut all = Vec::new();
    below("", &ironroot::command(), &mut all);
    assert!(all.len() > 80, "only {} commands", all.len());
    all
}

#[test]
fn every_command_has_help_with_examples() {
    let dir = Scratch::new();
    let mut without = Vec::new();
    for Named { words: command, group } in commands() {
        for flag in ["--help", "-h"] {
            let run = dir.run(&format!("{command} {flag}"));
            assert_eq!(run.exit, 0, "{command}: {}", run.stderr);
            assert!(run.stderr.is_empty());
        }
        let help = dir.run(&format!("{command} --help")).stdout;
        // Groups below groups may leave it to their members. An example of another command helps nobody.
        let needed = !group || !command.contains(' ');
        let shown = help.contains("Examples:\n") && help.contains(&format!("  ironroot {command}"));
        if needed && !shown {
            without.push(command.clone());
        }
        assert!(help.contains("--json"), "{command}:\n{help}");
        assert!(!help.contains('\u{1b}'), "colours where no terminal is");
    }
    assert!(without.is_empty(), "no example in the help of {without:?}");
}

/// A paragraph of the help with line breaks of its own would be wrapped twice on a narrow terminal.
#[test]
fn help_is_wrapped_once() {
    /// clap's width where no terminal is.
    const WIDTH: usize = 100;
    let dir = Scratch::new();
    for Named { words: command, .. } in commands() {
        let help = dir.run(&format!("{command} --help")).stdout;
        let lines: Vec<&str> = help.lines().collect();
        for pair in lines.windows(2) {
            let [line, next] = pair else { continue };
            let heading = line.ends_with(':') || line.is_empty() || line.starts_with(' ');
            if heading || next.is_empty() || next.starts_with(' ') {
                continue;
            }
            let word = next.split(' ').next().unwrap_or_default();
            let joined = line.chars().count() + 1 + word.chars().count();
            assert!(joined > WIDTH, "{command}: a line break before its time:\n{line}\n{next}");
        }
    }
    assert!(dir.run("--help").stdout.contains("or list all of them (--list)"));
}

#[test]
fn the_help_lists_the_exit_codes() {
    let dir = Scratch::new();
    let help = dir.run("--help").stdout;
    let explained = dir.run("explain exit-codes").stdout;
    for line in explained.lines() {
        assert!(help.contains(line), "{line}");
    }
    assert!(help.contains("  3  a verification failed"));
}

#[test]
fn a_command_line_that_cannot_be_used() {
    let dir = Scratch::new();
    for line in
        ["keys generate", "keys explode", "--frobnicate", "explain", "image sign", "explain --list IR-1001"]
    {
        dir.refused(line, "IR-1001", 2);
    }
    let error = dir.refused("keys generat -o x", "IR-1001", 2);
    assert!(error["cause"].as_str().unwrap().contains("generate"), "a similar name is offered: {error}");
    let bare = dir.run("");
    assert_eq!(bare.exit, 2);
    assert!(bare.stderr.contains("Usage: ironroot"));
}

#[test]
fn a_code_is_explained() {
    let dir = Scratch::new();
    let text = dir.run("explain IR-2203");
    assert_eq!(text.exit, 0);
    for word in ["IR-2203", "hash-mismatch", "cause", "fix", "3: a verification failed"] {
        assert!(text.stdout.contains(word), "{word} is missing in\n{}", text.stdout);
    }
    let json = dir.run("explain 2203 --json").result();
    assert_eq!(
        (&json["code"], &json["name"], &json["exit"]),
        (&"IR-2203".into(), &"hash-mismatch".into(), &3.into())
    );
    let list = dir.run("explain --list --json").result();
    let codes = list["codes"].as_array().unwrap();
    assert!(codes.len() > 100);
    // Every listed code can be explained: nobody is sent to a page that is not there.
    for code in codes.iter().step_by(17) {
        let code = code["code"].as_str().unwrap();
        assert_eq!(dir.run(&format!("explain {code} --json")).result()["code"], code);
    }
    for unknown in ["IR-0000", "9999", "nonsense", "IR-22", "hash-missmatch"] {
        dir.refused(&format!("explain {unknown}"), "IR-1008", 2);
    }
}

#[test]
fn doctor_says_what_the_build_carries() {
    let result = Scratch::new().run("doctor --json").result();
    assert_eq!(result["version"], env!("CARGO_PKG_VERSION"));
    let named: Vec<_> = result["firmware"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    for program in ironroot::firmware::ALL {
        assert!(named.contains(&program.name.into()), "{} is missing: {named:?}", program.name);
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_ironroot"))
        .args(["explain", "--list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert!(output.status.code().is_some());
}

/// A remedy that names a command of another version would send the user nowhere.
#[test]
fn every_command_that_a_code_names_exists() {
    let dir = Scratch::new();
    let mut named = 0;
    for entry in ironroot_codes::ALL {
        for text in [entry.cause, entry.consequence, entry.remedy] {
            for command in
                text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("ironroot "))
            {
                let words: Vec<&str> = command
                    .split(' ')
                    .take_while(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
                    .collect();
                let words: Vec<&str> = words.into_iter().take_while(|w| !w.starts_with('-')).collect();
                let run = dir.run(&format!("{} --help", words.join(" ")));
                assert_eq!(run.exit, 0, "{} names `ironroot {command}`: {}", entry.code, run.stderr);
                named += 1;
            }
        }
    }
    assert!(named > 5, "only {named} commands found in the texts");
}
