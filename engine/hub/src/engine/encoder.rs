//! The thread that reads what a group plays and encodes it, once for each rendition, half a second ahead.
//!
//! It goes from one entry of the queue to the next by itself, once it was told which that is and has it open. What was
//! read too far can be taken back, as long as none of it was sent.

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
use unisono_media::{Chain, Damage, Piece, Source};

use super::{EngineHandle, figures::Silence};
use crate::house::{Cause, EntryId, GroupId, RenditionPlan};

/// Frames read at once: every packet length divides it.
const BLOCK: usize = 960;

/// Blocks encoded ahead, half a second: a disk may take that long to answer.
const AHEAD: usize = 25;

/// Once it is so far ahead the thread sleeps until only so many blocks are left: to be woken for each costs more than to
/// encode it.
const REFILL: usize = 17;

/// Sources that have been read and may still be heard: whoever pauses there goes on there.
const PASSED: usize = 3;

/// An encoder that goes on with other sound than it was given knows it after so many blocks.
const WARM_UP: usize = 4;

/// An entry that is open.
pub(super) type Opened = (EntryId, Box<dyn Source>);

/// What is to be read.
pub(super) struct Cue {
    pub(super) entry: EntryId,
    /// The frame of it.
    pub(super) source_frame: u64,
    /// `None` for one that was read before.
    pub(super) source: Option<Box<dyn Source>>,
}
/// What comes only as it is made is read no further ahead than this: it would be heard so much later.
const LIVE_AHEAD: usize = 3;

enum Order {
    Cue {
        run: u32,
        generation: u64,
        position: FramePosition,
        cue: Cue,
    },
    /// What is to follow, or nothing yet.
    Follow {
        run: u32,
        next: Option<Opened>,
    },
    /// What was read from a position on is void.
    TakeBack {
        run: u32,
        generation: u64,
        from: FramePosition,
    },
    /// Nothing follows.
    Finish {
        run: u32,
    },
    Add(RenditionPlan),
    Remove(StreamId),
}

/// Packets that wait to be sent.
#[derive(Default)]
struct Shelf {
    packets: HashMap<StreamId, VecDeque<(FramePosition, Bytes)>>,
    /// Another one whenever what was encoded is void; what a thread that has not heard of it yet still encodes is not
    /// taken.
    generation: u64,
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
    silence: Silence,
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
        let shared = Arc::new(Shared { silence: Silence::default(), shelf: Mutex::default(), moved: Condvar::new() });
        let thread = Thread {
            group,
            rate,
            channels,
            engine,
            orders: ordered,
            shared: Arc::clone(&shared),
            entry: EntryId::default(),
            chain: None,
            next: None,
            passed: VecDeque::new(),
            told: None,
            title: None,
            trouble: None,
            renditions: Vec::new(),
            recent: VecDeque::new(),
            partial: Vec::new(),
            run: 0,
            generation: 0,
            position: FramePosition(0),
            state: State::Ended,
        };
        let thread = thread::Builder::new().name("encode".into()).spawn(move || thread.run())?;
        Ok(Self { orders, shared, thread: Some(thread) })
    }

    /// Reads something, which is heard as the stream's `position`.
    pub(super) fn cue(&self, run: u32, position: FramePosition, cue: Cue) {
        let generation = {
            let mut shelf = self.shared.lock();
            shelf.packets.values_mut().for_each(VecDeque::clear);
            shelf.generation += 1;
            (shelf.encoded_to, shelf.taken_to) = (position, position);
            shelf.generation
        };
        self.order(Order::Cue { run, generation, position, cue });
    }

    /// Reads on with this once what is read now has come to its end; `None` when that is not known any more.
    pub(super) fn follow(&self, run: u32, next: Option<Opened>) {
        self.order(Order::Follow { run, next });
    }

    /// Forgets what was read from a position on.
    pub(super) fn take_back(&self, run: u32, from: FramePosition) {
        let generation = {
            let mut shelf = self.shared.lock();
            let block = block_of(from);
            for packets in shelf.packets.values_mut() {
                packets.retain(|(at, _)| *at < block);
            }
            shelf.generation += 1;
            shelf.encoded_to = shelf.encoded_to.min(block);
            shelf.generation
        };
        self.order(Order::TakeBack { run, generation, from });
    }

    /// Nothing comes behind what is read now.
    pub(super) fn finish(&self, run: u32) {
        self.order(Order::Finish { run });
    }

    /// Encodes to one more rendition, what was read ahead included.
    pub(super) fn add(&self, plan: RenditionPlan) {
        self.order(Order::Add(plan));
    }

    /// Encodes to a rendition no longer.
    pub(super) fn remove(&self, stream: StreamId) {
        self.order(Order::Remove(stream));
    }

    /// For how long its source has been silent.
    pub(super) fn silence(&self) -> &Silence {
        &self.shared.silence
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

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Read on.
    Reading,
    /// Wait for what follows: what there is has come to its end, which was said.
    Dry,
    /// Nothing.
    Ended,
}

struct Thread {
    group: GroupId,
    rate: SampleRate,
    channels: u8,
    engine: EngineHandle,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    /// What is read now.
    entry: EntryId,
    chain: Option<Chain>,
    /// What `chain` has behind that.
    next: Option<EntryId>,
    /// What was read before.
    passed: VecDeque<Opened>,
    /// The damage of the source that the engine knows of.
    told: Option<Damage>,
    /// Its title and its trouble that the engine knows of, where they change.
    title: Option<String>,
    trouble: Option<String>,
    renditions: Vec<Rendition>,
    /// What was read ahead and may not have been sent, for a rendition that comes late.
    recent: VecDeque<(FramePosition, Vec<f32>)>,
    /// The beginning of a block.
    partial: Vec<f32>,
    run: u32,
    generation: u64,
    /// Where the block begins that is read next.
    position: FramePosition,
    state: State,
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
            if self.state == State::Reading {
                self.encode_block();
            }
        }
    }

    /// Waits for something to do; says whether to go on.
    fn wait(&self) -> bool {
        let mut shelf = self.shared.lock();
        let rests = self.state != State::Reading;
        if rests || shelf.is_full() {
            let idle = |shelf: &mut Shelf| !shelf.closed && !shelf.ordered && (rests || shelf.is_rich());
            shelf = self.shared.moved.wait_while(shelf, idle).unwrap_or_else(PoisonError::into_inner);
        }
        shelf.ordered = false;
        !shelf.closed
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Cue { run, generation, position, cue } => {
                (self.run, self.generation, self.position) = (run, generation, position);
                self.shared.silence.begin();
                self.recent.clear();
                self.partial.clear();
                self.renditions.iter_mut().for_each(|rendition| rendition.encoder.reset());
                self.cue(cue);
            }
            Order::Follow { run, next } if run == self.run => self.follow(next),
            Order::TakeBack { run, generation, from } => {
                self.generation = generation;
                if run == self.run {
                    self.take_back(from);
                }
            }
            Order::Finish { run } if run == self.run && self.state != State::Ended => {
                if let Some(chain) = &mut self.chain {
                    chain.finish();
                    self.state = State::Reading;
                } else {
                    self.end();
                }
            }
            Order::Follow { .. } | Order::Finish { .. } => {}
            Order::Add(plan) => self.add(plan),
            Order::Remove(stream) => {
                self.renditions.retain(|rendition| rendition.plan.stream != stream);
                self.shared.lock().packets.remove(&stream);
            }
        }
    }

    /// Begins with an entry.
    fn cue(&mut self, Cue { entry, source_frame, source }: Cue) {
        let before = self.chain.take().map(Chain::into_current);
        self.passed.extend(before.map(|before| (self.entry, before)));
        let kept = self.passed.iter().rposition(|(known, _)| *known == entry);
        // One that was just opened stands at its beginning; some cannot be sought at all.
        let stands = source.is_some() && source_frame == 0;
        let source = source.or_else(|| self.passed.remove(kept?).map(|(_, source)| source));
        self.passed.clear();
        (self.entry, self.next, self.told) = (entry, None, None);
        self.state = State::Reading;
        let Some(source) = source else {
            self.state = State::Ended;
            let (group, run) = (self.group, self.run);
            return self.engine.tell(move |engine, _| engine.source_missing(group, run, entry, source_frame));
        };
        let mut chain = Chain::new(source);
        let sought = if stands { Ok(()) } else { chain.seek(source_frame) };
        self.chain = Some(chain);
        self.begin_source(entry);
        if let Err(reason) = sought {
            self.fail(&reason.to_string());
        }
    }

    fn follow(&mut self, next: Option<Opened>) {
        self.next = next.as_ref().map(|(entry, _)| *entry);
        if let Some(chain) = &mut self.chain {
            chain.follow(next.map(|(_, source)| source));
        } else if let Some((entry, source)) = next {
            // All that was read is void, or has failed.
            self.chain = Some(Chain::new(source));
            self.turn(entry, self.position_of(self.partial.len(), 0));
        }
        if self.state == State::Dry && self.next.is_some() {
            self.state = State::Reading;
        }
    }

    /// Goes back to a position, as if what was read had ended there.
    fn take_back(&mut self, from: FramePosition) {
        // What a change of rate holds back comes before that.
        while self.state == State::Reading && self.position_of(self.partial.len(), 0) < from {
            self.encode_block();
        }
        let channels = usize::from(self.channels);
        let kept_of = |at: FramePosition| {
            usize::try_from(from.0.saturating_sub(at.0)).unwrap_or(usize::MAX).saturating_mul(channels)
        };
        self.partial.truncate(kept_of(self.position));
        while self.recent.back().is_some_and(|(at, _)| at.0 + BLOCK as u64 > from.0) {
            let Some((at, samples)) = self.recent.pop_back() else { break };
            (self.position, self.partial) = (at, samples);
            self.partial.truncate(kept_of(at));
        }
        if let Some(chain) = self.chain.take() {
            self.passed.push_back((self.entry, chain.into_current()));
        }
        (self.next, self.told, self.state) = (None, None, State::Dry);
        // What comes is to fit to what was sent.
        for rendition in &mut self.renditions {
            rendition.encoder.reset();
            for (_, samples) in self.recent.iter().skip(self.recent.len().saturating_sub(WARM_UP)) {
                encode_block(rendition, samples, |_, _| {});
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
            shelve(&mut rendition, self.generation, *position, samples, &self.shared);
        }
        self.renditions.push(rendition);
    }

    /// Reads and encodes one block, or says why there is none.
    fn encode_block(&mut self) {
        let length = BLOCK * usize::from(self.channels);
        let mut block = std::mem::take(&mut self.partial);
        let mut filled = block.len();
        block.resize(length, 0.0);
        while filled < length && self.state == State::Reading {
            let Some(chain) = &mut self.chain else { break };
            match chain.read(&mut block[filled..]) {
                Ok(Piece::Frames(frames)) => filled += frames * usize::from(self.channels),
                Ok(Piece::Next(after, passed)) => {
                    self.passed.push_back((self.entry, passed));
                    let entry = self.next.take().unwrap_or_default();
                    self.turn(entry, self.position_of(filled, after));
                }
                Ok(Piece::Dry(after)) => {
                    self.state = State::Dry;
                    let (group, run, position) = (self.group, self.run, self.position_of(filled, after));
                    self.engine.tell(move |engine, now| engine.house().handle_dry(now, group, run, position));
                }
                Ok(Piece::End) => self.state = State::Ended,
                Err(reason) => {
                    self.partial = block[..filled].to_vec();
                    self.fail(&reason.to_string());
                    return;
                }
            }
        }
        self.shared.silence.hear(&block[..filled], usize::from(self.channels));
        self.tell_damage();
        self.tell_title();
        self.tell_trouble();
        match self.state {
            State::Reading => self.push(block),
            State::Dry => {
                block.truncate(filled);
                self.partial = block;
            }
            State::Ended => {
                block.truncate(filled);
                self.partial = block;
                self.end();
            }
        }
    }

    /// Silence behind the end pushes out what codecs have looked ahead to.
    fn end(&mut self) {
        let length = BLOCK * usize::from(self.channels);
        let mut last = std::mem::take(&mut self.partial);
        last.resize(length, 0.0);
        self.push(last);
        self.push(vec![0.0; length]);
        self.state = State::Ended;
    }

    /// Another entry begins at a position.
    fn turn(&mut self, entry: EntryId, position: FramePosition) {
        while self.passed.len() > PASSED {
            self.passed.pop_front();
        }
        self.begin_source(entry);
        let (group, run) = (self.group, self.run);
        self.engine.tell(move |engine, now| engine.house().handle_turn(now, group, run, entry, position));
    }

    /// The position so many samples into the block that is read next, and so many frames.
    fn position_of(&self, samples: usize, frames: u64) -> FramePosition {
        FramePosition(self.position.0 + (samples / usize::from(self.channels)) as u64 + frames)
    }

    fn push(&mut self, samples: Vec<f32>) {
        for rendition in &mut self.renditions {
            shelve(rendition, self.generation, self.position, &samples, &self.shared);
        }
        if self.recent.len() > AHEAD + WARM_UP {
            self.recent.pop_front();
        }
        self.recent.push_back((self.position, samples));
        self.position.0 += BLOCK as u64;
        let mut shelf = self.shared.lock();
        if shelf.generation == self.generation {
            shelf.encoded_to = self.position;
        }
    }

    /// Says where the source is damaged, once.
    fn tell_damage(&mut self) {
        let damage = self.chain.as_ref().and_then(Chain::damage);
        if let Some(damage) = damage.filter(|_| damage != self.told) {
            self.told = Some(damage);
            let (group, run, entry) = (self.group, self.run, self.entry);
            self.engine.tell(move |engine, _| engine.source_damaged(group, run, entry, damage));
        }
    }

    /// Says what is read by now, where a source says that.
    fn tell_title(&mut self) {
        let title = self.chain.as_ref().and_then(Chain::title_now);
        if title.is_some() && title != self.title.as_deref() {
            self.title = title.map(Into::into);
            let (group, run, entry) = (self.group, self.run, self.entry);
            let title = self.title.clone().unwrap_or_default();
            self.engine.tell(move |engine, _| engine.house().retitle(group, run, entry, title));
        }
    }

    /// Says why a source is silent, and when it is so no longer.
    fn tell_trouble(&mut self) {
        let trouble = self.chain.as_ref().and_then(Chain::trouble);
        if trouble != self.trouble.as_deref() {
            self.trouble = trouble.map(Into::into);
            let (group, run, entry, trouble) = (self.group, self.run, self.entry, self.trouble.clone());
            self.engine.tell(move |engine, _| match trouble {
                Some(trouble) => drop(engine.house().warn(group, run, entry, Cause::Trouble, trouble)),
                None => engine.house().all_is_well(group, run, entry),
            });
        }
    }

    /// The source that is read is another one.
    fn begin_source(&mut self, entry: EntryId) {
        (self.entry, self.told, self.title, self.trouble) = (entry, None, None, None);
        self.shared.lock().is_live = self.chain.as_ref().is_some_and(Chain::is_live);
    }

    /// The source cannot be read any more. What was read of it is heard.
    fn fail(&mut self, reason: &str) {
        warn!("group {}: {reason}", self.group);
        (self.state, self.chain, self.next) = (State::Dry, None, None);
        let (group, run, reason) = (self.group, self.run, reason.to_owned());
        let at = (self.entry, self.position_of(self.partial.len(), 0));
        self.engine.tell(move |engine, now| engine.house().handle_broken(now, group, run, at, &reason));
    }
}

/// The block of a run in which a position is: runs begin with a block.
fn block_of(position: FramePosition) -> FramePosition {
    FramePosition(position.0 / BLOCK as u64 * BLOCK as u64)
}

/// Encodes one block and puts its packets on the shelf.
fn shelve(rendition: &mut Rendition, generation: u64, position: FramePosition, samples: &[f32], shared: &Shared) {
    let stream = rendition.plan.stream;
    encode_block(rendition, samples, |frames, bytes| {
        let mut shelf = shared.lock();
        if shelf.generation == generation {
            shelf.packets.entry(stream).or_default().push_back((FramePosition(position.0 + frames), bytes));
        }
    });
}

/// Encodes one block; gives its packets and how many frames into it they begin.
fn encode_block(rendition: &mut Rendition, samples: &[f32], mut give: impl FnMut(u64, Bytes)) {
    let frames = usize::try_from(rendition.plan.format.packet_frames).unwrap_or(BLOCK);
    let channels = usize::from(rendition.plan.format.channels);
    for (i, packet) in samples.chunks_exact(frames * channels).enumerate() {
        match rendition.encoder.encode(packet) {
            Ok(bytes) => give((i * frames) as u64, bytes),
            Err(error) => error!("a packet of {} is lost: {error}", rendition.plan.format.codec),
        }
    }
}
