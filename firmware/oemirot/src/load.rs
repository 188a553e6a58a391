//! Load and run: the verified image is copied to RAM, and runs only if it is there as it was verified.

use ironroot_boot::update::View;
use ironroot_boot::{Flash, Launch, Refusal, Stage};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest, Verdict};
use ironroot_hal::hash::HardwareSha256;
use ironroot_hal::window::Window;
use ironroot_image::{Image, ReadAt, ReadError, digest};

use crate::product;

const PIECE: usize = 4096;
/// How often RAM is hashed: the block is fast, and no single fault lets another copy pass.
const LOOKS: u32 = 2;

/// HASH, which both parts have, whatever verified the image. Here nothing is signed.
struct Block;

impl Crypto for Block {
    type Sha256 = HardwareSha256;

    fn sha256(&mut self) -> HardwareSha256 {
        HardwareSha256::new()
    }

    fn verify_p256(&mut self, _: &P256PublicKey, _: &Sha256Digest, _: &[u8]) -> Verdict {
        Verdict::REFUSED
    }
}

/// RAM as the image parser reads it.
struct Loaded(Window);

impl ReadAt for Loaded {
    fn len(&self) -> u32 {
        self.0.region().size().bytes()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.0.read(offset, buffer).ok_or(ReadError::OutOfBounds)
    }
}

/// Copies the image of `launch` to where it runs, and compares what is there with what was verified: the flash, or the bus to
/// it, may have shown something else at the second reading.
pub fn load(primary: &dyn Flash, launch: &Launch) -> Result<(), Refusal> {
    let refuse = |code: Code| Refusal::new(code, Stage::Launch, product::RUN.start());
    let window = Window::new(product::RUN).ok_or(refuse(codes::UPDATE_LAYOUT))?;
    let image = launch.image().image();
    let source = View::new(primary, 0);
    let mut buffer = [0; PIECE];
    let mut done = 0;
    while done < image.size() {
        let wanted = image.size().saturating_sub(done).min(PIECE as u32);
        let piece = buffer.get_mut(..wanted as usize).unwrap_or_default();
        source.read_at(done, piece).map_err(|_| refuse(image_codes::READ_FAILED))?;
        window.write(done, piece).ok_or(refuse(codes::UPDATE_RAM_ADDRESS))?;
        done = done.saturating_add(wanted);
    }
    for _ in 0..LOOKS {
        let loaded = Loaded(window);
        let same = Image::parse(&loaded, image.limits()).is_ok_and(|found| found == *image)
            && digest(image, &loaded, &mut Block).is_ok_and(|found| {
                Verdict::of_equal(found.as_bytes(), launch.image().digest()).is_accepted()
            });
        if !same {
            return Err(refuse(codes::LOADED_DIFFERS));
        }
    }
    Ok(())
}
