//! Requests of JSON-RPC that are under way.

use serde_json::{Value, json};

/// A server's own error (JSON-RPC 2.0, section 5.1).
const SERVER_ERROR: i64 = -32_000;

/// Calls that change nothing, so that asking twice is asking once.
const READS: &[&str] = &[
    "eth_accounts",
    "eth_blobBaseFee",
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_createAccessList",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "eth_syncing",
    "net_version",
    "web3_clientVersion",
];

/// Whether a call changes nothing. Filters belong to their connection, so what is read of one is none.
pub(super) fn is_read(method: &str) -> bool {
    READS.contains(&method) || (method.starts_with("eth_get") && !method.starts_with("eth_getFilter"))
}

/// What is done with an answer.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// A call of the client; its text, where it may be asked again.
    Call { id: Value, text: String },
    /// The height at which this subscription of the client begins.
    Height(Value),
    /// A subscription of the client, with its height.
    Subscribe(Value, Option<u64>),
    /// A subscription that was said by us, by its name.
    Again(String),
}

impl Pending {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Call { text, .. } => text.len() + 256,
            Self::Height(_) | Self::Subscribe(..) | Self::Again(_) => 256,
        }
    }

    /// The bytes of a subscription that is being asked for; none for anything else.
    pub(super) fn weight(&self) -> Option<usize> {
        match self {
            Self::Height(request) | Self::Subscribe(request, _) => Some(request.to_string().len()),
            Self::Call { .. } | Self::Again(_) => None,
        }
    }

    /// Whether it is kept in mind however many there are: subscriptions have a bound of their own.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::Call { .. } => false,
            Self::Height(_) | Self::Subscribe(..) | Self::Again(_) => true,
        }
    }
}

/// The answer to a request, or to a list of them, that can't be carried out.
pub fn refusal(request: &Value, why: &str) -> String {
    let one = |request: &Value| {
        let id = request.get("id").cloned().unwrap_or_default();
        json!({ "jsonrpc": "2.0", "id": id, "error": { "code": SERVER_ERROR, "message": format!("fdguard: {why}") } })
    };
    match request {
        Value::Array(requests) => Value::Array(requests.iter().map(one).collect()).to_string(),
        _ => one(request).to_string(),
    }
}
