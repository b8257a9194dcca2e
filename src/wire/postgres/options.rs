//! The startup parameter `options`: settings as switches of the server's command line.
//!
//! Words are parted by white space, a backslash takes the next character as it is. Of the server's many
//! switches only those that set a parameter are known here; anything else would not mean the same to a server
//! connection that is shared.

/// Why `options` can't be followed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// Neither `-c name=value` nor `--name=value`.
    #[error("unsupported switch in options: {0}")]
    Switch(String),
    /// A name without a value.
    #[error("{0} requires a value")]
    NoValue(String),
    /// `-c` at the end.
    #[error("-c requires name=value")]
    Nothing,
    /// Not UTF-8.
    #[error("options are not UTF-8")]
    Encoding,
}

/// The settings that `options` ask for, in order. Dashes in names count as underscores.
pub fn settings(options: &[u8]) -> Result<Vec<(String, String)>, OptionsError> {
    let text = std::str::from_utf8(options).map_err(|_| OptionsError::Encoding)?;
    let mut words = words(text).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let pair = if word == "-c" {
            words.next().ok_or(OptionsError::Nothing)?
        } else if let Some(long) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            long.to_owned()
        } else {
            return Err(OptionsError::Switch(word));
        };
        match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                settings.push((name.replace('-', "_"), value.to_owned()));
            }
            Some(_) | None => return Err(OptionsError::NoValue(pair)),
        }
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        // What C's isspace() takes for a space.
        if matches!(character, ' ' | '\t'..='\r') {
            words.extend(word.take());
            continue;
        }
        let taken = if character == '\\' { characters.next() } else { Some(character) };
        word.get_or_insert_default().extend(taken);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(options: &str) -> Vec<(String, String)> {
        settings(options.as_bytes()).unwrap()
    }

    #[test]
    fn each_form_sets_a_parameter() {
        let found = pairs("-c geqo=off  --statement-timeout=5min -csearch_path=a,\\ b\\\\c\t-c x=");
        let wanted = [("geqo", "off"), ("statement_timeout", "5min"), ("search_path", "a, b\\c"), ("x", "")];
        assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(pairs("  ").is_empty());
    }

    #[test]
    fn other_switches_are_refused() {
        assert_eq!(settings(b"-E"), Err(OptionsError::Switch("-E".to_owned())));
        assert_eq!(settings(b"-c"), Err(OptionsError::Nothing));
        assert_eq!(settings(b"--geqo"), Err(OptionsError::NoValue("geqo".to_owned())));
        assert_eq!(settings(b"-c =1"), Err(OptionsError::NoValue("=1".to_owned())));
        assert_eq!(settings(b"\xff"), Err(OptionsError::Encoding));
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(value in "\\PC{0,20}") {
            let escaped: String = value.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert_eq!(pairs(&format!("-c a={escaped}")), [("a".to_owned(), value)]);
        }
    }
}
