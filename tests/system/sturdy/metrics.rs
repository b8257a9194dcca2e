//! The page of metrics: what it tells, to whom, and that a real Prometheus and a strict parser understand it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fdguard::model::event::Fact;
use serde_json::Value;

use super::agent::{Agent, PATIENCE, Setup, folder};
use super::target::{HOLDING, Target};
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// A tier that acts at once, on any process with files open.
const POLICY: &str = "schema = 1\nname = \"plain\"\n[ladder.descriptors]\nstart_grace = \"0s\"\n\
    [[ladder.descriptors.tier]]\nname = \"warning\"\nraise = \"fd.open > 2\"\n\
    do = [{ notify = { to = \"journal\" } }, \"snapshot\"]\n\
    [[ladder.descriptors.tier]]\nname = \"fatal\"\nraise = \"fd.open > 2 and fd.open > 10000\"\n\
    do = [\"snapshot\"]\n";

fn guarded(target: &Target, port: u16, more: &str) -> Agent {
    let matches = format!("{{ pid = {} }}", target.pid());
    let metrics = format!("[admin.metrics]\nlisten = \"127.0.0.1:{port}\"\n{more}");
    let agent = Setup::bot(&matches, POLICY, &metrics).start();
    agent.until_guarded(target.pid());
    agent.until("both actions have ended", |fact| match fact {
        Fact::Finished { result, .. } if result.as_ref().is_ok_and(|done| done.contains("evidence")) => {
            Some(())
        }
        _ => None,
    });
    agent
}

/// One request: the status, the head and the body.
fn get(port: u16, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("served");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: 127.0.0.1:{port}\r\n") };
    let request = format!("GET {path} HTTP/1.0\r\n{host}{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, head.to_ascii_lowercase(), body.to_owned())
}

/// The value of a sample, by its name and labels as they are written.
fn sample(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn the_page_tells_what_the_agent_sees_and_did() {
    let target = Target::start(HOLDING, &["40"]);
    let port = free_port();
    let agent = guarded(&target, port, "");
    let (code, head, page) = get(port, "/metrics", "");
    assert_eq!(code, 200, "{page}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    let pid = target.pid();
    let of = |name: &str| sample(&page, &format!("{name}{{target=\"bot\",pid=\"{pid}\"}}"));
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("lives").count();
    assert_eq!(of("fdguard_target_fd_open"), Some(open as f64), "{page}");
    assert_eq!(of("fdguard_target_socket_close_wait"), Some(0.0), "{page}");
    let tier =
        format!("fdguard_tier{{target=\"bot\",pid=\"{pid}\",ladder=\"plain/descriptors\",tier=\"warning\"}}");
    assert_eq!(sample(&page, &tier), Some(1.0), "{page}");
    for outcome in ["started", "done"] {
        let series =
            format!("fdguard_actions_total{{target=\"bot\",action=\"snapshot\",outcome=\"{outcome}\"}}");
        assert_eq!(sample(&page, &series), Some(1.0), "{page}");
    }
    assert_eq!(sample(&page, "fdguard_transitions_total{target=\"bot\"}"), Some(1.0), "{page}");
    assert_eq!(sample(&page, "fdguard_target_processes{target=\"bot\"}"), Some(1.0), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");

    assert_eq!(get(port, "/healthz", "").2, "ok\n");
    assert_eq!(get(port, "/", "").0, 404);
    assert_eq!(get(port, "/v1/request", "").0, 404, "nothing here can be told to do something");
    // A name that was bent to this machine by somebody's name server, as a browser would send it.
    let (code, _, body) = get(port, "/metrics", "Host: evil.example\r\n");
    assert_eq!(code, 421, "{body}");
    drop(agent);
}

#[test]
fn with_a_token_only_who_knows_it_reads() {
    let target = Target::start(HOLDING, &["4"]);
    let port = free_port();
    let secret = tempfile::Builder::new().prefix("fdguard-token-").tempfile().expect("a file");
    std::fs::write(secret.path(), "s3cret\n").expect("written");
    let more = format!("token_file = \"{}\"\n", secret.path().display());
    let agent = guarded(&target, port, &more);
    let (code, head, page) = get(port, "/metrics", "");
    assert_eq!(code, 401);
    assert!(head.contains("www-authenticate: bearer") && !page.contains("fdguard_"), "{head}{page}");
    assert_eq!(get(port, "/metrics", "Authorization: Bearer s3cre\r\n").0, 401);
    assert_eq!(get(port, "/metrics", "Authorization: Bearer s3cret\r\n").0, 200);
    // A new token holds from the next request on.
    std::fs::write(secret.path(), "another\n").expect("written");
    assert_eq!(get(port, "/metrics", "Authorization: Bearer s3cret\r\n").0, 401);
    assert_eq!(get(port, "/metrics", "Authorization: Bearer another\r\n").0, 200);
    std::fs::write(secret.path(), "").expect("written");
    assert_eq!(get(port, "/metrics", "Authorization: Bearer \r\n").0, 401);
    drop(agent);
}

#[test]
fn silent_visitors_hold_nobody_up_for_long() {
    let target = Target::start(HOLDING, &["4"]);
    let port = free_port();
    let agent = guarded(&target, port, "");
    let silent: Vec<TcpStream> =
        (0..64).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("served")).collect();
    // Who is one too many is closed at once, and the others are few.
    let descriptors = agent.status().agent.descriptors.expect("counted");
    assert!(descriptors < 80, "{descriptors}");
    drop(silent);
    let again = || (get_code(port) == Some(200)).then_some(());
    wait_for("served again", PATIENCE, again, || agent.log());
}

fn get_code(port: u16) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_place_that_is_taken_keeps_nobody_from_guarding() {
    let target = Target::start(HOLDING, &["40"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let agent = guarded(&target, taken.local_addr().expect("bound").port(), "");
    assert!(agent.log().contains("metrics can't be served"), "{}", agent.log());
}

#[test]
fn the_strict_parser_of_openmetrics_takes_the_page() {
    let target = Target::start(HOLDING, &["40"]);
    let port = free_port();
    let agent = guarded(&target, port, "");
    let page = get(port, "/metrics", "").2;
    let program = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        print(sum(len(family.samples) for family in parse(sys.stdin.read())))\n";
    let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/.venv/bin/python");
    let mut parser = Command::new(venv);
    parser.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut parser = parser.spawn().expect("the Python environment: tests/setup makes it");
    parser.stdin.take().expect("piped").write_all(page.as_bytes()).expect("sent");
    let output = parser.wait_with_output().expect("ended");
    let samples: usize = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    assert!(output.status.success() && samples > 50, "{samples} samples of\n{page}");
    drop(agent);
}

#[test]
fn the_alerts_are_good_and_come_up_on_what_they_are_for() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus");
    for words in [["check", "rules", "fdguard.rules.yml"], ["test", "rules", "fdguard.rules.test.yml"]] {
        let ran = Command::new("promtool").args(words).current_dir(folder).output();
        let ran = ran.expect("promtool: tests/setup installs it");
        assert!(ran.status.success(), "{words:?}: {ran:?}");
    }
}

/// A Prometheus that reads one page each second; killed with its test.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(metrics: u16) -> Self {
        let (folder, port) = (folder(), free_port());
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/fdguard.rules.yml");
        let file = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{rules:?}]\n\
             scrape_configs:\n- job_name: fdguard\n  static_configs: [{{ targets: [\"127.0.0.1:{metrics}\"] }}]\n"
        );
        std::fs::write(&file, text).expect("written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--log.level=error"])
            .stdin(Stdio::null())
            .spawn()
            .expect("prometheus: tests/setup installs it");
        Self { child, port, _folder: folder }
    }

    /// What an expression gives now: the labels of each series and its value.
    fn query(&self, expression: &str) -> Option<Vec<(BTreeMap<String, String>, f64)>> {
        TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        let query: String = expression.bytes().map(encode).collect();
        let path = format!("/api/v1/query?query={query}");
        let body: Value = serde_json::from_str(&get(self.port, &path, "").2).ok()?;
        let series = body.pointer("/data/result")?.as_array()?.clone();
        let one = |series: Value| {
            let labels = serde_json::from_value(series.get("metric")?.clone()).ok()?;
            Some((labels, series.pointer("/value/1")?.as_str()?.parse().ok()?))
        };
        series.into_iter().map(one).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the panels of the dashboard ask, for all targets.
fn expressions() -> Vec<String> {
    let board = include_str!("../../../deploy/grafana/fdguard.json");
    let board: Value = serde_json::from_str(board).expect("JSON");
    let panels = board["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let text = |target: &Value| target["expr"].as_str().expect("a text").replace("$target", ".*");
    let expressions: Vec<String> = targets.map(text).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    expressions
}

#[test]
fn a_real_prometheus_reads_it_and_its_alerts_come_up() {
    let target = Target::start(HOLDING, &["40"]);
    let port = free_port();
    let agent = guarded(&target, port, "");
    let prometheus = Prometheus::start(port);
    let up = || (prometheus.query("up")?.first()?.1 > 0.5).then_some(());
    wait_for("the page is read", PATIENCE, up, || agent.log());
    let open = prometheus.query("fdguard_target_fd_open").expect("answered");
    assert_eq!(open[0].0["target"], "bot");
    assert!(open[0].1 > 40.0, "{open:?}");
    let rules = prometheus.query("fdguard_actions_total").expect("answered");
    assert!(rules.iter().any(|(labels, _)| labels["action"] == "snapshot"), "{rules:?}");
    for expression in expressions() {
        assert!(prometheus.query(&expression).is_some(), "not an expression: {expression}");
    }
    // The target has no process any more: the alert waits for its time.
    drop(target);
    let pending = || {
        let alerts = prometheus.query("ALERTS")?;
        alerts.iter().any(|(labels, _)| labels["alertname"] == "FdguardTargetAbsent").then_some(())
    };
    wait_for("the alert", PATIENCE, pending, || agent.log());
}
