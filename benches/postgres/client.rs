//! A bare client of the simple protocol, for what pgbench can't do: COPY, large results in a loop, clients that idle.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use fdguard::model::clock::Clock as _;
use fdguard::sys::clock::SystemClock;

use crate::common::Attempt;

/// Who logs in, everywhere.
pub(crate) const USER: &str = "bench";
/// To which database.
pub(crate) const DATABASE: &str = "postgres";
/// How long a server or pooler may take to answer its first query.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);
/// So that reading costs little.
const BUFFER: usize = 64 * 1024;
/// Protocol 3.0.
const VERSION: u32 = 3 << 16;

/// What pgbench is told to reach a port.
pub(crate) fn pgbench_target(port: u16) -> Vec<String> {
    let words = ["-h", "127.0.0.1", "-U", USER, "-p"];
    let port = port.to_string();
    words.into_iter().chain([port.as_str(), DATABASE]).map(str::to_owned).collect()
}

/// Returns once a first query was answered there.
pub(crate) fn wait_ready(port: u16, mut hope: impl FnMut() -> bool) -> Attempt<()> {
    let begun = SystemClock.now();
    loop {
        let answer = Client::connect(port).and_then(|mut client| client.ask("SELECT 1"));
        let Err(error) = answer else { return Ok(()) };
        if !hope() {
            return Err(format!("it ended; the last try: {error}").into());
        }
        if SystemClock.now().since(begun) > PATIENCE {
            return Err(format!("no answer within {PATIENCE:?}; the last try: {error}").into());
        }
        std::thread::sleep(STEP);
    }
}

/// One that is logged in.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// One that idles after this needs no large buffer.
    pub(crate) fn connect(port: u16) -> Attempt<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut body = VERSION.to_be_bytes().to_vec();
        for word in ["user", USER, "database", DATABASE, ""] {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        let mut client = Self { stream: BufReader::with_capacity(BUFFER, stream) };
        client.send(None, &body)?;
        client.until(b'Z')?;
        Ok(client)
    }

    /// Asks one query and reads its answer to the end; gives the answer's bytes.
    pub(crate) fn ask(&mut self, query: &str) -> Attempt<usize> {
        self.send(Some(b'Q'), &terminated(query))?;
        self.until(b'Z')
    }

    /// Copies these lines in, so often.
    pub(crate) fn copy_in(&mut self, query: &str, lines: &[u8], times: usize) -> Attempt<()> {
        self.send(Some(b'Q'), &terminated(query))?;
        self.until(b'G')?;
        let data = message(Some(b'd'), lines)?;
        for _ in 0..times {
            self.stream.get_mut().write_all(&data)?;
        }
        self.send(Some(b'c'), &[])?;
        self.until(b'Z')?;
        Ok(())
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Attempt<()> {
        Ok(self.stream.get_mut().write_all(&message(kind, body)?)?)
    }

    /// Reads past the next message of that kind; an error of the server on the way is an error.
    fn until(&mut self, wanted: u8) -> Attempt<usize> {
        let mut bytes = 0;
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let body = usize::try_from(u32::from_be_bytes(length))?.saturating_sub(length.len());
            bytes += head.len() + body;
            if kind == b'E' {
                let mut error = vec![0; body];
                self.stream.read_exact(&mut error)?;
                return Err(String::from_utf8_lossy(&error).replace('\0', " ").into());
            }
            self.pass_over(body)?;
            if kind == wanted {
                return Ok(bytes);
            }
        }
    }

    fn pass_over(&mut self, mut bytes: usize) -> Attempt<()> {
        while bytes > 0 {
            let here = self.stream.fill_buf()?.len().min(bytes);
            if here == 0 {
                return Err("the connection was closed inside a message".into());
            }
            self.stream.consume(here);
            bytes -= here;
        }
        Ok(())
    }
}

fn terminated(query: &str) -> Vec<u8> {
    [query.as_bytes(), &[0]].concat()
}

/// The very first message has no kind.
fn message(kind: Option<u8>, body: &[u8]) -> Attempt<Vec<u8>> {
    let length = u32::try_from(body.len() + size_of::<u32>())?.to_be_bytes();
    Ok([kind.as_slice(), &length, body].concat())
}
