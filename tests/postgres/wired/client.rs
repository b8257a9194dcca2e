//! A client that says one query at a time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::guard::PATIENCE;

/// One that has logged in.
#[derive(Debug)]
pub(crate) struct Client(TcpStream);

/// What came back: the first value of the last row, and the SQLSTATE of the last error.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) value: Option<String>,
    pub(crate) error: Option<String>,
}

impl Client {
    /// Connects and logs in; the SQLSTATE where it is refused, the error of the system where nobody listens.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend_from_slice(b"user\0postgres\0database\0postgres\0application_name\0wired\0\0");
        let length = u32::try_from(body.len() + 4).unwrap();
        stream.write_all(&[&length.to_be_bytes()[..], &body].concat()).map_err(|error| error.to_string())?;
        let mut client = Self(stream);
        match client.hear().error {
            None => Ok(client),
            Some(state) => Err(state),
        }
    }

    /// Sends a query.
    pub(crate) fn say(&mut self, query: &str) {
        let length = u32::try_from(query.len() + 5).unwrap();
        self.0.write_all(&[b"Q", &length.to_be_bytes()[..], query.as_bytes(), b"\0"].concat()).unwrap();
    }

    /// Hears until the server is ready, or until the connection ends.
    pub(crate) fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        loop {
            let mut head = [0; 5];
            match self.0.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing came"),
                Err(_) => return Heard { error: heard.error.or(Some("ended".to_owned())), ..heard },
            }
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
            let mut body = vec![0; length];
            if self.0.read_exact(&mut body).is_err() {
                return Heard { error: Some("ended".to_owned()), ..heard };
            }
            match head[0] {
                b'Z' => return heard,
                b'D' => heard.value = first_value(&body),
                b'E' => heard.error = Some(state(&body)),
                _ => {}
            }
        }
    }
}

fn first_value(row: &[u8]) -> Option<String> {
    let length = u32::from_be_bytes(row.get(2..6)?.try_into().ok()?) as usize;
    String::from_utf8(row.get(6..6 + length)?.to_vec()).ok()
}

fn state(report: &[u8]) -> String {
    let mut fields = report.split(|byte| *byte == 0);
    let code = fields.find_map(|field| field.strip_prefix(b"C")).unwrap_or_default();
    String::from_utf8_lossy(code).into_owned()
}
