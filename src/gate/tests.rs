mod disguises;
mod kinds;

use super::{Condition, Content, Head, Kind, Known, Matter, Path, Pattern, Place, Rule, Rules, Scalar};

fn rule(method: &str, at: &str) -> Rule {
    let methods = method.split_whitespace().map(str::to_owned).collect();
    Rule { methods, path: Pattern::parse(at).unwrap(), when: Vec::new(), reduces: Vec::new() }
}

fn json(pointer: &str, is: &[&str]) -> Condition {
    let is = is.iter().map(|text| Scalar::Text((*text).to_owned())).collect();
    Condition { place: Place::Pointer(pointer.to_owned()), is }
}

fn flag(pointer: &str) -> Condition {
    Condition { place: Place::Pointer(pointer.to_owned()), is: vec![Scalar::Flag(true)] }
}

fn field(name: &str, is: Scalar) -> Condition {
    Condition { place: Place::Field(name.to_owned()), is: vec![is] }
}

fn head<'a>(method: &'a str, target: &'a str, has_body: bool) -> Head<'a> {
    Head { method: method.as_bytes(), path: Path::of(target.as_bytes()), renamed: false, has_body }
}

/// What a request is, read as the proxy does.
fn kind(rules: &Rules, method: &str, target: &str, body: Option<&str>) -> Kind {
    let head = head(method, target, body.is_some());
    match rules.by_head(&head) {
        Known::Is(kind) => kind,
        Known::InBody => {
            let body = body.unwrap_or_default().as_bytes();
            // As their own libraries send them.
            let form = body.is_empty() || (body.contains(&b'=') && !body.contains(&b'{'));
            let content = if form { Content::Form(body) } else { Content::Other(body) };
            rules.by_all(&head, &Matter::of_request(head.path.query(), content))
        }
    }
}
