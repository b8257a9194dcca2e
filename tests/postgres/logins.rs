//! Clients that log in, and those that shall not.

mod support;

pub(crate) use support::{
    PASSWORD, Proxy, WRONG, complaint_of, psql, read_to_end, rewrite, server, text_of, wait_for, with,
};

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A server of this machine without TLS, as one user for all clients.
const PLAIN: &str = "upstream = \"127.0.0.1:{port}\"\ntls = { mode = \"disable\" }\n";
const USERS: &str = "clients = { auth = \"AUTH\", users_file = \"{dir}/users\", tries = \"1000/min\" }\n";

fn with_users(auth: &str) -> String {
    let login = "pool = { login = { user = \"trusting\" } }\n";
    format!("{PLAIN}{login}{}", USERS.replace("AUTH", auth))
}

fn users() -> String {
    let hash = server().secret_of("md5");
    let verifier = server().secret_of("scram");
    format!("\"plain\" \"{PASSWORD}\"\n\"md5\" \"{hash}\"\n\"scram\" \"{verifier}\"\n")
}

#[test]
fn scram_lets_in_by_password_and_verifier_and_nobody_else() {
    let proxy = Proxy::start(&with_users("scram-sha-256"), &[("users", &users())]);
    for user in ["plain", "scram"] {
        assert_eq!(proxy.user(&[&format!("user={user}"), &with(PASSWORD)]), "trusting");
        let wrong = complaint_of(&proxy.psql(&[&format!("user={user}"), &with(WRONG)], "select 1"));
        assert!(wrong.contains(&format!("password authentication failed for user \"{user}\"")), "{wrong}");
    }
    for user in ["nobody", "md5"] {
        let unknown = complaint_of(&proxy.psql(&[&format!("user={user}"), &with(PASSWORD)], "select 1"));
        assert!(
            unknown.contains(&format!("password authentication failed for user \"{user}\"")),
            "{unknown}"
        );
    }
    assert!(proxy.end().contains("a login failed"));
}

#[test]
fn md5_lets_in_by_password_and_hash_and_goes_over_to_scram() {
    let proxy = Proxy::start(&with_users("md5"), &[("users", &users())]);
    for user in ["plain", "md5", "scram"] {
        assert_eq!(proxy.user(&[&format!("user={user}"), &with(PASSWORD)]), "trusting");
        let wrong = complaint_of(&proxy.psql(&[&format!("user={user}"), &with(WRONG)], "select 1"));
        assert!(wrong.contains("password authentication failed"), "{wrong}");
    }
    complaint_of(&proxy.psql(&["user=nobody", &with(PASSWORD)], "select 1"));
    proxy.end();
}

#[test]
fn users_are_read_again_when_their_file_changes() {
    let proxy = Proxy::start(&with_users("scram-sha-256"), &[("users", &users())]);
    complaint_of(&proxy.psql(&["user=late", &with(PASSWORD)], "select 1"));
    rewrite(&proxy.at.join("users"), &format!("\"late\" \"{PASSWORD}\"\n"));
    assert_eq!(proxy.user(&["user=late", &with(PASSWORD)]), "trusting");
    complaint_of(&proxy.psql(&["user=plain", &with(PASSWORD)], "select 1"));
    rewrite(&proxy.at.join("users"), &format!("\"late\" {PASSWORD}\n"));
    assert_eq!(proxy.user(&["user=late", &with(PASSWORD)]), "trusting", "a broken file changes nothing");
    assert!(proxy.end().contains("the file of users is not used"));
}

#[test]
fn a_password_in_clear_stays_on_this_machine() {
    let section = format!(
        "{PLAIN}listen = \"unix:{{dir}}/.s.PGSQL.6432\"\npool = {{ login = {{ user = \"trusting\" }} }}\n{}",
        USERS.replace("AUTH", "password")
    );
    let mut proxy = Proxy::start(&section, &[("users", &users())]);
    proxy.port = 6432;
    for user in ["plain", "md5", "scram"] {
        let words = [format!("user={user}"), with(PASSWORD)];
        assert_eq!(text_of(&proxy.psql_unix(&[&words[0], &words[1]], "select current_user")), "trusting");
        complaint_of(&proxy.psql_unix(&[&words[0], &with(WRONG)], "select 1"));
    }
    proxy.end();
}

#[test]
fn where_the_upstream_decides_each_client_is_held_against_it() {
    let section =
        format!("{PLAIN}listen = \"unix:{{dir}}/.s.PGSQL.6432\"\nclients = {{ auth = \"password\" }}\n");
    let mut proxy = Proxy::start(&section, &[]);
    proxy.port = 6432;
    for user in ["scram", "md5", "clear"] {
        let name = format!("user={user}");
        if user == "clear" {
            let refused = complaint_of(&proxy.psql_unix(&[&name, &with(PASSWORD)], "select 1"));
            assert!(
                refused.contains("password authentication failed"),
                "clear is not sent by TCP: {refused}"
            );
            continue;
        }
        complaint_of(&proxy.psql_unix(&[&name, &with(WRONG)], "select 1"));
        assert_eq!(text_of(&proxy.psql_unix(&[&name, &with(PASSWORD)], "select current_user")), user);
        // By now there is a connection of this user in the pool.
        complaint_of(&proxy.psql_unix(&[&name, &with(WRONG)], "select 1"));
    }
    // What is wrong with something else is told as the server tells it, and is no failed try.
    for _ in 0..12 {
        let told =
            complaint_of(&proxy.psql_unix(&["user=md5", &with(PASSWORD), "dbname=not_there"], "select 1"));
        assert!(told.contains("database \"not_there\" does not exist"), "{told}");
    }
    assert_eq!(text_of(&proxy.psql_unix(&["user=md5", &with(PASSWORD)], "select current_user")), "md5");
    proxy.end();
}

#[test]
fn keys_that_a_client_shows_open_the_server_that_keeps_the_same_verifier() {
    let section = format!("{PLAIN}{}", USERS.replace("AUTH", "scram-sha-256"));
    let proxy = Proxy::start(&section, &[("users", &users())]);
    assert_eq!(proxy.user(&["user=scram", &with(PASSWORD)]), "scram");
    rewrite(&proxy.at.join("users"), &format!("\"md5\" \"{PASSWORD}\"\n\"scram\" \"{PASSWORD}\"\n"));
    for user in ["md5", "scram"] {
        assert_eq!(proxy.user(&[&format!("user={user}"), &with(PASSWORD)]), user);
    }
    proxy.end();
}

#[test]
fn the_proxy_logs_in_by_the_way_that_the_server_asks_for() {
    for user in ["scram", "md5"] {
        let section =
            format!("{PLAIN}pool = {{ login = {{ user = \"{user}\", password_file = \"{{dir}}/pw\" }} }}\n");
        let proxy = Proxy::start(&section, &[("pw", &format!("{PASSWORD}\n"))]);
        assert_eq!(proxy.user(&["user=anybody"]), user);
        proxy.end();
    }
}

#[test]
fn a_password_that_has_changed_is_read_again() {
    let section =
        format!("{PLAIN}pool = {{ login = {{ user = \"scram\", password_file = \"{{dir}}/pw\" }} }}\n");
    let proxy = Proxy::start(&section, &[("pw", WRONG)]);
    let refused = complaint_of(&proxy.psql(&["user=anybody"], "select 1"));
    assert!(refused.contains("password authentication failed for user \"scram\""), "{refused}");
    rewrite(&proxy.at.join("pw"), PASSWORD);
    wait_for("the pause after a refused login is over", || {
        proxy.psql(&["user=anybody"], "select 1").status.success().then_some(())
    });
    assert!(proxy.end().contains("no server connection"));
}

#[test]
fn a_file_that_others_can_read_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let file = folder.path().join("pw");
    std::fs::write(&file, PASSWORD).unwrap();
    let settings = format!(
        "schema = 1\n[history]\nstore = \"none\"\n[admin]\nsocket = \"{dir}/a\"\n[proxy.db]\nprotocol = \"postgres\"\n\
         listen = \"unix:{dir}/.s.PGSQL.1\"\nupstream = \"127.0.0.1\"\npool = {{ login = {{ user = \"a\", password_file = \"{}\" }} }}\n",
        file.display()
    );
    std::fs::write(folder.path().join("agent.toml"), settings).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o604);
    std::fs::set_permissions(&file, mode).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_fdguard"))
        .args(["run", "--config"])
        .arg(folder.path().join("agent.toml"))
        .output()
        .unwrap();
    let said = complaint_of(&run);
    assert!(said.contains("is open to others") && !said.contains(PASSWORD), "{said}");
}

#[test]
fn strangers_are_told_so_whatever_they_want() {
    if !fdguard_is_root() {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let proxy = Proxy::start(PLAIN, &[]);
    assert_eq!(proxy.user(&["user=trusting"]), "trusting");
    let stranger = |host: &str| {
        let words =
            format!("host={host} port={} user=trusting dbname=postgres connect_timeout=20", proxy.port);
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "psql",
            "-XAtqc",
            "select 1",
            &words,
        ]);
        complaint_of(&command.stdin(Stdio::null()).output().unwrap())
    };
    for host in ["127.0.0.1", proxy.at.to_str().unwrap()] {
        let said = stranger(host);
        assert!(said.contains("user 65534 of this machine may not use this proxy"), "{said}");
        assert!(said.contains("[proxy.db]"), "{said}");
    }
    assert!(proxy.end().contains("a client is refused"));
    let proxy = Proxy::start(&format!("{PLAIN}allow = {{ uid = [65534] }}\n"), &[]);
    let words =
        format!("host=127.0.0.1 port={} user=trusting dbname=postgres connect_timeout=20", proxy.port);
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "psql",
        "-XAtqc",
        "select 7",
        &words,
    ]);
    assert_eq!(text_of(&command.stdin(Stdio::null()).output().unwrap()), "7");
}

fn fdguard_is_root() -> bool {
    fdguard::sys::peer::own_uid() == 0
}

#[test]
fn who_fails_too_often_is_not_asked_any_more() {
    let section = with_users("scram-sha-256").replace("1000/min", "3/hour");
    let proxy = Proxy::start(&section, &[("users", &users())]);
    for _ in 0..3 {
        let wrong = complaint_of(&proxy.psql(&["user=plain", &with(WRONG)], "select 1"));
        assert!(wrong.contains("password authentication failed"), "{wrong}");
    }
    let over = complaint_of(&proxy.psql(&["user=plain", &with(PASSWORD)], "select 1"));
    assert!(over.contains("too many logins have failed"), "{over}");
    proxy.end();
}

#[test]
fn a_flood_of_wrong_passwords_leaves_others_alone() {
    let proxy = Proxy::start(&with_users("scram-sha-256"), &[("users", &users())]);
    proxy.user(&["user=plain", &with(PASSWORD)]);
    let floods: Vec<_> = (0..40)
        .map(|n| {
            let words =
                format!("host=127.0.0.1 port={} user=u{n} password={WRONG} dbname=postgres", proxy.port);
            let mut command = Command::new("psql");
            command.args(["-XAtqc", "select 1", &words]).stdin(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    assert_eq!(proxy.user(&["user=plain", &with(PASSWORD)]), "trusting");
    for mut flood in floods {
        assert!(!flood.wait().unwrap().success());
    }
    proxy.end();
}

#[test]
fn slow_logins_end_in_time() {
    let section = with_users("scram-sha-256").replace("tries", "login = \"2s\", tries");
    let proxy = Proxy::start(&section, &[("users", &users())]);
    let began = Instant::now();
    let silent = TcpStream::connect(proxy.address()).unwrap();
    let mut slow = TcpStream::connect(proxy.address()).unwrap();
    let packet = b"\0\0\0\x4d\0\x03\0\0user\0bot\0";
    let dripping = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        for byte in packet {
            if slow.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    for stream in [silent, dripping] {
        let said = read_to_end(stream);
        assert!(
            said.contains("57014") && said.contains("canceling authentication due to timeout"),
            "{said:?}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drip.join().unwrap();
    // One that stops in the middle of its password.
    let mut halfway = TcpStream::connect(proxy.address()).unwrap();
    halfway.write_all(b"\0\0\0\x14\0\x03\0\0user\0plain\0\0").unwrap();
    let said = read_to_end(halfway);
    assert!(said.contains("SCRAM-SHA-256"), "{said:?}");
    assert_eq!(proxy.user(&["user=plain", &with(PASSWORD)]), "trusting");
    proxy.end();
}

/// Descriptors that an agent opens for its own affairs while it starts.
const OTHERS: usize = 64;

#[test]
fn a_thousand_half_open_clients_are_bounded_and_harm_nobody() {
    let proxy = Proxy::start(PLAIN, &[]);
    let mut steady = Command::new("psql");
    let words = format!("host=127.0.0.1 port={} user=trusting dbname=postgres", proxy.port);
    let mut steady =
        steady.args(["-XAtq", &words]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let before = descriptors(&proxy);
    let mut half_open = Vec::new();
    for _ in 0..1_000 {
        half_open.push(TcpStream::connect(proxy.address()).unwrap());
        if half_open.len() % 250 == 0 {
            assert_eq!(proxy.user(&["user=trusting"]), "trusting", "new ones come in");
        }
    }
    wait_for("the kernel gives them up to the proxy", || (descriptors(&proxy) > before + 200).then_some(()));
    assert_eq!(proxy.user(&["user=trusting"]), "trusting", "new ones come in");
    let held = descriptors(&proxy).saturating_sub(before);
    assert!(held <= 256 + OTHERS, "{held} descriptors for clients that say nothing");
    steady.stdin.take().unwrap().write_all(b"select 42;\n").unwrap();
    assert_eq!(text_of(&steady.wait_with_output().unwrap()), "42", "those inside go on");
    drop(half_open);
    wait_for("their descriptors come back", || (descriptors(&proxy) <= before + OTHERS).then_some(()));
    proxy.end();
}

fn descriptors(proxy: &Proxy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", proxy.pid())).unwrap().count()
}

#[test]
fn without_descriptors_clients_are_told_so() {
    let limit = |command: &mut Command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let log =
            std::fs::File::create(format!("{}.log", arguments.last().unwrap().to_str().unwrap())).unwrap();
        *command = Command::new("prlimit");
        command.arg("--nofile=100:100").arg(program).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    };
    let proxy = Proxy::start_with(&format!("{PLAIN}clients = {{ login = \"3s\" }}\n"), &[], limit);
    let held: Vec<_> = (0..160).map(|_| TcpStream::connect(proxy.address()).unwrap()).collect();
    let said: Vec<_> = held.into_iter().map(read_to_end).collect();
    let refused = said.iter().filter(|said| said.contains("53300") && said.contains("no descriptor left"));
    assert!(refused.count() > 20, "{said:?}");
    wait_for("there are descriptors again", || {
        proxy.psql(&["user=trusting"], "select 1").status.success().then_some(())
    });
    let log = std::fs::read_to_string(proxy.at.join("agent.toml.log")).unwrap();
    assert!(log.contains("clients can't be accepted"), "{log}");
    assert!(log.matches("clients can't be accepted").count() <= 3, "told rarely:\n{log}");
    assert!(log.contains("allow more than there are descriptors for"), "{log}");
}

#[test]
fn what_breaks_the_order_of_the_protocol_is_ended() {
    let proxy = Proxy::start(&with_users("scram-sha-256"), &[("users", &users())]);
    let startup = b"\0\0\0\x14\0\x03\0\0user\0plain\0\0";
    for (sent, told) in [
        (&b"Q\0\0\0\x0eselect 1;\0"[..], "expected password response"),
        (b"p\0\0\0\x04", "malformed"),
        (b"p\0\0\0\x0cUNKNOWN\0", ""),
        (b"p\x7f\xff\xff\xff", ""),
    ] {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(&[&startup[..], sent].concat()).unwrap();
        let said = read_to_end(stream);
        let known = told.is_empty() || told == "malformed" || said.contains(told);
        assert!(known && !said.contains("server_version"), "{said:?}");
    }
    for (sent, told) in [
        (&b"\0\0\0\x09\0\x02\0\0\0"[..], "0A000"),
        (b"\0\0\0\x21\0\x03\0\0user\0a\0replication\0true\0\0", "no connections for replication"),
        (b"GET / HTTP/1.1\r\n\r\n", ""),
    ] {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(sent).unwrap();
        let said = read_to_end(stream);
        assert!(said.contains(told), "{said:?}");
    }
    assert_eq!(proxy.user(&["user=plain", &with(PASSWORD)]), "trusting");
    proxy.end();
}

#[test]
fn the_file_of_a_socket_goes_with_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".s.PGSQL.6432");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let section = format!("{PLAIN}listen = \"unix:{}\"\n", path.display());
    let proxy = Proxy::start(&section, &[]);
    let host = format!("host={}", folder.path().display());
    assert_eq!(text_of(&psql(&[&host, "port=6432", "user=trusting"], "select 5")), "5");
    proxy.end();
    assert!(!path.exists());
}

#[test]
fn a_socket_of_systemd_is_taken_over_and_not_inherited() {
    let script = "import os,socket,sys\n\
        s=socket.socket();s.bind(('127.0.0.1',int(sys.argv[1])));s.listen(64)\n\
        os.dup2(s.fileno(),3);os.set_inheritable(3,True)\n\
        os.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS='1',LISTEN_FDNAMES='db')\n\
        os.execv(sys.argv[2],sys.argv[2:])\n";
    let port = crate::support::proxy::free_address().port();
    let handed = |command: &mut Command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        *command = Command::new("python3");
        command.args(["-c", script, &port.to_string()]).arg(program).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    };
    let mut proxy = Proxy::start_with(&format!("{PLAIN}listen = \"systemd:db\"\n"), &[], handed);
    proxy.port = port;
    assert_eq!(proxy.user(&["user=trusting"]), "trusting");
    let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/3", proxy.pid())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    assert!(i32::from_str_radix(flags, 8).unwrap() & 0o2_000_000 != 0, "close-on-exec is not set: {flags}");
    proxy.end();
}
