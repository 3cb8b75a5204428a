//! `unisono-hub`: sends music to nodes, all on one clock.

use std::{
    io,
    process::ExitCode,
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};
use tracing::info;
use unisono_hub::{
    api::{self, ApiSettings},
    config::Arguments,
    engine::{self, Engine, EngineHandle},
};
use unisono_media::live::Place;
use unisono_settings::FAULTY_SETTINGS;

fn main() -> ExitCode {
    unisono_settings::start_logging();
    match run(unisono_settings::arguments::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            unisono_settings::complain(format_args!("unisono-hub: {error:#}"));
            if error.is::<unisono_settings::Error>() { ExitCode::from(FAULTY_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (check, with_parent) = (arguments.check_config, arguments.with_parent);
    let (recovery_code, recover) = (arguments.recovery_code, arguments.recover);
    let settings = arguments.settings()?;
    if with_parent && settings.engine.sources.inputs.iter().any(|input| input.place == Place::StandardInput) {
        return Err(anyhow!("standard input tells when to end (--with-parent), so no source can be read from it"));
    }
    if check {
        let (listen, state) = (settings.engine.listen, settings.engine.state.display());
        let fine = format_args!("the settings are fine: nodes at {listen}, state in {state}").to_string();
        return Ok(unisono_settings::print(fine)?);
    }
    if recovery_code {
        return Ok(unisono_settings::print(engine::recovery_code(&settings.engine)?)?);
    }
    if recover {
        let mut code = String::new();
        io::stdin().read_line(&mut code).context("the recovery code cannot be read")?;
        engine::recover(&settings.engine, &code)?;
    }
    // One thread: what is done between two packets is short, and to hand a packet to another thread takes longer. Disks,
    // encoders and the control API have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no event loop")?.block_on(async {
        let stop = stopped(with_parent).context("signals cannot be caught")?;
        let listener = TcpListener::bind(settings.api).await.map_err(|error| {
            anyhow!("the control API cannot have TCP port {} ({error}); choose another with --api", settings.api)
        })?;
        let engine = Engine::start(&settings.engine)?;
        info!("control API at http://{}", listener.local_addr().unwrap_or(settings.api));
        let api_settings = ApiSettings { hosts: settings.api_hosts, ..ApiSettings::default() };
        let (api, served) = serve(listener, engine.handle(), api_settings, stop.clone())?;
        let ended = tokio::select! {
            // A task: to wake what the runtime blocks on takes a system call each time.
            ended = tokio::spawn(engine.run(ended(stop))) => Ok(ended?),
            Ok(failed) = served => Err(failed).context("the control API has stopped"),
        };
        // What is being answered is finished; a thread that panicked has said so already.
        let _ = tokio::task::spawn_blocking(|| api.join()).await;
        ended
    })
}

/// Serves the control API on a thread of its own, so that whoever asks much delays no sound. What it gives besides the
/// thread comes when that has failed.
fn serve(
    listener: TcpListener,
    engine: EngineHandle,
    settings: ApiSettings,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<(JoinHandle<()>, oneshot::Receiver<io::Error>)> {
    let (failed, failure) = oneshot::channel();
    let listener = listener.into_std().context("the control API's socket")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event loop")?;
    let serve = move || {
        let served = runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            api::serve_until(listener, engine, settings, stop).await
        });
        if let Err(error) = served {
            // Nobody may wait for it any more.
            let _ = failed.send(error);
        }
    };
    let thread = thread::Builder::new().name("api".into()).spawn(serve).context("no thread for the control API")?;
    Ok((thread, failure))
}

/// Completes when the program is asked to end.
fn stopped(with_parent: bool) -> io::Result<watch::Receiver<bool>> {
    let mut hangup = unisono_settings::hangup_ends().then(|| signal(SignalKind::hangup())).transpose()?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (stop, stopped) = watch::channel(false);
    if with_parent {
        let stop = stop.clone();
        unisono_settings::when_parent_ends(move || {
            stop.send_replace(true);
        })?;
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(_) = async { hangup.as_mut()?.recv().await } => {}
        }
        stop.send_replace(true);
    });
    Ok(stopped)
}

async fn ended(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the program.
    let _ = stop.wait_for(|stop| *stop).await;
}
