//! `unisono-node`: plays what its hub sends.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::info;
use unisono_core::units::SampleRate;
use unisono_player::{
    api,
    config::{self, Arguments},
    output::{self, OpenError, OutputSpec},
    session::{Node, NodeSettings},
};
use unisono_settings::FAULTY_SETTINGS;

fn main() -> ExitCode {
    unisono_settings::start_logging();
    match run(unisono_settings::arguments::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            unisono_settings::complain(format_args!("unisono-node: {error:#}"));
            if error.is::<config::Error>() { ExitCode::from(FAULTY_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.list {
        for device in output::list() {
            let state = if device.available { "" } else { "  (not available now)" };
            unisono_settings::print(format_args!("{:<40} {}{state}", device.id, device.description))?;
        }
        return Ok(());
    }
    let (check, test_tone, with_parent) = (arguments.check_config, arguments.test_tone, arguments.with_parent);
    let mut settings = arguments.settings()?;
    if check {
        check_outputs(&settings)?;
        let (rooms, state) = (settings.rooms.len(), settings.state.display());
        return Ok(unisono_settings::print(format_args!("the settings are fine: {rooms} room(s), state in {state}"))?);
    }
    if test_tone {
        for room in &settings.rooms {
            let is_only = room.outputs.len() == 1;
            let heard = room.outputs.iter().filter(|output| is_only || !matches!(output, OutputSpec::Model(_)));
            for output in heard {
                unisono_settings::print(format_args!("{}: a test tone on {output}", room.name))?;
                output::test_tone(output, TEST_TONE)?;
            }
        }
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event loop")?;
    runtime.block_on(async {
        let stop = stopped(with_parent).context("signals cannot be caught")?;
        let listener = api::bind(settings.api).await?;
        settings.api = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let api = settings.api;
        let node = Node::start(settings)?;
        if let Some(address) = api {
            info!("control API at http://{address}");
        }
        // Tasks: to wake what the runtime blocks on takes a system call each time.
        let handle = node.handle();
        let serve = tokio::spawn(async move {
            match listener {
                Some(listener) => api::serve(listener, handle).await,
                None => std::future::pending().await,
            }
        });
        tokio::select! {
            ended = tokio::spawn(node.run(stop)) => Ok(ended??),
            served = serve => served?.context("the control API has stopped"),
        }
    })
}

/// Says which device is not there, of those that the settings name. The list would not do: it has no names that somebody
/// has given in ALSA's own settings, nor all ways to one card.
fn check_outputs(settings: &NodeSettings) -> anyhow::Result<()> {
    for output in settings.rooms.iter().flat_map(|room| &room.outputs) {
        let is_device = matches!(output, OutputSpec::Alsa(_) | OutputSpec::Cpal(_));
        if is_device && let Err(missing @ OpenError::NotFound { .. }) = output::open(output, SampleRate::HZ_48000) {
            bail!("{missing} (a node that runs waits for it)");
        }
    }
    Ok(())
}

/// Completes when the program is asked to end.
fn stopped(with_parent: bool) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = unisono_settings::hangup_ends().then(|| signal(SignalKind::hangup())).transpose()?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (orphaned, mut orphan) = watch::channel(false);
    if with_parent {
        let orphaned = orphaned.clone();
        unisono_settings::when_parent_ends(move || {
            orphaned.send_replace(true);
        })?;
    }
    Ok(async move {
        // Held, so that without a parent to watch nothing is ever said.
        let _orphaned = orphaned;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(_) = async { hangup.as_mut()?.recv().await } => {}
            _ = orphan.wait_for(|orphan| *orphan) => {}
        }
    })
}

/// Long enough to walk to the speaker and hear it.
const TEST_TONE: Duration = Duration::from_secs(5);
