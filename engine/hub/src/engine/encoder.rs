//! The thread that reads a group's source and encodes it, once for each rendition, half a second ahead.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use tracing::{error, warn};
use unisono_codec::{Encode, Step};
use unisono_core::{
    units::{FramePosition, SampleRate},
    wire::ids::StreamId,
};
use unisono_media::{Damage, Source};

use super::EngineHandle;
use crate::house::{GroupId, RenditionPlan};

/// Frames read at once: every packet length divides it.
const BLOCK: usize = 960;

/// Blocks encoded ahead, half a second: a disk may take that long to answer.
const AHEAD: usize = 25;

/// Once it is so far ahead the thread sleeps until only so many blocks are left: to be woken for each costs more than to
/// encode it.
const REFILL: usize = 17;

/// What comes only as it is made is read no further ahead than this: it would be heard so much later.
const LIVE_AHEAD: usize = 3;

enum Order {
    Cue { run: u32, position: FramePosition, source_frame: u64, source: Option<Box<dyn Source>> },
    Add(RenditionPlan),
    Remove(StreamId),
}

/// Packets that wait to be sent.
#[derive(Default)]
struct Shelf {
    packets: HashMap<StreamId, VecDeque<(FramePosition, Bytes)>>,
    /// What the engine wants; what a thread that has not heard of it yet still encodes is not taken.
    run: u32,
    /// Where the next block begins.
    encoded_to: FramePosition,
    /// Where the packet that was taken last began.
    taken_to: FramePosition,
    /// What is read comes only as it is made.
    is_live: bool,
    /// There are orders.
    ordered: bool,
    closed: bool,
}

impl Shelf {
    /// Whether so many blocks are ready, or more.
    fn holds(&self, blocks: usize) -> bool {
        self.encoded_to.0 >= self.taken_to.0 + (blocks * BLOCK) as u64
    }

    /// Whether as much is ready as is to be.
    fn is_full(&self) -> bool {
        self.holds(if self.is_live { LIVE_AHEAD } else { AHEAD })
    }

    /// Whether it need not be filled yet.
    fn is_rich(&self) -> bool {
        self.holds(if self.is_live { LIVE_AHEAD } else { REFILL })
    }
}

struct Shared {
    shelf: Mutex<Shelf>,
    /// Something was taken, or there are orders.
    moved: Condvar,
}

/// The engine's end. Dropping it ends the thread.
pub(super) struct Encoder {
    orders: Sender<Order>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Encoder {
    pub(super) fn start(group: GroupId, rate: SampleRate, channels: u8, engine: EngineHandle) -> io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let shared = Arc::new(Shared { shelf: Mutex::default(), moved: Condvar::new() });
        let thread = Thread {
            group,
            rate,
            channels,
            engine,
            orders: ordered,
            shared: Arc::clone(&shared),
            source: None,
            told: None,
            title: None,
            trouble: None,
            renditions: Vec::new(),
            recent: VecDeque::new(),
            run: 0,
            position: FramePosition(0),
            ended: true,
        };
        let thread = thread::Builder::new().name("encode".into()).spawn(move || thread.run())?;
        Ok(Self { orders, shared, thread: Some(thread) })
    }

    /// Reads from a frame of the source on, which is heard as the stream's `position`.
    pub(super) fn cue(&self, run: u32, position: FramePosition, source_frame: u64, source: Option<Box<dyn Source>>) {
        {
            let mut shelf = self.shared.lock();
            shelf.packets.values_mut().for_each(VecDeque::clear);
            (shelf.run, shelf.encoded_to, shelf.taken_to) = (run, position, position);
        }
        self.order(Order::Cue { run, position, source_frame, source });
    }

    /// Encodes to one more rendition, what was read ahead included.
    pub(super) fn add(&self, plan: RenditionPlan) {
        self.order(Order::Add(plan));
    }

    /// Encodes to a rendition no longer.
    pub(super) fn remove(&self, stream: StreamId) {
        self.order(Order::Remove(stream));
    }

    /// The packet at a position; `None` when it is not ready, which is the source's fault.
    pub(super) fn take(&self, stream: StreamId, position: FramePosition) -> Option<Bytes> {
        let mut shelf = self.shared.lock();
        shelf.taken_to = shelf.taken_to.max(position);
        let packets = shelf.packets.get_mut(&stream)?;
        while packets.front().is_some_and(|(at, _)| *at < position) {
            packets.pop_front();
        }
        let found = packets.front().is_some_and(|(at, _)| *at == position);
        let packet = if found { packets.pop_front() } else { None };
        if !shelf.is_rich() {
            self.shared.moved.notify_one();
        }
        packet.map(|(_, bytes)| bytes)
    }

    fn order(&self, order: Order) {
        // A thread that has ended has said why.
        let _ = self.orders.send(order);
        self.shared.lock().ordered = true;
        self.shared.moved.notify_one();
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.moved.notify_one();
        // It may be waiting for a disk; it ends by itself.
        drop(self.thread.take());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Rendition {
    plan: RenditionPlan,
    encoder: Box<dyn Encode>,
}

struct Thread {
    group: GroupId,
    rate: SampleRate,
    channels: u8,
    engine: EngineHandle,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    source: Option<Box<dyn Source>>,
    /// The damage of the source that the engine knows of.
    told: Option<Damage>,
    /// Its title and its trouble that the engine knows of, where they change.
    title: Option<String>,
    trouble: Option<String>,
    renditions: Vec<Rendition>,
    /// What was read ahead and may not have been sent, for a rendition that comes late.
    recent: VecDeque<(FramePosition, Vec<f32>)>,
    run: u32,
    position: FramePosition,
    ended: bool,
}

impl Thread {
    fn run(mut self) {
        while self.wait() {
            loop {
                match self.orders.try_recv() {
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            if !self.ended {
                self.encode_block();
            }
        }
    }

    /// Waits for something to do; says whether to go on.
    fn wait(&self) -> bool {
        let mut shelf = self.shared.lock();
        if self.ended || shelf.is_full() {
            let idle = |shelf: &mut Shelf| !shelf.closed && !shelf.ordered && (self.ended || shelf.is_rich());
            shelf = self.shared.moved.wait_while(shelf, idle).unwrap_or_else(PoisonError::into_inner);
        }
        shelf.ordered = false;
        !shelf.closed
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Cue { run, position, source_frame, source } => {
                if let Some(source) = source {
                    self.shared.lock().is_live = source.is_live();
                    self.source = Some(source);
                    (self.told, self.title, self.trouble) = (None, None, None);
                }
                self.run = run;
                self.position = position;
                self.recent.clear();
                self.ended = false;
                self.renditions.iter_mut().for_each(|rendition| rendition.encoder.reset());
                if let Some(Err(reason)) = self.source.as_mut().map(|source| source.seek(source_frame)) {
                    self.fail(&reason.to_string());
                }
            }
            Order::Add(plan) => self.add(plan),
            Order::Remove(stream) => {
                self.renditions.retain(|rendition| rendition.plan.stream != stream);
                self.shared.lock().packets.remove(&stream);
            }
        }
    }

    fn add(&mut self, plan: RenditionPlan) {
        let step = Step { codec: plan.format.codec, bit_rate: plan.format.bit_rate };
        let encoder = unisono_codec::encoder(step, self.rate, self.channels, plan.format.packet_frames);
        let mut rendition = match encoder {
            Ok(encoder) => Rendition { plan, encoder },
            Err(error) => return error!("{} cannot be encoded: {error}", plan.format.codec),
        };
        for (position, samples) in &self.recent {
            encode(&mut rendition, self.run, *position, samples, &self.shared);
        }
        self.renditions.push(rendition);
    }

    fn encode_block(&mut self) {
        let channels = usize::from(self.channels);
        let mut samples = vec![0.0; BLOCK * channels];
        let mut filled = 0;
        while filled < BLOCK {
            let Some(source) = &mut self.source else { break };
            match source.read(&mut samples[filled * channels..]) {
                Ok(0) => break,
                Ok(frames) => filled += frames,
                Err(reason) => {
                    self.fail(&reason.to_string());
                    break;
                }
            }
        }
        self.tell_damage();
        self.tell_title();
        self.tell_trouble();
        if filled < BLOCK && !self.ended {
            self.end(FramePosition(self.position.0 + filled as u64));
        }
        self.push(samples);
        if self.ended {
            // Silence behind the end pushes out what codecs have looked ahead to.
            self.push(vec![0.0; BLOCK * channels]);
        }
    }

    fn push(&mut self, samples: Vec<f32>) {
        for rendition in &mut self.renditions {
            encode(rendition, self.run, self.position, &samples, &self.shared);
        }
        if self.recent.len() > AHEAD {
            self.recent.pop_front();
        }
        self.recent.push_back((self.position, samples));
        self.position.0 += BLOCK as u64;
        let mut shelf = self.shared.lock();
        if shelf.run == self.run {
            shelf.encoded_to = self.position;
        }
    }

    fn end(&mut self, position: FramePosition) {
        self.ended = true;
        let (group, run) = (self.group, self.run);
        self.engine.tell(move |engine, _| engine.source_ended(group, run, position));
    }

    /// Says where the source is damaged, once.
    fn tell_damage(&mut self) {
        let damage = self.source.as_ref().and_then(|source| source.damage());
        if let Some(damage) = damage.filter(|_| damage != self.told) {
            self.told = Some(damage);
            let (group, run) = (self.group, self.run);
            self.engine.tell(move |engine, _| engine.source_damaged(group, run, damage));
        }
    }

    /// Says what is heard by now, where a source says that.
    fn tell_title(&mut self) {
        let title = self.source.as_ref().and_then(|source| source.title_now());
        if title.is_some() && title != self.title.as_deref() {
            self.title = title.map(Into::into);
            let (group, run, title) = (self.group, self.run, self.title.clone().unwrap_or_default());
            self.engine.tell(move |engine, _| engine.house().retitle(group, run, title));
        }
    }

    /// Says why a source is silent, and when it is so no longer.
    fn tell_trouble(&mut self) {
        let trouble = self.source.as_ref().and_then(|source| source.trouble());
        if trouble != self.trouble.as_deref() {
            self.trouble = trouble.map(Into::into);
            let (group, run, trouble) = (self.group, self.run, self.trouble.clone());
            self.engine.tell(move |engine, _| match trouble {
                Some(trouble) => engine.house().warn(group, run, trouble),
                None => engine.house().all_is_well(group, run),
            });
        }
    }

    fn fail(&mut self, reason: &str) {
        warn!("group {} stops: {reason}", self.group);
        self.ended = true;
        let (group, run, reason) = (self.group, self.run, reason.to_owned());
        self.engine.tell(move |engine, now| {
            engine.house().warn(group, run, reason);
            engine.house().handle_failure(now, group, run);
        });
    }
}

/// Encodes one block and puts its packets on the shelf.
fn encode(rendition: &mut Rendition, run: u32, position: FramePosition, samples: &[f32], shared: &Shared) {
    let frames = usize::try_from(rendition.plan.format.packet_frames).unwrap_or(BLOCK);
    let channels = usize::from(rendition.plan.format.channels);
    for (i, packet) in samples.chunks_exact(frames * channels).enumerate() {
        match rendition.encoder.encode(packet) {
            Ok(bytes) => {
                let at = FramePosition(position.0 + (i * frames) as u64);
                let mut shelf = shared.lock();
                if shelf.run == run {
                    shelf.packets.entry(rendition.plan.stream).or_default().push_back((at, bytes));
                }
            }
            Err(error) => error!("a packet of {} is lost: {error}", rendition.plan.format.codec),
        }
    }
}
