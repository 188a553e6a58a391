//! An image with its payload passed through the AES-CTR key stream, and all else as it is.

use std::io;
use std::path::Path;

use ironroot_codes::input;
use ironroot_image::Image;

use super::file::ImageFile;
use super::plan::hex_start;
use super::progress::Progress;
use super::sink::Sink;
use super::stream::{self, Cipher};
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::report::Reporter;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Header, payload and TLVs.
    Image,
    /// The payload.
    Payload,
}

/// Writes `part` of the image in `file` with `apply` done to its payload. Returns the number of bytes.
pub fn convert(
    image: &Image,
    file: &ImageFile,
    part: Part,
    apply: Cipher<'_>,
    output: &Path,
    address: Option<u32>,
    report: &mut Reporter<'_>,
) -> Result<u64> {
    let unwritable = |e: io::Error| Failure::write(output, &e);
    let payload = image.payload();
    let rest = |from: u32, to: u32| {
        file.bytes(from, to.saturating_sub(from)).ok_or_else(|| {
            Failure::new(input::FILE_UNREADABLE, "the file became shorter while it was read")
                .about(file.path().display())
        })
    };
    let skipped = if part == Part::Payload { payload.start } else { 0 };
    // The address is that of the image, of whatever part of it is written.
    let start = hex_start(output, address, image.size().into())?;
    let mut pending = Pending::create(output, Access::Public, Existing::Replace).map_err(unwritable)?;
    let out = pending.file().try_clone().map_err(unwritable)?;
    let mut sink = match start {
        None => Sink::binary(out),
        Some(address) => Sink::hex(out, address.wrapping_add(skipped)).map_err(unwritable)?,
    };
    if part == Part::Image {
        sink.write(&rest(0, payload.start)?).map_err(unwritable)?;
    }
    {
        let mut progress = Progress::new(report, "convert", (payload.end - payload.start).into());
        stream::run(stream::Job {
            payload: &file.part(payload.start, payload.end)?,
            padding: 0,
            hash: &mut |_| {},
            cipher: Some(apply),
            out: &mut |piece| sink.write(piece),
            progress: &mut |done| progress.at(done),
        })?;
    }
    if part == Part::Image {
        sink.write(&rest(payload.end, image.size())?).map_err(unwritable)?;
    }
    let written = sink.position();
    sink.finish().map_err(unwritable)?;
    pending.commit().map_err(unwritable)?;
    Ok(written)
}
