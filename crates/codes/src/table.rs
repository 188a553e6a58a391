//! The macro that turns one line into constant, name and entry, and the table of all ranges.

use crate::{
    Entry, boot, h7rs, image, input, install, internal, licence, product, project, rss, transport, vdev,
};

/// One range of codes. Each item is
/// `NUMBER CONSTANT Exit: summary, cause, consequence, remedy;`.
macro_rules! codes {
    ($($number:literal $constant:ident $exit:ident: $summary:literal, $cause:literal, $consequence:literal, $remedy:literal;)*) => {
        $(
            #[doc = concat!($summary, ". ", $cause)]
            pub const $constant: $crate::Code = $crate::Code::from_number($number);
        )*

        /// The texts of this range, ascending by code.
        pub(crate) const ENTRIES: &[$crate::Entry] = &[$(
            $crate::Entry {
                code: $constant,
                name: {
                    const NAME: [u8; stringify!($constant).len()] = $crate::table::kebab(stringify!($constant));
                    match core::str::from_utf8(&NAME) {
                        Ok(name) => name,
                        Err(_) => panic!("identifiers are UTF-8"),
                    }
                },
                summary: $summary,
                cause: $cause,
                consequence: $consequence,
                remedy: $remedy,
                exit: $crate::Exit::$exit,
            },
        )*];
    };
}
pub(crate) use codes;

/// `BAD_MAGIC` to `bad-magic`, at compile time.
pub(crate) const fn kebab<const N: usize>(identifier: &str) -> [u8; N] {
    let bytes = identifier.as_bytes();
    let mut name = [0; N];
    let mut i = 0;
    while i < N {
        name[i] = if bytes[i] == b'_' { b'-' } else { bytes[i].to_ascii_lowercase() };
        i += 1;
    }
    name
}

/// The ranges in ascending order.
const RANGES: [&[Entry]; 12] = [
    input::ENTRIES,
    product::ENTRIES,
    image::ENTRIES,
    boot::ENTRIES,
    rss::ENTRIES,
    install::ENTRIES,
    h7rs::ENTRIES,
    vdev::ENTRIES,
    licence::ENTRIES,
    transport::ENTRIES,
    project::ENTRIES,
    internal::ENTRIES,
];

const COUNT: usize = {
    let mut count = 0;
    let mut range = 0;
    while range < RANGES.len() {
        count += RANGES[range].len();
        range += 1;
    }
    count
};

static TABLE: [Entry; COUNT] = {
    let mut table = [RANGES[0][0]; COUNT];
    let mut filled = 0;
    let mut range = 0;
    while range < RANGES.len() {
        let mut i = 0;
        while i < RANGES[range].len() {
            table[filled] = RANGES[range][i];
            filled += 1;
            i += 1;
        }
        range += 1;
    }
    table
};

/// Every code this version knows, ascending.
pub static ALL: &[Entry] = &TABLE;
