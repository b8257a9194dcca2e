//! The places of the API. What is served and what `openapi.json` describes are held against each other by a test.

use hyper::Method;

use crate::model::asker::Role;

/// A place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// The page.
    Page,
    /// What the page is made of.
    PageFile,
    /// The description of the API.
    Document,
    /// Whether the agent answers.
    Health,
    /// What Prometheus reads.
    Metrics,
    /// What the agent sees and holds.
    Status,
    /// Why, and why not.
    Explain,
    /// What happens, as it happens.
    Events,
    /// What happened.
    HistoryEvents,
    /// What was seen.
    HistorySeries,
    /// Do something.
    Command,
}

/// What is at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found<'p> {
    /// This, and what stands in the place of the variable part.
    Here(Route, &'p str),
    /// Something that wants this method.
    Other(&'static str),
    /// Nothing.
    Nothing,
}

impl Route {
    /// Every place.
    pub(super) const ALL: [Self; 11] = [
        Self::Page,
        Self::PageFile,
        Self::Document,
        Self::Health,
        Self::Metrics,
        Self::Status,
        Self::Explain,
        Self::Events,
        Self::HistoryEvents,
        Self::HistorySeries,
        Self::Command,
    ];

    /// Its path; a last part in braces is variable.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::PageFile => "/page/{file}",
            Self::Document => "/openapi.json",
            Self::Health => "/healthz",
            Self::Metrics => "/metrics",
            Self::Status => "/v1/status",
            Self::Explain => "/v1/explain",
            Self::Events => "/v1/events",
            Self::HistoryEvents => "/v1/history/events",
            Self::HistorySeries => "/v1/history/series",
            Self::Command => "/v1/ctl/{verb}",
        }
    }

    /// Its method.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Command => "POST",
            Self::Page
            | Self::PageFile
            | Self::Document
            | Self::Health
            | Self::Metrics
            | Self::Status
            | Self::Explain
            | Self::Events
            | Self::HistoryEvents
            | Self::HistorySeries => "GET",
        }
    }

    /// What who asks over an address must be allowed; none for what tells nothing of the agent.
    pub(super) const fn needs(self) -> Option<Role> {
        match self {
            Self::Page | Self::PageFile | Self::Document => None,
            Self::Health
            | Self::Metrics
            | Self::Status
            | Self::Explain
            | Self::Events
            | Self::HistoryEvents
            | Self::HistorySeries => Some(Role::Read),
            Self::Command => Some(Role::Write),
        }
    }

    /// What is at a path.
    pub(super) fn find<'p>(method: &Method, path: &'p str) -> Found<'p> {
        let Some((route, rest)) = Self::ALL.into_iter().find_map(|route| Some((route, route.fits(path)?)))
        else {
            return Found::Nothing;
        };
        if method.as_str() == route.method() {
            Found::Here(route, rest)
        } else {
            Found::Other(route.method())
        }
    }

    /// What stands in the place of the variable part, where the path is this one.
    fn fits(self, path: &str) -> Option<&str> {
        match self.path().split_once('{') {
            None => (path == self.path()).then_some(""),
            Some((before, _)) => {
                path.strip_prefix(before).filter(|rest| !rest.is_empty() && !rest.contains('/'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_place_and_the_method_is_looked_at() {
        assert_eq!(Route::find(&Method::GET, "/v1/status"), Found::Here(Route::Status, ""));
        assert_eq!(Route::find(&Method::POST, "/v1/ctl/hold"), Found::Here(Route::Command, "hold"));
        assert_eq!(Route::find(&Method::GET, "/v1/ctl/hold"), Found::Other("POST"));
        assert_eq!(Route::find(&Method::POST, "/v1/status"), Found::Other("GET"));
        for path in ["", "/v1", "/v1/status/", "/v1/ctl/", "/v1/ctl/a/b", "//", "/page/../v1/status"] {
            assert_eq!(Route::find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn the_document_and_the_places_are_the_same() {
        let document: serde_json::Value = serde_json::from_str(super::super::page::DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                described.push((method.to_uppercase(), path.clone()));
                let route = Route::ALL.into_iter().find(|route| route.path() == path).unwrap();
                // Whether a token is wanted, and which, is described as it is.
                let scopes: Vec<&str> = operation["security"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|one| one.as_object().unwrap().keys().map(String::as_str))
                    .collect();
                let wanted: &[&str] = match route.needs() {
                    None => &[],
                    Some(Role::Read) => &["read", "write"],
                    Some(Role::Write) => &["write"],
                };
                assert_eq!(scopes, wanted, "{path}");
            }
        }
        let mut served: Vec<(String, String)> =
            Route::ALL.iter().map(|route| (route.method().to_owned(), route.path().to_owned())).collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
