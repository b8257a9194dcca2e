//! `gate`: which requests are orders and cancels, and what a refused order is answered.

use super::Name;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, Size, quoted};
use crate::config::{defaults, read};
use crate::document::{Faults, Table, Value};
use crate::gate::{Condition, Pattern, Place, Rule, Rules, Scalar};
use crate::model::diagnostic::Diagnostic;
use crate::model::trading::Trading;

/// The most rules of each kind, conditions of one rule, and values and methods of one.
const RULES_MAX: usize = 64;
const CONDITIONS_MAX: usize = 8;
const VALUES_MAX: usize = 32;
/// The largest body that is read before it is decided, and the largest answer to a refused order.
const BODY_MAX: u64 = 1 << 20;
const ANSWER_MAX: usize = 8 << 10;
/// What stands for the state and the name of the proxy in an answer.
const STATE: &str = "{state}";
const PROXY: &str = "{proxy}";

/// The order gate of a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderGate {
    /// Orders and cancels.
    pub rules: Rules,
    /// So many bytes of a body are read before it is decided; what is longer is an order.
    pub body: u64,
    /// What a refused order is answered.
    pub refusal: GateAnswer,
}

/// What a refused order is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateAnswer {
    /// Its status.
    pub status: u16,
    /// Its type.
    pub kind: String,
    /// Its body; the proxy's own where absent.
    pub body: Option<String>,
}

impl GateAnswer {
    /// The body in a state, as the settings declare it.
    pub fn told(&self, proxy: &str, state: Trading) -> Option<String> {
        self.body.as_ref().map(|body| body.replace(STATE, state.name()).replace(PROXY, proxy))
    }
}

impl Show for Scalar {
    fn show(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

impl Show for Condition {
    fn show(&self) -> String {
        let (key, place) = match &self.place {
            Place::Pointer(pointer) => ("pointer", pointer),
            Place::Field(field) => ("field", field),
        };
        format!("{{ {key} = {}, is = {} }}", quoted(place), self.is.show())
    }
}

impl Show for Rule {
    fn show(&self) -> String {
        let mut entries = Vec::new();
        if !self.methods.is_empty() {
            entries.push(format!("method = {}", self.methods.show()));
        }
        entries.push(format!("path = {}", quoted(&self.path.to_string())));
        for (key, conditions) in [("when", &self.when), ("reduces", &self.reduces)] {
            if !conditions.is_empty() {
                entries.push(format!("{key} = {}", conditions.show()));
            }
        }
        format!("{{ {} }}", entries.join(", "))
    }
}

/// Whether a rule is one of orders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Orders,
    Cancels,
}

/// Reads it, where it is there.
pub(super) fn read(proxy: &mut Section<'_>, name: &Name, cx: &mut Context<'_>) -> Option<OrderGate> {
    let mut section = proxy.present(cx, "gate")?;
    let orders = section.need(cx, "orders", |value, faults| rules(value, Of::Orders, faults));
    let cancels = section.or(cx, "cancels", Vec::new(), |value, faults| rules(value, Of::Cancels, faults));
    let span = section.key_span("cancels").unwrap_or_else(|| section.span());
    for cancel in &cancels {
        if let Some(swallowed) = orders.iter().flatten().find_map(|order| swallowed(cancel, order)) {
            let message =
                format!("`{swallowed}` is a cancel and an order: every one of these orders would pass");
            let fault = Diagnostic::error("cancel-is-order", span.clone(), message);
            cx.faults.push(fault.help("tell them apart by `method` or `path`, or give the cancel a `when`"));
        }
    }
    let Size(body) = section.or(cx, "body", Size(defaults::GATE_BODY), read::size(1..=BODY_MAX));
    let refusal = refusal(&mut section, name, cx);
    section.finish(cx);
    Some(OrderGate { rules: Rules { orders: orders?, cancels }, body, refusal })
}

/// The requests of an order's rule that would all pass as this cancel, if there are any.
fn swallowed(cancel: &Rule, order: &Rule) -> Option<String> {
    if !cancel.when.is_empty() || !cancel.path.covers(&order.path) {
        return None;
    }
    let by = |method: &&String| cancel.methods.is_empty() || cancel.methods.contains(method);
    let methods: Vec<&str> = order.methods.iter().filter(by).map(String::as_str).collect();
    let any = order.methods.is_empty() && cancel.methods.is_empty();
    let methods = if any { "any".to_owned() } else { methods.join("/") };
    (!methods.is_empty()).then(|| format!("{methods} {}", order.path))
}

fn rules(value: Value<'_>, of: Of, faults: &mut Faults) -> Option<Vec<Rule>> {
    let items = value.list(faults)?;
    if items.len() > RULES_MAX {
        too_many(&value, format!("at most {RULES_MAX} rules stand here"), faults);
        return None;
    }
    if items.is_empty() && of == Of::Orders {
        let fault = Diagnostic::error("out-of-range", value.span(), "at least one order is wanted here");
        faults.push(fault.help("without orders the gate keeps nothing back: take `gate` out"));
    }
    let mut found: Vec<Rule> = Vec::new();
    for item in items {
        let Some(rule) = item.table(faults).and_then(|table| rule(table, of, faults)) else { continue };
        if found.contains(&rule) {
            faults.push(Diagnostic::error("listed-twice", item.span(), "this rule is listed twice"));
        }
        found.push(rule);
    }
    Some(found)
}

fn rule(mut table: Table<'_>, of: Of, faults: &mut Faults) -> Option<Rule> {
    let methods = match table.value("method") {
        None => Some(Vec::new()),
        Some(value) => methods(value, faults),
    };
    let path = table.require("path", faults).and_then(|value| value.parsed(faults, Pattern::parse));
    let when = table.value("when").map_or(Some(Vec::new()), |value| conditions(value, faults));
    let reduces = match (of, table.value("reduces")) {
        (Of::Orders, Some(value)) => conditions(value, faults),
        (Of::Cancels, Some(value)) => {
            let fault = Diagnostic::error("no-effect", value.span(), "`reduces` means nothing for a cancel");
            faults.push(fault.help("cancels pass in every state"));
            None
        }
        (_, None) => Some(Vec::new()),
    };
    table.finish(faults);
    Some(Rule { methods: methods?, path: path?, when: when?, reduces: reduces? })
}

fn methods(value: Value<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let items = read::one_or_many(value, 1..=VALUES_MAX, faults)?;
    let found = items.iter().filter_map(|item| {
        let text = item.text(faults)?;
        if !text.value.is_empty() && text.value.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Some(text.value.into_owned());
        }
        let fault = Diagnostic::error("bad-value", text.span, "a method is a word in capitals");
        let written = text.value.to_ascii_uppercase();
        let known = written.bytes().all(|byte| byte.is_ascii_uppercase()) && !written.is_empty();
        faults.push(if known { fault.help(format!("write \"{written}\"")) } else { fault });
        None
    });
    let found: Vec<String> = found.collect();
    (found.len() == items.len()).then_some(found)
}

/// One condition, or several that hold together.
pub(super) fn conditions(value: Value<'_>, faults: &mut Faults) -> Option<Vec<Condition>> {
    let items = if value.is_table() { vec![value] } else { value.list(faults)? };
    if items.is_empty() || items.len() > CONDITIONS_MAX {
        too_many(
            &value,
            format!("one condition stands here, or up to {CONDITIONS_MAX} that hold together"),
            faults,
        );
        return None;
    }
    let found: Vec<Condition> = items.iter().filter_map(|item| condition(*item, faults)).collect();
    (found.len() == items.len()).then_some(found)
}

fn condition(value: Value<'_>, faults: &mut Faults) -> Option<Condition> {
    let mut table = value.table(faults)?;
    let place = match (table.value("pointer"), table.value("field")) {
        (Some(pointer), None) => read::pointer(pointer, faults).map(Place::Pointer),
        (None, Some(field)) => read::text(field, faults).map(Place::Field),
        (None, None) | (Some(_), Some(_)) => {
            let message =
                "a condition looks at one place: a `pointer` into JSON, or a `field` of query or form";
            faults.push(Diagnostic::error("bad-value", value.span(), message));
            None
        }
    };
    let is = table.require("is", faults).and_then(|value| scalars(value, faults));
    table.finish(faults);
    Some(Condition { place: place?, is: is? })
}

/// One value, or those of which one is enough.
fn scalars(value: Value<'_>, faults: &mut Faults) -> Option<Vec<Scalar>> {
    let one = scalar(value, &mut Faults::default());
    let items = match one {
        Some(one) => return Some(vec![one]),
        None => value.list(faults)?,
    };
    if items.is_empty() || items.len() > VALUES_MAX {
        too_many(&value, format!("one value stands here, or up to {VALUES_MAX}"), faults);
        return None;
    }
    let found: Vec<Scalar> = items.iter().filter_map(|item| scalar(*item, faults)).collect();
    (found.len() == items.len()).then_some(found)
}

fn scalar(value: Value<'_>, faults: &mut Faults) -> Option<Scalar> {
    let mut unheard = Faults::default();
    if value.is_text() {
        return value.text(faults).map(|text| Scalar::Text(text.value.into_owned()));
    }
    if let Some(flag) = value.flag(&mut unheard) {
        return Some(Scalar::Flag(flag));
    }
    if let Some(number) = value.whole(0..u64::MAX, &mut unheard) {
        return Some(Scalar::Number(number));
    }
    let message = "a text, a whole number, true or false is wanted here";
    faults.push(Diagnostic::error("wrong-type", value.span(), message));
    None
}

fn refusal(gate: &mut Section<'_>, name: &Name, cx: &mut Context<'_>) -> GateAnswer {
    let mut section = gate.section(cx, "refusal");
    let status = section.or(cx, "status", defaults::GATE_STATUS, read::number(400..=599));
    let kind = section.or(cx, "type", defaults::GATE_TYPE.to_owned(), read::text);
    if let Some(span) = section.key_span("type")
        && !kind.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        cx.error("bad-value", span, "this can't stand in a field");
    }
    let body = section.get(cx, "body", read::text);
    let span = section.key_span("body").unwrap_or_else(|| section.span());
    section.finish(cx);
    let answer = GateAnswer { status: u16::try_from(status).unwrap_or(503), kind, body };
    if let Some(body) = answer.told(name.as_str(), Trading::Reducing) {
        if body.len() > ANSWER_MAX {
            cx.error("too-long", span, format!("an answer has at most {ANSWER_MAX} bytes"));
        } else if answer.kind.contains("json") && serde_json::from_str::<serde_json::Value>(&body).is_err() {
            let fault = Diagnostic::error("bad-value", span, "this is no JSON, as `type` says it is");
            cx.faults.push(fault.help("only {state} and {proxy} are replaced"));
        }
    }
    answer
}

fn too_many(value: &Value<'_>, message: String, faults: &mut Faults) {
    faults.push(Diagnostic::error("out-of-range", value.span(), message));
}
