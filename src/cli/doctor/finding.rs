//! One thing that was tried.

use serde::Serialize;

use crate::cli::page::Tone;

/// Where the text beside a name begins: mark, verdict, name.
pub(super) const INDENT: usize = 26;

/// The parts of the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Section {
    Signals,
    Actions,
    Host,
}

impl Section {
    /// Every one, in the order of the report.
    pub(super) const ALL: [Self; 3] = [Self::Signals, Self::Actions, Self::Host];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Signals => "SIGNALS",
            Self::Actions => "ACTIONS",
            Self::Host => "HOST",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It works.
    Works,
    /// It works, with less or at a higher cost.
    Partly,
    /// It does not.
    Fails,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Works => "yes",
            Self::Partly => "part",
            Self::Fails => "no",
        }
    }

    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Works => Tone::Good,
            Self::Partly => Tone::Doubt,
            Self::Fails => Tone::Alarm,
        }
    }
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) section: Section,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// What was done to find out, and what came of it.
    pub(super) tried: String,
    /// Why it does not work, or only partly.
    pub(super) why: Option<String>,
    /// What would grant it.
    pub(super) grant: Option<String>,
    /// Whether the built-in default policy needs it.
    pub(super) default_policy: bool,
}

impl Finding {
    /// It works.
    pub(super) fn works(section: Section, name: &str, tried: impl Into<String>) -> Self {
        Self {
            section,
            name: name.to_owned(),
            verdict: Verdict::Works,
            tried: tried.into(),
            why: None,
            grant: None,
            default_policy: false,
        }
    }

    /// It works only partly.
    pub(super) fn partly(section: Section, name: &str, tried: impl Into<String>) -> Self {
        Self { verdict: Verdict::Partly, ..Self::works(section, name, tried) }
    }

    /// It does not work.
    pub(super) fn fails(section: Section, name: &str, tried: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fails, ..Self::works(section, name, tried) }
    }

    /// Why not.
    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// What would help.
    pub(super) fn remedy(self, grant: impl Into<String>) -> Self {
        Self { grant: Some(grant.into()), ..self }
    }

    /// The default policy needs it.
    pub(super) fn needed(self) -> Self {
        Self { default_policy: true, ..self }
    }
}
