//! s
/// The JSON Schema of the agent file, for editors.
pub fn schema() -> serde_json::Value {
    serde_json::Value::Null
}
