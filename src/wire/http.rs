//! HTTP/1.0 and HTTP/1.1 as one hop sees it (RFC 9110, RFC 9112): heads, the ends of bodies, what belongs to this hop alone.
//!
//! Heads are viewed where they lie in the read buffer, as ranges; a body is never held, only measured: [`body::Body`] says
//! how many of the next bytes are still its own, for any split of them. What two readers could understand in two ways is
//! refused here and not repaired, since that is how a request is hidden inside of another one.

pub mod body;
pub mod chunks;
pub mod fault;
pub mod fields;
pub mod head;
pub mod rewrite;
pub mod target;

#[cfg(test)]
mod tests;
