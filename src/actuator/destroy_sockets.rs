use super::{kit::Kit, order::Order};
use crate::model::{decision::Done, name::Remote};
use std::time::Duration;
pub(super) async fn destroy(
    _kit: &Kit,
    _order: &Order,
    _w: (Duration, Option<&Remote>, u32),
) -> Result<Done, String> {
    Err(String::new())
}
