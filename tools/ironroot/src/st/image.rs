//! Image descriptions (`McubootFormat`): options of an image, in imgtool's words.

use std::path::{Path, PathBuf};

use ironroot_codes::{input, project};

use super::config::{Value, path, value_or_default};
use super::xml::Element;
use super::{Config, Project};
use crate::error::{Context, Failure, Result};

/// An image description.
#[derive(Debug)]
pub struct Image {
    /// What the tool shows as its title.
    pub title: String,
    /// The configuration that gives keys and addresses.
    pub linked: Option<PathBuf>,
    /// The options, in the file's order.
    params: Vec<Param>,
    /// The application or data.
    pub infile: PathBuf,
    /// Where the image goes.
    pub output: PathBuf,
}

/// An option, switched on.
#[derive(Debug)]
struct Param {
    name: String,
    switch: String,
    /// Its value is the path of a file.
    is_file: bool,
    value: Source,
    place: String,
}

/// Where an option's value comes from.
#[derive(Debug)]
enum Source {
    /// A flag.
    None,
    /// The file itself.
    Here(String),
    /// The field of the same name in the linked configuration.
    Linked,
}

/// An option with its value, as `ironroot image create` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionValue {
    /// What the file calls it.
    pub name: String,
    /// The switch.
    pub switch: String,
    /// Its value, unless it is a flag.
    pub value: Option<String>,
}

impl Image {
    /// Reads `McubootFormat`.
    pub(super) fn parse(format: Element<'_>) -> Result<Self> {
        format.only_with_many(&["GlobalParam", "Output"], &["Param"])?;
        let child = |name: &str| {
            format
                .child(name)
                .ok_or_else(|| format.refuse(project::ST_FIELD_MISSING, format_args!("there is no {name}")))
        };
        let global = child("GlobalParam")?;
        global.only(&["Command", "Title", "LinkedXML"])?;
        let command = global.required("Command")?;
        if command != "sign" {
            let cause = format_args!("Command is {command:?}; only sign is known");
            return Err(global.refuse(project::ST_VALUE_INVALID, cause));
        }
        let mut params = Vec::new();
        let mut infile = None;
        for element in format.children().filter(|element| element.name() == "Param") {
            element.only(&[
                "Name", "Value", "Link", "Type", "Command", "Hidden", "Enable", "Default", "Tooltip",
            ])?;
            match Param::parse(element)? {
                Read::Option(param) => params.push(param),
                Read::Off => {}
                Read::Infile(_) if infile.is_some() => {
                    let cause = format_args!("there is a second input file");
                    return Err(element.refuse(project::ST_VALUE_INVALID, cause));
                }
                Read::Infile(path) => infile = Some(path),
            }
        }
        let output = child("Output")?;
        output.only(&["Name", "Value", "Default", "Tooltip"])?;
        Ok(Self {
            title: global.optional("Title").unwrap_or_default().to_owned(),
            linked: global.optional("LinkedXML").filter(|text| !text.is_empty()).map(path),
            params,
            infile: infile.ok_or_else(|| {
                format.refuse(project::ST_FIELD_MISSING, "there is no Param that names the input file")
            })?,
            output: path(value_or_default(output)?),
        })
    }

    /// The linked configuration, if the description has one. `base` is the folder of the description.
    pub fn linked(&self, base: &Path) -> Result<Option<(PathBuf, Config)>> {
        let Some(linked) = &self.linked else { return Ok(None) };
        let path = base.join(linked);
        match super::read(&path) {
            Ok(Project::Config(config)) => Ok(Some((path, config))),
            Ok(Project::Image(_)) => {
                let cause = "the linked file is an image description, not a configuration".to_owned();
                Err(Failure::new(project::ST_LINK_BROKEN, cause).about(path.display()))
            }
            Err(failure) if failure.code == input::FILE_NOT_FOUND => {
                let cause = format!("the linked configuration {} does not exist", path.display());
                Err(Failure::new(project::ST_LINK_BROKEN, cause))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The options with their values. Files are named from the folder of the file that names them: `base` is that of the
    /// description.
    pub fn options(&self, base: &Path, config: Option<(&Path, &Config)>) -> Result<Vec<OptionValue>> {
        self.params.iter().map(|param| param.resolve(base, config).about(&param.place)).collect()
    }
}

/// What a `Param` is.
enum Read {
    Option(Param),
    Infile(PathBuf),
    Off,
}

impl Param {
    fn parse(element: Element<'_>) -> Result<Read> {
        let name = element.required("Name")?.to_owned();
        let kind = element.required("Type")?;
        if !["File", "Data", "Dependency"].contains(&kind) {
            let cause = format_args!("Type is {kind:?}, none of File, Data, Dependency");
            return Err(element.refuse(project::ST_VALUE_INVALID, cause));
        }
        let Some(switch) = element.optional("Command") else {
            if kind != "File" {
                return Err(element.refuse(project::ST_FIELD_MISSING, "there is no Command"));
            }
            return Ok(Read::Infile(path(value_or_default(element)?)));
        };
        match element.optional("Enable") {
            None | Some("1") => {}
            Some("0") => return Ok(Read::Off),
            Some(other) => {
                let cause = format_args!("Enable is {other:?}, neither 0 nor 1");
                return Err(element.refuse(project::ST_VALUE_INVALID, cause));
            }
        }
        let given = ["Value", "Default"]
            .iter()
            .find_map(|field| element.optional(field).filter(|text| !text.is_empty()));
        let value = match (element.optional("Link"), given) {
            (Some("" | "GetPublic"), _) => Source::Linked,
            (Some(other), _) => {
                let cause = format_args!("Link is {other:?}, neither empty nor GetPublic");
                return Err(element.refuse(project::ST_VALUE_INVALID, cause));
            }
            (None, Some(text)) => Source::Here(text.to_owned()),
            (None, None) => Source::None,
        };
        let is_file = kind == "File";
        Ok(Read::Option(Self { name, switch: switch.to_owned(), is_file, value, place: element.place() }))
    }

    fn resolve(&self, base: &Path, config: Option<(&Path, &Config)>) -> Result<OptionValue> {
        let broken = |cause: String| Failure::new(project::ST_LINK_BROKEN, cause);
        let value = match &self.value {
            Source::None => None,
            Source::Here(text) if self.is_file => Some(base.join(path(text)).display().to_string()),
            Source::Here(text) => Some(text.clone()),
            Source::Linked => {
                let (file, config) = config
                    .ok_or_else(|| broken(format!("{:?} is linked, and LinkedXML is empty", self.name)))?;
                let field = config
                    .field(&self.name)
                    .ok_or_else(|| broken(format!("{} has no field {:?}", file.display(), self.name)))?;
                Some(match &field.value {
                    Value::Number { text, .. } => text.clone(),
                    Value::Key { path, .. } => super::folder(file).join(path).display().to_string(),
                    Value::Permissions(_) | Value::Password(_) => {
                        return Err(broken(format!("the field {:?} is no option of an image", self.name)));
                    }
                })
            }
        };
        self.translate(value)
    }

    /// From ST's fork of imgtool to our options: what it calls a magic is a dialect here.
    fn translate(&self, value: Option<String>) -> Result<OptionValue> {
        let number = value.as_deref().and_then(super::xml::number);
        let (switch, value) = match (self.switch.as_str(), number) {
            ("-ma", Some(0xC159_2EE9)) => ("--dialect", Some("stirot-h7s".to_owned())),
            ("-ma", Some(0x73AB_1024)) => ("--dialect", Some("stirot-h5-code".to_owned())),
            ("-ma", Some(0x55F7_394E)) => ("--dialect", Some("stirot-h5-data".to_owned())),
            ("-ma", _) => {
                let cause = format!("the magic {} belongs to no boot stage", value.unwrap_or_default());
                return Err(Failure::new(project::ST_VALUE_INVALID, cause));
            }
            // ST's tool takes one dependency as IMAGE,VERSION; imgtool and ours want it in brackets.
            ("-d", _) => ("-d", value.map(|text| format!("({})", text.trim_matches(['(', ')'])))),
            (switch @ ("-k" | "-E" | "-e" | "-S" | "-H" | "-M" | "-v" | "-s" | "--align" | "-x"), _) => {
                if value.is_none() {
                    let cause = format!("{switch} has no value");
                    return Err(Failure::new(project::ST_FIELD_MISSING, cause));
                }
                (switch, value)
            }
            (
                switch @ ("--pad" | "--pad-header" | "--overwrite-only" | "--primary-only" | "--confirm"
                | "-c" | "--clear"),
                _,
            ) => (switch, None),
            (switch, _) => {
                let cause = format!("the option {switch} is not known");
                return Err(Failure::new(project::ST_FIELD_UNKNOWN, cause));
            }
        };
        Ok(OptionValue { name: self.name.clone(), switch: switch.to_owned(), value })
    }
}
