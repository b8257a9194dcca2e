//! The same said to the server and to the proxy before it.

use super::message::{Message, told};
use super::proxy::Proxy;
use super::server::server;
use super::wire::Wire;

/// Two sessions with one database each of the same contents, one of them pooled.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) proxy: Proxy,
    direct: Wire,
    pooled: Wire,
}

impl Pair {
    /// Through a pool of one server connection, in transaction mode.
    pub(crate) fn new() -> Self {
        Self::with("pool = { max = 1 }")
    }

    /// Through a proxy with these keys.
    pub(crate) fn with(keys: &str) -> Self {
        let proxy = Proxy::with(keys);
        let direct = server().open(&server().database());
        let pooled = proxy.client();
        Self { proxy, direct, pooled }
    }

    /// Runs a text in both, which must not fail.
    pub(crate) fn run(&mut self, sql: &str) {
        self.direct.run(sql);
        self.pooled.run(sql);
    }

    /// Says and hears the same in both; gives what was heard.
    pub(crate) fn same(&mut self, what: &str, script: impl Fn(&mut Wire) -> Vec<Message>) -> Vec<Message> {
        let direct = script(&mut self.direct);
        let pooled = script(&mut self.pooled);
        assert_eq!(
            told(&pooled),
            told(&direct),
            "{what}: the proxy (left) answers otherwise than the server"
        );
        pooled
    }

    /// Says the same in both, all at once, and hears as many answers as Syncs and the like are in it.
    pub(crate) fn batch(&mut self, what: &str, readies: usize, write: impl Fn(&mut Vec<u8>)) -> Vec<Message> {
        self.same(what, |wire| {
            wire.say(&write);
            wire.ready(readies)
        })
    }

    /// The pooled client leaves; the next one finds everything in order.
    pub(crate) fn end(self) {
        drop(self.pooled);
        self.proxy.serves();
    }
}
