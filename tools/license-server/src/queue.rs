//! The one writer: requests wait in a queue, and as many as wait are decided in one transaction.
//!
//! A commit costs a flush of the disk, whatever is in it. Under load many requests share one; alone, a request waits for
//! nobody. The answers leave after the commit, all of them.

use std::sync::Arc;
use std::time::Duration;

use ironroot_codes::licence as codes;
use tokio::sync::{mpsc, oneshot};

use crate::decide::decide;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::model::{Decision, Request, now};
use crate::prepare::{Prepared, Sealer};
use crate::store::{AnyStore, Location, Open, Store};
use crate::vault::Vault;

/// Requests that may wait; more are turned away at once, which a station can repeat.
const WAITING: usize = 1024;
/// Requests in one transaction.
const BATCH: usize = 64;
/// How long a transaction may take, more than the database allows a statement: one behind a cut line answers nothing, not even an error.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long to wait before the next try to reach the database.
const RECONNECT: Duration = Duration::from_millis(100);

enum Job {
    Decide(Box<(Request, Option<Prepared>)>, oneshot::Sender<Result<Decision>>),
    Ping(oneshot::Sender<Result<()>>),
}

/// The way to the writer. Clones lead to the same one; it ends when all are gone.
#[derive(Clone)]
pub struct Queue {
    jobs: mpsc::Sender<Job>,
    sealer: Arc<Sealer>,
}

impl Queue {
    /// Starts the writer in a thread of its own. `done` ends when everything that was queued is answered and the last
    /// [`Queue`] is gone.
    pub fn start(
        location: Location,
        vault: Vault,
        metrics: Metrics,
    ) -> Result<(Self, oneshot::Receiver<()>)> {
        let (jobs, receiver) = mpsc::channel(WAITING);
        let (done, ended) = oneshot::channel();
        let sealer = Arc::new(Sealer::new(&vault));
        let writers = Arc::clone(&sealer);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new(codes::SERVER_START, e))?;
        let thread = std::thread::Builder::new().name("writer".into());
        thread
            .spawn(move || {
                runtime.block_on(write(receiver, &location, (&vault, &writers), &metrics));
                let _ = done.send(());
            })
            .map_err(|e| Error::new(codes::SERVER_START, e))?;
        Ok((Self { jobs, sealer }, ended))
    }

    /// Has a request decided; the answer comes after its commit.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`: not decided, or nobody knows; the same request may be repeated.
    pub async fn decide(&self, request: Request) -> Result<Decision> {
        let (answer, decision) = oneshot::channel();
        let prepared = self.sealer.prepare(&request);
        let job = Job::Decide(Box::new((request, prepared)), answer);
        self.jobs.try_send(job).map_err(|_| overloaded())?;
        decision.await.map_err(|_| overloaded())?
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn ping(&self) -> Result<()> {
        let (answer, outcome) = oneshot::channel();
        self.jobs.try_send(Job::Ping(answer)).map_err(|_| overloaded())?;
        outcome.await.map_err(|_| overloaded())?
    }
}

fn overloaded() -> Error {
    Error::new(codes::STORE_UNAVAILABLE, "too many requests wait")
}

async fn write(
    mut jobs: mpsc::Receiver<Job>,
    location: &Location,
    secrets: (&Vault, &Sealer),
    metrics: &Metrics,
) {
    let mut store: Option<AnyStore> = None;
    // A store that vanishes under a running server is not replaced by an empty one.
    let mut open = Open::OrMake;
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        let mut requests = Vec::with_capacity(batch.len());
        let mut answers = Vec::with_capacity(batch.len());
        let mut pings = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Decide(request, answer) => {
                    requests.push(*request);
                    answers.push(answer);
                }
                Job::Ping(answer) => pings.push(answer),
            }
        }
        metrics.batch(requests.len());
        let outcome = tokio::time::timeout(PATIENCE, async {
            let store = match &mut store {
                Some(store) => store,
                none => none.insert(AnyStore::open(location, open).await?),
            };
            if requests.is_empty() {
                store.ping().await?;
            }
            open = Open::Existing;
            decide_all(store, secrets, requests).await
        })
        .await
        .unwrap_or_else(|_| Err(Error::new(codes::STORE_UNAVAILABLE, "the database does not answer")));
        match outcome {
            Ok(decisions) => {
                for (answer, decision) in answers.into_iter().zip(decisions) {
                    // A station that has gone away gets the same licence when it asks again.
                    let _ = answer.send(decision);
                }
                for answer in pings {
                    let _ = answer.send(Ok(()));
                }
            }
            Err(error) => {
                // The next batch begins with a new connection: whether this one still works nobody knows.
                store = None;
                metrics.store_error();
                tracing::error!(code = %error.code, cause = %error.cause, "the store failed");
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
                for answer in pings {
                    let _ = answer.send(Err(error.clone()));
                }
                tokio::time::sleep(RECONNECT).await;
            }
        }
    }
}

/// Decides all in one transaction. An error of the store is everybody's; one of the vault only of the request that met it.
async fn decide_all(
    store: &mut AnyStore,
    secrets: (&Vault, &Sealer),
    requests: Vec<(Request, Option<Prepared>)>,
) -> Result<Vec<Result<Decision>>> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let mut head = store.begin().await?;
    let mut decisions = Vec::with_capacity(requests.len());
    for (request, prepared) in requests {
        match decide(store, secrets, (&request, prepared), now(), &mut head).await {
            Ok(decision) => decisions.push(Ok(decision)),
            Err(error) if error.code == codes::STORE_UNAVAILABLE => return Err(error),
            // Nothing was written for it: the vault is asked before the first change that counts.
            Err(error) => decisions.push(Err(error)),
        }
    }
    store.commit().await?;
    Ok(decisions)
}
