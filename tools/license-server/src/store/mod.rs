//! The store: firmware, quotas, licences, revocations and the audit log.
//!
//! One trait, two backends, the same tables. A transaction locks the end of the audit log first, so decisions of
//! several servers over one database come one after the other.

mod postgres;
mod schema;
mod sqlite;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ironroot_codes::{input, licence as codes};

pub use postgres::Postgres;
pub use sqlite::Sqlite;

use crate::audit::{Entry, Event, Head};
use crate::error::{Error, Result};
use crate::model::{Asked, Facts, Firmware, Quota, Revocable, Time};

/// What the server keeps. All methods but [`Store::begin`] belong between `begin` and `commit` or `rollback`.
///
/// # Errors
/// Every method: `STORE_UNAVAILABLE` when the database does not do it.
#[allow(async_fn_in_trait, reason = "a store stays on the thread that opened it")]
pub trait Store {
    /// Begins a transaction and locks the end of the audit log.
    async fn begin(&mut self) -> Result<Head>;
    /// Makes everything since `begin` durable. After an error nobody knows whether it is.
    async fn commit(&mut self) -> Result<()>;
    /// Forgets everything since `begin`.
    async fn rollback(&mut self) -> Result<()>;
    /// Whether the connection works.
    async fn ping(&mut self) -> Result<()>;

    /// The firmware of that name.
    async fn firmware(&mut self, name: &str) -> Result<Option<Firmware>>;
    /// All firmware.
    async fn firmwares(&mut self) -> Result<Vec<Firmware>>;
    /// Adds a firmware.
    async fn add_firmware(&mut self, firmware: &Firmware) -> Result<()>;
    /// Whether a licence was ever given for a firmware.
    async fn has_licences(&mut self, firmware: &str) -> Result<bool>;
    /// Removes a firmware that no licence was given for, and its quotas.
    async fn remove_firmware(&mut self, firmware: &str) -> Result<()>;
    /// The quota of a firmware at a site.
    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>>;
    /// All quotas.
    async fn quotas(&mut self) -> Result<Vec<Quota>>;
    /// Adds a quota.
    async fn add_quota(&mut self, quota: &Quota) -> Result<()>;
    /// Changes how many are granted and whether it is closed.
    async fn change_quota(&mut self, quota: &Quota) -> Result<()>;
    /// Everything that a decision about a request needs to know, in one look.
    async fn look(&mut self, asked: &Asked<'_>) -> Result<Facts>;
    /// Notes the request's id, keeps a new licence and counts it; the serial number.
    async fn give(&mut self, asked: &Asked<'_>, licence: &[u8], time: Time) -> Result<i64>;
    /// Notes the request's id, if it is not noted yet.
    async fn note(&mut self, asked: &Asked<'_>) -> Result<()>;
    /// Whether something is revoked.
    async fn is_revoked(&mut self, what: Revocable, id: &str) -> Result<bool>;
    /// Revokes something.
    async fn revoke(&mut self, what: Revocable, id: &str, time: Time) -> Result<()>;
    /// Appends an entry that [`Head::append`] made.
    async fn append(&mut self, entry: &Entry) -> Result<()>;
    /// Entries of the audit log behind `after`, at most `limit`.
    async fn entries(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>>;
}

/// Where the store is.
///
/// Parsing never fails, so that the parser of the command line does not repeat a text that may hold a password: what cannot be
/// a store is refused when it is opened.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string, `postgres://…`.
    Postgres(String),
    /// Neither, and why.
    Unusable(&'static str),
}

/// The schemes of PostgreSQL's connection strings.
const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

impl FromStr for Location {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
            return Ok(match known {
                true => Self::Postgres(format!("postgres://{rest}")),
                false => Self::Unusable("it is neither a file nor postgres://…"),
            });
        }
        // SQLite takes these for databases that nobody sees again.
        Ok(match text.strip_prefix("sqlite:").unwrap_or(text) {
            "" => Self::Unusable("the name of the file is empty"),
            ":memory:" => Self::Unusable(
                "a store in memory forgets every licence; write ./:memory: for a file of that name",
            ),
            path => Self::Sqlite(PathBuf::from(path)),
        })
    }
}

impl Location {
    /// The files of the store, that no output may replace: the database, its write-ahead log, and what belongs to it.
    pub fn files(&self) -> Vec<PathBuf> {
        let Self::Sqlite(path) = self else { return Vec::new() };
        let beside = |end: &str| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        ["", "-wal", "-shm", "-journal"].map(beside).to_vec()
    }
}

impl fmt::Display for Location {
    /// Without what may hold a password: neither the part before the host nor the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Unusable(_) => f.write_str("…"),
            Self::Postgres(text) => {
                let place = text.split_once('?').map_or(text.as_str(), |(place, _)| place);
                match place.rsplit_once('@') {
                    Some((_, host)) => write!(f, "postgres://{host}"),
                    None => f.write_str("postgres://…"),
                }
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether opening may make a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// A store that is not there is made: for the server and for the first firmware.
    OrMake,
    /// It must be there: a mistyped name is no empty store.
    Existing,
}

/// An open store of either kind.
pub enum AnyStore {
    /// SQLite.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
}

impl AnyStore {
    /// Opens it, and makes its tables if it is new and may be made.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `STORE_SCHEMA` if it is no store or its tables are of another version; `FILE_NOT_FOUND` if there
    /// is no such file and none may be made; `USAGE` if the location is none.
    pub async fn open(location: &Location, open: Open) -> Result<Self> {
        Ok(match location {
            Location::Sqlite(path) => Self::Sqlite(Sqlite::open(path, open)?),
            Location::Postgres(text) => Self::Postgres(Box::new(Postgres::connect(text, open).await?)),
            Location::Unusable(why) => return Err(Error::new(input::USAGE, format!("--store: {why}"))),
        })
    }
}

/// Passes every call on.
macro_rules! pass {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            AnyStore::Sqlite($store) => $call.await,
            AnyStore::Postgres($store) => $call.await,
        }
    };
}

impl Store for AnyStore {
    async fn begin(&mut self) -> Result<Head> {
        pass!(self, store => store.begin())
    }
    async fn commit(&mut self) -> Result<()> {
        pass!(self, store => store.commit())
    }
    async fn rollback(&mut self) -> Result<()> {
        pass!(self, store => store.rollback())
    }
    async fn ping(&mut self) -> Result<()> {
        pass!(self, store => store.ping())
    }
    async fn firmware(&mut self, name: &str) -> Result<Option<Firmware>> {
        pass!(self, store => store.firmware(name))
    }
    async fn firmwares(&mut self) -> Result<Vec<Firmware>> {
        pass!(self, store => store.firmwares())
    }
    async fn add_firmware(&mut self, firmware: &Firmware) -> Result<()> {
        pass!(self, store => store.add_firmware(firmware))
    }
    async fn has_licences(&mut self, firmware: &str) -> Result<bool> {
        pass!(self, store => store.has_licences(firmware))
    }
    async fn remove_firmware(&mut self, firmware: &str) -> Result<()> {
        pass!(self, store => store.remove_firmware(firmware))
    }
    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>> {
        pass!(self, store => store.quota(firmware, site))
    }
    async fn quotas(&mut self) -> Result<Vec<Quota>> {
        pass!(self, store => store.quotas())
    }
    async fn add_quota(&mut self, quota: &Quota) -> Result<()> {
        pass!(self, store => store.add_quota(quota))
    }
    async fn change_quota(&mut self, quota: &Quota) -> Result<()> {
        pass!(self, store => store.change_quota(quota))
    }
    async fn look(&mut self, asked: &Asked<'_>) -> Result<Facts> {
        pass!(self, store => store.look(asked))
    }
    async fn give(&mut self, asked: &Asked<'_>, licence: &[u8], time: Time) -> Result<i64> {
        pass!(self, store => store.give(asked, licence, time))
    }
    async fn note(&mut self, asked: &Asked<'_>) -> Result<()> {
        pass!(self, store => store.note(asked))
    }
    async fn is_revoked(&mut self, what: Revocable, id: &str) -> Result<bool> {
        pass!(self, store => store.is_revoked(what, id))
    }
    async fn revoke(&mut self, what: Revocable, id: &str, time: Time) -> Result<()> {
        pass!(self, store => store.revoke(what, id, time))
    }
    async fn append(&mut self, entry: &Entry) -> Result<()> {
        pass!(self, store => store.append(entry))
    }
    async fn entries(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        pass!(self, store => store.entries(after, limit))
    }
}

/// One act of an administrator: a change with its entry in the audit log, in a transaction of its own.
pub async fn act<S: Store, T>(
    store: &mut S,
    change: impl AsyncFnOnce(&mut S) -> Result<(T, Event)>,
) -> Result<T> {
    let mut head = store.begin().await?;
    let outcome = async {
        let (value, event) = change(store).await?;
        let entry = head.append(&event)?;
        store.append(&entry).await?;
        Ok(value)
    }
    .await;
    match outcome {
        Ok(value) => {
            store.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The refusal is what the caller needs to know; a connection that cannot even roll back says so next time.
            let _ = store.rollback().await;
            Err(error)
        }
    }
}

/// Opens the store and does something with it, for a caller that is not asynchronous.
pub fn with_store<T>(
    location: &Location,
    open: Open,
    act: impl AsyncFnOnce(&mut AnyStore) -> Result<T>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
    runtime.block_on(async {
        let mut store = AnyStore::open(location, open).await?;
        act(&mut store).await
    })
}

fn unavailable(cause: impl fmt::Display) -> Error {
    Error::new(codes::STORE_UNAVAILABLE, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_shown_without_its_password() {
        for (text, shown) in [
            ("postgres://u:secret@db:5432/l", "postgres://db:5432/l"),
            ("postgres://u:sec@ret@db/l", "postgres://db/l"),
            ("postgres://u@db/l?password=secret", "postgres://db/l"),
            ("postgres://db/l?user=u&password=secret@x", "postgres://…"),
            ("Postgres://u:secret@db/l", "postgres://db/l"),
            ("PostgreSQL://u:secret@db/l", "postgres://db/l"),
            ("mysql://u:secret@db/l", "…"),
            ("postgress://u:secret@db/l", "…"),
            ("sqlite:a.sqlite", "sqlite:a.sqlite"),
        ] {
            let Ok(location) = text.parse::<Location>();
            assert_eq!((location.to_string(), format!("{location:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    fn refusal(text: &str, open: Open) -> Error {
        let Ok(location) = text.parse::<Location>();
        with_store(&location, open, async |_| Ok(())).expect_err("must be refused")
    }

    #[test]
    fn what_is_no_place_for_a_store_is_refused_without_its_password() {
        for text in
            ["", "sqlite:", ":memory:", "sqlite::memory:", "mysql://u:secret@db/l", "http://u:secret@x"]
        {
            for open in [Open::OrMake, Open::Existing] {
                let error = refusal(text, open);
                assert_eq!(error.code, input::USAGE, "{text}");
                assert!(!format!("{error:?}").contains("secret"));
            }
        }
    }

    #[test]
    fn a_store_is_made_only_where_that_is_meant() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name).display().to_string();
        assert_eq!(refusal(&at("typo"), Open::Existing).code, input::FILE_NOT_FOUND);
        assert!(!dir.path().join("typo").exists());
        std::fs::write(at("empty"), b"").expect("written");
        assert_eq!(refusal(&at("empty"), Open::Existing).code, codes::STORE_SCHEMA);
        assert_eq!(std::fs::read(at("empty")).expect("readable"), b"");
        // Somebody else's database gets no tables of ours.
        let other = rusqlite::Connection::open(at("other")).expect("a database");
        other.execute_batch("CREATE TABLE theirs (x)").expect("made");
        drop(other);
        let before = std::fs::read(at("other")).expect("readable");
        for open in [Open::OrMake, Open::Existing] {
            assert_eq!(refusal(&at("other"), open).code, codes::STORE_SCHEMA);
        }
        assert_eq!(std::fs::read(at("other")).expect("readable"), before);
        let Ok(location) = at("new").parse::<Location>();
        with_store(&location, Open::OrMake, async |_| Ok(())).expect("made");
        with_store(&location, Open::Existing, async |_| Ok(())).expect("there");
    }
}
