//! Clients that come in: their place, and what they are greeted with.

use mio::unix::SourceFd;

use crate::pool::reason::Farewell;
use crate::proxy::postgres::cache::Patience;
use crate::proxy::postgres::settle;
use crate::proxy::postgres::worker::client::{Client, State};
use crate::proxy::postgres::worker::client_path::token_of;
use crate::proxy::postgres::worker::knocker::Seat;
use crate::proxy::postgres::worker::serving::BOTH;
use crate::proxy::postgres::worker::token::Token;
use crate::proxy::postgres::worker::{Newcomer, Worker};
use crate::wire::postgres::backend::{
    Transaction, write_backend_key_data, write_parameter_status, write_ready_for_query,
};
use crate::wire::postgres::settings::Parameter;
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};

impl Worker {
    pub(super) fn arrive(&mut self, mut newcomer: Newcomer) {
        let room_place = usize::from(newcomer.room);
        let Some(room) = self.rooms.get_mut(room_place) else { return };
        let Some(key) = room.key(&newcomer.about.user, &newcomer.about.database) else {
            let text = "clients of this proxy have come as too many users and databases";
            let mut said = Vec::new();
            error_response(&mut said, &Report::new(SqlState::TooManyConnections, text).fatal());
            // One that does not listen is ended all the same.
            let _told = newcomer.transport.send(&said);
            return newcomer.transport.say_goodbye();
        };
        self.turn = self.turn.wrapping_add(1) & Token::CLIENT_TURN;
        // What the socket holds the poll tells of anew; what TLS has decrypted it does not.
        let drained = newcomer.transport.tls().is_none();
        let client = Client {
            transport: newcomer.transport,
            side: settle::newcomer(newcomer.settings),
            state: State::Greeting,
            drained,
            turn: self.turn,
            room: newcomer.room,
            key,
            lease: None,
            stalled: None,
            rests: false,
            pending: newcomer.early,
            secret: self.cancel_keys.next(),
            mark: None,
            patience: Patience::default(),
            about: newcomer.about.into(),
            greeting: None,
            active: self.now,
            since: self.now,
        };
        let fd = client.transport.fd();
        let turn = client.turn;
        let place = self.clients.insert(client);
        if let Err(refusal) = room.pool.attach(token_of(place), self.now) {
            return self.refuse(place, refusal);
        }
        let name = Token::Client { place, turn }.name();
        let registry = self.poll.registry();
        let seated = match newcomer.seat {
            Seat::Fresh => registry.register(&mut SourceFd(&fd), name, BOTH),
            Seat::Taken => registry.reregister(&mut SourceFd(&fd), name, BOTH),
        };
        if seated.is_err() {
            return self.end_client(place, Farewell::Refused);
        }
        self.greet(place, newcomer.prologue);
    }

    /// Greets a client, with what a server connection told before, or else with what the first one is going to tell.
    /// `said` goes before.
    fn greet(&mut self, place: usize, mut said: Vec<u8>) {
        let client = &mut self.clients[place];
        let room_place = usize::from(client.room);
        let room = &mut self.rooms[room_place];
        let Some(greeting) = room.door(client.key).and_then(|door| door.greeting.clone()) else {
            if client.transport.send(&said).is_err() {
                return self.end_client(place, Farewell::Lost);
            }
            if self.lease(place) {
                // A server connection there was, and no greeting: it was renewed meanwhile. Ask that one.
                self.greeted_by_lease(place);
            }
            return self.carry_out(room_place);
        };
        for (name, value) in &greeting.parameters {
            let own = Parameter::of(name).and_then(|parameter| client.side.wants.get(parameter));
            write_parameter_status(&mut said, name, own.map_or(value, str::as_bytes));
        }
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        write_backend_key_data(&mut said, number, &client.secret);
        write_ready_for_query(&mut said, Transaction::Idle);
        client.state = State::Open;
        client.greeting = Some(greeting);
        match client.transport.send(&said) {
            Ok(_) => {
                self.take_pending(place);
                self.pump_client(place);
            }
            Err(_) => self.end_client(place, Farewell::Lost),
        }
    }

    pub(super) fn greeted_by_lease(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        client.state = State::Open;
        self.release(place);
        self.greet(place, Vec::new());
    }
}
