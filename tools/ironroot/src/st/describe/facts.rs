//! What a set of project files says about one product.

use std::ops::Range;
use std::path::PathBuf;

use ironroot_codes::project;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::chip::Part;
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, UROT_CONFIG};
use ironroot_layout::stm32h7rs::product::{BootPath, Extent, STIROT_CONFIG_HEAD, SlotPair};
use ironroot_layout::stm32h7rs::state::ProductState;
use ironroot_layout::stm32h7rs::stirot::config as stirot;

use super::super::config::Value;
use super::super::image::OptionValue;
use super::super::target::{self, Family};
use super::super::xml::brief;
use super::super::{Config, folder};
use super::write::plain;
use super::{Files, Pair, name, window_of};
use crate::error::{Failure, Result};

/// An image, as its description has it made.
pub struct Made {
    pub file: String,
    pub options: Vec<OptionValue>,
}

impl Made {
    fn option(&self, switch: &str) -> Option<&OptionValue> {
        self.options.iter().find(|option| option.switch == switch)
    }

    pub fn has(&self, switch: &str) -> bool {
        self.option(switch).is_some()
    }

    pub fn value(&self, switch: &str) -> Option<&str> {
        self.option(switch)?.value.as_deref()
    }

    /// The number of a switch, if the switch is there.
    pub fn number(&self, switch: &str) -> Result<Option<u32>> {
        let Some(text) = self.value(switch) else { return Ok(None) };
        match super::super::number(text).and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => {
                let cause =
                    format!("{}: {switch} is {:?}, which is no number below 2^32", self.file, brief(text));
                Err(Failure::new(project::ST_VALUE_INVALID, cause))
            }
        }
    }

    /// STiRoT verifies it.
    fn for_stirot(&self) -> bool {
        self.value("--dialect") == Some("stirot-h7s")
    }
}

/// The keys of one stage.
#[derive(Default)]
pub struct Keys {
    pub sign: Option<PathBuf>,
    pub encrypt: Option<PathBuf>,
}

/// Debug authentication.
pub enum Debug {
    Certificate { key: PathBuf, permissions: Option<u128> },
    Password,
}

/// A configuration of a boot stage.
pub struct Stage<'f> {
    pub file: String,
    pub path: &'f PathBuf,
    pub config: &'f Config,
    /// STiRoT's: the numbers, as the device reads them.
    pub head: Option<Head>,
}

/// The numbers of STiRoT's configuration, and which bytes are which field's.
pub struct Head {
    pub bytes: Vec<u8>,
    pub fields: Vec<(String, Range<usize>)>,
}

impl Head {
    fn of(config: &Config) -> Self {
        let mut head = Self { bytes: Vec::new(), fields: Vec::new() };
        for field in &config.fields {
            let Value::Number { value, width, .. } = &field.value else { continue };
            let start = head.bytes.len();
            let mut bytes = value.to_le_bytes().to_vec();
            bytes.resize(*width, 0);
            head.bytes.extend_from_slice(&bytes);
            head.fields.push((brief(&field.name), start..head.bytes.len()));
        }
        head
    }

    /// The bytes from an offset on; offsets count from the start of the configuration, hash included.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset.checked_sub(stirot::IMAGES)?..)?.first_chunk().copied()
    }

    fn word(&self, offset: usize) -> Option<u32> {
        self.bytes(offset).map(u32::from_le_bytes)
    }
}

/// What the files say.
pub struct Facts<'f> {
    pub part: Part,
    pub boot: BootPath,
    /// Each file, with its title.
    pub titles: Vec<String>,
    /// STiRoT's configuration.
    pub first_config: Option<Stage<'f>>,
    /// The configuration of OEMiRoT or OEMuRoT.
    pub own_config: Option<Stage<'f>>,
    /// The configuration of debug authentication.
    pub debug_config: Option<Stage<'f>>,
    pub debug: Option<Debug>,
    /// What STiRoT verifies.
    pub first: Option<Made>,
    /// What OEMiRoT or OEMuRoT verifies.
    pub own: Option<Made>,
    pub first_keys: Keys,
    pub own_keys: Keys,
}

fn contradiction(cause: String) -> Failure {
    Failure::new(project::ST_FILES_CONTRADICT, cause)
}

fn no_product(cause: String) -> Failure {
    Failure::new(project::ST_NO_PRODUCT, cause)
}

/// Fills a place that one file may fill.
fn only_one<T>(place: &mut Option<T>, new: T, what: &str, file: &str) -> Result {
    match place.replace(new) {
        None => Ok(()),
        Some(_) => Err(contradiction(format!("{file} is a second {what}; a product has one"))),
    }
}

impl<'f> Facts<'f> {
    pub fn of(files: &'f Files, device: Option<Part>) -> Result<Self> {
        let (mut first_config, mut own_config, mut debug_config) = (None, None, None);
        let mut second_stage = false;
        let mut titles = Vec::new();
        for (path, config) in &files.configs {
            let file = name(path);
            titles.push(format!("{file}: {}", brief(&config.title)));
            if config.family != Family::Stm32h7rs {
                let family = config.family.name();
                return Err(no_product(format!(
                    "{file} is for the {family}; descriptions are of the STM32H7R/S"
                )));
            }
            let numbers = Head::of(config);
            let word = config.destination;
            let mut stage = Stage { file: file.clone(), path, config, head: None };
            if word == IROT_CONFIG.word() && !numbers.bytes.is_empty() {
                if numbers.bytes.len() != STIROT_CONFIG_HEAD {
                    let cause = format!(
                        "{file}: its numbers have {} bytes; STiRoT's configuration has {STIROT_CONFIG_HEAD}, OEMiRoT's has none",
                        numbers.bytes.len()
                    );
                    return Err(no_product(cause));
                }
                stage.head = Some(numbers);
                only_one(&mut first_config, stage, "configuration of STiRoT", &file)?;
            } else if word == IROT_CONFIG.word() || word == UROT_CONFIG.word() {
                second_stage |= word == UROT_CONFIG.word();
                only_one(&mut own_config, stage, "configuration of OEMiRoT or OEMuRoT", &file)?;
            } else if word & 0xFF00 == 0 {
                only_one(&mut debug_config, stage, "configuration of debug authentication", &file)?;
            } else {
                return Err(no_product(format!(
                    "{file} goes to {word:#010x}, where no boot stage has its configuration"
                )));
            }
        }
        let (mut first, mut own) = (None, None);
        for (path, image, linked) in &files.images {
            let file = name(path);
            titles.push(format!("{file}: {}", brief(&image.title)));
            let linked = linked.and_then(|index| files.configs.get(index));
            let config = linked.map(|(path, config)| (path.as_path(), config));
            let options = image.options(folder(path), config)?;
            let made = Made { file: file.clone(), options };
            let to_stirot = linked.map(|(_, config)| {
                config.destination == IROT_CONFIG.word() && !Head::of(config).bytes.is_empty()
            });
            match (made.value("--dialect"), to_stirot) {
                (Some("stirot-h7s"), Some(true) | None) => {
                    only_one(&mut first, made, "image for STiRoT", &file)?;
                }
                (None, Some(false) | None) => {
                    only_one(&mut own, made, "image for OEMiRoT or OEMuRoT", &file)?
                }
                (Some("stirot-h7s"), _) => {
                    return Err(contradiction(format!(
                        "{file} has STiRoT's magic, and its LinkedXML is not STiRoT's"
                    )));
                }
                (None, _) => {
                    return Err(contradiction(format!(
                        "{file} links to STiRoT's configuration without its magic (-ma)"
                    )));
                }
                (Some(_), _) => {
                    let cause =
                        format!("{file} has a magic of the STM32H5; descriptions are of the STM32H7R/S");
                    return Err(no_product(cause));
                }
            }
        }
        let boot = boot_path(
            first_config.is_some() || first.as_ref().is_some_and(Made::for_stirot),
            own_config.is_some() || own.is_some(),
            second_stage,
        )?;
        Ok(Self {
            part: part(files, device)?,
            boot,
            titles,
            first_keys: keys(first_config.as_ref(), first.as_ref())?,
            own_keys: keys(own_config.as_ref(), own.as_ref())?,
            debug: debug_config.as_ref().and_then(debug),
            first_config,
            own_config,
            debug_config,
            first,
            own,
        })
    }

    fn head(&self) -> Option<&Head> {
        self.first_config.as_ref()?.head.as_ref()
    }

    pub fn ram_ecc(&self) -> Option<bool> {
        self.head()?.bytes::<1>(stirot::SRAM_ECC).map(|[on]| on != 0)
    }

    /// What ST calls the size of the external memory, and sets to that of its window.
    pub fn flash_size(&self) -> Option<u32> {
        self.head()?.word(stirot::EXTERNAL_SIZE).filter(|size| *size != 0)
    }

    pub fn iloader(&self) -> Option<Extent> {
        let head = self.head()?;
        Some(Extent::new(head.word(stirot::ILOADER_OFFSET)?, head.word(stirot::ILOADER_SIZE)?))
    }

    /// The least state that STiRoT starts the image in: the product has to reach it.
    pub fn state(&self) -> Option<ProductState> {
        let number = u8::try_from(self.head()?.word(stirot::LEAST_STATE)?).ok()?;
        ProductState::from_number(number)
            .filter(|state| matches!(state, ProductState::Closed | ProductState::Locked))
    }

    /// The window of the external flash: that of the first address in it.
    pub fn window(&self) -> Result<Option<Region>> {
        let download = self.head().and_then(|head| head.word(stirot::DOWNLOAD));
        for made in [&self.own, &self.first].into_iter().flatten() {
            if let Some(address) = made.number("-x")? {
                return match window_of(address) {
                    Some(window) => Ok(Some(window)),
                    None => {
                        let cause =
                            format!("{}: -x {address:#x} is in no window of external flash", made.file);
                        Err(Failure::new(project::ST_VALUE_INVALID, cause))
                    }
                };
            }
        }
        Ok(download.and_then(window_of))
    }

    /// The slots of what STiRoT verifies.
    pub fn stirot_pair(&self, default: SlotPair, window: Region) -> Result<Pair> {
        let Some(head) = self.head() else { return pair_of(self.first.as_ref(), default, window) };
        let word = |offset: usize| head.word(offset).unwrap_or(0);
        let file = self.first_config.as_ref().map_or("", |stage| stage.file.as_str());
        Ok(Pair {
            installed: offset(word(stirot::INSTALL), window, file, "the installation area")?,
            installed_said: true,
            download: offset(word(stirot::DOWNLOAD), window, file, "the download area")?,
            size: word(stirot::AREA_SIZE),
            said: true,
        })
    }

    /// The slots of what OEMiRoT or OEMuRoT verifies.
    pub fn own_pair(&self, default: SlotPair, window: Region) -> Result<Pair> {
        pair_of(self.own.as_ref(), default, window)
    }

    /// The scratch area by `-M`: "the firmware area size divided by the scratch area size", and one more.
    pub fn scratch_size(&self, slot: u32) -> Option<u32> {
        let sectors = self.own.as_ref()?.number("-M").ok()??.checked_sub(1)?;
        let size = slot.checked_div(sectors)?;
        (slot.checked_rem(sectors) == Some(0) && size != 0 && size.is_multiple_of(4096)).then_some(size)
    }
}

fn boot_path(first: bool, own: bool, second_stage: bool) -> Result<BootPath> {
    match (first, own, second_stage) {
        (true, true, _) if !second_stage => Err(contradiction(
            "there are files of STiRoT and of OEMiRoT; a product begins with one of them (OEMuRoT's configuration goes to 0x00000208)"
                .into(),
        )),
        (true, true, _) => Ok(BootPath::StirotOemurot),
        (true, false, _) => Ok(BootPath::Stirot),
        (false, true, false) => Ok(BootPath::Oemirot),
        (false, true, true) => {
            let failure = no_product("there are files of OEMuRoT, and none of STiRoT, which verifies it".into());
            Err(failure.fix("Name STiROT_Config.xml and STiROT_Code_Image.xml of the same project too."))
        }
        (false, false, _) => Err(no_product("there is neither a configuration nor an image of a boot stage".into())),
    }
}

/// The part that all files and the command line agree on.
fn part(files: &Files, device: Option<Part>) -> Result<Part> {
    let mut found = device.map(|part| (part, "--device".to_owned()));
    for (path, config) in &files.configs {
        let Some(part) = config.mcu.as_deref().and_then(target::part) else { continue };
        match &found {
            Some((known, by)) if *known != part => {
                let cause = format!("{by} says {}, and {} says {}", known.name(), name(path), part.name());
                return Err(contradiction(cause));
            }
            Some(_) => {}
            None => found = Some((part, name(path))),
        }
    }
    found.map(|(part, _)| part).ok_or_else(|| {
        let failure = Failure::new(project::ST_FIELD_MISSING, "no file says which part it is for (MCU)");
        failure.fix("Say it: --device stm32h7s7 or --device stm32h7r7.")
    })
}

/// The keys of a stage: of its configuration, and the same ones in its image.
fn keys(stage: Option<&Stage<'_>>, made: Option<&Made>) -> Result<Keys> {
    let mut keys = Keys::default();
    let mut set = |public: bool, path: PathBuf, file: &str| {
        let place = if public { &mut keys.sign } else { &mut keys.encrypt };
        match place {
            Some(known) if plain(known) != plain(&path) => {
                let what = if public { "Authentication key" } else { "Encryption key" };
                let (known, path) = (brief(&known.display().to_string()), brief(&path.display().to_string()));
                Err(contradiction(format!("{file}: {what} is {path}, and its configuration says {known}")))
            }
            place => {
                *place = Some(path);
                Ok(())
            }
        }
    };
    if let Some(stage) = stage {
        for field in &stage.config.fields {
            if let Value::Key { path, public, .. } = &field.value {
                set(*public, folder(stage.path).join(path), &stage.file)?;
            }
        }
    }
    if let Some(made) = made {
        for (switch, public) in [("-k", true), ("-E", false)] {
            if let Some(path) = made.value(switch) {
                set(public, PathBuf::from(path), &made.file)?;
            }
        }
    }
    if keys.sign.is_none() && (stage.is_some() || made.is_some()) {
        let file = made.map(|made| &made.file).or(stage.map(|stage| &stage.file));
        let cause = format!("{} names no key that signs", file.map_or("", String::as_str));
        return Err(Failure::new(project::ST_FIELD_MISSING, cause));
    }
    Ok(keys)
}

fn debug(stage: &Stage<'_>) -> Option<Debug> {
    let fields = || stage.config.fields.iter().map(|field| &field.value);
    let permissions = fields().find_map(|value| match value {
        Value::Permissions(bits) => Some(*bits),
        _ => None,
    });
    fields().find_map(|value| match value {
        Value::Key { path, .. } => {
            Some(Debug::Certificate { key: folder(stage.path).join(path), permissions })
        }
        Value::Password(_) => Some(Debug::Password),
        _ => None,
    })
}

/// The slots by an image's `-x`, the download, and `-S`, their size. The installed image is in front of it, or behind.
fn pair_of(made: Option<&Made>, default: SlotPair, window: Region) -> Result<Pair> {
    let (size, address) = match made {
        Some(made) => (made.number("-S")?, made.number("-x")?),
        None => (None, None),
    };
    let (Some(made), Some(size), Some(address)) = (made, size, address) else {
        let SlotPair { installed, download } = default;
        return Ok(Pair {
            installed: installed.offset,
            installed_said: false,
            download: download.offset,
            size: installed.size,
            said: false,
        });
    };
    let download = offset(address, window, &made.file, "-x")?;
    let behind = download.saturating_add(size);
    let installed = download.checked_sub(size).unwrap_or(behind);
    Ok(Pair { installed, installed_said: false, download, size, said: true })
}

fn offset(address: u32, window: Region, file: &str, what: &str) -> Result<u32> {
    let start = window.start().value();
    match window_of(address) {
        Some(found) if found == window => Ok(address.wrapping_sub(start)),
        _ => {
            let cause =
                format!("{file}: {what} is at {address:#x}, outside of the external flash at {start:#x}");
            Err(Failure::new(project::ST_VALUE_INVALID, cause))
        }
    }
}
