//! The tables, once for both databases: only the words for a counted key and for bytes differ.

/// Version of the tables.
pub const VERSION: i64 = 1;

/// The statements that make the tables. `{serial}` and `{bytes}` are the database's own words.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS ironroot_schema (version BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS firmware (
    name TEXT PRIMARY KEY, package {bytes} NOT NULL, product TEXT NOT NULL,
    least_version BIGINT NOT NULL, least_services BIGINT NOT NULL, wrapped_key {bytes} NOT NULL);
CREATE TABLE IF NOT EXISTS quota (
    firmware TEXT NOT NULL REFERENCES firmware (name), site TEXT NOT NULL,
    granted BIGINT NOT NULL, issued BIGINT NOT NULL, expires BIGINT, closed BOOLEAN NOT NULL,
    PRIMARY KEY (firmware, site),
    CHECK (issued >= 0 AND issued <= granted));
CREATE TABLE IF NOT EXISTS licence (
    serial {serial}, firmware TEXT NOT NULL REFERENCES firmware (name), site TEXT NOT NULL,
    device TEXT NOT NULL, licence {bytes} NOT NULL, time BIGINT NOT NULL,
    UNIQUE (firmware, device));
CREATE TABLE IF NOT EXISTS request (
    id TEXT PRIMARY KEY, firmware TEXT NOT NULL, device TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS revoked (
    what TEXT NOT NULL, id TEXT NOT NULL, time BIGINT NOT NULL, PRIMARY KEY (what, id));
CREATE TABLE IF NOT EXISTS audit (
    seq BIGINT PRIMARY KEY, event TEXT NOT NULL, hash TEXT NOT NULL);
";

/// The tables in a database's own words.
pub fn tables(serial: &str, bytes: &str) -> String {
    TABLES.replace("{serial}", serial).replace("{bytes}", bytes)
}
