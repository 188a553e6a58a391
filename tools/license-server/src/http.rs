//! The server: HTTP/1.1 with JSON over mutual TLS; health and metrics without, on an address of their own.
//!
//! `POST /v1/licenses`, `{"certificate": base64 of 136 bytes, "firmware": name, "package": 32 hexadecimal digits,
//! "request": UUID}`; 200 `{"license": base64, "serial": n, "again": bool}`, or `{"code": "IR-6002", "message": …}` with a
//! status by the code's kind. Who asks is in the client's certificate, not in the request.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::BASE64;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ironroot_codes::{Code, install, licence as codes};
use ironroot_crypto::{P256PublicKey, Software};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::ask::Asked;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::model::{Decision, Request, Station};
use crate::queue::Queue;

/// A request is less than 1 KB.
const BODY: usize = 4096;
/// Connections at a time.
const CONNECTIONS: usize = 1024;
/// How long a handshake, the header of a request, or its body may take: a slow peer costs a connection, not the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a station that is not admitted may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long an idle connection is kept, and a shutdown waits.
const DRAIN: Duration = Duration::from_secs(15);
/// How long the end waits for a probe.
const STATUS_DRAIN: Duration = Duration::from_secs(1);

/// Certificates and key of the server, PEM, and the authority of the stations.
pub struct Tls<'a> {
    /// The server's certificate chain.
    pub certificate: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
    /// The authority that station certificates must chain to.
    pub stations: &'a [u8],
}

/// What the server serves with.
#[derive(Clone)]
pub struct Service {
    /// The way to the writer.
    pub queue: Queue,
    /// The makers' keys that device certificates must be signed with.
    pub makers: Arc<[P256PublicKey]>,
    /// The counters.
    pub metrics: Metrics,
}

/// The TLS side of the server.
///
/// # Errors
/// `SERVER_START`: a file is not PEM, or key and certificate do not belong together.
pub fn tls(files: &Tls<'_>) -> Result<TlsAcceptor> {
    let failed =
        |what: &str, e: &dyn std::fmt::Display| Error::new(codes::SERVER_START, format!("{what}: {e}"));
    let chain = |pem, what| {
        CertificateDer::pem_slice_iter(pem)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| failed(what, &e))
    };
    let mut roots = RootCertStore::empty();
    for certificate in chain(files.stations, "the authority of the stations")? {
        roots.add(certificate).map_err(|e| failed("the authority of the stations", &e))?;
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|e| failed("the authority of the stations", &e))?;
    let key = PrivateKeyDer::from_pem_slice(files.key).map_err(|e| failed("the server's key", &e))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed("TLS", &e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(files.certificate, "the server's certificate")?, key)
        .map_err(|e| failed("the server's certificate", &e))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The longest name in a certificate, in characters (RFC 5280, upper bounds of O and CN).
const MAX_NAME: usize = 64;

/// Who a certificate names; `None` if it has no site or no name, or one that is too long.
pub fn station(certificate: &[u8]) -> Option<Station> {
    use ironroot_crypto::Crypto;

    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let subject = parsed.subject();
    let site = subject.iter_organization().next()?.as_str().ok()?.to_owned();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let id = data_encoding::HEXLOWER.encode(&Software.sha256_of(certificate));
    let named = |text: &str| (1..=MAX_NAME).contains(&text.chars().count());
    (named(&site) && named(&name)).then_some(Station { site, name, id })
}

/// Serves until `stop` ends, then lets requests that have begun end.
pub async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    service: Service,
    stop: impl Future<Output = ()>,
) {
    let router = Router::new().route("/v1/licenses", post(license)).with_state(service.clone());
    let metrics = service.metrics;
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    tokio::pin!(stop);
    loop {
        // With all slots taken the end must still be heard.
        let slot = tokio::select! {
            Ok(slot) = Arc::clone(&slots).acquire_owned() => slot,
            () = &mut stop => break,
        };
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: others may end soon.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let (tls, router, builder) = (tls.clone(), router.clone(), builder.clone());
        let (watcher, metrics) = (graceful.watcher(), metrics.clone());
        tokio::spawn(async move {
            let _slot = slot;
            if let Some((stream, station)) = handshake(socket, peer, &tls, &metrics).await {
                let service = TowerToHyperService::new(router.layer(Extension(Arc::new(station))));
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
            }
        });
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open at the end of the shutdown");
    }
}

type Stream = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(
    socket: TcpStream,
    peer: SocketAddr,
    tls: &TlsAcceptor,
    metrics: &Metrics,
) -> Option<(Stream, Option<Station>)> {
    let _ = socket.set_nodelay(true);
    match timeout(PATIENCE, tls.accept(socket).into_fallible()).await {
        Ok(Ok(stream)) => {
            metrics.handshake("admitted");
            let station = stream.get_ref().1.peer_certificates()?.first().and_then(|leaf| station(leaf));
            Some((stream, station))
        }
        Ok(Err((error, socket))) => {
            metrics.handshake("refused");
            tracing::warn!(%peer, %error, "a station was not admitted");
            let _ = timeout(FAREWELL, farewell(socket)).await;
            None
        }
        Err(_) => {
            metrics.handshake("timeout");
            tracing::warn!(%peer, "a handshake took too long");
            None
        }
    }
}

/// Ends a connection whose handshake failed, so that the reason arrives: a station sends its request together with its
/// certificate, and closing over bytes that were not read resets the connection and drops the alert on its way.
async fn farewell(mut socket: TcpStream) {
    let _ = socket.shutdown().await;
    let mut unread = [0; BODY];
    while let Ok(1..) = socket.read(&mut unread).await {}
}

/// Serves health and metrics: for probes and Prometheus, which have no certificate. Ends soon after `stop`, also with a peer
/// that never finishes its request.
pub async fn serve_status(listener: TcpListener, service: Service, stop: tokio::sync::watch::Receiver<bool>) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(service);
    let drained = async {
        ended(stop.clone()).await;
        tokio::time::sleep(STATUS_DRAIN).await;
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(ended(stop.clone()));
    tokio::select! {
        outcome = serving.into_future() => if let Err(error) = outcome {
            tracing::error!(%error, "the status address failed");
        },
        () = drained => {}
    }
}

async fn ended(mut stop: tokio::sync::watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn ready(State(service): State<Service>) -> Response {
    match service.queue.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn metrics(State(service): State<Service>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(axum::http::header::CONTENT_TYPE, kind)], service.metrics.text()).into_response()
}

#[derive(Serialize)]
struct Answer {
    license: String,
    serial: i64,
    again: bool,
}

#[derive(Serialize)]
struct Refusal {
    code: String,
    message: String,
}

fn refusal(code: Code) -> Response {
    let message = code.entry().map_or("", |entry| entry.summary).to_owned();
    (status(code), Json(Refusal { code: code.to_string(), message })).into_response()
}

/// The HTTP status of a code.
fn status(code: Code) -> StatusCode {
    match code {
        codes::REQUEST_MALFORMED | install::CERTIFICATE_MALFORMED => StatusCode::BAD_REQUEST,
        codes::FIRMWARE_UNKNOWN => StatusCode::NOT_FOUND,
        codes::REQUEST_REUSED => StatusCode::CONFLICT,
        codes::STORE_UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        codes::VAULT_KEY => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FORBIDDEN,
    }
}

async fn license(
    State(service): State<Service>,
    Extension(station): Extension<Arc<Option<Station>>>,
    request: axum::extract::Request,
) -> Response {
    let began = Instant::now();
    // A body that drips in holds one of the connections, and at the end the whole server.
    let body = match timeout(PATIENCE, axum::body::to_bytes(request.into_body(), BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return unread(&service, StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return unread(&service, StatusCode::REQUEST_TIMEOUT),
    };
    let outcome = decide(&service, station.as_ref().as_ref(), &body).await;
    let (outcome, response) = match outcome {
        Ok(Decision::Given { issued, again }) => {
            let license = BASE64.encode(&issued.licence);
            let answer = Json(Answer { license, serial: issued.serial, again });
            (if again { "reissued".to_owned() } else { "issued".to_owned() }, answer.into_response())
        }
        Ok(Decision::Refused(code)) => (code.to_string(), refusal(code)),
        Err(error) => {
            tracing::warn!(code = %error.code, cause = %error.cause, "a request was not decided");
            (error.code.to_string(), refusal(error.code))
        }
    };
    let took = began.elapsed();
    service.metrics.decision(&outcome, took);
    if let Some(station) = station.as_ref() {
        tracing::info!(
            site = station.site,
            station = station.name,
            outcome,
            ms = took.as_millis() as u64,
            "decided"
        );
    }
    response
}

/// The answer to a request that was not read to its end.
fn unread(service: &Service, status: StatusCode) -> Response {
    let code = codes::REQUEST_MALFORMED;
    tracing::warn!(%code, %status, "a request was not read");
    service.metrics.decision(&code.to_string(), Duration::ZERO);
    let mut response = refusal(code);
    *response.status_mut() = status;
    response
}

async fn decide(service: &Service, station: Option<&Station>, body: &[u8]) -> Result<Decision> {
    let Some(station) = station else {
        return Err(Error::new(codes::STATION_UNKNOWN, "the client's certificate names no site"));
    };
    let asked = Asked::parse(body)?;
    // Here and not in the writer: the most expensive check, and it needs nothing of the store.
    let genuine = service.makers.iter().any(|maker| asked.certificate.verify(maker, &mut Software).is_ok());
    if !genuine {
        return Err(Error::new(install::CERTIFICATE_SIGNATURE, "the device's certificate"));
    }
    let request = Request {
        id: asked.request,
        station: station.clone(),
        certificate: asked.certificate,
        firmware: asked.firmware,
        package: asked.package,
    };
    service.queue.decide(request).await
}

/// Ends at SIGTERM or SIGINT.
///
/// # Errors
/// `SERVER_START`: the signals cannot be waited for.
pub fn signal() -> Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let failed = |e| Error::new(codes::SERVER_START, e);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(poll_fn(move |context| match (terminate.poll_recv(context), interrupt.poll_recv(context)) {
        (std::task::Poll::Pending, std::task::Poll::Pending) => std::task::Poll::Pending,
        _ => std::task::Poll::Ready(()),
    }))
}
