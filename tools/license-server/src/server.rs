//! The whole server from its arguments: what `license-server` and `ironroot license serve` run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ironroot_codes::licence as codes;
use ironroot_crypto::P256PublicKey;
use p256::pkcs8::{DecodePublicKey, EncodePublicKey};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::http::{self, Service, Tls};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::store::Location;
use crate::vault::Vault;

/// How long the end waits for the last transaction.
const LAST_COMMIT: Duration = Duration::from_secs(10);

/// The arguments of the server.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Address and port for stations; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Address and port for health and metrics, without TLS
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    pub status: SocketAddr,
    /// Where licences, quotas and the audit log are: a file (SQLite) or postgres://…
    #[arg(long, value_name = "FILE|URL", default_value = "licenses.sqlite")]
    pub store: Location,
    /// The server's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: PathBuf,
    /// The server's private key, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: PathBuf,
    /// The authority that certificates of stations must come from, PEM
    #[arg(long, value_name = "FILE")]
    pub station_authority: PathBuf,
    /// Public key of a maker that signs device certificates, PEM; may be repeated
    #[arg(long = "maker", value_name = "FILE", required = true)]
    pub makers: Vec<PathBuf>,
}

/// Reads a file; the error names it.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|e| Error::new(codes::SERVER_START, format!("{}: {e}", path.display())))
}

/// A maker's public key: PEM, P-256.
pub fn maker(path: &Path) -> Result<P256PublicKey> {
    let failed =
        |e: &dyn std::fmt::Display| Error::new(codes::SERVER_START, format!("{}: {e}", path.display()));
    let pem = read(path)?;
    let text = std::str::from_utf8(&pem).map_err(|e| failed(&e))?;
    let key = p256::PublicKey::from_public_key_pem(text).map_err(|e| failed(&e))?;
    let der = key.to_public_key_der().map_err(|e| failed(&e))?;
    P256PublicKey::from_spki_der(der.as_bytes()).map_err(|e| failed(&e))
}

/// Where the server listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// For stations.
    pub stations: SocketAddr,
    /// For health and metrics.
    pub status: SocketAddr,
}

/// Serves until SIGTERM or SIGINT; `listening` is told once, when stations can connect.
///
/// # Errors
/// `SERVER_START` with what is wrong; `STORE_UNAVAILABLE` or `STORE_SCHEMA` if the store cannot be opened at the start.
pub fn run(arguments: &Arguments, vault: Vault, listening: impl FnOnce(Listening)) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::new(codes::SERVER_START, e);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| failed(&e))?;
    runtime.block_on(async {
        let tls = http::tls(&Tls {
            certificate: &read(&arguments.tls_certificate)?,
            key: &read(&arguments.tls_key)?,
            stations: &read(&arguments.station_authority)?,
        })?;
        let makers = arguments.makers.iter().map(|path| maker(path)).collect::<Result<Vec<_>>>()?;
        let bind = async |address: SocketAddr| {
            let listener = TcpListener::bind(address).await.map_err(|e| failed(&format!("{address}: {e}")))?;
            let local = listener.local_addr().map_err(|e| failed(&e))?;
            Ok::<_, Error>((listener, local))
        };
        let (stations, stations_address) = bind(arguments.listen).await?;
        let (status, status_address) = bind(arguments.status).await?;
        let metrics = Metrics::default();
        let (queue, written) = Queue::start(arguments.store.clone(), vault, metrics.clone())?;
        queue.ping().await?;
        let service = Service { queue, makers: makers.into(), metrics };
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let status = tokio::spawn(http::serve_status(status, service.clone(), stopped));
        let signal = http::signal()?;
        listening(Listening { stations: stations_address, status: status_address });
        tracing::info!(stations = %stations_address, status = %status_address, store = %arguments.store, "listening");
        http::serve(stations, tls, service, signal).await;
        tracing::info!("stopping");
        let _ = stop.send(true);
        let _ = status.await;
        // The last way to the writer is gone: it ends when everything that was queued is committed. A connection that outlived
        // the end of its time keeps a way open, and nobody waits for it.
        if tokio::time::timeout(LAST_COMMIT, written).await.is_err() {
            tracing::warn!("the writer had not ended");
        }
        Ok(())
    })
}

/// Starts logging to standard error: JSON, by RUST_LOG, `info` if it is not set. For a process that is a server.
pub fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call, in a test, leaves the first one's logger.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
