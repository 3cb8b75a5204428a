//! (thin)
use std::{path::PathBuf, process::{Command, ExitCode}, time::{Duration, Instant}};
use unisono_benches::bluetooth::{machine::Machine, speed::Speed};
fn main() -> ExitCode {
    let go = || -> anyhow::Result<()> {
        let work = PathBuf::from("/tmp/w/fwork"); std::fs::create_dir_all(&work)?;
        let begun = Instant::now();
        let vm = Command::new("/tmp/w/f/benches/bluetooth/vm");
        let programs = std::env::current_exe()?.parent().unwrap().to_path_buf();
        let mut machine = Machine::start(vm, "/tmp/w/f/target/bluetooth-vm".as_ref(), &programs, &work)?;
        println!("boot {:?}", begun.elapsed());
        println!("{}", machine.run(&["uname", "-a"])?);
        println!("{}", machine.run(&["cat", "/sys/devices/system/clocksource/clocksource0/current_clocksource", "/sys/devices/system/clocksource/clocksource0/available_clocksource"])?);
        println!("{}", machine.run(&["bash", "-c", "dmesg | tail -5; bluetoothd --version; /usr/libexec/bluetooth/bluetoothd --version; ip a"])?);
        let begun = Instant::now();
        println!("speed {:?}", machine.run_within(&["/programs/guest", "speed"], Duration::from_secs(120)));
        println!("took {:?}", begun.elapsed());
        println!("speed rt {:?}", machine.run_within(&["chrt", "-f", "20", "/programs/guest", "speed"], Duration::from_secs(120)));
        machine.spawn("speaker", &["chrt", "-f", "10", "/programs/speaker", "--record", "/work/speaker", "--delay-ms", "180", "--report-ms", "196"])?;
        println!("{}", machine.tell("speaker", "status")?);
        println!("{}", machine.tell("speaker", "pairing on")?);
        println!("{}", machine.tell("speaker", "status")?);
        println!("{}", machine.run_within(&["bash", "-c", "bluetoothctl --timeout 15 scan on; bluetoothctl devices; bluetoothctl list"], Duration::from_secs(60))?);
        let clock = machine.clock()?;
        println!("clock {} us {} ppm", clock.uncertainty()*1e6, clock.ppm());
        let _ = Speed::measure;
        Ok(())
    };
    match go() { Ok(()) => ExitCode::SUCCESS, Err(error) => { eprintln!("{error:#}"); ExitCode::FAILURE } }
}
