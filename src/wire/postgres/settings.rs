//! The session parameters that a pooler follows, and how a server is brought to a client's.
//!
//! A client's wishes stand in one [`Settings`], what a server has in another; [`Settings::write_towards`]
//! gives the statements between them. Servers report a value in a form of their own (`iso` becomes
//! `ISO, MDY`), so values are kept in a canonical form: else one would be set again before each transaction.

mod canonical;

use canonical::canonical;

/// The longest value.
pub const VALUE_MAX: usize = 1_024;

/// A parameter that is followed. The order is that of the statements that set them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Parameter {
    /// The client's encoding.
    ClientEncoding,
    /// How dates are written and read.
    DateStyle,
    /// How intervals are written.
    IntervalStyle,
    /// The time zone.
    TimeZone,
    /// Whether a backslash in a plain string is just that.
    StandardConformingStrings,
    /// Digits of floating point numbers: JDBC sets it at startup.
    ExtraFloatDigits,
    /// Where names are looked up.
    SearchPath,
    /// Who is there.
    ApplicationName,
}

impl Parameter {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::ClientEncoding,
        Self::DateStyle,
        Self::IntervalStyle,
        Self::TimeZone,
        Self::StandardConformingStrings,
        Self::ExtraFloatDigits,
        Self::SearchPath,
        Self::ApplicationName,
    ];

    /// The parameter of a name, in whatever case: servers take it so.
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// As the server reports it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientEncoding => "client_encoding",
            Self::DateStyle => "DateStyle",
            Self::IntervalStyle => "IntervalStyle",
            Self::TimeZone => "TimeZone",
            Self::StandardConformingStrings => "standard_conforming_strings",
            Self::ExtraFloatDigits => "extra_float_digits",
            Self::SearchPath => "search_path",
            Self::ApplicationName => "application_name",
        }
    }

    /// Whether servers tell when it changes. What they don't tell can be changed behind our back by a SET.
    pub fn reported(self, server_major: u32) -> bool {
        match self {
            Self::ClientEncoding
            | Self::DateStyle
            | Self::TimeZone
            | Self::StandardConformingStrings
            | Self::ApplicationName
            | Self::IntervalStyle => true,
            Self::SearchPath => server_major >= SEARCH_PATH_REPORTED,
            Self::ExtraFloatDigits => false,
        }
    }
}

/// The first major version that reports `search_path`.
const SEARCH_PATH_REPORTED: u32 = 18;

/// Why a value is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// Over [`VALUE_MAX`].
    #[error("a setting has at most {VALUE_MAX} bytes")]
    TooLong,
    /// Not UTF-8, or a NUL.
    #[error("a setting is UTF-8 text without NUL")]
    Encoding,
    /// A backslash beside characters that are not ASCII: in some encodings the one may hide in the other.
    #[error("a setting with a backslash is ASCII")]
    Backslash,
}

/// Values of some parameters.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// In the order of the parameters, each at most once.
    values: Vec<(Parameter, Box<str>)>,
}

impl Settings {
    /// The value of a parameter, in canonical form.
    pub fn get(&self, parameter: Parameter) -> Option<&str> {
        self.place(parameter).ok().map(|at| &*self.values[at].1)
    }

    /// Takes a value over: a client's wish, or what a server reports. What a value leaves open (`ISO` says
    /// nothing of day and month) stays as it was.
    pub fn put(&mut self, parameter: Parameter, value: &[u8]) -> Result<(), ValueError> {
        if value.len() > VALUE_MAX {
            return Err(ValueError::TooLong);
        }
        let value = std::str::from_utf8(value).map_err(|_| ValueError::Encoding)?;
        if value.contains('\0') {
            return Err(ValueError::Encoding);
        }
        if value.contains('\\') && !value.is_ascii() {
            return Err(ValueError::Backslash);
        }
        let value = canonical(parameter, value, self.get(parameter)).into();
        match self.place(parameter) {
            Ok(at) => self.values[at].1 = value,
            Err(at) => self.values.insert(at, (parameter, value)),
        }
        Ok(())
    }

    /// Appends all that changes the bytes of an answer: everything but who is there.
    pub fn write_answer_key(&self, out: &mut Vec<u8>) {
        for (parameter, value) in &self.values {
            if *parameter != Parameter::ApplicationName {
                out.push(*parameter as u8);
                out.extend_from_slice(value.as_bytes());
                out.push(0);
            }
        }
    }

    /// Forgets a parameter.
    pub fn remove(&mut self, parameter: Parameter) {
        if let Ok(at) = self.place(parameter) {
            self.values.remove(at);
        }
    }

    /// It may have any value from now on: whatever is wanted has to be set.
    pub fn doubt(&mut self, parameter: Parameter) {
        // No value has a NUL.
        match self.place(parameter) {
            Ok(at) => self.values[at].1 = "\0".into(),
            Err(at) => self.values.insert(at, (parameter, "\0".into())),
        }
    }

    fn place(&self, parameter: Parameter) -> Result<usize, usize> {
        self.values.binary_search_by_key(&parameter, |(own, _)| *own)
    }

    /// What must change for a server with these settings to have `wanted`: a value to set, or `None` where
    /// `wanted` says nothing and the server's own default must come back.
    pub fn towards<'w>(&self, wanted: &'w Self) -> impl Iterator<Item = (Parameter, Option<&'w str>)> {
        Parameter::ALL.into_iter().filter_map(move |parameter| {
            let (have, want) = (self.get(parameter), wanted.get(parameter));
            if have == want { None } else { Some((parameter, want)) }
        })
    }

    /// Appends the statements of [`Settings::towards`], for one Query: either all of them hold or none.
    pub fn write_towards(&self, wanted: &Self, out: &mut String) {
        if self == wanted {
            return;
        }
        for (parameter, value) in self.towards(wanted) {
            match value {
                None => *out += "RESET ",
                Some(_) => *out += "SET ",
            }
            *out += parameter.name();
            if let Some(value) = value {
                *out += " TO ";
                write_value(out, parameter, value);
            }
            out.push(';');
        }
    }
}

/// A value as SQL. A list is written by its items, else it would be taken for one item.
fn write_value(out: &mut String, parameter: Parameter, value: &str) {
    match parameter {
        Parameter::SearchPath => {
            let items = canonical::items(value);
            for (at, item) in items.iter().enumerate() {
                *out += if at == 0 { "" } else { ", " };
                write_literal(out, item);
            }
        }
        Parameter::ClientEncoding
        | Parameter::DateStyle
        | Parameter::IntervalStyle
        | Parameter::TimeZone
        | Parameter::StandardConformingStrings
        | Parameter::ExtraFloatDigits
        | Parameter::ApplicationName => write_literal(out, value),
    }
}

/// Appends a string literal that means the same whatever `standard_conforming_strings` says.
pub fn write_literal(out: &mut String, text: &str) {
    *out += if text.contains('\\') { "E'" } else { "'" };
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            out.push(character);
        }
        out.push(character);
    }
    out.push('\'');
}

#[cfg(test)]
mod tests;
