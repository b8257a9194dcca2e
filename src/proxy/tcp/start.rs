//! From settings to running threads.

use std::sync::mpsc::channel;

use tokio::sync::mpsc::unbounded_channel;

use crate::config::proxy::Proxy;
use crate::proxy::bounds::pool_settings;
use crate::proxy::ear::FirstWord;
use crate::proxy::place::Place;
use crate::proxy::post::Post;
use crate::proxy::running::Thread;
use crate::proxy::start::{Begun, StartError, Surroundings, block_on_desk, guests, open};
use crate::proxy::tcp::desk::{self, Counter};
use crate::proxy::tcp::inbox::Message;
use crate::proxy::tcp::room::RoomSettings;
use crate::proxy::tcp::worker::{self, Worker};
use crate::sys::handed::Offer;

/// Descriptors in the worst case, beside those of the porch.
pub(in crate::proxy) fn need(proxies: &[&Proxy]) -> u64 {
    let of =
        |proxy: &&Proxy| u64::from(proxy.clients.max) + u64::from(proxy.pool.max) + proxy.listen.len() as u64;
    proxies.iter().map(of).sum()
}

/// Starts proxies for streams of bytes.
pub(in crate::proxy) fn begin(
    proxies: &[&Proxy],
    around: &Surroundings,
    offer: &Offer,
) -> Result<Begun, StartError> {
    let (poll, waker) = worker::poll()?;
    let (sender, inbox) = channel();
    let (to_desk, errands) = unbounded_channel();
    let post = Post::new(sender, waker);
    let (mut ears, mut counters) = (Vec::new(), Vec::new());
    for (place, proxy) in (0_u16..).zip(proxies) {
        ears.extend(open(proxy, offer, FirstWord::Either)?.into_iter().map(|ear| (place, ear)));
        counters.push(Counter {
            places: proxy.upstream.iter().map(Place::of).collect(),
            within: proxy.pool.connect_timeout,
        });
        post.send(Message::Open(Box::new(RoomSettings {
            name: proxy.name.to_string(),
            guests: guests(proxy, proxy.allow.as_ref(), around)?.exposed(proxy.expose),
            buffer: usize::try_from(proxy.clients.buffer).unwrap_or(usize::MAX),
            pool: pool_settings(proxy),
        })));
    }
    post.send(Message::Listen(ears));
    let names = proxies.iter().map(|proxy| proxy.name.clone()).collect();
    let group = (names, Box::new(post.clone()) as _);
    let parts = worker::Parts { poll, inbox, desk: to_desk };
    let threads = move |_, note| {
        let worker = Thread::start("fdg-proxy-tcp", move || {
            let _note = note;
            Worker::new(parts).run()
        })?;
        let desk = Thread::start("fdg-dial", move || {
            block_on_desk(desk::run(desk::Parts { counters, post, errands }))
        })?;
        Ok(vec![worker, desk])
    };
    Ok(Begun { group, threads: Box::new(threads) })
}
