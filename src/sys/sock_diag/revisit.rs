//! Asking again for sockets that are known, by their ends and cookies.
//!
//! A dump walks the hash table of the whole machine, some hundred thousand buckets, however few sockets there are;
//! a look-up of one socket touches one bucket. So for a process with few sockets this is the cheaper question, as long
//! as it has made no new ones.

use nix::errno::Errno;

use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::message::{self, Message, Messages};
use crate::sys::sock_diag::record::SocketRecord;
use crate::sys::sock_diag::{SockDiag, WHAT, socket};

/// Questions in one datagram: their answers fit the receive buffer that a kernel gives by default.
const BATCH: usize = 32;

impl SockDiag {
    /// Adds to `records` what the tables say now of each of these sockets; those that are in no table any more are left
    /// out. Only sockets of a dump can be asked for: the cookie tells them from others with the same ends.
    pub fn revisit(
        &mut self,
        known: &[SocketRecord],
        records: &mut Vec<SocketRecord>,
    ) -> Result<(), ReadError> {
        let mut request = Vec::new();
        for batch in known.chunks(BATCH) {
            let first = self.sequence.wrapping_add(1);
            request.clear();
            for record in batch {
                self.sequence = self.sequence.wrapping_add(1);
                let ends = (record.local, record.remote);
                message::request_one(&mut request, self.sequence, ends, record.cookie);
            }
            socket::send(&self.socket, &request)?;
            self.gather(batch, first, records)?;
        }
        Ok(())
    }

    fn gather(
        &mut self,
        batch: &[SocketRecord],
        first: u32,
        records: &mut Vec<SocketRecord>,
    ) -> Result<(), ReadError> {
        let mut answered = 0;
        while answered < batch.len() {
            let datagram = socket::receive(&self.socket, &mut self.buffer)?;
            for message in Messages::new(datagram) {
                let (head, message) = message.map_err(|_| ReadError::Malformed { what: WHAT })?;
                let place = usize::try_from(head.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                let Some(asked) = batch.get(place) else { continue };
                match message {
                    Message::Record(bytes) => {
                        let record = SocketRecord::parse(bytes).ok_or(ReadError::Malformed { what: WHAT })?;
                        // Without an inode nobody holds it any more.
                        records.extend(Some(record).filter(|record| record.inode == asked.inode));
                    }
                    Message::Error(error) if is_gone(error) => {}
                    Message::Done(error) | Message::Error(error) => {
                        return Err(ReadError::of_host(WHAT, Errno::from_raw(error)));
                    }
                    Message::Nothing => continue,
                }
                answered += 1;
            }
        }
        Ok(())
    }
}

/// No socket has these ends, or another one.
fn is_gone(error: i32) -> bool {
    [Errno::ENOENT, Errno::ESTALE].contains(&Errno::from_raw(error))
}
