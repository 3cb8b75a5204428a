//! What a packet of sound costs in instructions, which repeat where times do not: `make instructions`.
//!
//! Each part of its way runs twice under callgrind, the second time for twice as many packets; the difference is theirs
//! alone. QUIC runs between two processes on the loopback interface, of which one is counted, at the pace of real sound:
//! acknowledgements and timers are in it.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use tokio::time::{MissedTickBehavior, interval};
use unisono_benches::path::{HubPath, NodePath};
use unisono_household::keys::SecretKey;
use unisono_transport::{Endpoint, Expect, Identity, Options};

/// Counts what a packet of sound costs in instructions.
#[derive(Debug, Parser)]
#[command(name = "instructions")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
}

/// What is counted; without one, the table of all.
#[derive(Clone, Debug, Subcommand)]
enum Part {
    /// Packets through a hub's house to so many rooms
    #[command(hide = true)]
    House { rooms: u16, packets: u32 },
    /// Packets through a node's session
    #[command(hide = true)]
    Session { packets: u32 },
    /// Packets into a QUIC connection, whose address is printed
    #[command(hide = true)]
    Send { packets: u32 },
    /// Packets out of one
    #[command(hide = true)]
    Receive { from: SocketAddr },
}

/// Packets of the shorter run: where nothing waits, and at the pace of sound.
const PACKETS: u32 = 2_000;
const PACED: u32 = 400;

/// Rooms among which the cost of one more is measured.
const ROOMS: u16 = 100;

/// Bytes of a datagram that carries 20 ms at 192 kb/s.
const DATAGRAM: usize = 496;

fn main() -> ExitCode {
    let done = match Arguments::parse().part {
        None => table(),
        Some(Part::House { rooms, packets }) => {
            let mut hub = HubPath::new(rooms);
            for _ in 0..packets {
                std::hint::black_box(hub.packet());
            }
            Ok(())
        }
        Some(Part::Session { packets }) => {
            let mut node = NodePath::new();
            for _ in 0..packets {
                let datagram = node.datagram();
                std::hint::black_box(node.packet(&datagram));
            }
            Ok(())
        }
        Some(Part::Send { packets }) => on_runtime(send(packets)),
        Some(Part::Receive { from }) => on_runtime(receive(from)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn table() -> anyhow::Result<()> {
    let house = |rooms: u16| {
        per_packet(PACKETS, |packets| {
            counted(&["house", &rooms.to_string(), &packets.to_string()])?.wait().map(|end| end.0)
        })
    };
    let (one, many) = (house(1)?, house(1 + ROOMS)?);
    row("hub: keep and address a packet, one room", one);
    row("hub: address it to one more room", (many - one) / f64::from(ROOMS));
    row("hub: into QUIC and out of the socket, each room", per_packet(PACED, |packets| across(packets, true))?);
    row("node: from the socket and out of QUIC", per_packet(PACED, |packets| across(packets, false))?);
    row(
        "node: from a datagram to a packet for the decoder",
        per_packet(PACKETS, |packets| counted(&["session", &packets.to_string()])?.wait().map(|end| end.0))?,
    );
    Ok(())
}

fn row(what: &str, instructions: f64) {
    println!("{what:<52} {instructions:>8.0}");
}

/// Instructions for each packet, from a run with so many and one with twice as many.
fn per_packet(packets: u32, count: impl Fn(u32) -> anyhow::Result<u64>) -> anyhow::Result<f64> {
    let (short, long) = (count(packets)?, count(2 * packets)?);
    Ok((long as f64 - short as f64) / f64::from(packets))
}

/// Packets through QUIC between two processes; the instructions of the sender or of the receiver.
fn across(packets: u32, sender: bool) -> anyhow::Result<u64> {
    let packets = packets.to_string();
    let send = ["send", &packets];
    let mut sending = if sender { counted(&send)? } else { plain(&send)? };
    let address = sending.first_line()?;
    let receive = ["receive", &address];
    let receiving = if sender { plain(&receive)? } else { counted(&receive)? };
    let (received, sent) = (receiving.wait()?, sending.wait()?);
    Ok(if sender { sent.0 } else { received.0 })
}

/// A part in a process of its own.
struct Running(Child);

/// The instructions that a process took; 0 when it was not counted.
struct Ended(u64);

fn counted(part: &[&str]) -> anyhow::Result<Running> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    let child = command.args(part).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Ok(Running(child.context("valgrind cannot be started; install it (apt-get install valgrind)")?))
}

fn plain(part: &[&str]) -> anyhow::Result<Running> {
    let child = Command::new(env::current_exe()?).args(part).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Ok(Running(child?))
}

impl Running {
    fn first_line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().context("its output is not read")?).read_line(&mut line)?;
        Ok(line.trim().into())
    }

    fn wait(mut self) -> anyhow::Result<Ended> {
        let mut said = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_string(&mut said)?;
        }
        if !self.0.wait()?.success() {
            bail!("a part has failed: {}", said.trim());
        }
        let collected = said.lines().find_map(|line| line.split_once("Collected :"));
        Ok(Ended(collected.map_or(Ok(0), |(_, count)| count.trim().parse())?))
    }
}

fn on_runtime(part: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(part)
}

fn endpoint(accept: bool) -> anyhow::Result<Endpoint> {
    let identity = Identity::from_pkcs8(SecretKey::generate()?.pkcs8())?;
    // A process that is counted is slow.
    let options = Options { accept, connect_timeout: Duration::from_secs(30), ..Options::new([1; 64]) };
    Ok(Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &identity, &options)?)
}

async fn send(packets: u32) -> anyhow::Result<()> {
    let endpoint = endpoint(true)?;
    println!("{}", endpoint.local_address()?);
    let connection = endpoint.accept().await.context("nobody came")?;
    let datagram = bytes::Bytes::from(vec![7; DATAGRAM]);
    let mut pace = interval(Duration::from_millis(20));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..packets {
        pace.tick().await;
        connection.send_datagram(datagram.clone())?;
    }
    pace.tick().await;
    connection.close("that is all");
    endpoint.shut_down("that is all").await;
    Ok(())
}

async fn receive(from: SocketAddr) -> anyhow::Result<()> {
    let endpoint = endpoint(false)?;
    let connection = endpoint.connect(from, Expect::AnyMember).await?;
    while connection.read_datagram().await.is_ok() {}
    Ok(())
}
