//! nginx and HAProxy as they are meant to be set: one worker, no log, the upstream's certificate checked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Attempt;
use crate::common::child::{Account, End, command};
use crate::common::contest::lab::Lab;
use crate::common::contest::subject::{Task, Upstream, Work};

/// A program: that which the environment names, else the first of these that is there.
pub(crate) fn find(variable: &str, name: &str) -> Attempt<PathBuf> {
    if let Some(given) = std::env::var_os(variable) {
        return Ok(PathBuf::from(given));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| format!("{name} is not installed (Debian: {name}), and {variable} names none").into())
}

/// nginx in the foreground.
pub(crate) fn nginx(
    lab: &Lab,
    (program, folder): (&Path, &Path),
    work: &Work,
    task: Task,
) -> Attempt<Command> {
    let Task { listen, upstream, kind } = task;
    let (scheme, tls) = match kind {
        Upstream::Plain => ("http", String::new()),
        Upstream::Tls => (
            "https",
            format!(
                "proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; proxy_ssl_name localhost; \
                 proxy_ssl_server_name on; proxy_ssl_session_reuse on;",
                lab.path("ca.pem").display()
            ),
        ),
    };
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {place}/{name};\n"))
        .concat();
    let [server, location] = &work.nginx;
    let settings = format!(
        "daemon off; worker_processes 1; pid {place}/pid; error_log {place}/errors;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n    access_log off; keepalive_requests 1000000000; tcp_nodelay on;\n{temporary}\
         \x20   upstream origin {{ server 127.0.0.1:{upstream}; {server} }}\n\
         \x20   server {{\n        listen 127.0.0.1:{listen} backlog=4096;\n\
         \x20       location / {{ proxy_pass {scheme}://origin; proxy_http_version 1.1; {location} {tls} }}\n    }}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, settings)?;
    let mut started = command(program, &Account::Own, End::Terminate);
    started.arg("-p").arg(folder).arg("-c").arg(file);
    Ok(started)
}

/// HAProxy in the foreground.
pub(crate) fn haproxy(
    lab: &Lab,
    (program, folder): (&Path, &Path),
    work: &Work,
    task: Task,
) -> Attempt<Command> {
    let Task { listen, upstream, kind } = task;
    let tls = match kind {
        Upstream::Plain => String::new(),
        Upstream::Tls => {
            let cert = lab.path("ca.pem");
            format!("ssl verify required ca-file {} sni str(localhost) verifyhost localhost", cert.display())
        }
    };
    let [defaults, server] = &work.haproxy;
    let settings = format!(
        "global\n    nbthread 1\n    maxconn 4096\n\
         defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n    {defaults}\n\
         frontend in\n    bind 127.0.0.1:{listen}\n    default_backend out\n\
         backend out\n    server origin 127.0.0.1:{upstream} {server} {tls}\n"
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, settings)?;
    let mut started = command(program, &Account::Own, End::Kill);
    started.arg("-db").arg("-q").arg("-f").arg(file);
    Ok(started)
}
