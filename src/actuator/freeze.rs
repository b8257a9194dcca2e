use super::{
    kit::{Kit, Tell},
    order::Order,
};
use crate::model::{decision::Done, process::ProcessId};
use std::time::Duration;
#[derive(Default)]
pub(super) struct Holds;
impl Holds {
    pub(super) async fn freeze(&self, _kit: &Kit, _order: &Order, _limit: Duration) -> Result<Done, String> {
        Err(String::new())
    }
    pub(super) async fn thaw(&self, _kit: &Kit, _order: &Order) -> Result<Done, String> {
        Err(String::new())
    }
    pub(super) fn let_go(&self, _process: ProcessId, _tell: &Tell, _why: &str) {}
    pub(super) fn release_all(&self, _tell: &Tell, _why: &str) {}
}
