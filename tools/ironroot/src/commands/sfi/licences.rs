//! Where licences come from: files, or a licence server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ironroot_codes::input;
use ironroot_license_server::client::{Client, Identity};
use ironroot_sfi::{Certificate, LICENCE_LEN, Licence, LicenceKind, PackageId};

use crate::error::{Context, Failure, Result};
use crate::files;
use crate::install::{Given, Licences};

/// Longest time for one try at the server.
const ONE_TRY: Duration = Duration::from_secs(10);

/// A licence server, and who the station is to it
#[derive(Args, Debug)]
pub struct Server {
    /// Licence server, https://HOST:PORT
    #[arg(long, value_name = "URL")]
    license_server: Option<String>,
    /// Name of the firmware at the server
    #[arg(long, value_name = "NAME", requires = "license_server")]
    firmware: Option<String>,
    /// Certificate of this station, PEM
    #[arg(long, value_name = "FILE", requires = "license_server")]
    station_certificate: Option<PathBuf>,
    /// Private key of this station, PEM
    #[arg(long, value_name = "FILE", requires = "license_server")]
    station_key: Option<PathBuf>,
    /// Authority of the server's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "license_server")]
    server_authority: Option<PathBuf>,
    /// Seconds after which the server is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    license_timeout: u64,
    /// Licence of a module in the package; may be repeated
    #[arg(long, value_name = "FILE")]
    module_license: Vec<PathBuf>,
}

/// A licence in a file.
pub fn read(path: &Path, kind: LicenceKind) -> Result<[u8; LICENCE_LEN]> {
    let bytes = files::read(path)?;
    let licence = Licence::parse(&bytes).map_err(|code| {
        Failure::new(code, format!("{} bytes that are no licence", bytes.len())).about(path.display())
    })?;
    if licence.terms().kind != kind {
        let cause = match kind {
            LicenceKind::Firmware => "it is the licence of a module",
            LicenceKind::Module => "it is the licence of a package",
        };
        let code = ironroot_codes::install::LICENCE_MALFORMED;
        return Err(Failure::new(code, cause).about(path.display()));
    }
    Ok(*licence.bytes())
}

/// Licences from files.
struct Files {
    firmware: [u8; LICENCE_LEN],
    modules: Vec<[u8; LICENCE_LEN]>,
}

impl Licences for Files {
    fn firmware(&self, _: &Certificate, _: PackageId) -> Result<Given> {
        Ok(Given { licence: self.firmware, serial: None, again: false })
    }

    fn modules(&self) -> &[[u8; LICENCE_LEN]] {
        &self.modules
    }
}

/// Licences from a server.
struct Remote {
    client: Client,
    firmware: String,
    url: String,
    modules: Vec<[u8; LICENCE_LEN]>,
}

impl Licences for Remote {
    fn firmware(&self, device: &Certificate, package: PackageId) -> Result<Given> {
        let given = self
            .client
            .licence(device, &self.firmware, package)
            .map_err(|e| Failure::new(e.code, e.cause).about(&self.url))?;
        Ok(Given { licence: *given.licence.bytes(), serial: Some(given.serial), again: given.again })
    }

    fn modules(&self) -> &[[u8; LICENCE_LEN]] {
        &self.modules
    }
}

impl Server {
    /// Files that are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = [&self.station_certificate, &self.station_key, &self.server_authority];
        identity.into_iter().flatten().chain(&self.module_license).map(PathBuf::as_path)
    }

    fn modules(&self) -> Result<Vec<[u8; LICENCE_LEN]>> {
        self.module_license.iter().map(|path| read(path, LicenceKind::Module)).collect()
    }

    /// The way to licences: `file` if there is one, else the server.
    pub fn open(&self, file: Option<&Path>) -> Result<Box<dyn Licences>> {
        let missing = |what: &str| Failure::new(input::SFI_NO_LICENCE_SOURCE, format!("{what} is missing"));
        if let Some(path) = file {
            if self.license_server.is_some() {
                return Err(Failure::new(input::USAGE, "--license and --license-server exclude each other"));
            }
            let firmware = read(path, LicenceKind::Firmware)?;
            return Ok(Box::new(Files { firmware, modules: self.modules()? }));
        }
        let url = self.license_server.clone().ok_or_else(|| missing("--license-server"))?;
        let firmware = self.firmware.clone().ok_or_else(|| missing("--firmware"))?;
        fn given<'a>(path: &'a Option<PathBuf>, what: &str) -> Result<&'a Path> {
            let missing = || Failure::new(input::SFI_NO_LICENCE_SOURCE, format!("{what} is missing"));
            path.as_deref().ok_or_else(missing)
        }
        let certificate = files::read(given(&self.station_certificate, "--station-certificate")?)?;
        let key = files::read_secret(given(&self.station_key, "--station-key")?)?;
        let server_authority = files::read(given(&self.server_authority, "--server-authority")?)?;
        let identity = Identity { certificate: &certificate, key: &key, server_authority: &server_authority };
        let client = Client::new(&url, &identity, ONE_TRY, Duration::from_secs(self.license_timeout))
            .map_err(|e| Failure::new(e.code, e.cause))
            .about(&url)?;
        Ok(Box::new(Remote { client, firmware, url, modules: self.modules()? }))
    }
}
