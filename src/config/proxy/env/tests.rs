use proptest::prelude::*;

use super::*;
use crate::config::{Input, load};

const POSTGRES: &str = "protocol = \"postgres\"\nupstream = \"db1.internal:5432\"\n";
const ADDRESS: &str = "listen = \"127.0.0.1:6432\"\n";
const SOCKET: &str = "listen = \"unix:/run/fdguard/.s.PGSQL.6432\"\n";
const TLS: &str = "clients.tls = { cert = \"c\", key = \"k\" }\n";

fn config(text: &str) -> Config {
    let loaded = load(&Input::from_file("/etc/fdguard/agent.toml", format!("schema = 1\n{text}")));
    loaded.config.unwrap_or_else(|| panic!("{:#?}", loaded.report))
}

fn proxy(settings: &[&str], env: &str) -> Proxy {
    let text = format!("[proxy.db]\n{}env = [{env}]\n", settings.concat());
    config(&text).proxies.into_values().next().unwrap()
}

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value))).collect()
}

fn plain(set: &BTreeMap<String, Secret>) -> Vec<(&str, &str)> {
    set.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect()
}

/// What becomes of one URL.
fn url(settings: &[&str], text: &str) -> Result<String, Why> {
    let rewritten = rewrite(&environment(&[("U", text)]), [&proxy(settings, "\"U\"")]);
    match rewritten.faults.first() {
        Some(fault) => Err(fault.why),
        None => Ok(rewritten.set["U"].reveal().to_owned()),
    }
}

#[test]
fn a_url_leads_to_the_address_of_the_proxy() {
    for (from, to) in [
        (
            "postgres://u:p@db1.internal:5432/x?sslmode=require",
            "postgres://u:p@127.0.0.1:6432/x?sslmode=disable",
        ),
        (
            "postgresql+asyncpg://u:p%40@db1.internal/x?ssl=require",
            "postgresql+asyncpg://u:p%40@127.0.0.1:6432/x?ssl=disable",
        ),
        ("postgres://db1.internal", "postgres://127.0.0.1:6432"),
        (
            "postgres://u@h1:1,h2:2/x?target_session_attrs=any",
            "postgres://u@127.0.0.1:6432/x?target_session_attrs=any",
        ),
        ("postgres://u:a?b#c@[::1]:5432/x#f", "postgres://u:a?b#c@127.0.0.1:6432/x#f"),
        (
            "postgres:///x?host=/run/postgresql&port=5433&application_name=bot",
            "postgres://127.0.0.1:6432/x?application_name=bot",
        ),
        (
            "postgres://h/x?hostaddr=192.0.2.1&sslrootcert=system&channel_binding=require",
            "postgres://127.0.0.1:6432/x",
        ),
        (
            "postgres://h/x?ssl=true&gssencmode=require&require_auth=scram-sha-256",
            "postgres://127.0.0.1:6432/x?ssl=false",
        ),
        (
            "jdbc:postgresql://h:5432/x?user=u&sslmode=verify-full",
            "jdbc:postgresql://127.0.0.1:6432/x?user=u&sslmode=disable",
        ),
    ] {
        assert_eq!(url(&[POSTGRES, ADDRESS], from).as_deref(), Ok(to), "{from}");
    }
}

#[test]
fn a_socket_is_a_parameter() {
    for (from, to) in [
        ("postgres://u:p@h:5432/x", "postgres://u:p@/x?host=/run/fdguard&port=6432"),
        ("postgres://h?sslmode=require", "postgres:///?sslmode=disable&host=/run/fdguard&port=6432"),
        ("postgresql+psycopg://u@h/x?a=b#f", "postgresql+psycopg://u@/x?a=b&host=/run/fdguard&port=6432#f"),
    ] {
        assert_eq!(url(&[POSTGRES, SOCKET], from).as_deref(), Ok(to), "{from}");
    }
    let odd = "listen = \"unix:/run/a b/.s.PGSQL.1\"\n";
    assert_eq!(url(&[POSTGRES, odd], "postgres://h/x").unwrap(), "postgres:///x?host=/run/a%20b&port=1");
    assert_eq!(url(&[POSTGRES, SOCKET], "jdbc:postgresql://h/x"), Err(Why::NoSocketForm));
    let nameless = "listen = \"unix:/run/fdguard/db\"\n";
    assert_eq!(url(&[POSTGRES, nameless], "postgres://h/x"), Err(Why::NoSocketForm));
}

#[test]
fn a_listener_with_tls_keeps_what_asks_for_it() {
    let from = "postgres://h/x?sslmode=verify-ca&sslrootcert=/ca.pem&gssencmode=prefer";
    let to = "postgres://127.0.0.1:6432/x?sslmode=verify-ca&sslrootcert=/ca.pem";
    assert_eq!(url(&[POSTGRES, ADDRESS, TLS], from).as_deref(), Ok(to));
    let socket = "postgres:///x?sslmode=disable&host=/run/fdguard&port=6432";
    assert_eq!(url(&[POSTGRES, SOCKET, TLS], from).as_deref(), Ok(socket));
}

#[test]
fn a_stream_of_bytes_exchanges_host_and_port_alone() {
    let tcp = "protocol = \"tcp\"\nupstream = \"feed.example:443\"\nlisten = \"[::1]:9000\"\n";
    for (from, to) in [
        ("redis://:p@cache:6379/0?tls=true", "redis://:p@[::1]:9000/0?tls=true"),
        ("https://feed.example", "https://[::1]:9000"),
        (
            "postgres://u@h:5432/x?sslmode=verify-full&host=h2",
            "postgres://u@[::1]:9000/x?sslmode=verify-full",
        ),
    ] {
        assert_eq!(url(&[tcp], from).as_deref(), Ok(to), "{from}");
    }
    let socket = "protocol = \"tcp\"\nupstream = \"h:1\"\nlisten = \"unix:/run/x.sock\"\n";
    assert_eq!(url(&[socket], "redis://h"), Err(Why::NoSocketForm));
}

#[test]
fn an_address_of_all_is_reached_at_home_and_the_first_that_can_be_told_counts() {
    let open = "expose = true\nclients = { auth = \"md5\", users_file = \"u\" }\n";
    let any = "listen = [\"systemd:db\", \"unix:/run/db\", \"0.0.0.0:6432\", \"127.0.0.1:1\"]\n";
    assert_eq!(url(&[POSTGRES, open, any], "postgres://h").unwrap(), "postgres://127.0.0.1:6432");
}

#[test]
fn what_is_no_url_is_refused() {
    for (text, why) in [
        ("", Why::NoUrl),
        ("host=db1 dbname=x", Why::NoUrl),
        ("://h", Why::NoUrl),
        ("1pg://h", Why::NoUrl),
        ("postgres://h/\n", Why::NoUrl),
        ("mysql://h/x", Why::OtherProtocol),
        ("postgres://u:a/b@h/x", Why::Ambiguous),
    ] {
        assert_eq!(url(&[POSTGRES, ADDRESS], text), Err(why), "{text}");
    }
    let missing = rewrite(&environment(&[]), [&proxy(&[POSTGRES, ADDRESS], "\"U\"")]);
    assert_eq!(missing.faults[0].to_string(), "`U` can't be pointed to proxy `db`: it is not set");
    assert!(missing.set.is_empty());
}

#[test]
fn libpq_is_told_by_its_own_variables() {
    let given = [
        ("PGHOST", "db1.internal"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGUSER", "bot"),
        ("PGSSLROOTCERT", "system"),
        ("PGSSLMODE", "require"),
        ("PGREQUIREPEER", "postgres"),
    ];
    let rewritten = rewrite(&environment(&given), [&proxy(&[POSTGRES, ADDRESS], "\"PG\"")]);
    let address = [("PGHOST", "127.0.0.1"), ("PGPORT", "6432"), ("PGSSLMODE", "disable")];
    assert_eq!(plain(&rewritten.set), address);
    let gone: Vec<&str> = rewritten.removed.iter().map(String::as_str).collect();
    assert_eq!(gone, ["PGHOSTADDR", "PGREQUIREPEER", "PGSSLROOTCERT"]);
    assert!(rewritten.faults.is_empty() && rewritten.doubts.is_empty());

    let socket = rewrite(&environment(&[]), [&proxy(&[POSTGRES, SOCKET], "\"PG\"")]);
    let at_socket = [("PGHOST", "/run/fdguard"), ("PGPORT", "6432"), ("PGSSLMODE", "disable")];
    assert_eq!(plain(&socket.set), at_socket);

    let with_tls = rewrite(&environment(&given), [&proxy(&[POSTGRES, ADDRESS, TLS], "\"PG\"")]);
    assert_eq!(plain(&with_tls.set), &address[..2]);
    assert!(with_tls.removed.contains("PGREQUIREPEER") && !with_tls.removed.contains("PGSSLROOTCERT"));

    let service = rewrite(&environment(&[("PGSERVICE", "x")]), [&proxy(&[POSTGRES, ADDRESS], "\"PG\"")]);
    assert_eq!(service.faults[0].why, Why::Service);
}

#[test]
fn leading_elsewhere_is_doubted() {
    let doubts = |name: &str, given: &[(&str, &str)]| -> Vec<String> {
        let word = format!("\"{name}\"");
        let rewritten = rewrite(&environment(given), [&proxy(&[POSTGRES, ADDRESS], &word)]);
        rewritten.doubts.iter().map(|doubt| doubt.place.clone()).collect()
    };
    let none: [&str; 0] = [];
    for same in ["postgres://DB1.internal/x", "postgres://127.0.0.1:6432/x", "postgres://192.0.2.1/x"] {
        assert_eq!(doubts("U", &[("U", same)]), none, "{same}");
    }
    assert_eq!(doubts("U", &[("U", "postgres://u:secret@db9.internal/x")]), ["db9.internal:5432"]);
    assert_eq!(doubts("U", &[("U", "postgres://db1.internal:5433/x")]), ["db1.internal:5433"]);
    assert_eq!(doubts("PG", &[("PGHOST", "db9")]), ["db9:5432"]);
    assert_eq!(doubts("PG", &[("PGHOST", "db1.internal"), ("PGPORT", "5432")]), none);
}

#[test]
fn a_forward_proxy_is_told_whether_it_was_set_or_not() {
    let forward = "protocol = \"http\"\nforward.allow = \"*:443\"\n";
    let proxy = || proxy(&[forward, ADDRESS], "\"HTTPS_PROXY\", \"VENUE_PROXY_URL\"");
    let own = "http://127.0.0.1:6432";
    let rewritten = rewrite(&environment(&[]), [&proxy()]);
    let all = [("HTTPS_PROXY", own), ("VENUE_PROXY_URL", own), ("https_proxy", own)];
    assert_eq!(plain(&rewritten.set), all);
    assert!(rewritten.faults.is_empty() && rewritten.doubts.is_empty());
    let before = environment(&[("https_proxy", "http://u:p@gate.corp:3128"), ("HTTPS_PROXY", own)]);
    let rewritten = rewrite(&before, [&proxy()]);
    assert_eq!(plain(&rewritten.set), all);
    let places: Vec<&str> = rewritten.doubts.iter().map(|doubt| doubt.place.as_str()).collect();
    assert_eq!(places, ["gate.corp:3128"]);
}

#[test]
fn children_are_pointed_and_others_left_alone() {
    let mut config = config(
        "[target.a]\nmatch.child = { argv = [\"a\"], env = { U = \"postgres://x:p@db1.internal/x\" } }\npolicy = []\n\
         [target.b]\nmatch.child = [\"b\"]\npolicy = []\n[target.c]\nmatch.pid = 7\npolicy = []\n\
         [proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:6432\"\nupstream = \"db1.internal\"\nenv = [\"U\", \"PG\"]\n",
    );
    let own = [("PGHOSTADDR".to_owned(), "192.0.2.1".to_owned())];
    assert_eq!(apply(&mut config, &own), (Vec::new(), Vec::new()));
    let child = |name: &str| match &config.targets[name].matches {
        Match::Child(child) => child.clone(),
        _ => panic!("a child"),
    };
    assert_eq!(child("a").env["U"].reveal(), "postgres://x:p@127.0.0.1:6432/x");
    assert_eq!(child("b").env["PGHOST"].reveal(), "127.0.0.1");
    assert!(!child("b").env.contains_key("U"));
    assert_eq!(child("b").without, BTreeSet::from(["PGHOSTADDR".to_owned()]));

    let mut config = config;
    config.targets.remove("a");
    let (faults, _) = apply(&mut config, &own);
    assert_eq!(faults.iter().map(|fault| fault.why).collect::<Vec<_>>(), [Why::Missing]);
    config.targets.remove("b");
    assert_eq!(apply(&mut config, &own), (Vec::new(), Vec::new()));
}

fn parameter() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}=[a-zA-Z0-9%._-]{0,10}",
        Just("sslmode=require".to_owned()),
        Just("host=evil.example".to_owned()),
        Just("port=1".to_owned()),
        Just("ssl=1".to_owned()),
    ]
}

proptest! {
    #[test]
    fn user_path_and_foreign_parameters_stay_and_twice_is_once(
        scheme in "(postgres|postgresql|postgresql\\+[a-z0-9]{1,8})",
        user in "([a-z]{1,5}(:[a-zA-Z0-9%!$?#&;=.]{0,10})?@)?",
        hosts in "evil[a-z]{1,5}(:[1-9][0-9]{0,3})?(,evil[a-z]{1,5})?",
        path in "(/[a-z]{0,8})?",
        words in prop::collection::vec(parameter(), 0..5),
        place in prop_oneof![Just(ADDRESS), Just(SOCKET)],
    ) {
        let query = if words.is_empty() { String::new() } else { format!("?{}", words.join("&")) };
        let text = format!("{scheme}://{user}{hosts}{path}{query}");
        let to = url(&[POSTGRES, place], &text).unwrap();
        let kept = format!("{scheme}://{user}");
        prop_assert!(to.starts_with(&kept), "{}", to);
        prop_assert!(!to[kept.len()..].contains("evil"), "{}", to);
        prop_assert!(!to[kept.len()..].contains("require"), "{}", to);
        for word in words.iter().filter(|word| !["ssl", "host", "port", "chan", "requ", "gss"].iter().any(|known| word.starts_with(known))) {
            prop_assert!(to.contains(word.as_str()), "{} without {}", to, word);
        }
        prop_assert_eq!(url(&[POSTGRES, place], &to), Ok(to.clone()));
    }

    #[test]
    fn no_text_panics_or_is_told(
        text in "((postgres|jdbc:postgresql|redis)://)?\\PC{0,40}",
        place in prop_oneof![Just(ADDRESS), Just(SOCKET)],
    ) {
        let rewritten = rewrite(&environment(&[("U", &text)]), [&proxy(&[POSTGRES, place], "\"U\"")]);
        prop_assert_eq!(rewritten.set.len() + rewritten.faults.len(), 1);
    }
}

#[test]
fn a_url_of_http_leads_to_the_proxy_in_the_clear() {
    let venue = ["protocol = \"http\"\nupstream = \"https://api.x\"\n", "listen = \"127.0.0.1:8080\"\n"];
    for (from, to) in [
        ("https://api.x/v1?a=b#c", "http://127.0.0.1:8080/v1?a=b#c"),
        ("HTTPS://u:p@api.x:443", "http://u:p@127.0.0.1:8080"),
        ("http://other:80/", "http://127.0.0.1:8080/"),
    ] {
        assert_eq!(url(&venue, from), Ok(to.to_owned()), "{from}");
    }
    for other in ["wss://api.x/ws", "postgres://api.x/db", "redis://api.x"] {
        assert_eq!(url(&venue, other), Err(Why::OtherProtocol), "{other}");
    }
    let rewritten =
        |text: &str| rewrite(&environment(&[("U", text)]), [&proxy(&venue, "\"U\"")]).doubts.len();
    assert_eq!((rewritten("https://api.x/"), rewritten("https://other/")), (0, 1));
}
