//! One room: a node's whole session, without decoder and converter.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};
use unisono_core::{
    clock::{Estimator, Prober},
    leadership::Judge,
    session::{NodeAction, NodeConfig, NodeSession},
    time::{HubClock, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    wire::{
        clock::Report as ClockPacket,
        control::{Codec, Evidence, Message, Room as RoomOffer, RoomReport, RoomState, StreamStart},
        frame::Frame,
        ids::{RoomIndex, StreamId},
        media::MediaHeader,
    },
};
use unisono_household::{keys::SecretKey, token::JoinToken};
use unisono_transport::{ClockChannel, Connection, ControlSender, Endpoint, Error, Expect, Identity, Options, clock};

/// As a real node has it, with nothing behind its converter.
const GIVE_UP: Nanos = Nanos::from_millis(50);

/// As a real node has it.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Sessions look for gaps every 5 ms, and send probes when it is time. Four times less often, the generator carries
/// twice as many; a request for repair or a probe comes so much later at most.
const LOOK_INTERVAL: Nanos = Nanos::from_millis(20);

/// With nothing due the session looks around so often.
const LONGEST_LOOK: Nanos = Nanos::from_millis(100);

/// What all rooms share.
#[derive(Debug)]
pub struct Shared {
    /// How to come in.
    pub token: JoinToken,
    /// The share of packets that are thrown away.
    pub loss: f64,
    /// Everything random comes from here.
    pub seed: u64,
    /// Rooms that the hub has let in.
    pub admitted: AtomicUsize,
    /// Whether what arrives counts.
    pub measuring: AtomicBool,
}

/// What one room has seen while it counted.
#[derive(Debug, Default)]
pub struct Seen {
    /// How much later than planned each packet came, in seconds.
    pub lateness: Vec<f64>,
    /// Packets that were asked for again and came.
    pub repaired: u64,
    /// Clock packets that came.
    pub clock_packets: u64,
    /// Times its connection broke.
    pub broken: u64,
}

/// What plays, as far as a packet's plan needs it.
struct Playing {
    stream: StreamId,
    lead: Nanos,
    timeline: Timeline,
}

/// One room.
pub struct Room {
    number: usize,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    random: fastrand::Rng,
    judges: [Judge; 1],
    playing: Option<Playing>,
    clock: Option<ClockChannel<NodeClock>>,
    prober: Option<Prober>,
    admitted: bool,
    /// What it has seen.
    pub seen: Seen,
}

impl Room {
    /// A machine of its own, with a key and a port of its own. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When it cannot have a port.
    pub fn new(number: usize, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let key = SecretKey::generate()?;
        let options = Options { connect_timeout: Duration::from_secs(10), ..Options::new([0; 64]) };
        let endpoint =
            Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &Identity::from_pkcs8(key.pkcs8())?, &options)?;
        let random = fastrand::Rng::with_seed(shared.seed ^ number as u64);
        Ok(Self {
            number,
            shared,
            endpoint,
            random,
            judges: [Judge::default()],
            playing: None,
            clock: None,
            prober: None,
            admitted: false,
            seen: Seen::default(),
        })
    }

    /// Plays for as long as it is polled. Connects again whenever its connection ends.
    pub async fn play(&mut self) {
        loop {
            // Why does not matter: that it did is counted.
            let _ = self.connect().await;
            (self.playing, self.clock, self.prober) = (None, None, None);
            if self.admitted {
                self.seen.broken += 1;
            }
            sleep(Duration::from_millis(self.random.u64(100..500))).await;
        }
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let address = *self.shared.token.addresses().first().context("the token holds no address")?;
        let connection = self.endpoint.connect(address, Expect::Key(self.shared.token.hub())).await?;
        let mut session = NodeSession::new(self.greeting(), Estimator::new(), GIVE_UP);
        let (control, mut messages) = connection.control().await?;
        let mut report_at = Instant::now() + REPORT_INTERVAL.mul_f64(self.random.f64());
        let mut looked: Timestamp<NodeClock> = clock::now();
        let (timer, mut armed) = (sleep(Duration::ZERO), None);
        tokio::pin!(timer);
        loop {
            self.act(&mut session, &connection, &control)?;
            // A timer costs as much as a packet: it is only set anew when it has run out.
            if armed.is_none() {
                let pace = session.pace(clock::now());
                let probe_at =
                    self.prober.as_ref().zip(pace).map(|(prober, pace)| prober.poll_timeout(pace).unwrap_or(looked));
                let due = session.poll_timeout().into_iter().chain(probe_at).min();
                let due = due.map_or(looked + LONGEST_LOOK, |at| at.max(looked + LOOK_INTERVAL));
                let at = Instant::now() + (due - clock::now()).to_duration();
                timer.as_mut().reset(*armed.insert(at.min(report_at)));
            }
            tokio::select! {
                message = messages.recv() => {
                    let frame = message?.context("the hub has ended the control stream")?;
                    self.overhear(&frame);
                    session.handle_frame(clock::now(), &frame, &mut self.judges);
                },
                datagram = connection.read_datagram() => {
                    let datagram = datagram?;
                    self.note(&datagram);
                    if self.random.f64() >= self.shared.loss {
                        session.handle_datagram(clock::now(), &datagram);
                    }
                },
                packet = receive(&mut self.clock) => {
                    let packet = packet?;
                    self.seen.clock_packets += u64::from(self.shared.measuring.load(Relaxed));
                    session.handle_clock(&ClockPacket::parse(&packet.fields)?, packet.at);
                },
                () = &mut timer => {
                    (armed, looked) = (None, clock::now());
                    session.handle_timeout(looked);
                    self.probe(&mut session);
                    if report_at <= Instant::now() {
                        report_at += REPORT_INTERVAL;
                        let report = self.report();
                        session.report(looked, vec![report], Vec::new(), Vec::new(), Vec::new());
                    }
                }
            }
        }
    }

    fn act(
        &mut self,
        session: &mut NodeSession,
        connection: &Connection,
        control: &ControlSender,
    ) -> anyhow::Result<()> {
        while let Some(action) = session.poll_action() {
            match action {
                NodeAction::Control(bytes) => control.try_send(bytes)?,
                NodeAction::Datagram(bytes) => {
                    connection.send_datagram(bytes)?;
                }
                NodeAction::Welcomed(welcome) => {
                    self.clock = Some(connection.clock(welcome.clock_tag)?);
                    self.prober = Some(Prober::new(welcome.clock_tag, self.random.u64(..)));
                    if !self.admitted {
                        self.shared.admitted.fetch_add(1, Relaxed);
                    }
                    self.admitted = true;
                }
                NodeAction::Timeline { stream, timeline } => {
                    if let Some(playing) = self.playing.as_mut().filter(|playing| playing.stream == stream) {
                        playing.timeline = timeline;
                    }
                }
                NodeAction::Close(refuse) => bail!("the hub refuses: {}", refuse.text),
                _ => {}
            }
        }
        Ok(())
    }

    fn probe(&mut self, session: &mut NodeSession) {
        let now = clock::now();
        let (Some(clock), Some(prober), Some(pace)) = (&self.clock, &mut self.prober, session.pace(now)) else {
            return;
        };
        if let Some((probe, token)) = prober.poll_transmit(now, pace)
            && let Ok(at) = clock.send(&probe.encode())
        {
            session.handle_clock_sent(token, at);
        }
    }

    /// Remembers by how much packets of a stream are to be sent ahead.
    fn overhear(&mut self, frame: &Frame) {
        if let Ok(Some(Message::StreamStart(StreamStart { stream, format, lead, anchors, .. }))) =
            Message::from_frame(frame)
            && let Ok(rate) = format.validate()
        {
            let mut timeline = Timeline::new(rate);
            anchors.iter().for_each(|anchor| timeline.insert(*anchor));
            self.playing = Some(Playing { stream, lead, timeline });
        }
    }

    /// Takes down how late a packet is. On one machine the node's clock and the hub's are the same.
    fn note(&mut self, datagram: &[u8]) {
        if !self.shared.measuring.load(Relaxed) {
            return;
        }
        let (Ok((header, _)), Some(playing)) = (MediaHeader::parse(datagram), &self.playing) else { return };
        if header.repair {
            self.seen.repaired += 1;
        } else if let Some(heard) = playing.timeline.instant_of(header.position) {
            let late = clock::now::<HubClock>() - (heard - playing.lead);
            self.seen.lateness.push(late.as_secs_f64());
        }
    }

    fn greeting(&self) -> NodeConfig {
        let room = RoomOffer {
            index: RoomIndex(0),
            name: format!("room {}", self.number),
            output: "nothing".into(),
            latency: GIVE_UP,
            term: self.judges[0].highest(),
        };
        NodeConfig {
            name: format!("node {}", self.number),
            household: None,
            members_version: 0,
            join: Some(*self.shared.token.secret()),
            codecs: vec![Codec::Opus],
            rooms: vec![room],
        }
    }

    fn report(&self) -> RoomReport {
        RoomReport {
            room: RoomIndex(0),
            state: if self.playing.is_some() { RoomState::Playing } else { RoomState::Idle },
            stream: self.playing.as_ref().map(|playing| playing.stream),
            output: "nothing".into(),
            sync_error: Nanos::ZERO,
            evidence: Evidence::Nothing,
            uncertainty: Nanos::ZERO,
            buffered: Nanos::ZERO,
            dac_drift_ppb: 0,
            received: 0,
            lost: 0,
            repaired: 0,
            late: 0,
            concealed_frames: 0,
            underruns: 0,
            resyncs: 0,
        }
    }
}

/// The next clock packet; waits for ever until there is a channel.
async fn receive(clock: &mut Option<ClockChannel<NodeClock>>) -> Result<unisono_transport::Received<NodeClock>, Error> {
    match clock {
        Some(clock) => clock.recv().await,
        None => std::future::pending().await,
    }
}
