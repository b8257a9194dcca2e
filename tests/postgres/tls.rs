//! TLS on both sides: clients that check who we are, and upstreams that we check.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::logins::{PASSWORD, Proxy, complaint_of, psql, read_to_end, server, text_of, with};

/// A server of this machine without TLS.
const PLAIN: &str = "upstream = \"127.0.0.1:{port}\"\ntls = { mode = \"disable\" }\n";
const LISTENER: &str = "tls = { cert = \"{cert}/proxy.pem\", key = \"{cert}/proxy.key\" REQUIRE }";

fn listener(auth: &str, require: &str) -> String {
    let tls = LISTENER.replace("REQUIRE", require);
    format!("{PLAIN}pool = {{ login = {{ user = \"trusting\" }} }}\nclients = {{ {auth}{tls} }}\n")
}

/// A psql that checks name and authority.
fn checking<'w>(proxy: &Proxy, words: &[&'w str], text: &str) -> std::process::Output {
    let port = format!("port={}", proxy.port);
    let root = format!("sslrootcert={}/ca.pem", server().certificates.display());
    let usual = ["host=localhost", "hostaddr=127.0.0.1", port.as_str(), "sslmode=verify-full", root.as_str()];
    psql(&[&usual[..], words].concat(), text)
}

#[test]
fn clients_that_check_everything_come_in_by_tls() {
    let proxy = Proxy::start(&listener("", ""), &[]);
    let rows = "select count(*) || '/' || sum(length(x)) from (select repeat('y', 1000) x from generate_series(1, 3000)) t";
    assert_eq!(text_of(&checking(&proxy, &["user=a"], rows)), "3000/3000000");
    let large = "select repeat('z', 5000000)";
    assert_eq!(text_of(&checking(&proxy, &["user=a"], large)).len(), 5_000_000);
    assert_eq!(proxy.user(&["user=a", "sslmode=disable"]), "trusting", "TLS is offered, not wanted");
    proxy.end();
}

#[test]
fn require_keeps_out_who_has_no_tls_but_not_the_unix_socket() {
    let proxy = Proxy::start(&listener("", ", require = true"), &[]);
    let refused = complaint_of(&proxy.psql(&["user=a", "sslmode=disable"], "select 1"));
    assert!(refused.contains("nobody in without TLS"), "{refused}");
    assert_eq!(text_of(&checking(&proxy, &["user=a"], "select 3")), "3");
    assert_eq!(text_of(&proxy.psql_unix(&["user=a"], "select 4")), "4");
    proxy.end();
}

#[test]
fn scram_is_bound_to_the_certificate() {
    let users = format!("\"bot\" \"{PASSWORD}\"\n");
    let auth = "auth = \"scram-sha-256\", users_file = \"{dir}/users\", ";
    let proxy = Proxy::start(&listener(auth, ""), &[("users", &users)]);
    for binding in ["require", "prefer", "disable"] {
        let words = format!("channel_binding={binding}");
        assert_eq!(text_of(&checking(&proxy, &["user=bot", &with(PASSWORD), &words], "select 6")), "6");
    }
    proxy.end();
}

#[test]
fn a_password_in_clear_is_taken_over_tls() {
    let users = format!("\"bot\" \"{PASSWORD}\"\n");
    let auth = "auth = \"password\", users_file = \"{dir}/users\", ";
    let proxy = Proxy::start(&listener(auth, ", require = true"), &[("users", &users)]);
    assert_eq!(text_of(&checking(&proxy, &["user=bot", &with(PASSWORD)], "select 6")), "6");
    complaint_of(&proxy.psql(&["user=bot", &with(PASSWORD), "sslmode=disable"], "select 6"));
    proxy.end();
}

#[test]
fn tls_at_once_wants_the_name_of_the_protocol() {
    let proxy = Proxy::start(&listener("", ""), &[]);
    let with_name = |name: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        command.args(["s_client", "-connect", &proxy.address().to_string(), "-quiet"]).args(name);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut running = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(b"\0\0\0\x0f\0\x03\0\0user\0a\0\0").unwrap();
        let mut said = [0; 9];
        let read = running.stdout.take().unwrap().read_exact(&mut said);
        drop(stdin);
        let _ended = running.kill();
        running.wait().unwrap();
        read.map(|()| said[0])
    };
    assert_eq!(with_name(&["-alpn", "postgresql"]).unwrap(), b'R');
    assert_ne!(with_name(&[]).unwrap_or(b'E'), b'R');
    proxy.end();
}

#[test]
fn what_comes_in_clear_behind_a_request_for_tls_is_not_taken() {
    let proxy = Proxy::start(&listener("", ""), &[]);
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x0f\0\x03\0\0user\0a\0\0").unwrap();
    let said = read_to_end(stream);
    assert!(said.contains("received unencrypted data after a request for TLS"), "{said:?}");
    proxy.end();
}

fn upstream(user: &str, tls: &str) -> Proxy {
    let login = format!("pool = {{ login = {{ user = \"{user}\", password_file = \"{{dir}}/pw\" }} }}\n");
    let section = format!("upstream = \"localhost:{{port}}\"\n{login}{tls}\n");
    Proxy::start(&section, &[("pw", PASSWORD)])
}

const ENCRYPTED: &str = "select ssl::text || current_user from pg_stat_ssl where pid = pg_backend_pid()";

#[test]
fn the_upstream_is_checked() {
    for (user, tls) in [
        ("tls_only", "tls = { ca_file = \"{cert}/ca.pem\" }"),
        ("clear_tls", "tls = { ca_file = \"{cert}/ca.pem\" }"),
        ("md5", "tls = { mode = \"verify-full\", ca_file = \"{cert}/ca.pem\", name = \"localhost\" }"),
        ("tls_only", "tls = { mode = \"verify-ca\", ca_file = \"{cert}/ca.pem\" }"),
        ("tls_only", "tls = { mode = \"require\" }"),
        ("tls_only", ""),
        (
            "by_cert",
            "tls = { ca_file = \"{cert}/ca.pem\", cert = \"{cert}/client.pem\", key = \"{cert}/client.key\" }",
        ),
    ] {
        let proxy = upstream(user, tls);
        assert_eq!(text_of(&proxy.psql(&["user=a"], ENCRYPTED)), format!("true{user}"), "{tls}");
        let cancelled =
            complaint_of(&proxy.psql(&["user=a"], "set statement_timeout = 50; select pg_sleep(20)"));
        assert!(cancelled.contains("statement timeout"), "{cancelled}");
        proxy.end();
    }
}

#[test]
fn an_upstream_that_is_not_the_right_one_is_not_used() {
    for (user, tls, why) in [
        ("tls_only", "tls = { mode = \"verify-full\" }", "UnknownIssuer"),
        ("tls_only", "tls = { mode = \"verify-ca\" }", "UnknownIssuer"),
        ("tls_only", "tls = { ca_file = \"{cert}/ca.pem\", name = \"other\" }", "not valid for name"),
        ("tls_only", "tls = { mode = \"disable\" }", "refused the login"),
        ("clear", "tls = { mode = \"disable\" }", "only sent over TLS"),
    ] {
        let proxy = upstream(user, tls);
        complaint_of(&proxy.psql(&["user=a"], "select 1"));
        let log = proxy.end();
        assert!(log.contains("no server connection") && log.contains(why), "{tls}: {log}");
    }
}
