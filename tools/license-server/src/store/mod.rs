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

use ironroot_codes::licence as codes;

pub use postgres::Postgres;
pub use sqlite::Sqlite;

use crate::audit::{Entry, Event, Head};
use crate::error::{Error, Result};
use crate::model::{Firmware, Issued, Quota, Revocable, Time};

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
    /// The quota of a firmware at a site.
    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>>;
    /// All quotas.
    async fn quotas(&mut self) -> Result<Vec<Quota>>;
    /// Adds a quota.
    async fn add_quota(&mut self, quota: &Quota) -> Result<()>;
    /// Changes how many are granted and whether it is closed.
    async fn change_quota(&mut self, quota: &Quota) -> Result<()>;
    /// The licence that a device has for a firmware.
    async fn licence(&mut self, firmware: &str, device: &str) -> Result<Option<Issued>>;
    /// Keeps a licence and counts it; the serial number.
    async fn add_licence(
        &mut self,
        firmware: &str,
        site: &str,
        device: &str,
        licence: &[u8],
        time: Time,
    ) -> Result<i64>;
    /// Notes a request id; false if it was noted for something else.
    async fn note_request(&mut self, id: &str, firmware: &str, device: &str) -> Result<bool>;
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
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string, `postgres://…`.
    Postgres(String),
}

impl FromStr for Location {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Ok(Self::Sqlite(PathBuf::from(text.strip_prefix("sqlite:").unwrap_or(text))))
        }
    }
}

impl fmt::Display for Location {
    /// Without what may hold a password: neither the part before the host nor the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
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

/// An open store of either kind.
pub enum AnyStore {
    /// SQLite.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
}

impl AnyStore {
    /// Opens it, and makes its tables if it is new.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`, or `STORE_SCHEMA` if its tables are of another version.
    pub async fn open(location: &Location) -> Result<Self> {
        Ok(match location {
            Location::Sqlite(path) => Self::Sqlite(Sqlite::open(path)?),
            Location::Postgres(text) => Self::Postgres(Box::new(Postgres::connect(text).await?)),
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
    async fn licence(&mut self, firmware: &str, device: &str) -> Result<Option<Issued>> {
        pass!(self, store => store.licence(firmware, device))
    }
    async fn add_licence(
        &mut self,
        firmware: &str,
        site: &str,
        device: &str,
        licence: &[u8],
        time: Time,
    ) -> Result<i64> {
        pass!(self, store => store.add_licence(firmware, site, device, licence, time))
    }
    async fn note_request(&mut self, id: &str, firmware: &str, device: &str) -> Result<bool> {
        pass!(self, store => store.note_request(id, firmware, device))
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
pub fn with_store<T>(location: &Location, act: impl AsyncFnOnce(&mut AnyStore) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
    runtime.block_on(async {
        let mut store = AnyStore::open(location).await?;
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
            ("sqlite:a.sqlite", "sqlite:a.sqlite"),
        ] {
            let Ok(location) = text.parse::<Location>();
            assert_eq!((location.to_string(), format!("{location:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }
}
