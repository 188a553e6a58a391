//! What Prometheus may know: counts and times, no names of devices.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

type Labels = [(&'static str, String); 1];

/// The counters of one server. Clones count into the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    decisions: Family<Labels, Counter>,
    seconds: Histogram,
    batches: Histogram,
    store_errors: Counter,
    handshakes: Family<Labels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("ironroot_license");
        let decisions = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.001, 2.0, 14));
        let batches = Histogram::new(exponential_buckets(1.0, 2.0, 8));
        let store_errors = Counter::default();
        let handshakes = Family::default();
        registry.register("decisions", "Decisions by outcome", Family::clone(&decisions));
        registry.register("request_seconds", "Time from request to answer", seconds.clone());
        registry.register("batch_requests", "Requests in one transaction", batches.clone());
        registry.register("store_errors", "Transactions that failed", store_errors.clone());
        registry.register("handshakes", "TLS handshakes of stations by outcome", Family::clone(&handshakes));
        Self { registry: Arc::new(registry), decisions, seconds, batches, store_errors, handshakes }
    }
}

impl Metrics {
    /// Counts a decision: `issued`, `reissued` or the code of a refusal.
    pub fn decision(&self, outcome: &str, took: Duration) {
        self.decisions.get_or_create(&[("outcome", outcome.to_owned())]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a transaction.
    pub fn batch(&self, requests: usize) {
        self.batches.observe(requests as f64);
    }

    /// Counts a transaction that failed.
    pub fn store_error(&self) {
        self.store_errors.inc();
    }

    /// Counts a handshake: `admitted`, `refused` or `timeout`.
    pub fn handshake(&self, outcome: &'static str) {
        self.handshakes.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    /// The text for Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
