//! From what is known to one number.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{Latency, Part, Prior, Remembered, Source, Stage, queue::Queue};
use crate::a2dp::SbcConfig;

/// What most speakers are near, and how far they are from it (100 to 250 ms with SBC).
const DEFAULT: Prior = Prior { value: Nanos::from_millis(150), uncertainty: Nanos::from_millis(100) };

/// How far reports are off that were compared with a microphone.
const REPORT_UNCERTAINTY: Nanos = Nanos::from_millis(30);

/// The same for one of an earlier connection: a speaker fills its buffer anew each time.
const REMEMBERED_UNCERTAINTY: Nanos = Nanos::from_millis(40);

/// No speaker takes longer, or nobody would watch a film with it.
const MOST: Nanos = Nanos::from_secs(1);
const BOUNDED_UNCERTAINTY: Nanos = Nanos::from_millis(500);

/// What a packet of the usual size needs on the radio when nothing has to be repeated: up to 3.75 ms, half of which
/// waits for its turn on average. Traces of real speakers have 0 to 22 ms, mostly about 3.
const RADIO: Prior = Prior { value: Nanos::from_millis(2), uncertainty: Nanos::from_millis(3) };

/// What the adapter's own account may be off by: of a packet that it takes in pieces, it is that of the first.
const STAMP_UNCERTAINTY: Nanos = Nanos::from_millis(1);

/// The latency of one stream. Make one for each connection, for a speaker's buffer is not what it was.
#[derive(Clone, Debug)]
pub struct LatencyModel {
    packet: Nanos,
    codec: Nanos,
    prior: Option<Prior>,
    remembered: Option<Nanos>,
    /// What the speaker has reported: never zero.
    report: Option<Nanos>,
    trim: Nanos,
    queue: Queue,
    /// What the adapter says, as long as it does.
    completion: Option<Queue>,
}

impl LatencyModel {
    /// For a stream of packets of this length.
    pub fn new(config: &SbcConfig, packet: Nanos) -> Self {
        let codec = config.rate.duration_of(config.delay());
        let (queue, trim) = (Queue::default(), Nanos::ZERO);
        Self { packet, codec, prior: None, remembered: None, report: None, trim, queue, completion: None }
    }

    /// What is known of speakers of this model.
    pub fn set_prior(&mut self, prior: Option<Prior>) {
        self.prior = prior;
    }

    /// What is known of this speaker, connected in this way, from before: its report, until it makes another, and its
    /// trim.
    pub fn set_remembered(&mut self, remembered: Remembered) {
        self.remembered = remembered.report.filter(|report| *report > Nanos::ZERO);
        self.trim = remembered.trim;
    }

    /// What is added by hand: positive when the speaker is heard too late.
    pub fn set_trim(&mut self, trim: Nanos) {
        self.trim = trim;
    }

    /// The speaker's delay report, as `BlueZ` tells it now. None, and one of zero, say nothing yet, and take nothing
    /// back: `BlueZ` 5.83 forgets a report while a stream is suspended.
    pub fn handle_report(&mut self, report: Option<Nanos>) {
        if let Some(report) = report.filter(|report| *report > Nanos::ZERO) {
            self.report = Some(report);
        }
    }

    /// So much sound waited in the socket at that time ([`crate::a2dp::Counters::queue`]).
    pub fn handle_queue(&mut self, now: Timestamp<NodeClock>, waiting: Nanos) {
        self.queue.observe(now, waiting);
    }

    /// A packet took so long until the adapter had sent it, by its own account at that time
    /// ([`crate::a2dp::Counters::link`]); or nobody says any more.
    pub fn handle_completion(&mut self, now: Timestamp<NodeClock>, took: Option<Nanos>) {
        match took {
            Some(took) => self.completion.get_or_insert_with(|| Queue::resting_at(RADIO.value)).observe(now, took),
            None => self.completion = None,
        }
    }

    /// The latency and its parts.
    pub fn latency(&self) -> Latency {
        let exact = Nanos::ZERO;
        let (link, by) = self.link();
        let (speaker, source) = self.speaker();
        let part = |stage, value, uncertainty, source| Part { stage, value, uncertainty, source };
        let parts = vec![
            part(Stage::Packet, self.packet, exact, Source::Computed),
            part(Stage::Codec, self.codec, exact, Source::Computed),
            part(Stage::Link, link.value, link.uncertainty, by),
            part(Stage::Speaker, speaker.value, speaker.uncertainty, source),
            part(Stage::Trim, self.trim, exact, Source::Setting),
        ];
        let total = parts.iter().fold(Nanos::ZERO, |total, part| total + part.value);
        // The parts know nothing of each other, so their errors add up as squares.
        let squares: f64 = parts.iter().map(|part| part.uncertainty.as_secs_f64().powi(2)).sum();
        Latency { total, uncertainty: Nanos::from_secs_f64(squares.sqrt()), parts }
    }

    /// The same number without its parts; nothing is allocated.
    pub fn total(&self) -> Nanos {
        self.packet + self.codec + self.link().0.value + self.speaker().0.value + self.trim
    }

    /// What to remember of it.
    pub fn remembered(&self) -> Remembered {
        Remembered { report: self.report.or(self.remembered), trim: self.trim }
    }

    fn link(&self) -> (Prior, Source) {
        match &self.completion {
            Some(took) => {
                let uncertainty = STAMP_UNCERTAINTY + took.off();
                (Prior { value: took.value(), uncertainty }, Source::Completion)
            }
            None => {
                let uncertainty = RADIO.uncertainty + self.queue.uncertainty();
                (Prior { value: RADIO.value + self.queue.value(), uncertainty }, Source::Socket)
            }
        }
    }

    fn speaker(&self) -> (Prior, Source) {
        let believed = |value: Nanos, uncertainty, source| {
            if value <= MOST {
                (Prior { value, uncertainty }, source)
            } else {
                (Prior { value: MOST, uncertainty: BOUNDED_UNCERTAINTY }, Source::ReportBounded)
            }
        };
        match (self.report, self.remembered, self.prior) {
            (Some(report), _, _) => believed(report, REPORT_UNCERTAINTY, Source::Report),
            (None, Some(report), _) => believed(report, REMEMBERED_UNCERTAINTY, Source::Remembered),
            (None, None, Some(prior)) => (prior, Source::Table),
            (None, None, None) => (DEFAULT, Source::Default),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Nanos = Nanos::new(13_333_333);
    const CODEC: Nanos = Nanos::new(1_520_833);

    fn model() -> LatencyModel {
        LatencyModel::new(&SbcConfig::from_bytes([0x11, 0x15, 2, 51]).unwrap(), PACKET)
    }

    fn millis(millis: i64) -> Nanos {
        Nanos::from_millis(millis)
    }

    fn speaker(model: &LatencyModel) -> (Nanos, Nanos, Source) {
        let latency = model.latency();
        let part = latency.parts.iter().find(|part| part.stage == Stage::Speaker).unwrap();
        (part.value, part.uncertainty, part.source)
    }

    #[test]
    fn the_total_is_the_sum_of_parts_that_each_say_where_they_come_from() {
        let mut model = model();
        model.handle_report(Some(millis(196)));
        model.set_trim(millis(-7));
        let latency = model.latency();
        assert_eq!(latency.parts.iter().map(|part| part.stage).collect::<Vec<_>>(), Stage::ALL);
        let values: Vec<_> = latency.parts.iter().map(|part| part.value).collect();
        assert_eq!(values, [PACKET, CODEC, millis(2), millis(196), millis(-7)]);
        assert_eq!(latency.total, PACKET + CODEC + millis(191));
        assert_eq!(model.total(), latency.total);
        assert!((millis(30)..millis(31)).contains(&latency.uncertainty), "{}", latency.uncertainty);
    }

    #[test]
    fn what_the_speaker_says_goes_before_what_is_remembered_before_the_table_before_a_guess() {
        let mut model = model();
        assert_eq!(speaker(&model), (millis(150), millis(100), Source::Default));
        model.set_prior(Some(Prior { value: millis(182), uncertainty: millis(60) }));
        assert_eq!(speaker(&model), (millis(182), millis(60), Source::Table));
        model.set_remembered(Remembered { report: Some(millis(190)), trim: millis(4) });
        assert_eq!(speaker(&model), (millis(190), millis(40), Source::Remembered));
        assert_eq!(model.remembered(), Remembered { report: Some(millis(190)), trim: millis(4) });
        model.handle_report(Some(millis(196)));
        assert_eq!(speaker(&model), (millis(196), millis(30), Source::Report));
        assert_eq!(model.remembered(), Remembered { report: Some(millis(196)), trim: millis(4) });
    }

    #[test]
    fn a_report_may_be_missing_zero_late_or_change_and_a_change_counts_at_once() {
        let mut model = model();
        model.handle_report(None);
        model.handle_report(Some(Nanos::ZERO));
        assert_eq!(speaker(&model).2, Source::Default);
        model.handle_report(Some(millis(196)));
        let before = model.total();
        model.handle_report(Some(millis(182)));
        assert_eq!(model.total(), before - millis(14));
        model.handle_report(Some(Nanos::ZERO));
        model.handle_report(None);
        assert_eq!(model.total(), before - millis(14), "it is not taken back");
    }

    #[test]
    fn what_cannot_be_is_bounded_and_named() {
        let mut model = model();
        for wild in [Nanos::new(1_000_000_001), millis(6_553), Nanos::MAX] {
            model.handle_report(Some(wild));
            assert_eq!(speaker(&model), (millis(1_000), millis(500), Source::ReportBounded));
        }
        model.handle_report(Some(-millis(5)));
        model.set_remembered(Remembered { report: Some(-millis(5)), trim: Nanos::MAX });
        assert_eq!(model.latency().total, Nanos::MAX);
    }

    #[test]
    fn a_queue_that_stays_is_in_the_link() {
        let mut model = model();
        let idle = model.total();
        for turn in 0..1_200 {
            model.handle_queue(Timestamp::from_nanos(turn * 13_333_333), millis(27));
        }
        assert!((model.total() - idle - millis(27)).abs() < millis(4), "{}", model.total() - idle);
        let link = model.latency().parts[2];
        assert_eq!((link.stage, link.source), (Stage::Link, Source::Socket));
        assert!(link.uncertainty > RADIO.uncertainty);
    }

    #[test]
    fn what_the_adapter_says_of_its_packets_goes_before_what_the_socket_holds_for_as_long_as_it_says_it() {
        let mut model = model();
        let link = |model: &LatencyModel| {
            let part = model.latency().parts[2];
            (part.value, part.source)
        };
        let run = |model: &mut LatencyModel, from: i64, took: Option<i64>| {
            for turn in 0..100 {
                let now = Timestamp::from_nanos((from * 10 + turn) * 100_000_000);
                model.handle_queue(now, millis(27));
                model.handle_completion(now, took.map(millis));
            }
        };
        model.handle_completion(Timestamp::from_nanos(0), Some(millis(3)));
        assert_eq!(link(&model), (RADIO.value, Source::Completion), "one packet alone moves nothing");
        run(&mut model, 0, Some(3));
        assert_eq!(link(&model), (RADIO.value, Source::Completion), "the queue counts no more");
        let before = model.total();
        run(&mut model, 10, Some(20));
        let (value, source) = link(&model);
        assert!((value - millis(20)).abs() <= millis(3) && source == Source::Completion, "{value}");
        assert_eq!(model.total() - before, value - RADIO.value);
        assert!(model.latency().parts[2].uncertainty <= millis(4));
        run(&mut model, 20, None);
        let (value, source) = link(&model);
        assert!((value - millis(29)).abs() <= millis(3) && source == Source::Socket, "{value}");
    }

    #[test]
    fn names_for_programs_are_one_word_each() {
        let json = serde_json::to_value(model().latency()).unwrap();
        for (part, stage) in json["parts"].as_array().unwrap().iter().zip(Stage::ALL) {
            assert_eq!(part["stage"], stage.name());
        }
        assert_eq!(json["parts"][3]["source"], "default");
        assert_eq!(json["total"], model().total().as_nanos());
    }
}
