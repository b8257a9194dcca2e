//! What a receiver is told, and how it reads in Slack.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::model::name::Name;
use crate::model::process::ProcessId;

/// The longest text sent to Slack, in characters; Slack cuts at 4,000.
const SLACK_MAX: usize = 3_000;

/// One notice: plain facts, already without secrets. Serialized, it is the contract of webhooks and commands.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Notice {
    /// The version of this shape: 1.
    pub schema: u32,
    /// The host the agent runs on.
    pub host: String,
    /// The target.
    pub target: Name,
    /// The process, for the agent itself.
    #[serde(skip)]
    pub process: ProcessId,
    /// The process number, to show people.
    pub pid: u32,
    /// The rule, `policy/ladder/tier`.
    pub rule: String,
    /// The tier.
    pub tier: Option<String>,
    /// What happened, one line.
    pub what: String,
    /// The condition that led here, with the values it saw.
    pub why: String,
    /// Key readings, ready to show.
    pub values: BTreeMap<String, String>,
    /// What comes next.
    pub next: Option<String>,
    /// When, RFC 3339 in UTC; of the last one where several were grouped.
    pub at: String,
    /// How many notices of the same target and rule this one stands for.
    pub count: u32,
    /// When the first of them came.
    pub since: String,
    /// How many notices were left out before this one because of the rate limit.
    pub suppressed: u32,
}

impl Notice {
    /// What makes two notices the same for grouping.
    pub(super) fn group(&self) -> (Name, String) {
        (self.target.clone(), self.rule.clone())
    }

    /// This one and those it stands for, with one more: the newest speaks for all.
    pub(super) fn joined(self, newer: Self) -> Self {
        Self { count: self.count.saturating_add(newer.count), since: self.since, ..newer }
    }

    /// The values in one line.
    pub(super) fn values_line(&self) -> String {
        let pairs: Vec<String> = self.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        pairs.join(" · ")
    }

    /// The body of a Slack-compatible webhook.
    pub(super) fn slack(&self) -> Vec<u8> {
        let mut text =
            format!("*{}* on {} (pid {})", escaped(self.target.as_str()), escaped(&self.host), self.pid);
        if let Some(tier) = &self.tier {
            let _ = write!(text, " · *{}*", escaped(tier));
        }
        if self.count > 1 {
            let _ = write!(text, " · {} times since {}", self.count, self.since);
        }
        let values = self.values_line();
        let lines = [
            ("", Some(&self.what)),
            ("why: ", Some(&self.why)),
            ("", Some(&values)),
            ("next: ", self.next.as_ref()),
        ];
        for (label, line) in lines {
            if let Some(line) = line.filter(|line| !line.is_empty()) {
                let _ = write!(text, "\n{label}{}", escaped(line));
            }
        }
        if self.suppressed > 0 {
            let _ = write!(
                text,
                "\n_{} notices before this one were suppressed by the rate limit_",
                self.suppressed
            );
        }
        if let Some((cut, _)) = text.char_indices().nth(SLACK_MAX) {
            text.truncate(cut);
            text.push('…');
        }
        serde_json::json!({ "text": text }).to_string().into_bytes()
    }

    /// The body of a generic webhook, and the standard input of a command.
    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialize")
    }
}

/// Slack reads these three as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn notice(rule: &str, what: &str) -> Notice {
        Notice {
            schema: 1,
            host: "trade-1".to_owned(),
            target: Name::parse("bot").unwrap(),
            process: ProcessId { pid: 4711, inode: 1, started: 1, exe: (1, 1) },
            pid: 4711,
            rule: rule.to_owned(),
            tier: Some("critical".to_owned()),
            what: what.to_owned(),
            why: "fd.open > 800 (812)".to_owned(),
            values: BTreeMap::from([("fd.open".to_owned(), "812".to_owned())]),
            next: Some("fatal at fd.open > 900".to_owned()),
            at: "2026-01-01T00:00:00Z".to_owned(),
            count: 1,
            since: "2026-01-01T00:00:00Z".to_owned(),
            suppressed: 0,
        }
    }

    fn text_of(body: &[u8]) -> String {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        json["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn slack_reads_who_what_why_and_what_is_next() {
        assert_eq!(
            text_of(&notice("p/l/critical", "trading paused").slack()),
            "*bot* on trade-1 (pid 4711) · *critical*\ntrading paused\nwhy: fd.open &gt; 800 (812)\nfd.open 812\nnext: fatal at fd.open &gt; 900"
        );
    }

    #[test]
    fn slack_says_how_often_and_what_was_left_out_and_stays_short() {
        let mut many = notice("p", &"<&>é".repeat(2_000)).joined(notice("p", &"<&>é".repeat(2_000)));
        many.suppressed = 7;
        let text = text_of(&many.slack());
        assert!(text.contains("2 times since 2026"));
        assert_eq!(text.chars().count(), SLACK_MAX + 1);
        many.what = "short".to_owned();
        assert!(
            text_of(&many.slack()).ends_with("_7 notices before this one were suppressed by the rate limit_")
        );
    }
}
