//! Places in a group, held as leases of etcd, by its gateway for JSON (`/v3`, etcd 3.4 and later).
//!
//! A group has as many keys as places; who has a place has put its key where none was, bound to a lease. So no more than that can
//! be held whatever agents die or lose their way: etcd itself takes a key away with its lease. A transaction whose answer
//! was lost holds its place until then and no longer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, EndpointError};
use super::excerpt::Excerpt;
use super::web::{Call, Method, Web, WebError};
use crate::config::Fleet;
use crate::model::name::Name;

/// How long one answer is waited for. A place takes at most three and one for each key that another has just taken.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How much of an answer is kept: what is read of it is short.
const KEPT: usize = 16 * 1024;

/// A lease that was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease(String);

/// Why etcd gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// None came.
    #[error(transparent)]
    Web(#[from] WebError),
    /// It refused.
    #[error("etcd answers {status}: {said}")]
    Status {
        /// The status code.
        status: u16,
        /// What it said.
        said: String,
    },
    /// What it said is not what its interface says.
    #[error("etcd answers otherwise than it should")]
    Garbled,
}

/// A group in etcd.
pub struct Etcd {
    web: Web,
    places: Vec<Vec<u8>>,
    lease: Duration,
    range: Endpoint,
    grant: Endpoint,
    txn: Endpoint,
    revoke: Endpoint,
}

impl Etcd {
    /// Nothing is asked before the first place is wanted.
    pub fn new(fleet: &Fleet) -> Result<Self, EndpointError> {
        let base = fleet.etcd.as_str().trim_end_matches('/');
        let at = |path: &str| Endpoint::parse(&format!("{base}/v3/{path}"));
        // Of one width, so that the keys of a group lie between the first and the last.
        let key = |place: u64| format!("/fdguard/fleet/{}/{place:03}", fleet.group).into_bytes();
        Ok(Self {
            web: Web::new(),
            places: (0..fleet.at_most).map(key).collect(),
            lease: fleet.lease,
            range: at("kv/range")?,
            grant: at("lease/grant")?,
            txn: at("kv/txn")?,
            revoke: at("lease/revoke")?,
        })
    }

    /// Takes a place, for whom is told to people alone; none where all are taken.
    pub async fn take(&self, holder: &str) -> Result<Option<Lease>, EtcdError> {
        if self.taken().await? >= self.places.len() as u64 {
            return Ok(None);
        }
        let granted = self.ask(&self.grant, &json!({ "TTL": self.lease.as_secs().to_string() })).await?;
        let lease = Lease(granted["ID"].as_str().ok_or(EtcdError::Garbled)?.to_owned());
        for key in &self.places {
            let key = STANDARD.encode(key);
            let put = json!({ "key": key, "value": STANDARD.encode(holder), "lease": lease.0 });
            let free = json!({ "key": key, "target": "CREATE", "result": "EQUAL", "createRevision": "0" });
            let asked = json!({ "compare": [free], "success": [{ "requestPut": put }] });
            // A `false` is left out.
            if self.ask(&self.txn, &asked).await?["succeeded"] == Value::Bool(true) {
                return Ok(Some(lease));
            }
        }
        // It ends by itself where that is not heard; that there was no place is known all the same.
        let _heard = self.give_back(&lease).await;
        Ok(None)
    }

    async fn taken(&self) -> Result<u64, EtcdError> {
        let (Some(first), Some(last)) = (self.places.first(), self.places.last()) else { return Ok(0) };
        let mut behind = last.clone();
        behind.push(0);
        let (key, end) = (STANDARD.encode(first), STANDARD.encode(behind));
        let counted =
            self.ask(&self.range, &json!({ "key": key, "range_end": end, "count_only": true })).await?;
        // A zero is left out.
        counted["count"].as_str().map_or(Ok(0), |count| count.parse().map_err(|_| EtcdError::Garbled))
    }

    /// Gives a place back, with its lease.
    pub async fn give_back(&self, lease: &Lease) -> Result<(), EtcdError> {
        self.ask(&self.revoke, &json!({ "ID": lease.0 })).await.map(|_| ())
    }

    async fn ask(&self, endpoint: &Endpoint, question: &Value) -> Result<Value, EtcdError> {
        let body = question.to_string().into_bytes();
        let call = Call { method: Method::POST, body, timeout: ANSWER_WITHIN };
        let answer = self.web.call_keeping(endpoint, call, Excerpt::keeping(KEPT)).await?;
        let said = answer.body.text();
        if answer.status != 200 {
            return Err(EtcdError::Status { status: answer.status, said });
        }
        serde_json::from_str(&said).map_err(|_| EtcdError::Garbled)
    }
}

/// Who holds a place, as people read it.
pub fn holder(agent: &Name, target: &Name) -> String {
    format!("{agent}/{target}")
}
