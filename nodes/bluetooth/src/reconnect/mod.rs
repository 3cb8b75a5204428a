//! When a remembered speaker is called, and when it is left alone. Sans-IO.

pub struct Ticket(u64);
pub enum Mode { Polite, Exclusive }
/// How a connection ended.
pub enum Departure { Remote, LinkLost, Local, Unknown }
impl Departure { pub fn of_bluez(reason: &str) -> Self; /* Device1.Disconnected, BlueZ 5.83 and later */ pub fn of_errno(errno: i32) -> Self /* of the stream's socket */ }

pub enum Event {
    /// The adapter can be used, or not (any more), and why.
    Adapter(Result<(), Failure>),
    /// It shows up by itself: seen in an inquiry, or its link is there without the music profile.
    Appeared,
    /// The music profile is connected, whoever called.
    Connected,
    Disconnected(Departure),
    Done(Ticket, Result<(), Failure>),
    /// A person, or a room that is to play, wants it
    Wanted,
    /// A person disconnects it
    Unwanted,
    /// A pairing or a scan begins / is over on the same adapter
    Pause, Resume,
}
pub struct Action { pub ticket: Ticket, pub command: Command }
pub enum Command { Connect /* ConnectProfile(A2DP sink), at most 20 s */, Disconnect /* also calls off Connect */ }

pub enum State { Unusable(Failure), Waiting, Calling, BackingOff, Polling, Connected, Disconnecting, Paused, Held, Stopped(Failure) }

pub struct Status { pub state: State, pub since: Timestamp<NodeClock>, pub failure: Option<Failure> /* of the last call */, pub next: Option<Timestamp<NodeClock>> }
impl Status { pub fn why(&self) -> String; pub fn what_brings_it_back(&self) -> &'static str }

pub struct Reconnect {}
impl Reconnect {
    pub fn new(now, mode: Mode, seed: u64) -> Self;     // calls at once when Adapter(Ok) comes
    pub fn set_mode(&mut self, now, mode: Mode);
    pub fn handle_event(&mut self, now, Event);
    pub fn handle_timeout(&mut self, now);
    pub fn poll_action(&mut self) -> Option<Action>;
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>>;
    pub fn status(&self) -> Status;
}
