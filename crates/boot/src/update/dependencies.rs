//! Images that need each other: an update is installed only with what it depends on.

use ironroot_codes::{Code, boot as codes};
use ironroot_image::{Image, ReadAt, Version};

use super::MAX_IMAGES;
use super::engine::{Engine, Task, Wanted, parse_primary};
use super::flash::View;
use super::trailer::Kind;

impl Engine<'_, '_, '_> {
    /// Drops every update whose dependencies would not be met by what is then installed. As one may be what another
    /// needs, this goes on until none is dropped.
    pub(super) fn check_dependencies(&mut self, tasks: &mut [Task]) -> Result<(), Code> {
        if !cfg!(feature = "multi-image") {
            return Ok(());
        }
        for _ in 0..tasks.len() {
            let mut versions = [None; MAX_IMAGES];
            for (index, (version, task)) in versions.iter_mut().zip(tasks.iter()).enumerate() {
                *version = match task.wanted {
                    Some(wanted) => Some(wanted.version),
                    None => self.installed_version(index)?,
                };
            }
            let mut dropped = false;
            for index in 0..tasks.len() {
                let wanted = tasks.get(index).and_then(|task| task.wanted);
                let Some(needed) = self.unmet_dependency(index, wanted, &versions)? else { continue };
                // Either this image may not come, or the one that it needs may not be taken away from it.
                let drop = if wanted.is_some() { index } else { usize::from(needed) };
                let Some(task) = tasks.get_mut(drop) else { continue };
                if task.wanted.is_some_and(|wanted| wanted.kind != Kind::Revert) {
                    task.wanted = None;
                    dropped = true;
                    if let Some(report) = self.report.get_mut(drop) {
                        report.refused = Some(codes::UPDATE_DEPENDENCY);
                    }
                }
            }
            if !dropped {
                break;
            }
        }
        Ok(())
    }

    fn installed_version(&mut self, index: usize) -> Result<Option<Version>, Code> {
        Ok(parse_primary(&self.pair(index)?).map(|image| image.version))
    }

    /// The first image that is not there in the version that this one needs: the wanted image, or else the installed one.
    fn unmet_dependency(
        &mut self,
        index: usize,
        wanted: Option<Wanted>,
        versions: &[Option<Version>; MAX_IMAGES],
    ) -> Result<Option<u8>, Code> {
        let limits = self.limits(index)?;
        let pair = self.pair(index)?;
        let view = match wanted {
            Some(wanted) => View::new(pair.secondary, pair.secondary_offset(wanted.kind)),
            None => View::new(pair.primary, 0),
        };
        let view: &dyn ReadAt = &view;
        let Ok(image) = Image::parse(view, limits) else { return Ok(None) };
        for dependency in image.dependency_list(view) {
            let dependency = dependency.map_err(|error| error.code())?;
            let found = versions.get(usize::from(dependency.image)).copied().flatten();
            if found.is_none_or(|found| found < dependency.version) {
                return Ok(Some(dependency.image));
            }
        }
        Ok(None)
    }
}
