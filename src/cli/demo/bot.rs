//! The demo's bot: trades on a feed and leaks as real ones do.
//!
//! Each leaked connection has been closed by its peer. Three of five sit in the bot's event loop, which
//! ignores the end of the stream but does close on an error; two of five were forgotten altogether. So
//! destroying sockets frees some descriptors, and only a restart frees the rest.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Interest};
use tokio::net::TcpStream;

use crate::cli::args::DemoBotArgs;
use crate::cli::exit::Exit;
use crate::cli::{print, reach};

/// How the bot ends when it is out of descriptors.
pub(super) const EXIT_EMFILE: u8 = 24;

/// Of so many leaked connections ...
const CYCLE: u32 = 5;
/// ... so many are watched by the event loop.
const WATCHED: u32 = 3;

/// What the bot has done so far, printed as one line per second.
#[derive(Debug, Default, serde::Serialize)]
struct Tally {
    ticks: u64,
    orders: u64,
}

/// Runs as a process of its own.
pub(crate) fn main(args: &DemoBotArgs) -> Exit {
    if let Err(error) = crate::sys::limits::set_own_nofile(args.limit) {
        print::complain(&format!("the limit can't be set: {error}"));
        return Exit::Usage;
    }
    let runtime = match reach::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let local = tokio::task::LocalSet::new();
    match runtime.block_on(local.run_until(run(args))) {
        Ok(()) => Exit::Good,
        Err(error) if error.raw_os_error() == Some(EXIT_EMFILE.into()) => {
            print::complain("[Errno 24] Too many open files");
            Exit::Child(EXIT_EMFILE)
        }
        Err(error) => {
            print::complain(&error.to_string());
            Exit::Finding
        }
    }
}

/// Runs until it runs out of descriptors or is stopped.
async fn run(args: &DemoBotArgs) -> io::Result<()> {
    let feed = TcpStream::connect((Ipv4Addr::LOCALHOST, args.feed)).await?;
    let orders = TcpStream::connect((Ipv4Addr::LOCALHOST, args.orders)).await?;
    let (answers, mut requests) = orders.into_split();
    let mut answers = BufReader::new(answers).lines();
    let mut ticks = BufReader::new(feed).lines();
    let mut leak = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate.clamp(0.1, 1_000.0)));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut tally = Tally::default();
    let mut leaked = 0_u32;
    loop {
        tokio::select! {
            tick = ticks.next_line() => {
                let price = tick?.ok_or(io::ErrorKind::UnexpectedEof)?;
                tally.ticks += 1;
                requests.write_all(format!("buy 1 at {price}\n").as_bytes()).await?;
                answers.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                tally.orders += 1;
            }
            _ = leak.tick() => {
                leak_one(args.hangup, leaked).await?;
                leaked = leaked.wrapping_add(1);
            }
            _ = second.tick() => report(&tally)?,
        }
    }
}

async fn leak_one(port: u16, number: u32) -> io::Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    if number % CYCLE < WATCHED {
        tokio::task::spawn_local(async move {
            // Only an error wakes it: the end of the stream is ignored, as in the bug reports.
            if stream.ready(Interest::ERROR).await.is_ok() {
                drop(stream);
            }
        });
    } else {
        std::mem::forget(stream.into_std()?);
    }
    Ok(())
}

fn report(tally: &Tally) -> io::Result<()> {
    use std::io::Write as _;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, tally)?;
    writeln!(out)?;
    out.flush()
}
