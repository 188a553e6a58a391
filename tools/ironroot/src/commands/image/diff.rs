//! `ironroot image diff`.

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use ironroot_codes::input;
use ironroot_image::{Image, ReadAt, Tlv};
use serde_json::{Value, json};

use super::contents::{Contents, header_fields};
use super::file::ImageFile;
use super::options::{DialectName, Erased, TrailerOptions};
use crate::error::{Failure, Result};
use crate::hex;
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};

/// Compare two images or two dumps of slots: header, TLVs, payload, trailer
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 0: no difference. Exit code 3 and IR-1326: they differ, and the output says where. A file without an image (an erased \
slot) is compared too, trailer and bytes. Nothing is verified: `ironroot image verify` does that.

Examples:
  ironroot image diff v1.bin v2.bin
  ironroot image diff primary.bin secondary.bin --slot-size 0x60000 --align 32
  ironroot image diff mine.bin imgtools.bin --json")]
pub struct Diff {
    /// Image or dump: binary or Intel HEX
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    b: PathBuf,
    #[command(flatten)]
    trailer: TrailerOptions,
    /// What erased flash reads as
    #[arg(short = 'R', long, value_enum, default_value = "0xff")]
    erased_val: Erased,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// Differing ranges that are listed; the rest is counted.
const LISTED: usize = 16;
/// Equal bytes between two differences that do not make two ranges of them.
const TOGETHER: u32 = 8;
/// Bytes that are compared at a time.
const PIECE: u32 = 64 * 1024;

/// One difference.
struct Difference {
    part: &'static str,
    name: String,
    a: Option<String>,
    b: Option<String>,
}

/// Runs the command.
pub fn run(args: &Diff, report: &mut Reporter<'_>) -> Result {
    let limits = super::limits(u32::MAX, args.dialect);
    let open = |path: &PathBuf| Contents::of(ImageFile::open(path)?, limits, &args.trailer, args.erased_val);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let mut differences = Vec::new();
    match (&a.image, &b.image) {
        (Ok((image_a, tlvs_a)), Ok((image_b, tlvs_b))) => {
            headers(image_a, image_b, &mut differences);
            tlvs((&a, tlvs_a), (&b, tlvs_b), &mut differences);
        }
        (Err(left), Err(right)) if left.code() == right.code() => {}
        _ => {
            let say = |c: &Contents| match &c.image {
                Ok((image, _)) => format!("image {}", image.header().version),
                Err(error) => format!("no image: {error}"),
            };
            differences.push(Difference {
                part: "image",
                name: "image".into(),
                a: Some(say(&a)),
                b: Some(say(&b)),
            });
        }
    }
    trailers(&a, &b, &mut differences);
    let areas = areas(&a, &b)?;
    let equal = differences.is_empty() && areas.iter().all(|area| area.count == 0 && area.missing == 0);
    let text = text(&a, &b, &differences, &areas, equal);
    let data = json!({
        "a": a.file.path().display().to_string(),
        "b": b.file.path().display().to_string(),
        "equal": equal,
        "differences": differences.iter().map(|d| {
            json!({ "part": d.part, "name": d.name, "a": d.a, "b": d.b })
        }).collect::<Vec<Value>>(),
        "bytes": areas.iter().map(Bytes::json).collect::<Vec<Value>>(),
        "trailers": [a.trailer.as_ref().map(super::trailer::Trailer::json), b.trailer.as_ref().map(super::trailer::Trailer::json)],
    });
    report.result("image diff", data, text);
    if equal {
        return Ok(());
    }
    let places = differences.len() + areas.iter().filter(|area| area.count > 0 || area.missing > 0).count();
    Err(Failure::new(input::IMAGES_DIFFER, format!("{places} places differ")).about(args.b.display()))
}

fn headers(a: &Image, b: &Image, differences: &mut Vec<Difference>) {
    for ((name, a), (_, b)) in header_fields(a.header()).into_iter().zip(header_fields(b.header())) {
        if a != b {
            differences.push(Difference { part: "header", name: name.to_owned(), a: Some(a), b: Some(b) });
        }
    }
}

/// TLVs by type, the n-th of a type against the n-th.
fn tlvs(a: (&Contents, &[Tlv]), b: (&Contents, &[Tlv]), differences: &mut Vec<Difference>) {
    type Named = ((u16, usize), (String, Vec<u8>));
    let named = |(contents, tlvs): (&Contents, &[Tlv])| -> Vec<Named> {
        let mut named: Vec<Named> = Vec::with_capacity(tlvs.len());
        for tlv in tlvs {
            let nth = named.iter().filter(|((number, _), _)| *number == tlv.ty.number).count();
            let mut name = format!("{:#06x} {}", tlv.ty.number, tlv.ty.name());
            if nth > 0 {
                let _ = write!(name, " #{}", nth + 1);
            }
            named.push(((tlv.ty.number, nth), (name, contents.value(tlv))));
        }
        named
    };
    let (a, b) = (named(a), named(b));
    let show = |value: &Vec<u8>| format!("{} bytes {}", value.len(), shorten(value));
    for (key, (name, value)) in &a {
        let other = b.iter().find(|(k, _)| k == key).map(|(_, (_, value))| value);
        if other != Some(value) {
            let (a, b) = (Some(show(value)), other.map(show));
            differences.push(Difference { part: "tlv", name: name.clone(), a, b });
        }
    }
    for (_, (name, value)) in b.iter().filter(|(key, _)| a.iter().all(|(k, _)| k != key)) {
        differences.push(Difference { part: "tlv", name: name.clone(), a: None, b: Some(show(value)) });
    }
}

/// Enough of a value to tell two apart by eye.
fn shorten(value: &[u8]) -> String {
    match value.get(..12) {
        Some(start) if value.len() > 16 => format!("{}…", hex::encode(start)),
        _ => hex::encode(value),
    }
}

fn trailers(a: &Contents, b: &Contents, differences: &mut Vec<Difference>) {
    let words = |c: &Contents| c.trailer.as_ref().map(|trailer| trailer.words());
    let fields = |c: &Contents| c.trailer.as_ref().map(|trailer| trailer.fields()).unwrap_or_default();
    let (fields_a, fields_b) = (fields(a), fields(b));
    let mut names: Vec<&str> = fields_a.iter().map(|f| f.0).collect();
    names.extend(fields_b.iter().map(|f| f.0).filter(|name| fields_a.iter().all(|f| f.0 != *name)));
    for name in names {
        let of =
            |fields: &[(&str, Range<u32>, String)]| fields.iter().find(|f| f.0 == name).map(|f| f.2.clone());
        let (a, b) = (of(&fields_a), of(&fields_b));
        if a != b {
            differences.push(Difference { part: "trailer", name: name.to_owned(), a, b });
        }
    }
    let (a, b) = (words(a), words(b));
    if a != b {
        differences.push(Difference { part: "trailer", name: "meaning".to_owned(), a, b });
    }
}

/// The bytes of one area, compared.
struct Bytes {
    name: &'static str,
    /// Where both areas begin, in each file.
    start: (u32, u32),
    /// Bytes that differ.
    count: u64,
    /// Bytes that one has more than the other.
    missing: u32,
    /// The first differing ranges, from the start of the area.
    ranges: Vec<Range<u32>>,
    /// All of them.
    total: usize,
}

impl Bytes {
    fn json(&self) -> Value {
        let ranges: Vec<[u32; 2]> = self.ranges.iter().map(|r| [r.start, r.end]).collect();
        json!({
            "area": self.name, "differing_bytes": self.count, "length_difference": self.missing,
            "ranges": ranges, "ranges_total": self.total,
        })
    }
}

/// The areas whose bytes no field explains: header padding, payload, and what is behind the image.
fn areas(a: &Contents, b: &Contents) -> Result<Vec<Bytes>> {
    let ranges = |c: &Contents| -> [(&'static str, Range<u32>); 3] {
        let end = c.trailer.as_ref().map_or(c.end, |trailer| trailer.range().start);
        match &c.image {
            Ok((image, _)) => {
                let payload = image.payload();
                [
                    ("header padding", ironroot_image::HEADER_LEN as u32..payload.start),
                    ("payload", payload),
                    // A large image may reach into the room of a trailer of another layout.
                    ("behind the image", image.size()..end.max(image.size())),
                ]
            }
            Err(_) => [("header padding", 0..0), ("payload", 0..0), ("slot without an image", 0..end)],
        }
    };
    let pairs = ranges(a).into_iter().zip(ranges(b));
    pairs.map(|((name, ra), (_, rb))| compare(name, (&a.file, ra), (&b.file, rb))).collect()
}

fn compare(name: &'static str, a: (&ImageFile, Range<u32>), b: (&ImageFile, Range<u32>)) -> Result<Bytes> {
    let length = a.1.len().min(b.1.len()) as u32;
    let mut found = Bytes {
        name,
        start: (a.1.start, b.1.start),
        count: 0,
        missing: a.1.len().abs_diff(b.1.len()) as u32,
        ranges: Vec::new(),
        total: 0,
    };
    let mut last: Option<Range<u32>> = None;
    let (mut left, mut right) = (vec![0; PIECE as usize], vec![0; PIECE as usize]);
    let mut at = 0;
    while at < length {
        crate::interrupt::check()?;
        let len = (length - at).min(PIECE) as usize;
        for (buffer, (file, range)) in [(&mut left, &a), (&mut right, &b)] {
            buffer.resize(len, 0);
            file.read_at(range.start + at, buffer).map_err(|_| {
                Failure::new(input::FILE_UNREADABLE, "the file became shorter while it was read")
                    .about(file.path().display())
            })?;
        }
        if left != right {
            for (offset, _) in (at..).zip(left.iter().zip(&right)).filter(|(_, (x, y))| x != y) {
                found.count += 1;
                match &mut last {
                    Some(range) if offset - range.end <= TOGETHER => range.end = offset + 1,
                    _ => found.close(last.replace(offset..offset + 1)),
                }
            }
        }
        at += len as u32;
    }
    found.close(last);
    Ok(found)
}

impl Bytes {
    fn close(&mut self, range: Option<Range<u32>>) {
        if let Some(range) = range {
            self.total += 1;
            if self.ranges.len() < LISTED {
                self.ranges.push(range);
            }
        }
    }
}

fn text(a: &Contents, b: &Contents, differences: &[Difference], areas: &[Bytes], equal: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    for (letter, contents) in [('A', a), ('B', b)] {
        let what = match &contents.image {
            Ok((image, _)) => format!("image {}", image.header().version),
            Err(error) => format!("no image ({error})"),
        };
        let name = printable(&contents.file.path().display().to_string());
        let _ = writeln!(text, "{BOLD}{letter}{BOLD:#}  {name}: {what}");
        if let Some(trailer) = &contents.trailer {
            let _ = writeln!(text, "   trailer: {}", trailer.words());
        }
    }
    for d in differences {
        let _ = writeln!(text, "{BOLD}{:<8} {}{BOLD:#}", d.part, d.name);
        for (letter, value) in [('A', &d.a), ('B', &d.b)] {
            let value = value.as_deref().unwrap_or("absent");
            let _ = writeln!(text, "   {letter}  {}", printable(value));
        }
    }
    for area in areas.iter().filter(|area| area.count > 0 || area.missing > 0) {
        let _ = writeln!(
            text,
            "{BOLD}bytes    {}{BOLD:#}: {} differ in {} ranges",
            area.name, area.count, area.total
        );
        for range in &area.ranges {
            let (at_a, at_b) = (area.start.0 + range.start, area.start.1 + range.start);
            let _ = writeln!(text, "   {at_a:#010x} / {at_b:#010x}  {} bytes", range.len());
        }
        if area.total > area.ranges.len() {
            let _ = writeln!(text, "   {DIM}and {} ranges more{DIM:#}", area.total - area.ranges.len());
        }
        if area.missing > 0 {
            let _ = writeln!(text, "   one is {} bytes longer", area.missing);
        }
    }
    let _ = match equal {
        true => write!(text, "{GOOD}no difference{GOOD:#}"),
        false => write!(text, "{BAD}they differ{BAD:#}"),
    };
    text
}
