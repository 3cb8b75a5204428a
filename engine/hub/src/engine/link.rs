//! One connection: reads for the engine, and answers clock probes by itself.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, sleep, timeout},
};
use tracing::info;
use unisono_core::clock::ClockServer;
use unisono_transport::{Connection, ControlReceiver, ControlSender};

use super::{
    Event,
    probes::{ConnectionCount, answer_probes},
};
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
    Clock(Box<ClockServer>),
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
    pub(super) fn start(
        id: ConnectionId,
        connection: Connection,
        events: Sender<Event>,
        count: &ConnectionCount,
    ) -> Self {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let task = Task { id, connection: connection.clone(), events, count: Arc::clone(count), greeted: false };
        tokio::spawn(task.run(ordered));
        Self { connection, orders, heard: Instant::now() }
    }
}

struct Task {
    id: ConnectionId,
    connection: Connection,
    events: Sender<Event>,
    count: ConnectionCount,
    greeted: bool,
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
        let greeting = sleep(GREETING_LIMIT);
        tokio::pin!(greeting);
        loop {
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
                order = orders.recv() => match order {
                    Some(order) => (None, Some(order)),
                    None => return String::from("the hub is stopping"),
                },
                // One that says nothing is not to hold a place for long.
                () = &mut greeting, if !self.greeted => return String::from("it has not greeted"),
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
        }
    }

    fn obey(&mut self, order: LinkOrder, sender: &ControlSender) -> Result<(), String> {
        match order {
            LinkOrder::Control(bytes) => sender.try_send(bytes).map_err(|error| error.to_string()),
            LinkOrder::Clock(server) => {
                let channel = self.connection.clock(server.tag()).map_err(|error| error.to_string())?;
                self.greeted = true;
                // It ends with the connection, which this task closes when it ends.
                tokio::spawn(answer_probes(*server, channel, Arc::downgrade(&self.count)));
                Ok(())
            }
            LinkOrder::Close(reason) => Err(reason),
        }
    }
}
