//! Project files of ST's package creator, and the product description that they make.

use std::path::PathBuf;

use ironroot::st::describe::{Files, Wanted, describe};
use ironroot::st::{self, Project};
use ironroot_layout::description::{Description, hidden};
use ironroot_layout::stm32h7rs::chip::Part;
use ironroot_layout::stm32h7rs::product::Place;

use crate::{knobs, seed};

/// What separates the files of a case: no byte of an XML file.
const END: u8 = 0;
/// More than a refusal says.
const MOST: usize = 4096;

const FILES: [&[u8]; 8] = [
    include_bytes!("../../tools/ironroot/tests/cli/st/OEMiROT/Config/OEMiROT_Config.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/OEMiROT/Images/OEMiROT_Code_Image.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/STiROT/Config/STiROT_Config.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/STiROT/Image/STiROT_Code_Image.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/DA/Config/DA_Config.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/DA/Config/DA_ConfigWithPassword.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/STiROT_OEMuROT/Config/OEMuROT_Config.xml"),
    include_bytes!("../../tools/ironroot/tests/cli/st/STiROT_OEMuROT/Config/STiROT_Config.xml"),
];

/// Knobs: bits 0 and 1 the part, 2 and 3 where the application runs. The rest are files; an image links to the configuration
/// before it.
pub fn files(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let mut files = Files::default();
    for (number, bytes) in bytes.split(|byte| *byte == END).enumerate() {
        let path = PathBuf::from(format!("/project/Config/file-{number}.xml"));
        match st::parse(bytes) {
            Err(failure) => {
                assert!(failure.code.entry().is_some() && !failure.cause.is_empty());
                assert!(failure.cause.len() <= MOST, "a refusal of {} bytes", failure.cause.len());
            }
            Ok(Project::Config(config)) => files.configs.push((path, config)),
            Ok(Project::Image(image)) => {
                let linked = image.linked.as_ref().and(files.configs.len().checked_sub(1));
                files.images.push((path, image, linked));
            }
        }
    }
    let wanted = Wanted {
        device: Part::ALL.get(usize::from(knob & 3)).copied(),
        place: Place::ALL.get(usize::from(knob >> 2 & 3)).copied(),
    };
    let folder = PathBuf::from("/project");
    match describe(&files, &wanted, "ironroot.toml", &folder) {
        Err(failure) => {
            assert!(failure.code.entry().is_some() && !failure.cause.is_empty());
            assert!(failure.cause.len() <= MOST, "a refusal of {} bytes", failure.cause.len());
        }
        Ok(described) => {
            // Whatever the files say, the result is one that can be built, and quotes nothing that steers a terminal.
            let text = &described.text;
            let read = Description::read("ironroot.toml", text).unwrap_or_else(|problem| panic!("{problem}"));
            read.plan().unwrap_or_else(|problem| panic!("{problem}"));
            assert!(!text.chars().any(|c| hidden(c) && c != '\n'), "{text:?}");
            for line in &described.lost {
                assert!(text.contains(&format!("# - {line}\n")), "{line}\n{text}");
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let case = |knob: u8, numbers: &[usize]| {
        let files: Vec<&[u8]> = numbers.iter().filter_map(|number| FILES.get(*number).copied()).collect();
        seed(&[knob], &files.join(&END))
    };
    vec![
        // Part and place as the files and the defaults have them.
        case(0x0F, &[0, 1]),
        case(0x0F, &[0, 1, 4]),
        case(0x0F, &[2, 3]),
        case(0x0F, &[5, 2]),
        case(0x0F, &[7, 3, 6, 1]),
        case(0x00, &[0, 1]),
        case(0x01, &[0]),
        case(0x0B, &[2]),
    ]
}
