//! Who may pair and connect: nobody, except in a window that a person opened, and then one address.
//!
//! Two agents, each on a connection of its own, for a connection has but one. The *guard* has no abilities and rejects whatever it is asked; pairing
//! that we begin needs no agent when it just works. The *window's* agent is the default while it is there; `BlueZ` goes
//! back to the guard when it ends, even when this program ends with it. One agent that both accepts and has no abilities
//! cannot be had from `bluer`: it derives the abilities from the questions that it answers. Both connections are kept: one
//! that `bluer` is done with stays open, and a bus bears some hundreds.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bluer::agent::{Agent, AgentHandle, ReqError, ReqResult};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{errors, names};
use crate::{Address, Failure};

/// The address for which the window's agent says yes, if any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<Mutex<Option<Address>>>);

impl Door {
    /// Lets this one in and nobody else.
    pub(crate) fn set(&self, address: Option<Address>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    fn ask(&self, question: &str, address: bluer::Address) -> ReqResult<()> {
        if *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(Address(address.0)) {
            info!("{address}: {question}: yes, it is the one being paired");
            return Ok(());
        }
        warn!("{address}: {question}: refused; {}", Failure::NotExpected);
        Err(ReqError::Rejected)
    }
}

/// Registers the agent that refuses everything.
pub(super) async fn guard(session: &bluer::Session) -> Result<AgentHandle, Failure> {
    let agent = Agent { request_default: true, ..Agent::default() };
    session.register_agent(agent).await.map_err(|error| errors::of_bluer(&error))
}

/// Makes an adapter neither discoverable nor pairable.
pub(super) async fn close_adapter(adapter: &bluer::Adapter) -> Result<(), Failure> {
    let closed = async {
        adapter.set_discoverable(false).await?;
        adapter.set_pairable(false).await
    };
    closed.await.map_err(|error| errors::of_bluer(&error))
}

/// The time in which one device may be paired on one adapter.
pub(crate) struct Window {
    session: bluer::Session,
    adapter: bluer::Adapter,
    agent: AgentHandle,
}

impl Window {
    /// Opens it: the adapter is pairable for `seconds` at most, and an agent asks the `door`.
    ///
    /// # Errors
    /// When `BlueZ` does not answer, or does not take the agent.
    pub(super) async fn open(
        session: bluer::Session,
        adapter: &str,
        door: Door,
        pin: Option<String>,
        seconds: u32,
    ) -> Result<Self, Failure> {
        let name = names::adapter_name(adapter).ok_or(Failure::NoAdapter)?;
        let opened = async {
            let adapter = session.adapter(name)?;
            adapter.set_discoverable(false).await?;
            adapter.set_pairable_timeout(seconds).await?;
            let agent = register(&session, &door, pin.as_deref()).await?;
            adapter.set_pairable(true).await?;
            Ok((adapter, agent))
        };
        let opened = opened.await.map_err(|error: bluer::Error| errors::of_bluer(&error));
        let (adapter, agent) = opened?;
        Ok(Self { session, adapter, agent })
    }

    /// `Device1.Pair`, with this window's agent.
    pub(crate) fn pair(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = super::device_of(&self.session, device);
        async move { device?.pair().await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Closes it.
    ///
    /// # Errors
    /// When `BlueZ` does not answer; it closes the window by itself when its time is over.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        drop(self.agent);
        close_adapter(&self.adapter).await
    }
}

/// Registers the window's agent. That of the window before may still be going: the library ends it behind our back.
async fn register(session: &bluer::Session, door: &Door, pin: Option<&str>) -> bluer::Result<AgentHandle> {
    for _ in 0..TRIES {
        match session.register_agent(agent(door.clone(), pin.map(Into::into))).await {
            Err(bluer::Error { kind: bluer::ErrorKind::AlreadyExists, .. }) => sleep(PAUSE).await,
            done => return done,
        }
    }
    session.register_agent(agent(door.clone(), pin.map(Into::into))).await
}

fn agent(door: Door, pin: Option<String>) -> Agent {
    let (confirm, authorize, service) = (door.clone(), door.clone(), door.clone());
    Agent {
        request_default: true,
        request_confirmation: Some(Box::new(move |request| {
            let answer = confirm.ask("it shows a number to compare", request.device);
            Box::pin(async move { answer })
        })),
        request_authorization: Some(Box::new(move |request| {
            let answer = authorize.ask("it wants to pair", request.device);
            Box::pin(async move { answer })
        })),
        authorize_service: Some(Box::new(move |request| {
            let answer = if SERVICES.map(names::uuid).contains(&request.service) {
                service.ask("it wants to connect", request.device)
            } else {
                warn!("{}: it wants {}: refused", request.device, request.service);
                Err(ReqError::Rejected)
            };
            Box::pin(async move { answer })
        })),
        request_pin_code: pin.map(|pin| -> bluer::agent::RequestPinCodeFn {
            Box::new(move |request| {
                let answer = door.ask("it wants a PIN", request.device).map(|()| pin.clone());
                Box::pin(async move { answer })
            })
        }),
        ..Agent::default()
    }
}

const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What a speaker may connect to: A2DP (source, sink, the profile itself) and AVRCP (its three names).
const SERVICES: [names::Service; 6] = [0x110a, 0x110b, 0x110d, 0x110c, 0x110e, 0x110f];
