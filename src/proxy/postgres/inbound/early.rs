//! What comes too early to be understood: it names a statement whose fate an earlier batch decides, and that is not answered.

use super::{Cx, Message};
use crate::proxy::postgres::names::Names;
use crate::proxy::postgres::side::{ClientSide, Mode, ServerSide};
use crate::wire::postgres::frontend::{Bind, Kind, Named, Parse, Target};

impl Message<'_> {
    /// Whether it names a statement that an earlier batch made or dropped and that is not answered: an error may have
    /// skipped that, and then it is not what the book says. Its turn comes with the answer.
    pub(super) fn is_early(&self, client: &ClientSide, server: &ServerSide, cx: &Cx<'_>) -> bool {
        let names = client.names.as_deref();
        let unsettled = names.is_some_and(Names::is_unsettled) || server.prepared.is_unsettled();
        let batch = server.exchange.batch_number();
        let unnamed_is_unsure = server.unnamed_sent.is_some_and(|sent| sent < batch);
        if !unsettled && !unnamed_is_unsure {
            return false;
        }
        if cx.mode == Mode::Session || server.exchange.skipping() {
            return false;
        }
        let is_unsure = |name: &[u8]| {
            let known = names.and_then(|names| names.find(name));
            names.is_some_and(|names| names.is_unsure(name, batch))
                || known.is_some_and(|known| server.prepared.is_unsure(known.id(), batch))
        };
        let name = match self.kind {
            Kind::Parse => {
                let Ok(parse) = Parse::parse(self.body()) else { return false };
                let text = self.body().get(parse.name.end() + 1..).and_then(|body| cx.statements.find(body));
                let unsure = text.is_some_and(|text| server.prepared.is_unsure(text.id(), batch));
                return !parse.name.bytes.is_empty() && (unsure || is_unsure(parse.name.bytes));
            }
            Kind::Bind => Bind::names(self.body()).map(|(_, name)| name),
            Kind::Describe | Kind::Close => {
                let named = Named::parse(self.body()).ok();
                named.filter(|named| named.target == Target::Statement).map(|named| named.name)
            }
            Kind::CopyData
            | Kind::CopyDone
            | Kind::CopyFail
            | Kind::Execute
            | Kind::Flush
            | Kind::FunctionCall
            | Kind::Password
            | Kind::Query
            | Kind::Sync
            | Kind::Terminate => None,
        };
        match name {
            Some(name) if name.bytes.is_empty() => unnamed_is_unsure,
            Some(name) => is_unsure(name.bytes),
            None => false,
        }
    }
}
