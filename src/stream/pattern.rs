//! What a declared message looks like: places in JSON (RFC 6901) and what must stand there.

use std::fmt;

use serde_json::Value;

/// The longest pointer.
const POINTER_MAX: usize = 256;

/// A place in a JSON document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    pub const ROOT: Self = Self(String::new());

    /// As written: nothing for the whole, or parts that each begin with a slash.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.is_empty() || text.starts_with('/');
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        (fits && escapes && text.len() <= POINTER_MAX).then(|| Self(text.to_owned()))
    }

    /// What stands there.
    pub fn of<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        document.pointer(&self.0)
    }

    /// What stands there, to be changed.
    pub fn of_mut<'v>(&self, document: &'v mut Value) -> Option<&'v mut Value> {
        document.pointer_mut(&self.0)
    }

    /// A number that stands there, or a text that is one.
    pub fn number(&self, document: &Value) -> Option<u64> {
        match self.of(document)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What stands there as a key: a text as it is, anything else as JSON.
    pub fn key(&self, document: &Value) -> Option<String> {
        self.of(document).filter(|value| !value.is_null()).map(key)
    }
}

/// A value as a key.
pub(super) fn key(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What must stand at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meant {
    /// Exactly this.
    Is(Value),
    /// Anything but null.
    Something,
}

/// What a message looks like: all of these hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pattern(pub Vec<(Pointer, Meant)>);

impl Pattern {
    /// Whether a message looks so.
    pub fn fits(&self, message: &Value) -> bool {
        self.0.iter().all(|(place, meant)| {
            let found = place.of(message).filter(|value| !value.is_null());
            match meant {
                Meant::Is(value) => found == Some(value),
                Meant::Something => found.is_some(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    #[test]
    fn pointers_are_those_of_the_standard() {
        let document = json!({"a/b": {"m~n": [1, "27", {"s": "x"}]}, "none": null});
        assert_eq!(at("/a~1b/m~0n/0").number(&document), Some(1));
        assert_eq!(at("/a~1b/m~0n/1").number(&document), Some(27));
        assert_eq!(at("/a~1b/m~0n/2").key(&document).as_deref(), Some("{\"s\":\"x\"}"));
        assert_eq!(at("/a~1b/m~0n/2/s").key(&document).as_deref(), Some("x"));
        assert_eq!((at("/none").key(&document), at("/a").of(&document)), (None, None));
        assert_eq!(Pointer::ROOT.of(&document), Some(&document));
        for bad in ["a", "/a~", "/a~2", &"/a".repeat(200)] {
            assert_eq!(Pointer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_of_a_pattern_must_hold() {
        let pattern =
            Pattern(vec![(at("/method"), Meant::Is(json!("SUBSCRIBE"))), (at("/params"), Meant::Something)]);
        assert!(pattern.fits(&json!({"method": "SUBSCRIBE", "params": []})));
        assert!(!pattern.fits(&json!({"method": "SUBSCRIBE", "params": null})));
        assert!(!pattern.fits(&json!({"method": "subscribe", "params": []})));
        assert!(!pattern.fits(&json!("SUBSCRIBE")));
    }
}
