//! Images that end too early: as a file that is cut off, and as a slot in which the rest was never written.

use ironroot_codes::image as codes;

use crate::samples;

#[test]
fn every_truncation_is_refused() {
    for sample in samples::all() {
        for len in 0..sample.bytes.len() {
            let verdict = sample.judge(&sample.bytes[..len]).map(|_| ());
            assert_eq!(verdict, Err(codes::TRUNCATED), "{} at {len}", sample.name);
        }
    }
}

/// What an interrupted download leaves in flash: the beginning of the image, then what was there before.
#[test]
fn every_image_whose_rest_was_never_written_is_refused() {
    for sample in samples::all() {
        let image = sample.image();
        for (filler, name) in [(0xFF, "erased"), (0x00, "zeros"), (0xA5, "old")] {
            let mut slot = vec![filler; sample.bytes.len() + 64];
            for len in 0..sample.bytes.len() {
                // The byte before this one is there.
                if let Some(last) = len.checked_sub(1) {
                    slot[last] = sample.bytes[last];
                }
                let complete = slot[..sample.bytes.len()] == sample.bytes[..];
                match sample.judge(&slot[..]).map(|_| ()) {
                    // The missing rest has the value of the filler by chance.
                    Ok(()) => assert!(complete, "{} at {len}, {name}", sample.name),
                    Err(code) => {
                        assert!(!complete);
                        // Without its header it is no image; without its TLV areas it has none; without its last bytes
                        // it is an image of other content, key or signature.
                        let number = code.number();
                        let range = match len as u32 {
                            0..32 => 2001..=2112,
                            len if len < image.unprotected().start + 2 => 2001..=2112,
                            _ => 2001..=2214,
                        };
                        assert!(range.contains(&number), "{} at {len}, {name}: {code}", sample.name);
                    }
                }
            }
        }
    }
}
