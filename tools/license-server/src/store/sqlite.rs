//! The store in one file: SQLite with a write-ahead log, every commit flushed to the disk.

use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use ironroot_codes::{input, licence as codes};
use ironroot_sfi::PackageId;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row, params};

use super::{Open, Store, schema, unavailable};
use crate::audit::{Entry, Head};
use crate::error::{Error, Result};
use crate::model::{Asked, Facts, Firmware, Issued, Quota, Revocable, Time};

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(20);
/// Statements that stay prepared.
const CACHE: usize = 32;

/// An open file.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens it, or makes it if that is allowed.
    pub fn open(path: &Path, open: Open) -> Result<Self> {
        let name = |e: rusqlite::Error| unavailable(format!("{}: {e}", path.display()));
        if open == Open::Existing && !path.exists() {
            return Err(Error::new(input::FILE_NOT_FOUND, format!("there is no store {}", path.display())));
        }
        // Not as a URI: `file:x?mode=memory` is the name of a file like any other.
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, open == Open::OrMake);
        let connection = Connection::open_with_flags(path, flags).map_err(name)?;
        connection.busy_timeout(BUSY).map_err(name)?;
        connection.set_prepared_statement_cache_capacity(CACHE);
        // Looked at before anything is changed: a file that is no store stays as it is.
        let tables = |what: &str| {
            let sql = format!("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND {what}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map_err(name)
        };
        let ours = tables("name = 'ironroot_schema'")? != 0;
        if !ours && (open == Open::Existing || tables("true")? != 0) {
            let cause = format!("{} is no licence store", path.display());
            return Err(Error::new(codes::STORE_SCHEMA, cause));
        }
        // FULL: a commit is on the disk before it returns, also in a write-ahead log.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(name)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(name)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(name)?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(name)?;
        connection
            .execute_batch(&schema::tables("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"))
            .map_err(name)?;
        let version: Option<i64> = connection
            .query_row("SELECT version FROM ironroot_schema", [], |row| row.get(0))
            .optional()
            .map_err(name)?;
        match version {
            None => {
                connection
                    .execute("INSERT INTO ironroot_schema VALUES (?1)", [schema::VERSION])
                    .map_err(name)?;
            }
            Some(schema::VERSION) => {}
            Some(other) => {
                return Err(Error::new(codes::STORE_SCHEMA, format!("its version is {other}")));
            }
        }
        connection.execute_batch("COMMIT").map_err(name)?;
        Ok(Self { connection })
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(unavailable)?;
        statement.query_row(params, read).optional().map_err(unavailable)
    }

    fn many<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(unavailable)?;
        let rows = statement.query_map(params, read).map_err(unavailable)?;
        rows.collect::<rusqlite::Result<_>>().map_err(unavailable)
    }

    fn change(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(unavailable)
    }
}

fn firmware(row: &Row<'_>) -> rusqlite::Result<Firmware> {
    Ok(Firmware {
        name: row.get(0)?,
        package: PackageId(row.get(1)?),
        product: row.get(2)?,
        least_version: row.get(3)?,
        least_services: row.get(4)?,
        wrapped_key: row.get(5)?,
    })
}

fn quota(row: &Row<'_>) -> rusqlite::Result<Quota> {
    Ok(Quota {
        firmware: row.get(0)?,
        site: row.get(1)?,
        granted: row.get(2)?,
        issued: row.get(3)?,
        expires: row.get(4)?,
        closed: row.get(5)?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry { seq: row.get(0)?, event: row.get(1)?, hash: row.get(2)? })
}

const FIRMWARE: &str =
    "SELECT name, package, product, least_version, least_services, wrapped_key FROM firmware";
const QUOTA: &str = "SELECT firmware, site, granted, issued, expires, closed FROM quota";

impl Store for Sqlite {
    async fn begin(&mut self) -> Result<Head> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(unavailable)?;
        let last = self.one("SELECT seq, event, hash FROM audit ORDER BY seq DESC LIMIT 1", [], entry)?;
        head(last)
    }

    async fn commit(&mut self) -> Result<()> {
        self.connection.execute_batch("COMMIT").map_err(unavailable)
    }

    async fn rollback(&mut self) -> Result<()> {
        self.connection.execute_batch("ROLLBACK").map_err(unavailable)
    }

    async fn ping(&mut self) -> Result<()> {
        self.one("SELECT 1", [], |_| Ok(())).map(|_| ())
    }

    async fn firmware(&mut self, name: &str) -> Result<Option<Firmware>> {
        self.one(&format!("{FIRMWARE} WHERE name = ?1"), [name], firmware)
    }

    async fn firmwares(&mut self) -> Result<Vec<Firmware>> {
        self.many(&format!("{FIRMWARE} ORDER BY name"), [], firmware)
    }

    async fn add_firmware(&mut self, it: &Firmware) -> Result<()> {
        self.change(
            "INSERT INTO firmware (name, package, product, least_version, least_services, wrapped_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![it.name, it.package.0, it.product, it.least_version, it.least_services, it.wrapped_key],
        )?;
        Ok(())
    }

    async fn has_licences(&mut self, firmware: &str) -> Result<bool> {
        let found = self.one("SELECT 1 FROM licence WHERE firmware = ?1 LIMIT 1", [firmware], |_| Ok(()))?;
        Ok(found.is_some())
    }

    async fn remove_firmware(&mut self, firmware: &str) -> Result<()> {
        self.change("DELETE FROM quota WHERE firmware = ?1", [firmware])?;
        self.change("DELETE FROM firmware WHERE name = ?1", [firmware])?;
        Ok(())
    }

    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>> {
        self.one(&format!("{QUOTA} WHERE firmware = ?1 AND site = ?2"), [firmware, site], quota)
    }

    async fn quotas(&mut self) -> Result<Vec<Quota>> {
        self.many(&format!("{QUOTA} ORDER BY firmware, site"), [], quota)
    }

    async fn add_quota(&mut self, it: &Quota) -> Result<()> {
        self.change(
            "INSERT INTO quota (firmware, site, granted, issued, expires, closed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![it.firmware, it.site, it.granted, it.issued, it.expires, it.closed],
        )?;
        Ok(())
    }

    async fn change_quota(&mut self, it: &Quota) -> Result<()> {
        self.change(
            "UPDATE quota SET granted = ?3, closed = ?4 WHERE firmware = ?1 AND site = ?2",
            params![it.firmware, it.site, it.granted, it.closed],
        )?;
        Ok(())
    }

    async fn look(&mut self, asked: &Asked<'_>) -> Result<Facts> {
        Ok(Facts {
            station_revoked: self.is_revoked(Revocable::Station, asked.station).await?,
            device_revoked: self.is_revoked(Revocable::Device, asked.device).await?,
            firmware: self.firmware(asked.firmware).await?,
            noted: self.one("SELECT firmware, device FROM request WHERE id = ?1", [asked.id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?,
            issued: self.one(
                "SELECT serial, licence FROM licence WHERE firmware = ?1 AND device = ?2",
                [asked.firmware, asked.device],
                |row| Ok(Issued { serial: row.get(0)?, licence: row.get(1)? }),
            )?,
            quota: self.quota(asked.firmware, asked.site).await?,
        })
    }

    async fn give(&mut self, asked: &Asked<'_>, licence: &[u8], time: Time) -> Result<i64> {
        self.note(asked).await?;
        self.change(
            "INSERT INTO licence (firmware, site, device, licence, time) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![asked.firmware, asked.site, asked.device, licence, time],
        )?;
        let serial = self.connection.last_insert_rowid();
        self.change(
            "UPDATE quota SET issued = issued + 1 WHERE firmware = ?1 AND site = ?2",
            [asked.firmware, asked.site],
        )?;
        Ok(serial)
    }

    async fn note(&mut self, asked: &Asked<'_>) -> Result<()> {
        self.change(
            "INSERT INTO request (id, firmware, device) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
            [asked.id, asked.firmware, asked.device],
        )?;
        Ok(())
    }

    async fn is_revoked(&mut self, what: Revocable, id: &str) -> Result<bool> {
        let found =
            self.one("SELECT 1 FROM revoked WHERE what = ?1 AND id = ?2", [what.name(), id], |_| Ok(()))?;
        Ok(found.is_some())
    }

    async fn revoke(&mut self, what: Revocable, id: &str, time: Time) -> Result<()> {
        self.change(
            "INSERT INTO revoked (what, id, time) VALUES (?1, ?2, ?3)",
            params![what.name(), id, time],
        )?;
        Ok(())
    }

    async fn append(&mut self, it: &Entry) -> Result<()> {
        self.change(
            "INSERT INTO audit (seq, event, hash) VALUES (?1, ?2, ?3)",
            params![it.seq, it.event, it.hash],
        )?;
        Ok(())
    }

    async fn entries(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        self.many(
            "SELECT seq, event, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            [after, limit],
            entry,
        )
    }
}

/// The end of the chain from its last entry.
pub(super) fn head(last: Option<Entry>) -> Result<Head> {
    let Some(last) = last else { return Ok(Head::default()) };
    let broken = || Error::new(codes::AUDIT_BROKEN, format!("entry {} has no hash", last.seq));
    let hash = HEXLOWER.decode(last.hash.as_bytes()).map_err(|_| broken())?;
    Ok(Head { seq: last.seq, hash: hash.try_into().map_err(|_| broken())? })
}
