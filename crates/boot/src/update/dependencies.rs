//! Images that need each other: an update is installed only with what it depends on.

use ironroot_codes::{Code, boot as codes};
use ironroot_image::{Image, Version};

use super::MAX_IMAGES;
use super::areas::Area;
use super::engine::Engine;
use super::trailer::Kind;

impl Engine<'_> {
    /// Drops every update whose dependencies would not be met by what is then installed. As one may be what another
    /// needs, this goes on until none is dropped.
    pub(super) fn check_dependencies(&mut self) {
        if !cfg!(feature = "multi-image") {
            return;
        }
        for _ in self.images() {
            let mut versions = [None; MAX_IMAGES];
            for (index, version) in self.images().zip(&mut versions) {
                self.select(index);
                *version = match self.task.wanted {
                    Some(_) => Some(self.task.update.version),
                    None => self.work.facts(Area::Primary, 0).map(|image| image.version),
                };
            }
            let mut dropped = false;
            for index in self.images() {
                self.select(index);
                let needed = match self.unmet_dependency(&versions) {
                    Ok(Some(needed)) => needed,
                    Ok(None) => continue,
                    Err(code) => return self.work.areas.fail(code),
                };
                // Either this image may not come, or the one that it needs may not be taken away from it.
                if self.task.wanted.is_none() {
                    self.select(usize::from(needed));
                }
                if self.task.wanted.is_some_and(|kind| kind != Kind::Revert) {
                    self.task.wanted = None;
                    dropped = true;
                    self.report().refused = Some(codes::UPDATE_DEPENDENCY);
                }
            }
            if !dropped {
                break;
            }
        }
    }

    /// The first image that is not there in the version that this one needs: the wanted image, or else the installed one.
    fn unmet_dependency(&mut self, versions: &[Option<Version>; MAX_IMAGES]) -> Result<Option<u8>, Code> {
        let (area, offset) = match self.task.wanted {
            Some(kind) => (Area::Secondary, self.work.secondary_offset(kind)),
            None => (Area::Primary, 0),
        };
        let view = self.work.areas.view(area, offset);
        let Ok(image) = Image::parse(&view, self.work.limits()) else { return Ok(None) };
        for dependency in image.dependency_list(&view) {
            let dependency = dependency.map_err(|error| error.code())?;
            let found = versions.get(usize::from(dependency.image)).copied().flatten();
            if found.is_none_or(|found| found < dependency.version) {
                return Ok(Some(dependency.image));
            }
        }
        Ok(None)
    }
}
