//! `unisono-hub`: sends music to nodes, all on one clock.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::info;
use unisono_hub::{
    api,
    config::Arguments,
    engine::{self, Engine},
};

fn main() -> ExitCode {
    unisono_settings::start_logging();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unisono-hub: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (check, with_parent) = (arguments.check_config, arguments.with_parent);
    let (recovery_code, recover) = (arguments.recovery_code, arguments.recover);
    let settings = arguments.settings()?;
    if check {
        println!(
            "the settings are fine: nodes at {}, state in {}",
            settings.engine.listen,
            settings.engine.state.display()
        );
        return Ok(());
    }
    if recovery_code {
        println!("{}", engine::recovery_code(&settings.engine)?);
        return Ok(());
    }
    if recover {
        let mut code = String::new();
        std::io::stdin().read_line(&mut code).context("the recovery code cannot be read")?;
        engine::recover(&settings.engine, &code)?;
    }
    // Two threads that take turns on one core cost a third more than one.
    let alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut runtime = if alone { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.context("no event loop")?.block_on(async {
        let stop = stopped(with_parent).context("signals cannot be caught")?;
        let listener = TcpListener::bind(settings.api).await.map_err(|error| {
            anyhow!("the control API cannot have TCP port {} ({error}); choose another with --api", settings.api)
        })?;
        let engine = Engine::start(&settings.engine)?;
        info!("control API at http://{}", listener.local_addr().unwrap_or(settings.api));
        let serve = api::serve(listener, engine.handle());
        tokio::select! {
            () = engine.run(ended(stop)) => Ok(()),
            served = serve => served.context("the control API has stopped"),
        }
    })
}

/// Completes when the program is asked to end.
fn stopped(with_parent: bool) -> std::io::Result<watch::Receiver<bool>> {
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
        }
        stop.send_replace(true);
    });
    Ok(stopped)
}

async fn ended(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the program.
    let _ = stop.wait_for(|stop| *stop).await;
}
