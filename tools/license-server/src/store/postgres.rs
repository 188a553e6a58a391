//! The store in PostgreSQL: for several servers at a time.
//!
//! A transaction takes an advisory lock before it reads the end of the audit log: servers decide one after the other, and
//! each many requests in one transaction.

use std::collections::HashMap;
use std::time::Duration;

use ironroot_codes::licence as codes;
use ironroot_sfi::PackageId;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::sqlite::head;
use super::{Store, schema, unavailable};
use crate::audit::{Entry, Head};
use crate::error::{Error, Result};
use crate::model::{Firmware, Issued, Quota, Revocable, Time};

/// How long to wait for the server to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The lock under which decisions are made: any number that nobody else in the database uses.
const LOCK: i64 = 0x4952_4F4E_524F_4F54;
/// How long a statement or the lock may take.
const LIMITS: &str = "SET statement_timeout = '20s'; SET lock_timeout = '20s'; SET synchronous_commit = on";

/// An open connection.
pub struct Postgres {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Postgres {
    /// Connects, and makes the tables if there are none. Must be called inside a tokio runtime, which drives the
    /// connection from then on.
    pub async fn connect(text: &str) -> Result<Self> {
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
        let version: i64 = row.get(0);
        if version != schema::VERSION {
            return Err(Error::new(codes::STORE_SCHEMA, format!("its version is {version}")));
        }
        Ok(Self { client, prepared: HashMap::new() })
    }

    async fn statement(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(unavailable)?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }

    async fn many(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, params).await.map_err(unavailable)
    }

    async fn one(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        Ok(self.many(sql, params).await?.into_iter().next())
    }

    async fn change(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, params).await.map_err(unavailable)
    }
}

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
        let sql = "SELECT name, package, product, least_version, least_services, wrapped_key FROM firmware WHERE name = $1";
        self.one(sql, &[&name]).await?.as_ref().map(firmware).transpose()
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

    async fn quota(&mut self, firmware: &str, site: &str) -> Result<Option<Quota>> {
        let sql = "SELECT firmware, site, granted, issued, expires, closed FROM quota WHERE firmware = $1 AND site = $2";
        self.one(sql, &[&firmware, &site]).await?.as_ref().map(quota).transpose()
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

    async fn licence(&mut self, firmware: &str, device: &str) -> Result<Option<Issued>> {
        let sql = "SELECT serial, licence FROM licence WHERE firmware = $1 AND device = $2";
        let row = self.one(sql, &[&firmware, &device]).await?;
        row.map(|row| Ok(Issued { serial: get(&row, 0)?, licence: get(&row, 1)? })).transpose()
    }

    async fn add_licence(
        &mut self,
        firmware: &str,
        site: &str,
        device: &str,
        licence: &[u8],
        time: Time,
    ) -> Result<i64> {
        let sql = "INSERT INTO licence (firmware, site, device, licence, time) VALUES ($1, $2, $3, $4, $5) RETURNING serial";
        let row = self.one(sql, &[&firmware, &site, &device, &licence, &time]).await?;
        let row = row.ok_or_else(|| unavailable("the database gave no serial number"))?;
        self.change(
            "UPDATE quota SET issued = issued + 1 WHERE firmware = $1 AND site = $2",
            &[&firmware, &site],
        )
        .await?;
        get(&row, 0)
    }

    async fn note_request(&mut self, id: &str, firmware: &str, device: &str) -> Result<bool> {
        let known = self.one("SELECT firmware, device FROM request WHERE id = $1", &[&id]).await?;
        if let Some(row) = known {
            return Ok(get::<String>(&row, 0)? == firmware && get::<String>(&row, 1)? == device);
        }
        let sql = "INSERT INTO request (id, firmware, device) VALUES ($1, $2, $3)";
        self.change(sql, &[&id, &firmware, &device]).await?;
        Ok(true)
    }

    async fn is_revoked(&mut self, what: Revocable, id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM revoked WHERE what = $1 AND id = $2";
        Ok(self.one(sql, &[&what.name(), &id]).await?.is_some())
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
