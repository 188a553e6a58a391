//! Expressions of linker scripts: where one ends, and its value if that follows from the script alone.

use std::collections::HashMap;

use super::lex::{Kind, Problem, Token};

/// What names stand for. A name that is not there has no value that is known.
#[derive(Debug, Default, Clone)]
pub struct Names<'a> {
    /// Symbols.
    pub symbols: HashMap<&'a str, u64>,
    /// Memories: ORIGIN and LENGTH.
    pub memories: HashMap<&'a str, (Option<u64>, Option<u64>)>,
}

/// Functions of ld's expressions: behind another name a parenthesis does not continue the expression.
const FUNCTIONS: [&str; 20] = [
    "ABSOLUTE",
    "ADDR",
    "ALIGN",
    "ALIGNOF",
    "ASSERT",
    "BLOCK",
    "CONSTANT",
    "DATA_SEGMENT_ALIGN",
    "DATA_SEGMENT_END",
    "DATA_SEGMENT_RELRO_END",
    "DEFINED",
    "LENGTH",
    "LOADADDR",
    "LOG2CEIL",
    "MAX",
    "MIN",
    "NEXT",
    "ORIGIN",
    "SEGMENT_START",
    "SIZEOF",
];

/// Binary operators, those that bind least first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", "<=", ">", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Parentheses and signs within each other, at most: far above what people write, far below what a stack holds.
const DEPTH: u32 = 64;

/// Reads the expression that begins at token `at`. Its value, and the token behind it.
pub fn read<'a>(tokens: &[Token<'a>], at: usize, names: &Names<'a>) -> Result<(Option<u64>, usize), Problem> {
    let mut reader = Reader { tokens, at, names, depth: 0 };
    let value = reader.choice()?;
    Ok((value, reader.at))
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    names: &'t Names<'a>,
    depth: u32,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn next_is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.is(sign))
    }

    fn problem<T>(&self, what: &str) -> Result<T, Problem> {
        let place = self.peek().map(|token| token.start).or(self.tokens.last().map(|last| last.end));
        Err(Problem { at: place.unwrap_or(0), what: what.to_owned() })
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        if !self.next_is(sign) {
            return self.problem(&format!("`{sign}` is missing"));
        }
        self.at += 1;
        Ok(())
    }

    /// `a ? b : c`, or less.
    fn choice(&mut self) -> Result<Option<u64>, Problem> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.problem("an expression that goes too deep");
        }
        let mut value = self.binary(0)?;
        if self.next_is("?") {
            self.at += 1;
            let yes = self.choice()?;
            self.expect(":")?;
            let no = self.choice()?;
            value = value.and_then(|value| if value != 0 { yes } else { no });
        }
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, level: usize) -> Result<Option<u64>, Problem> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = self.peek().filter(|token| operators.iter().any(|sign| token.is(sign))) {
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = left.zip(right).and_then(|(left, right)| apply(sign.text, left, right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Option<u64>, Problem> {
        let Some(token) = self.peek() else { return self.problem("an expression ends too early") };
        self.at += 1;
        match token.kind {
            Kind::Sign if token.text == "(" => {
                let value = self.choice()?;
                self.expect(")")?;
                Ok(value)
            }
            Kind::Sign if matches!(token.text, "-" | "+" | "~" | "!") => {
                self.depth += 1;
                if self.depth > DEPTH {
                    return self.problem("an expression that goes too deep");
                }
                let value = self.unary()?;
                self.depth -= 1;
                // What a negative number is depends on the width that ld counts in.
                Ok(value.filter(|_| token.text == "+"))
            }
            Kind::Word if self.next_is("(") && FUNCTIONS.contains(&token.text) => self.call(token.text),
            Kind::Word if token.text.starts_with(|c: char| c.is_ascii_digit() || c == '$') => {
                Ok(number(token.text))
            }
            Kind::Word | Kind::Quoted => Ok(self.names.symbols.get(token.text).copied()),
            _ => {
                self.at -= 1;
                self.problem(&format!("`{}` is not the beginning of a value", token.text))
            }
        }
    }

    /// The arguments of a function, from the parenthesis on.
    fn call(&mut self, function: &str) -> Result<Option<u64>, Problem> {
        let first = self.tokens.get(self.at + 1).copied();
        let start = self.at;
        let mut open = 0_u32;
        loop {
            let Some(token) = self.peek() else { return self.problem("`)` is missing") };
            self.at += 1;
            if token.is("(") {
                open += 1;
            } else if token.is(")") {
                open -= 1;
                if open == 0 {
                    break;
                }
            } else if token.is("}") || token.is("{") || token.is(";") {
                self.at -= 1;
                return self.problem("`)` is missing");
            }
        }
        // Parenthesis, one name, parenthesis.
        let memory =
            first.filter(|_| self.at == start + 3).and_then(|name| self.names.memories.get(name.text));
        Ok(memory.and_then(|(origin, length)| match function {
            "ORIGIN" => *origin,
            "LENGTH" => *length,
            _ => None,
        }))
    }
}

/// What is certain: ld's arithmetic on numbers that stay in 64 bits.
fn apply(sign: &str, left: u64, right: u64) -> Option<u64> {
    match sign {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        "&" => Some(left & right),
        "|" => Some(left | right),
        "<<" => u32::try_from(right).ok().filter(|by| *by < 32 && left >> 32 == 0).map(|by| left << by),
        ">>" => u32::try_from(right).ok().and_then(|by| left.checked_shr(by)),
        _ => None,
    }
}

/// A number: decimal, `0x` and `$` hexadecimal, a leading 0 octal, with K and M.
pub fn number(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1024),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1024 * 1024)),
    };
    let hexadecimal =
        digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).or_else(|| digits.strip_prefix('$'));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    // The library's parser takes a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().and_then(|value| value.checked_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::super::lex::{Slash, tokens};
    use super::*;

    fn value(text: &str) -> Result<Option<u64>, Problem> {
        let tokens = tokens(text, Slash::Comment)?;
        let mut names = Names { symbols: HashMap::from([("SIZE", 0x100)]), ..Names::default() };
        names.memories.insert("RAM", (Some(0x1000), Some(0x20)));
        let (value, end) = read(&tokens, 0, &names)?;
        assert_eq!(end, tokens.len(), "{text}");
        Ok(value)
    }

    #[test]
    fn values_are_those_of_ld() {
        for (text, expected) in [
            ("16K - 0x20 - 0x40", Some(0x3FA0)),
            ("0x10K", Some(0x4000)),
            ("010", Some(8)),
            ("$100", Some(0x100)),
            ("2 + 3 * 4 - (1 + 1)", Some(12)),
            ("10 - 4 - 3", Some(3)),
            ("1M/SIZE", Some(0x1000)),
            ("ORIGIN(RAM) + LENGTH (RAM)", Some(0x1020)),
            ("1 << 4 | 1", Some(17)),
            ("SIZE > 3 ? 1 : 2", None),
            ("DEFINED(SIZE) ? 1 : 2", None),
            ("ORIGIN(FLASH)", None),
            ("NOWHERE", None),
            ("4 - 8", None),
            ("-4", None),
            ("1/0", None),
            ("100h", None),
            ("089", None),
            ("0xFFFFFFFFFFFFFFFFF", None),
            ("18446744073709551615 + 1", None),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_a_problem() {
        let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
        let signs = format!("{}1", "-".repeat(100_000));
        for text in ["", "1 +", "(1", "ALIGN(1", "ORIGIN(RAM;)", "=", "1 ? 2", &deep, &signs] {
            assert!(value(text).is_err(), "{text:.20}");
        }
    }
}
