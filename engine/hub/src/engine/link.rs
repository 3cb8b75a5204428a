//! One connection: reads for the engine, answers clock probes by itself.

use std::time::Duration;

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, info};
use unisono_core::{
    clock::Leader,
    time::{HubClock, Timestamp},
    wire::clock::Probe,
};
use unisono_transport::{ClockChannel, Connection, ControlReceiver, ControlSender, Error, Received, clock};

use super::Event;
use crate::house::ConnectionId;

/// A machine that connects must open its control stream within this.
const GREETING_LIMIT: Duration = Duration::from_secs(5);

/// A refusal gets so long to arrive.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// Orders that may wait for a link. Control messages queue further on.
const ORDERS: usize = 512;

/// What the engine tells a link.
#[derive(Debug)]
pub(super) enum LinkOrder {
    /// Send on the control stream.
    Control(Vec<u8>),
    /// Answer probes from now on.
    Clock(Box<Leader>),
    /// Close, once what was sent before has arrived.
    Close(String),
}

/// The engine's end of a link.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) orders: Sender<LinkOrder>,
    /// When the node last said something.
    pub(super) heard: Instant,
}

impl Link {
    pub(super) fn start(id: ConnectionId, connection: Connection, events: Sender<Event>) -> Self {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let task = Task { id, connection: connection.clone(), events, clock: None };
        tokio::spawn(task.run(ordered));
        Self { connection, orders, heard: Instant::now() }
    }
}

struct Task {
    id: ConnectionId,
    connection: Connection,
    events: Sender<Event>,
    clock: Option<(Leader, ClockChannel<HubClock>)>,
}

impl Task {
    async fn run(mut self, orders: Receiver<LinkOrder>) {
        let ended = match timeout(GREETING_LIMIT, self.connection.control()).await {
            Ok(Ok((sender, receiver))) => self.serve(sender, receiver, orders).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => String::from("it has said nothing"),
        };
        info!("connection {} to {} has ended: {ended}", self.id.0, self.connection.peer());
        self.connection.close(&ended);
        // The engine may have ended first.
        let _ = self.events.send(Event::Gone(self.id)).await;
    }

    /// Serves until the connection ends; says why it did.
    async fn serve(
        &mut self,
        sender: ControlSender,
        mut receiver: ControlReceiver,
        mut orders: Receiver<LinkOrder>,
    ) -> String {
        let greeting_ends = Instant::now() + GREETING_LIMIT;
        loop {
            // A node that was admitted has a clock. One that says nothing is not to hold a place for long.
            if self.clock.is_none() && Instant::now() >= greeting_ends {
                return String::from("it has not greeted");
            }
            let due = self.clock.as_ref().and_then(|(leader, _)| leader.poll_timeout());
            let wake = due.map_or(GREETING_LIMIT, |at| (at - clock::now()).to_duration());
            let (event, order) = tokio::select! {
                frame = receiver.recv() => match frame {
                    Ok(Some(frame)) => (Some(Event::Frame(self.id, frame)), None),
                    Ok(None) => return String::from("the node closed its control stream"),
                    Err(error) => return error.to_string(),
                },
                datagram = self.connection.read_datagram() => match datagram {
                    Ok(datagram) => (Some(Event::Datagram(self.id, datagram)), None),
                    Err(error) => return error.to_string(),
                },
                packet = receive(&mut self.clock) => match packet {
                    Ok(packet) => {
                        self.probed(&packet);
                        (None, None)
                    }
                    Err(error) => return error.to_string(),
                },
                order = orders.recv() => match order {
                    Some(order) => (None, Some(order)),
                    None => return String::from("the hub is stopping"),
                },
                () = sleep_until(Instant::now() + wake) => (None, None),
            };
            if let Some(event) = event
                && self.events.send(event).await.is_err()
            {
                return String::from("the hub is stopping");
            }
            if let Some(Err(reason)) = order.map(|order| self.obey(order, &sender)) {
                // What was queued before, a refusal above all, is to arrive first.
                let _ = timeout(FAREWELL_LIMIT, sender.finish()).await;
                return reason;
            }
            self.answer_probes();
        }
    }

    fn obey(&mut self, order: LinkOrder, sender: &ControlSender) -> Result<(), String> {
        match order {
            LinkOrder::Control(bytes) => sender.try_send(bytes).map_err(|error| error.to_string()),
            LinkOrder::Clock(leader) => {
                let channel = self.connection.clock(leader.tag()).map_err(|error| error.to_string())?;
                self.clock = Some((*leader, channel));
                Ok(())
            }
            LinkOrder::Close(reason) => Err(reason),
        }
    }

    fn probed(&mut self, packet: &Received<HubClock>) {
        let Some((leader, _)) = &mut self.clock else { return };
        match Probe::parse(&packet.fields) {
            Ok(probe) => leader.handle_probe(&probe, packet.at),
            Err(error) => debug!("a clock packet cannot be read: {error}"),
        }
    }

    fn answer_probes(&mut self) {
        let Some((leader, channel)) = &mut self.clock else { return };
        let now: Timestamp<HubClock> = clock::now();
        if let Some((report, token)) = leader.poll_transmit(now) {
            match channel.send(&report.encode()) {
                Ok(at) => leader.handle_sent(token, at),
                Err(error) => debug!("{error}"),
            }
        }
    }
}

/// The next clock packet; waits for ever until there is a channel.
async fn receive(clock: &mut Option<(Leader, ClockChannel<HubClock>)>) -> Result<Received<HubClock>, Error> {
    match clock {
        Some((_, channel)) => channel.recv().await,
        None => std::future::pending().await,
    }
}
