use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::action::Word;
use crate::model::name::Remote;
use crate::model::signal::Signal;

const EVERYTHING: &str = include_str!("../../tests/policies/agent/accepted/everything.toml");
const PROXIES: &str = include_str!("../../tests/policies/agent/accepted/proxies.toml");
const REFERENCE: &str = include_str!("../../tests/policies/agent/accepted/reference.toml");

fn loaded(text: &str) -> Loaded {
    load(&Input::from_file("/etc/fdguard/agent.toml", text))
}

fn config(text: &str) -> Config {
    let loaded = loaded(text);
    loaded.config.unwrap_or_else(|| panic!("{:#?}", loaded.report))
}

#[test]
fn the_reference_file_means_what_it_says() {
    let config = config(REFERENCE);
    let bot = &config.targets["bot"];
    assert_eq!(bot.matches, Match::Unit("bot.service".to_owned()));
    assert_eq!(bot.policies, [Path::new("/etc/fdguard/policies/longport.toml")]);
    assert_eq!(bot.protect, [Remote::parse("gateway.broker.example:443").unwrap()]);
    assert_eq!(
        bot.allow.iter().copied().collect::<Vec<_>>(),
        [Word::DestroySockets, Word::Stop, Word::Freeze]
    );
    let probe = &config.probes["open-orders"];
    assert_eq!((probe.feeds, probe.value.as_deref()), (Some(Signal::OrdersOpen), Some("/count")));
    assert_eq!((probe.every, probe.timeout), (Duration::from_secs(5), Duration::from_secs(1)));
    let HookCall::Run(run) = &config.hooks["cancel-all"].call else { panic!("a command") };
    assert_eq!(run.argv, ["/opt/bot/cancel_all"]);
    assert_eq!(config.history.keep_for, Duration::from_hours(720));
    let Way::Webhook { url, format, .. } = &config.receivers["slack"].way else { panic!("a webhook") };
    assert_eq!(*url, UrlSource::File("/run/credentials/fdguard/slack".into()));
    assert_eq!(*format, Format::Slack);
}

#[test]
fn secrets_are_there_to_use_and_nowhere_to_see() {
    let loaded = loaded(EVERYTHING);
    let config = loaded.config.as_ref().unwrap();
    let Way::Webhook { url: UrlSource::Inline(url), .. } = &config.receivers["generic"].way else {
        panic!("an address")
    };
    assert_eq!(url.reveal(), "https://hooks.example/T000/secret-part");
    let Match::Child(child) = &config.targets["one"].matches else { panic!("a child") };
    assert_eq!(child.env["API_KEY"].reveal(), "k-123");
    let seen = format!("{loaded:?}");
    assert!(!seen.contains("secret-part") && !seen.contains("k-123"));
}

#[test]
fn a_target_made_by_hand_has_the_defaults_of_one_that_was_read() {
    let read = config("schema = 1\n[target.bot]\nmatch.pid = 7\npolicy = []\n");
    let name = Name::parse("bot").unwrap();
    assert_eq!(read.targets["bot"], Target::new(name, Match::Pid(7)));
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    let loaded = load(&Input::empty());
    assert_eq!(loaded.report, Report::default());
    let config = loaded.config.unwrap();
    assert_eq!(config, self::config("schema = 1"));
    assert_eq!(config.agent.tick.full, defaults::TICK_FULL);
    assert!(loaded.shown.iter().all(|line| line.origin == Origin::Default));
}

#[test]
fn flags_alone_can_name_a_target() {
    let mut input = Input::empty();
    input.flags = vec![
        "target.child.match.child=[\"python3\", \"bot.py\"]".into(),
        "target.child.policy=[\"p\"]".into(),
    ];
    let config = load(&input).config.unwrap();
    assert!(matches!(&config.targets["child"].matches, Match::Child(child) if child.argv[1] == "bot.py"));
    assert_eq!(config.targets["child"].policies, [Path::new("p")]);
}

#[test]
fn a_proxy_of_few_words_has_the_defaults_of_its_protocol() {
    let config = config(PROXIES);
    let near = &config.proxies["near"];
    assert_eq!((near.pool.max, near.pool.mode), (defaults::POOL_MAX, proxy::Mode::Transaction));
    assert_eq!((near.pool.lifetime, near.allow.clone()), (Some(defaults::POOL_LIFETIME), None));
    let proxy::Protocol::Postgres(postgres) = &near.protocol else { panic!("PostgreSQL") };
    assert_eq!((postgres.tls.mode, &postgres.admission.auth), (proxy::TlsMode::Prefer, &proxy::Auth::Trust));
    let proxy::Protocol::Postgres(far) = &config.proxies["far"].protocol else { panic!("PostgreSQL") };
    assert_eq!(far.tls.mode, proxy::TlsMode::VerifyFull);
    let quotes = &config.proxies["quotes"];
    assert_eq!((&quotes.protocol, quotes.pool.mode), (&proxy::Protocol::Tcp, proxy::Mode::Session));
    assert_eq!(quotes.pool.lifetime, Some(Duration::from_hours(6)));
    let upstream = proxy::Upstream::Tcp { host: "2001:db8::1".to_owned(), port: 5432 };
    assert_eq!(config.proxies["everything"].upstream[2], upstream);
}

/// What `config show` prints, without what it hides.
fn shown_as_file(loaded: &Loaded) -> String {
    let lines = loaded.shown.iter().filter(|line| !line.value.contains(HIDDEN));
    lines.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_shown_can_be_loaded_again() {
    let everything = EVERYTHING.replace("url          = \"https", "url_file = \"https");
    for text in [everything, REFERENCE.to_owned(), PROXIES.to_owned()] {
        let first = loaded(&text);
        let again = loaded(&shown_as_file(&first));
        assert!(again.config.is_some(), "{:#?}", again.report);
        let settings = |loaded: &Loaded| -> Vec<String> {
            loaded.shown.iter().map(|line| format!("{} = {}", line.key, line.value)).collect()
        };
        let kept: Vec<String> = settings(&first).into_iter().filter(|line| !line.contains(HIDDEN)).collect();
        assert_eq!(settings(&again), kept);
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Cut(usize, usize),
    Insert(usize, String),
    Double(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let piece = prop_oneof![
        "[\\[\\]{}=\",.'#\n\r\t0-9a-zé日-]{1,6}",
        Just("\"\"\"".to_owned()),
        Just("[[target]]\n".to_owned()),
        Just("= {".to_owned()),
        Just("9e999".to_owned()),
        Just("\u{0}".to_owned()),
    ];
    prop_oneof![
        (any::<usize>(), 0usize..40).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<usize>(), piece).prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<usize>(), 0usize..60).prop_map(|(at, length)| Edit::Double(at, length)),
    ]
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    for edit in edits {
        let bound = |at: usize| text.floor_char_boundary(at % (text.len() + 1));
        match edit {
            Edit::Cut(at, length) => {
                let start = bound(*at);
                let end = text.ceil_char_boundary((start + length).min(text.len()));
                text.replace_range(start..end, "");
            }
            Edit::Insert(at, piece) => text.insert_str(bound(*at), piece),
            Edit::Double(at, length) => {
                let start = bound(*at);
                let end = text.ceil_char_boundary((start + length).min(text.len()));
                let piece = text[start..end].to_owned();
                text.insert_str(end, &piece);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_mangled_file_panics_and_every_fault_has_its_place(
        text in prop_oneof![Just(EVERYTHING), Just(PROXIES)],
        edits in prop::collection::vec(edit(), 1..6),
        later in prop::collection::vec(edit(), 1..6),
        variable in "FDGUARD__[a-z_.=\"\\[]{0,20}",
        value in "[a-z0-9\"\\[\\]{}=.\n]{0,12}",
        flag in "[a-z.=\"'\\[\\]{}#\n 0-9]{0,20}",
    ) {
        let mut input = Input::from_file("/etc/fdguard/agent.toml", edited(text, &edits));
        let text = edited(REFERENCE, &later);
        input.drop_ins = vec![SourceFile { path: "/etc/fdguard/conf.d/a.toml".into(), text }];
        input.env = vec![(variable, value)];
        input.flags = vec![flag];
        let loaded = load(&input);
        prop_assert_eq!(loaded.config.is_some(), !loaded.report.any_error());
        for part in &loaded.report.parts {
            for fault in &part.diagnostics {
                prop_assert!(part.text.get(fault.span.clone()).is_some(), "{:?} in {}", fault, part.name);
            }
        }
        prop_assert_eq!(load(&input), loaded);
    }
}
