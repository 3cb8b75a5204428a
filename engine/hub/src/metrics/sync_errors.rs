//! The histogram of sync errors. It is counted where reports come in; here is what Prometheus reads of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus::{
    core::{Collector, Desc},
    proto,
};
use unisono_api::metrics::evidence_name;

use crate::house::SyncErrors;

const NAME: &str = "unisono_sync_error_abs_seconds";

const HELP: &str = "How far from its group a room was, without the sign, each time that its node has said so: about once a \
                    second while it plays, and on the same evidence as unisono_sync_error_seconds.";

/// The histogram of each room that there is.
#[derive(Clone, Debug)]
pub(super) struct SyncErrorHistogram {
    desc: Desc,
    rooms: Arc<Mutex<Vec<(String, SyncErrors)>>>,
}

impl SyncErrorHistogram {
    pub(super) fn new() -> Self {
        let labels = ["evidence", "room"].map(String::from).into();
        let desc = Desc::new(NAME.into(), HELP.into(), labels, HashMap::new()).expect("the name is valid");
        Self { desc, rooms: Arc::default() }
    }

    /// What is to be read next: every room's, and no other room's any more.
    pub(super) fn set(&self, rooms: Vec<(String, SyncErrors)>) {
        *self.rooms.lock().unwrap_or_else(PoisonError::into_inner) = rooms;
    }
}

impl Collector for SyncErrorHistogram {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics: Vec<_> = rooms.iter().flat_map(|(room, errors)| series(room, errors)).collect();
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = proto::MetricFamily::default();
        family.set_name(NAME.into());
        family.set_help(HELP.into());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

fn series(room: &str, errors: &SyncErrors) -> Vec<proto::Metric> {
    let named = errors.iter().filter_map(|(evidence, counts)| Some((evidence_name(evidence)?, counts)));
    let series = named.map(|(evidence, counts)| {
        let mut histogram = proto::Histogram::default();
        histogram.set_sample_count(counts.count);
        histogram.set_sample_sum(counts.sum_s());
        let buckets = counts.cumulative().map(|(bound, count)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        let mut metric = proto::Metric::from_label(vec![label("evidence", evidence), label("room", room)]);
        metric.set_histogram(histogram);
        metric
    });
    series.collect()
}

fn label(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.into());
    pair.set_value(value.into());
    pair
}
