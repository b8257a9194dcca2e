//! The part of an address behind the question mark.

use hyper::Uri;

/// Names and values, as they were written and in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Of an address. Its length is bounded by that of a head.
    pub(super) fn of(uri: &Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value of a name that may be there once.
    pub(super) fn value(&self, name: &str) -> Result<Option<&str>, String> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(format!("`{name}` stands there more than once")),
        }
    }

    /// The same, understood.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let value = self.value(name)?.map(parse).transpose();
        value.map_err(|error| format!("`{name}`: {error}"))
    }

    /// All values of a name.
    pub(super) fn all<'q>(&'q self, name: &str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Refuses names that mean nothing there: a misspelt one would be passed over.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(format!("`{name}` is not known here; there is {}", known.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_what_is_not_known_is_told() {
        let query = Query::of(&"/v1/x?signal=fd.open&signal=a%20b&target=bot&last=1h+30m".parse().unwrap());
        assert_eq!(query.all("signal").collect::<Vec<_>>(), ["fd.open", "a b"]);
        assert_eq!(query.value("last"), Ok(Some("1h 30m")));
        assert_eq!(query.value("none"), Ok(None));
        assert!(query.value("signal").is_err());
        assert_eq!(query.only(&["signal", "target", "last"]), Ok(()));
        assert_eq!(
            query.only(&["signal", "target"]).unwrap_err(),
            "`last` is not known here; there is signal, target"
        );
    }
}
