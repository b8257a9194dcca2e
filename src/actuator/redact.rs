//! Takes secrets out of text before it is written down or sent.
//!
//! Works on what evidence bundles and notices carry: command lines, links, hook output, error chains. Errs on
//! the side of taking out too much: what follows a word that names a secret goes, up to the next blank.
//! Built once and passed along, since compiling the patterns is not free.

use regex_lite::Regex;

/// What stands in place of a secret.
const MASK: &str = "***";

/// Words that name a secret, as parts of an option, a variable or a field.
const NAMING: &str = r"pass(?:w(?:or)?d|phrase)?|pwd|token|secret|key|credential|cred|auth(?:orization)?|signature|cookie|session|dsn";

/// Shapes that are secrets whatever stands around them: JWT, Slack, AWS, GitHub, `sk-` tokens, PEM bodies.
const SHAPES: &str = r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*|xox[a-z]-[A-Za-z0-9-]+|AKIA[0-9A-Z]{12,}|gh[a-z]_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{12,}|hooks\.slack\.com/[^\s?#]*|-----BEGIN [A-Z ]*-----[\s\S]*";

/// Knows what a secret looks like.
#[derive(Debug)]
pub struct Redactor {
    userinfo: Regex,
    scheme: Regex,
    assigned: Regex,
    option: Regex,
    shapes: Regex,
    naming_option: Regex,
}

impl Redactor {
    /// Compiles the patterns.
    pub fn new() -> Self {
        let compile =
            |pattern: String| Regex::new(&pattern).expect("the patterns are constants that compile");
        let value = r#"(?:"[^"]*"|'[^']*'|\S+)"#;
        Self {
            userinfo: compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s]*@".to_owned()),
            scheme: compile(r"(?i)\b(bearer|basic|digest)\s+\S+".to_owned()),
            assigned: compile(format!(r#"(?i)([\w.-]*(?:{NAMING})[\w.-]*["']?\s*[=:]\s*){value}"#)),
            option: compile(format!(r"(?i)((?:^|\s)--?[\w.-]*(?:{NAMING})[\w.-]*\s+){value}")),
            shapes: compile(SHAPES.to_owned()),
            naming_option: compile(format!(r"(?i)^--?[\w.-]*(?:{NAMING})[\w.-]*$")),
        }
    }

    /// The text without its secrets. Idempotent.
    pub fn text(&self, text: &str) -> String {
        let text = self.userinfo.replace_all(text, format!("${{1}}{MASK}@"));
        let text = self.shapes.replace_all(&text, MASK);
        let text = self.scheme.replace_all(&text, format!("${{1}} {MASK}"));
        let text = self.option.replace_all(&text, format!("${{1}}{MASK}"));
        self.assigned.replace_all(&text, format!("${{1}}{MASK}")).into_owned()
    }

    /// The arguments of a command without their secrets: as [`Self::text`] for each, and the whole argument
    /// after an option that names a secret, blanks and all.
    pub fn arguments<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut value_next = false;
        let mut shown = Vec::new();
        for argument in arguments {
            if value_next {
                value_next = false;
                shown.push(MASK.to_owned());
                continue;
            }
            value_next = self.naming_option.is_match(argument);
            shown.push(self.text(argument));
        }
        shown
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_behind_a_naming_word_never_gets_through(
            word in "(password|PASSWD|api_key|X-Auth-Token|client.secret|dsn)",
            between in "(=|: |=\"|\":\")",
            value in "[A-Z][a-zA-Z0-9!$%&/+,;-]{5,24}",
        ) {
            let secret = format!("zz{value}");
            let shown = Redactor::new().text(&format!("start {word}{between}{secret} end"));
            prop_assert!(!shown.contains(&secret), "{shown}");
            prop_assert!(shown.starts_with("start "));
        }

        #[test]
        fn redacting_twice_changes_nothing_more(text in ".{0,120}") {
            let redactor = Redactor::new();
            let once = redactor.text(&text);
            prop_assert_eq!(redactor.text(&once), once);
        }
    }

    #[test]
    fn the_usual_places_of_secrets() {
        let redactor = Redactor::new();
        for (text, shown) in [
            ("postgres://bot:pa@ss@db:5432/orders", "postgres://***@db:5432/orders"),
            ("Authorization: Bearer abc.def", "Authorization: *** ***"),
            ("curl -H 'x: bearer abcdef'", "curl -H 'x: bearer ***"),
            ("bot.py --api-key 1234 --symbol AAPL", "bot.py --api-key *** --symbol AAPL"),
            ("LONGPORT_APP_SECRET=\"a b\" run", "LONGPORT_APP_SECRET=*** run"),
            ("GET /ws?token=abc&x=1 HTTP/1.1", "GET /ws?token=*** HTTP/1.1"),
            ("https://hooks.slack.com/services/T0/B0/xyz failed", "https://*** failed"),
            ("/home/bot/feed.log", "/home/bot/feed.log"),
            ("fd.open 812 of 1024", "fd.open 812 of 1024"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
    }

    #[test]
    fn an_argument_after_a_naming_option_goes_whole() {
        let shown = Redactor::new().arguments(["bot", "--password", "two words", "--tick", "5"]);
        assert_eq!(shown, ["bot", "--password", MASK, "--tick", "5"]);
    }
}
