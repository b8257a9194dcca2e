//! A file of users as PgBouncer reads it: a line for each, `"user" "secret"`, the secret a password, an md5
//! hash or a SCRAM verifier. A quote within is doubled, `;` opens a line of comment, and what follows the
//! secret on its line is not read.

use std::collections::BTreeMap;

use super::secret::Secret;

/// The most users of a file.
pub const USERS_MAX: usize = 10_000;

/// The longest user name: the server cuts what is longer.
pub const USER_MAX: usize = 63;

/// The longest secret.
pub const SECRET_MAX: usize = 2_048;

/// Users by their names.
pub type Users = BTreeMap<String, Secret>;

/// What is wrong with a line. It quotes nothing: a slip of the pen may put a secret anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UserFault {
    /// No quote where a name or a secret must begin.
    #[error("a line is `\"user\" \"secret\"`")]
    NoQuote,
    /// A quote that is never closed on its line.
    #[error("a quote is not closed")]
    Open,
    /// No name, or one over its bound.
    #[error("a user name has 1 to {USER_MAX} bytes")]
    Name,
    /// Over its bound.
    #[error("a secret has at most {SECRET_MAX} bytes")]
    Secret,
    /// Nothing between the two, or behind them.
    #[error("a quoted field ends with white space")]
    Joined,
    /// Told before.
    #[error("this user was named on an earlier line")]
    Twice,
    /// Over [`USERS_MAX`].
    #[error("a file has at most {USERS_MAX} users")]
    TooMany,
}

/// Reads a file. All faults come at once, with their lines, from 1 on; with any there are no users.
pub fn parse(text: &str) -> Result<Users, Vec<(usize, UserFault)>> {
    let mut users = Users::new();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        match user(line) {
            Ok((name, _)) if users.contains_key(&name) => faults.push((number, UserFault::Twice)),
            Ok(_) if users.len() == USERS_MAX => {
                faults.push((number, UserFault::TooMany));
                break;
            }
            Ok((name, secret)) => {
                users.insert(name, secret);
            }
            Err(fault) => faults.push((number, fault)),
        }
    }
    if faults.is_empty() { Ok(users) } else { Err(faults) }
}

fn user(line: &str) -> Result<(String, Secret), UserFault> {
    let (name, rest) = quoted(line)?;
    let (secret, _) = quoted(rest)?;
    if name.is_empty() || name.len() > USER_MAX {
        return Err(UserFault::Name);
    }
    if secret.len() > SECRET_MAX {
        return Err(UserFault::Secret);
    }
    Ok((name, Secret::parse(&secret)))
}

/// A quoted text, and the line behind it.
fn quoted(line: &str) -> Result<(String, &str), UserFault> {
    let mut rest = line.strip_prefix('"').ok_or(UserFault::NoQuote)?;
    let mut text = String::new();
    loop {
        let (part, behind) = rest.split_once('"').ok_or(UserFault::Open)?;
        text.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                text.push('"');
                rest = more;
            }
            None if behind.is_empty() || behind.starts_with(char::is_whitespace) => {
                return Ok((text, behind.trim_start()));
            }
            None => return Err(UserFault::Joined),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_line_is_a_user() {
        let text = "; the bots\n\n  \"bot\" \"pencil\"  \"ignored\"\n\"we \"\"are\"\"\"\t\"md5900150983cd24fb0d6963f7d28e17f72\"\r\n\"none\" \"\"";
        let users = parse(text).ok().unwrap();
        assert_eq!(users.keys().collect::<Vec<_>>(), ["bot", "none", "we \"are\""]);
        assert_eq!(users["bot"].reveal(), Some(&b"pencil"[..]));
        assert_eq!(users["none"].reveal(), Some(&b""[..]));
        assert!(matches!(users["we \"are\""], Secret::Md5(_)));
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let long = "x".repeat(USER_MAX + 1);
        let text = format!(
            "bot\n\"a\"\n\"b\"\"c\" \"\n\"\" \"x\"\n\"{long}\" \"x\"\n\"d\" \"x\"\n\"d\" \"y\"\n\"e\"\"f\"\"g\n\"h\"\"i\" \"j\"k\n\"l\" \"{}\"",
            "s".repeat(SECRET_MAX + 1)
        );
        let faults = [
            (1, UserFault::NoQuote),
            (2, UserFault::NoQuote),
            (3, UserFault::Open),
            (4, UserFault::Name),
            (5, UserFault::Name),
            (7, UserFault::Twice),
            (8, UserFault::Open),
            (9, UserFault::Joined),
            (10, UserFault::Secret),
        ];
        assert!(parse(&text).err().unwrap() == faults);
    }

    #[test]
    fn users_are_bounded() {
        let text: String = (0..=USERS_MAX).map(|n| format!("\"u{n}\" \"\"\n")).collect();
        assert!(parse(&text).err().unwrap() == [(USERS_MAX + 1, UserFault::TooMany)]);
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(name in "\\PC{1,15}", secret in "\\PC{0,30}") {
            let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let users = parse(&format!("{} {}", quote(&name), quote(&secret))).ok().unwrap();
            prop_assert!(users[&name] == Secret::parse(&secret));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\"a; \n]{0,60}|\\PC{0,60}") {
            match parse(&text) {
                Ok(users) => prop_assert!(users.len() <= text.lines().count()),
                Err(faults) => prop_assert!(faults.iter().all(|(line, _)| *line <= text.lines().count())),
            }
        }
    }
}
