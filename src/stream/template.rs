//! A message for the client, made of what a poll brought.
//!
//! The template is JSON; in its texts `{topic}` stands for the topic and `{/a/b}` for what stands at that place of the
//! item, `{}` for the whole item. A text that is nothing but one of these becomes the value itself, with its type; in a
//! longer text it becomes a part of the text.

use serde_json::Value;

use crate::stream::pattern::{Pointer, key};

/// The deepest template.
const DEPTH_MAX: usize = 32;

/// A template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template(Node);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Node {
    Fixed(Value),
    Text(Vec<Part>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Fixed(String),
    Topic,
    At(Pointer),
}

/// Why a text is no template.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// No JSON.
    #[error("this is not JSON: {0}")]
    Json(String),
    /// Braces around something that means nothing.
    #[error("`{{{0}}}` is neither {{topic}} nor a place like {{/data/price}}")]
    Place(String),
    /// Too deep.
    #[error("the template is deeper than {DEPTH_MAX}")]
    Deep,
}

/// What fills a template.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'v> {
    /// The item.
    pub item: &'v Value,
    /// Its topic.
    pub topic: Option<&'v str>,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let value = serde_json::from_str(text).map_err(|error| TemplateError::Json(error.to_string()))?;
        node(value, DEPTH_MAX).map(Self)
    }

    /// Fills it; what is not there becomes null, or nothing within a text.
    pub fn fill(&self, filling: Filling<'_>) -> Value {
        fill(&self.0, filling)
    }
}

/// Fills a plain text, such as the address of a request, in which each value is escaped by `escape`.
pub fn fill_text(text: &str, topic: Option<&str>, escape: impl Fn(&str) -> String) -> String {
    text.replace("{topic}", &escape(topic.unwrap_or_default()))
}

fn node(value: Value, depth: usize) -> Result<Node, TemplateError> {
    let deeper = depth.checked_sub(1).ok_or(TemplateError::Deep)?;
    Ok(match value {
        Value::String(text) => {
            let parts = parts(&text)?;
            if parts.iter().all(|part| matches!(part, Part::Fixed(_))) {
                Node::Fixed(Value::String(text))
            } else {
                Node::Text(parts)
            }
        }
        Value::Array(items) => {
            Node::List(items.into_iter().map(|item| node(item, deeper)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, node(value, deeper)?)));
            Node::Object(fields.collect::<Result<_, _>>()?)
        }
        fixed @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Node::Fixed(fixed),
    })
}

fn parts(mut text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let Some((inside, behind)) = rest.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(Part::Fixed(before.to_owned()));
        }
        parts.push(match inside {
            "topic" => Part::Topic,
            place => Part::At(Pointer::parse(place).ok_or_else(|| TemplateError::Place(place.to_owned()))?),
        });
        text = behind;
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Fixed(text.to_owned()));
    }
    Ok(parts)
}

fn fill(node: &Node, filling: Filling<'_>) -> Value {
    match node {
        Node::Fixed(value) => value.clone(),
        Node::List(items) => Value::Array(items.iter().map(|item| fill(item, filling)).collect()),
        Node::Object(fields) => {
            Value::Object(fields.iter().map(|(name, node)| (name.clone(), fill(node, filling))).collect())
        }
        Node::Text(parts) => match parts.as_slice() {
            [Part::At(place)] => place.of(filling.item).cloned().unwrap_or_default(),
            parts => Value::String(parts.iter().map(|part| text(part, filling)).collect()),
        },
    }
}

fn text(part: &Part, filling: Filling<'_>) -> String {
    match part {
        Part::Fixed(text) => text.clone(),
        Part::Topic => filling.topic.unwrap_or_default().to_owned(),
        Part::At(place) => {
            place.of(filling.item).filter(|value| !value.is_null()).map(key).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_type_and_texts_are_put_together() {
        let template = r#"{"stream": "{topic}@ticker", "data": "{}", "n": ["{/p}", 7, "is {/p} of {/none}."], "none": "{/none}"}"#;
        let item = json!({"p": 12.5});
        let filled = Template::parse(template).unwrap().fill(Filling { item: &item, topic: Some("btc") });
        let meant = json!({
            "stream": "btc@ticker", "data": {"p": 12.5}, "n": [12.5, 7, "is 12.5 of ."], "none": null
        });
        assert_eq!(filled, meant);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert!(matches!(Template::parse("{"), Err(TemplateError::Json(_))));
        assert_eq!(Template::parse(r#"["{price}"]"#), Err(TemplateError::Place("price".to_owned())));
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert_eq!(Template::parse(&deep), Err(TemplateError::Deep));
        let open = Template::parse(r#""a { b""#).unwrap();
        assert_eq!(open.fill(Filling { item: &Value::Null, topic: None }), json!("a { b"));
    }

    #[test]
    fn an_address_takes_an_escaped_topic() {
        let escape = |text: &str| text.replace('/', "%2F");
        assert_eq!(fill_text("http://a/?s={topic}", Some("BTC/USD"), escape), "http://a/?s=BTC%2FUSD");
    }
}
