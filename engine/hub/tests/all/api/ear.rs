//! A node that keeps every packet that it is sent, and what positions mean in time.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use unisono_core::{
    clock::{Estimator, Prober},
    leadership::Judge,
    session::{NodeAction, NodeConfig, NodeSession},
    time::{Nanos, NodeClock},
    timeline::Timeline,
    units::{FramePosition, SampleRate},
    wire::{
        control::{Codec, Format, Room},
        ids::RoomIndex,
    },
};
use unisono_household::{node_store::NodeStore, token::JoinToken};
use unisono_transport::{Endpoint, Expect, Identity, Options, clock};

use crate::api::hub::Hub;

/// What a room was sent.
#[derive(Default)]
pub(crate) struct Heard {
    format: Option<Format>,
    timeline: Option<Timeline>,
    packets: BTreeMap<FramePosition, Vec<f32>>,
}

/// The room's end.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    /// A room that takes lossless packets joins a hub.
    pub(crate) fn join(hub: &Hub, room: &str, codec: Codec) -> Self {
        let ear = Self::default();
        let (token, folder) = (hub.token(), hub.folder.path().join(room));
        let offer = Room {
            index: RoomIndex(0),
            name: room.into(),
            output: "an ear".into(),
            latency: Nanos::from_millis(20),
            term: None,
        };
        let config = NodeConfig {
            name: room.into(),
            household: None,
            members_version: 0,
            join: Some(*token.secret()),
            codecs: vec![codec],
            rooms: vec![offer],
        };
        hub.spawn(listen(NodeStore::open(&folder).unwrap(), token, config, ear.clone()));
        hub.wait(|hub| hub.room(room)["online"] == true);
        ear
    }

    /// All that was sent, from the first packet on, without a frame missing; interleaved, with its position.
    pub(crate) fn sound(&self) -> (u64, Vec<f32>) {
        let heard = self.0.lock().unwrap();
        let begin = heard.packets.keys().next().map_or(0, |position| position.0);
        let (mut next, mut sound) = (begin, Vec::new());
        for (position, samples) in &heard.packets {
            assert_eq!(position.0, next, "frames are missing");
            next += (samples.len() / 2) as u64;
            sound.extend_from_slice(samples);
        }
        (begin, sound)
    }

    /// What was to be heard since it has joined, one after the other, up to the last packet; interleaved.
    pub(crate) fn heard(&self) -> Vec<f32> {
        let heard = self.0.lock().unwrap();
        let (Some(timeline), mut sound) = (&heard.timeline, Vec::new()) else { return Vec::new() };
        for segment in timeline.segments() {
            let Some(play) = segment.anchor.play else { continue };
            let end = segment.next.map(|next| timeline.phase_within(&segment.anchor, next.at).advanced_by(0.5).frame());
            let (begin, end) = (play.position.0, end.map_or(u64::MAX, |end| end.0));
            for (position, samples) in &heard.packets {
                let from = usize::try_from(begin.saturating_sub(position.0)).unwrap() * 2;
                let to = usize::try_from(end.saturating_sub(position.0)).unwrap_or(usize::MAX).saturating_mul(2);
                sound.extend_from_slice(samples.get(from..to.min(samples.len())).unwrap_or_default());
            }
        }
        sound
    }

    /// How many times nothing was to be heard, and then something again, since it has joined.
    pub(crate) fn gaps(&self) -> usize {
        let heard = self.0.lock().unwrap();
        let anchors = heard.timeline.iter().flat_map(Timeline::iter);
        anchors.filter(|anchor| anchor.play.is_none()).count()
    }
}

async fn listen(store: NodeStore, token: JoinToken, config: NodeConfig, ear: Ear) {
    let identity = Identity::from_pkcs8(store.key().pkcs8()).unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = Endpoint::bind(here, &identity, &Options::new([0; 64])).unwrap();
    let connection = endpoint.connect(token.addresses()[0], Expect::Key(token.hub())).await.unwrap();
    let (control, mut messages) = connection.control().await.unwrap();
    let mut session = NodeSession::new(config, Estimator::new(), Nanos::from_millis(20));
    let (mut judges, mut decoder, mut channel, mut prober) = ([Judge::default()], None, None, None::<Prober>);
    loop {
        while let Some(action) = session.poll_action() {
            match action {
                NodeAction::Control(bytes) => control.send(bytes).await.unwrap(),
                NodeAction::Datagram(bytes) => drop(connection.send_datagram(bytes)),
                NodeAction::Welcomed(welcome) => {
                    channel = Some(connection.clock::<NodeClock>(welcome.clock_tag).unwrap());
                    prober = Some(Prober::new(welcome.clock_tag, 1));
                }
                NodeAction::Start { format, timeline, .. } => {
                    decoder = Some(unisono_codec::decoder(&format).unwrap());
                    let mut heard = ear.0.lock().unwrap();
                    (heard.format, heard.timeline) = (Some(format), Some(timeline));
                    heard.packets.clear();
                }
                NodeAction::Timeline { timeline, .. } => ear.0.lock().unwrap().timeline = Some(timeline),
                NodeAction::Packet { position, payload, .. } => {
                    let mut heard = ear.0.lock().unwrap();
                    let (Some(decoder), Some(format)) = (&mut decoder, &heard.format) else { continue };
                    let mut samples = vec![0.0; format.packet_frames as usize * usize::from(format.channels)];
                    decoder.decode(&payload, &mut samples).unwrap();
                    heard.packets.insert(position, samples);
                }
                _ => {}
            }
        }
        if let (Some(prober), Some(channel), Some(pace)) = (&mut prober, &channel, session.pace(clock::now()))
            && let Some((probe, token)) = prober.poll_transmit(clock::now(), pace)
            && let Ok(at) = channel.send(&probe.encode())
        {
            session.handle_clock_sent(token, at);
        }
        let due =
            session.poll_timeout().map_or(Nanos::from_millis(10), |at| at - clock::now()).min(Nanos::from_millis(10));
        tokio::select! {
            message = messages.recv() => {
                let Ok(Some(frame)) = message else { return };
                session.handle_frame(clock::now(), &frame, &mut judges);
            }
            datagram = connection.read_datagram() => {
                let Ok(datagram) = datagram else { return };
                session.handle_datagram(clock::now(), &datagram);
            }
            packet = async { channel.as_mut().unwrap().recv().await }, if channel.is_some() => {
                let Ok(packet) = packet else { return };
                session.handle_clock(&unisono_core::wire::clock::Report::parse(&packet.fields).unwrap(), packet.at);
            }
            () = tokio::time::sleep(due.max(Nanos::from_millis(1)).to_duration()) => {
                session.handle_timeout(clock::now());
            }
        }
    }
}

/// The rate of every stream.
pub(crate) const RATE: SampleRate = SampleRate::HZ_48000;
