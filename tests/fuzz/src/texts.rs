//! SQL, settings, user lists.

use fdguard::wire::postgres::settings::{Parameter, Settings};
use fdguard::wire::postgres::statement::{Strings, normalise, statements};
use fdguard::wire::postgres::userlist;

pub(crate) const STATEMENTS: &[&[u8]] = &[
    b"select 1; insert into a.\"B\" values ('it''s', e'\\'', $$;$$, $a$;$a$) -- x\n; /* /* */ */ commit",
    b"create function f() returns int begin atomic select case when a then 1 end; end; set local x = 'y'",
    b"with a as (delete from t) select pg_try_advisory_lock(1), set_config('a', 'b', true) for update",
    b"declare c cursor with hold for select U&\"a;\" , n'x' , 1.5e3, $1",
];

pub(crate) const TEXTS: &[&[u8]] = &[
    b"\x06\"$user\", Public, \"a\"\"b\"",
    b"\x01iso, euro",
    b"\x07it's \\ a name",
    b"\x00utf-8",
    b"x\"user\" \"secret\" ; x\n; comment\n\"a\"\"b\" \"md5900150983cd24fb0d6963f7d28e17f72\"\n",
];

/// Statements lie in their text one after the other, and a normal form is its own.
pub fn statement(data: &[u8]) {
    for strings in [Strings::Standard, Strings::Backslash] {
        let mut end = data.as_ptr().addr();
        for statement in statements(data, strings) {
            let start = statement.text.as_ptr().addr();
            assert!(start >= end && !statement.text.is_empty());
            end = start + statement.text.len();
            let _pin = statement.pin();
        }
        assert!(end <= data.as_ptr().addr() + data.len());
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        normalise(data, strings, &mut once);
        normalise(&once, strings, &mut twice);
        assert_eq!(once, twice);
        assert!(once.len() <= data.len());
        let count = |text: &[u8]| statements(text, strings).count();
        assert_eq!(count(&once), count(data));
    }
}

/// Values stay in their quotes, canonical ones are their own, user lists are read or refused.
pub fn text(data: &[u8]) {
    let Some((choice, value)) = data.split_first() else { return };
    let parameter = Parameter::ALL[usize::from(*choice) % Parameter::ALL.len()];
    let mut settings = Settings::default();
    if settings.put(parameter, value).is_ok() {
        let canonical = settings.get(parameter).unwrap_or_default().to_owned();
        let mut again = Settings::default();
        if again.put(parameter, canonical.as_bytes()).is_ok() {
            assert_eq!(settings, again);
        }
        let mut sql = String::new();
        Settings::default().write_towards(&settings, &mut sql);
        for strings in [Strings::Standard, Strings::Backslash] {
            assert_eq!(statements(sql.as_bytes(), strings).count(), 1, "{sql}");
        }
    }
    if let Ok(text) = std::str::from_utf8(value) {
        match userlist::parse(text) {
            Ok(users) => assert!(users.len() <= text.lines().count()),
            Err(faults) => assert!(!faults.is_empty()),
        }
    }
}
