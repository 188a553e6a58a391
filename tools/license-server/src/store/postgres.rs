//! The store in PostgreSQL: for several servers at a time.
//!
//! A transaction takes an advisory lock before it reads the end of the audit log: servers decide one after the other, and
//! each many requests in one transaction.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use ironroot_codes::licence as codes;
use ironroot_sfi::PackageId;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::sqlite::head;
use super::{Open, Store, schema, unavailable};
use crate::audit::{Entry, Head};
use crate::error::{Error, Result};
use crate::model::{Asked, Facts, Firmware, Issued, Quota, Revocable, Time};

/// How long to wait for the server to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The lock under which decisions are made: any number that nobody else in the database uses.
const LOCK: i64 = 0x4952_4F4E_524F_4F54;
/// How long a statement or the lock may take.
const LIMITS: &str = "SET statement_timeout = '20s'; SET lock_timeout = '20s'; SET synchronous_commit = on";

/// The values of a statement.
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// An open connection.
pub struct Postgres {
    client: Client,
    /// Borrowed for a moment, never while something is waited for.
    prepared: RefCell<HashMap<&'static str, Statement>>,
}

impl Postgres {
    /// Connects, and makes the tables if there are none and that is allowed. Must be called inside a tokio runtime, which drives the
    /// connection from then on.
    pub async fn connect(text: &str, open: Open) -> Result<Self> {
        let connecting = tokio_postgres::connect(text, NoTls);
        let (client, connection) = timeout(CONNECT, connecting)
            .await
            .map_err(|_| unavailable("the database does not answer"))?
            .map_err(unavailable)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the connection to the database ended");
            }
        });
        client.batch_execute(LIMITS).await.map_err(unavailable)?;
        if open == Open::Existing {
            let sql = "SELECT to_regclass('ironroot_schema') IS NOT NULL";
            let there: bool =
                client.query_one(sql, &[]).await.and_then(|row| row.try_get(0)).map_err(unavailable)?;
            if !there {
                return Err(Error::new(codes::STORE_SCHEMA, "the database has no licence store"));
            }
        }
        // Two servers that start together must not both make the tables.
        let tables = schema::tables("BIGSERIAL PRIMARY KEY", "BYTEA");
        let script = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK}); {tables} COMMIT");
        client.batch_execute(&script).await.map_err(unavailable)?;
        let script = format!(
            "BEGIN; SELECT pg_advisory_xact_lock({LOCK});
             INSERT INTO ironroot_schema SELECT {} WHERE NOT EXISTS (SELECT 1 FROM ironroot_schema); COMMIT",
            schema::VERSION
        );
        client.batch_execute(&script).await.map_err(unavailable)?;
        let row = client.query_one("SELECT version FROM ironroot_schema", &[]).await.map_err(unavailable)?;
        let version: i64 = row.try_get(0).map_err(unavailable)?;
        if version != schema::VERSION {
            return Err(Error::new(codes::STORE_SCHEMA, format!("its version is {version}")));
        }
        Ok(Self { client, prepared: RefCell::default() })
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement> {
        let known = self.prepared.borrow().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await.map_err(unavailable)?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    async fn many(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, params).await.map_err(unavailable)
    }

    async fn one(&self, sql: &'static str, params: Params<'_>) -> Result<Option<Row>> {
        Ok(self.many(sql, params).await?.into_iter().next())
    }

    async fn change(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, params).await.map_err(unavailable)
    }

    async fn noted(&self, asked: &Asked<'_>) -> Result<()> {
        let sql =
            "INSERT INTO request (id, firmware, device) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
        self.change(sql, &[&asked.id, &asked.firmware, &asked.device]).await?;
        Ok(())
    }
}

const FIRMWARE: &str =
    "SELECT name, package, product, least_version, least_services, wrapped_key FROM firmware WHERE name = $1";
const QUOTA: &str =
    "SELECT firmware, site, granted, issued, expires, closed FROM quota WHERE firmware = $1 AND site = $2";
const REVOKED: &str = "SELECT 1 FROM revoked WHERE what = $1 AND id = $2";

/// A column, or an error if the table is not what the schema says.
fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(unavailable)
}

fn number(row: &Row, index: usize) -> Result<u32> {
    u32::try_from(get::<i64>(row, index)?).map_err(unavailable)
}

fn firmware(row: &Row) -> Result<Firmware> {
    let package: Vec<u8> = get(row, 1)?;
    Ok(Firmware {
        name: get(row, 0)?,
        package: PackageId(package.try_into().map_err(|_| unavailable("a package id has 16 bytes"))?),
        product: get(row, 2)?,
        least_version: number(row, 3)?,
        least_services: number(row, 4)?,
        wrapped_key: get(row, 5)?,
    })
}

fn quota(row: &Row) -> Result<Quota> {
    Ok(Quota {
        firmware: get(row, 0)?,
        site: get(row, 1)?,
        granted: get(row, 2)?,
        issued: get(row, 3)?,
        expires: get(row, 4)?,
        closed: get(row, 5)?,
    })
}

fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry { seq: get(row, 0)?, event: get(row, 1)?, hash: get(row, 2)? })
}

impl Store for Postgres {
    async fn begin(&mut self) -> Result<Head> {
        self.client.batch_execute("BEGIN").await.map_err(unavailable)?;
        self.many("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        let last = self.one("SELECT seq, event, hash FROM audit ORDER BY seq DESC LIMIT 1", &[]).await?;
        head(last.as_ref().map(entry).transpose()?)
    }

    async fn commit(&mut self) -> Result<()> {
        self.client.batch_execute("COMMIT").await.map_err(unavailable)
    }

    async fn rollback(&mut self) -> Result<()> {
        self.client.batch_execute("ROLLBACK").await.map_err(unavailable)
    }

    async fn ping(&mut self) -> Result<()> {
        self.many("SELECT 1", &[]).await.map(|_| ())
    }

    async fn firmware(&mut self, name: &str) -> Result<Option<Firmware>> {
        self.one(FIRMWARE, &[&name]).await?.as_ref().map(firmware).transpose()
    }

    async fn firmwares(&mut self) -> Result<Vec<Firmware>> {
        let sql = "SELECT name, package, product, least_version, least_services, wrapped_key FROM firmware ORDER BY name";
        self.many(sql, &[]).await?.iter().map(firmware).collect()
    }

    async fn add_firmware(&mut self, it: &Firmware) -> Result<()> {
        self.change(
            "INSERT INTO firmware (name, package, product, least_version, least_services, wrapped_key)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &it.name,
                &it.package.0.as_slice(),
                &it.product,
                &i64::from(it.least_version),
                &i64::from(it.least_services),
                &it.wrapped_key,
            ],
        )
        .await?;
        Ok(())
    }

    async fn has_licences(&mut self, firmware: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM licence WHERE firmware = $1 LIMIT 1";
        Ok(self.one(sql, &[&firmware]).await?.is_some())
    }

    async fn remove_firmware(&mut self, firmware: &str) -> Result<()> {
        self.change("DELETE FROM quota WHERE firmware = $1", &[&firmware]).await?;
        self.change("DELETE FROM firmware WHERE name = $1", &[&firmware]).await?;
        Ok(())
    }

    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>> {
        self.one(QUOTA, &[&firmware, &site]).await?.as_ref().map(quota).transpose()
    }

    async fn quotas(&mut self) -> Result<Vec<Quota>> {
        let sql =
            "SELECT firmware, site, granted, issued, expires, closed FROM quota ORDER BY firmware, site";
        self.many(sql, &[]).await?.iter().map(quota).collect()
    }

    async fn add_quota(&mut self, it: &Quota) -> Result<()> {
        self.change(
            "INSERT INTO quota (firmware, site, granted, issued, expires, closed) VALUES ($1, $2, $3, $4, $5, $6)",
            &[&it.firmware, &it.site, &it.granted, &it.issued, &it.expires, &it.closed],
        )
        .await?;
        Ok(())
    }

    async fn change_quota(&mut self, it: &Quota) -> Result<()> {
        self.change(
            "UPDATE quota SET granted = $3, closed = $4 WHERE firmware = $1 AND site = $2",
            &[&it.firmware, &it.site, &it.granted, &it.closed],
        )
        .await?;
        Ok(())
    }

    async fn look(&mut self, asked: &Asked<'_>) -> Result<Facts> {
        // All on the line at once: one way there and back, not six.
        let (station, device) = (Revocable::Station.name(), Revocable::Device.name());
        let by_station: Params<'_> = &[&station, &asked.station];
        let by_device: Params<'_> = &[&device, &asked.device];
        let by_name: Params<'_> = &[&asked.firmware];
        let by_id: Params<'_> = &[&asked.id];
        let by_both: Params<'_> = &[&asked.firmware, &asked.device];
        let by_site: Params<'_> = &[&asked.firmware, &asked.site];
        let (station, device, found, noted, issued, left) = tokio::try_join!(
            self.one(REVOKED, by_station),
            self.one(REVOKED, by_device),
            self.one(FIRMWARE, by_name),
            self.one("SELECT firmware, device FROM request WHERE id = $1", by_id),
            self.one("SELECT serial, licence FROM licence WHERE firmware = $1 AND device = $2", by_both),
            self.one(QUOTA, by_site),
        )?;
        Ok(Facts {
            station_revoked: station.is_some(),
            device_revoked: device.is_some(),
            firmware: found.as_ref().map(firmware).transpose()?,
            noted: noted.map(|row| Ok((get(&row, 0)?, get(&row, 1)?))).transpose()?,
            issued: issued
                .map(|row| Ok(Issued { serial: get(&row, 0)?, licence: get(&row, 1)? }))
                .transpose()?,
            quota: left.as_ref().map(quota).transpose()?,
        })
    }

    async fn give(&mut self, asked: &Asked<'_>, licence: &[u8], time: Time) -> Result<i64> {
        let insert = "INSERT INTO licence (firmware, site, device, licence, time) VALUES ($1, $2, $3, $4, $5) RETURNING serial";
        let count = "UPDATE quota SET issued = issued + 1 WHERE firmware = $1 AND site = $2";
        let content: Params<'_> = &[&asked.firmware, &asked.site, &asked.device, &licence, &time];
        let quota: Params<'_> = &[&asked.firmware, &asked.site];
        let ((), row, _) =
            tokio::try_join!(self.noted(asked), self.one(insert, content), self.change(count, quota))?;
        get(&row.ok_or_else(|| unavailable("the database gave no serial number"))?, 0)
    }

    async fn note(&mut self, asked: &Asked<'_>) -> Result<()> {
        self.noted(asked).await
    }

    async fn is_revoked(&mut self, what: Revocable, id: &str) -> Result<bool> {
        Ok(self.one(REVOKED, &[&what.name(), &id]).await?.is_some())
    }

    async fn revoke(&mut self, what: Revocable, id: &str, time: Time) -> Result<()> {
        let sql = "INSERT INTO revoked (what, id, time) VALUES ($1, $2, $3)";
        self.change(sql, &[&what.name(), &id, &time]).await?;
        Ok(())
    }

    async fn append(&mut self, it: &Entry) -> Result<()> {
        let sql = "INSERT INTO audit (seq, event, hash) VALUES ($1, $2, $3)";
        self.change(sql, &[&it.seq, &it.event, &it.hash]).await?;
        Ok(())
    }

    async fn entries(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        let sql = "SELECT seq, event, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
        self.many(sql, &[&after, &limit]).await?.iter().map(entry).collect()
    }
}
