//! Against a real server on loopback that is well, slow, failing, throttling, hanging or hanging up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::model::clock::{ManualClock, WallTime};
use crate::model::units::Quota;

use super::notice::tests::notice;
use super::*;
use crate::call::endpoint::Endpoint;

/// How the server meets a request.
#[derive(Clone, Copy)]
enum Manner {
    Status(u16),
    RetryAfter(u64),
    Hang,
    HangUp,
    Slow(u64),
}

/// A server that meets the nth request in the nth manner, the last for all that follow.
struct Server {
    url: String,
    bodies: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(manners: &'static [Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/s3cret?token=s3cret", listener.local_addr().unwrap());
        let (tell, bodies) = mpsc::unbounded_channel();
        let met = Arc::new(Mutex::new(0));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tell, met) = (tell.clone(), Arc::clone(&met));
                let service =
                    service_fn(move |request| meet(request, manners, Arc::clone(&met), tell.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, bodies }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.bodies.recv())
            .await
            .expect("in time")
            .expect("a body")
    }
}

async fn meet(
    request: Request<Incoming>,
    manners: &'static [Manner],
    met: Arc<Mutex<usize>>,
    tell: mpsc::UnboundedSender<String>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let manner = {
        let mut met = met.lock().unwrap();
        *met += 1;
        manners[(*met - 1).min(manners.len() - 1)]
    };
    tell.send(String::from_utf8(body.to_vec()).unwrap()).unwrap();
    let reply = |status: u16| Response::builder().status(status);
    let response = match manner {
        Manner::Status(status) => reply(status),
        Manner::RetryAfter(seconds) => reply(429).header("retry-after", seconds),
        Manner::Hang => std::future::pending().await,
        Manner::HangUp => return Err(std::io::Error::other("hung up")),
        Manner::Slow(millis) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            reply(200)
        }
    };
    Ok(response.body(Full::new(Bytes::from("ok"))).unwrap())
}

struct Bench {
    notifier: Notifier,
    failures: mpsc::UnboundedReceiver<(Name, String)>,
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn receiver(way: Way) -> Receiver {
    let backoff =
        Backoff { tries: 3, first: Duration::from_millis(40), longest: Duration::from_millis(1_500) };
    Receiver {
        way,
        group: Duration::ZERO,
        quota: Quota::parse("1000/min").unwrap(),
        timeout: Duration::from_secs(10),
        backoff,
    }
}

fn bench(receivers: Vec<(&str, Receiver)>) -> Bench {
    let (told, failures) = mpsc::unbounded_channel();
    let tell: Tell = Arc::new(move |_, fact| {
        let Fact::NoticeFailed { to, why } = fact else { panic!("unexpected {fact:?}") };
        told.send((to, why)).unwrap();
    });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(WallTime::default()));
    let receivers: BTreeMap<Name, Receiver> = receivers.into_iter().map(|(n, r)| (name(n), r)).collect();
    Bench { notifier: Notifier::start(receivers, &Web::new(), &clock, &tell), failures }
}

fn webhook(url: &str) -> Receiver {
    receiver(Way::Webhook(Endpoint::parse(url).unwrap()))
}

async fn failure(bench: &mut Bench) -> (Name, String) {
    tokio::time::timeout(Duration::from_secs(30), bench.failures.recv())
        .await
        .expect("in time")
        .expect("told")
}

#[tokio::test]
async fn slack_and_webhook_bodies_arrive() {
    let mut server = Server::start(&[Manner::Status(200)]).await;
    let slack = receiver(Way::Slack(Endpoint::parse(&server.url).unwrap()));
    let bench = bench(vec![("slack", slack), ("ops", webhook(&server.url))]);
    bench.notifier.offer(&name("slack"), notice("p/l/t", "paused")).unwrap();
    assert!(server.next().await.contains("\"text\":\"*bot* on trade-1"));
    bench.notifier.offer(&name("ops"), notice("p/l/t", "paused")).unwrap();
    let body: serde_json::Value = serde_json::from_str(&server.next().await).unwrap();
    assert_eq!(
        (&body["schema"], &body["target"], &body["what"]),
        (&1.into(), &"bot".into(), &"paused".into())
    );
    bench.notifier.close().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again_until_it_arrives() {
    let mut server = Server::start(&[Manner::Status(500), Manner::HangUp, Manner::Slow(50)]).await;
    let mut bench = bench(vec![("ops", webhook(&server.url))]);
    bench.notifier.offer(&name("ops"), notice("p", "x")).unwrap();
    for _ in 0..3 {
        server.next().await;
    }
    bench.notifier.close().await;
    assert!(bench.failures.recv().await.is_none(), "delivered in the end");
}

#[tokio::test]
async fn the_wish_of_the_receiver_is_followed() {
    let mut server = Server::start(&[Manner::RetryAfter(1), Manner::Status(204)]).await;
    let bench = bench(vec![("ops", webhook(&server.url))]);
    bench.notifier.offer(&name("ops"), notice("p", "x")).unwrap();
    server.next().await;
    let early = tokio::time::timeout(Duration::from_millis(900), server.bodies.recv()).await;
    assert!(early.is_err(), "asked to wait a second");
    server.next().await;
}

#[tokio::test]
async fn what_can_never_pass_is_tried_once_and_told_without_the_url() {
    let mut server = Server::start(&[Manner::Status(404)]).await;
    let mut bench = bench(vec![("ops", webhook(&server.url))]);
    bench.notifier.offer(&name("ops"), notice("p", "x")).unwrap();
    let (to, why) = failure(&mut bench).await;
    assert_eq!(to, name("ops"));
    assert!(why.contains("answered 404") && !why.contains("s3cret"), "{why}");
    server.next().await;
    bench.notifier.close().await;
    assert!(server.bodies.try_recv().is_err(), "one try");
}

#[tokio::test]
async fn a_hanging_receiver_fails_alone_and_its_queue_is_bounded() {
    let hanging = Server::start(&[Manner::Hang]).await;
    let mut well = Server::start(&[Manner::Status(200)]).await;
    let bench = bench(vec![("stuck", webhook(&hanging.url)), ("well", webhook(&well.url))]);
    let mut taken = 0;
    while bench.notifier.offer(&name("stuck"), notice("p", "x")).is_ok() {
        taken += 1;
        assert!(taken <= INBOX, "offer neither waits nor grows");
    }
    assert_eq!(taken, INBOX);
    bench.notifier.offer(&name("well"), notice("p", "x")).unwrap();
    well.next().await;
    assert_eq!(
        bench.notifier.offer(&name("nobody"), notice("p", "x")),
        Err(NotTaken::NoSuchReceiver(name("nobody")))
    );
    assert_eq!(bench.notifier.offer(&name(JOURNAL), notice("p", "x")), Ok(()));
}

#[tokio::test]
async fn nobody_listening_and_no_tls_are_told_without_the_url() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::start(&[Manner::Status(200)]).await;
    let tls = server.url.replace("http://", "https://");
    let mut bench = bench(vec![("gone", webhook(&format!("http://{free}/s3cret"))), ("tls", webhook(&tls))]);
    for to in ["gone", "tls"] {
        bench.notifier.offer(&name(to), notice("p", "x")).unwrap();
        let (told, why) = failure(&mut bench).await;
        assert_eq!(told, name(to));
        assert!(why.contains("given up after 3 tries") && !why.contains("s3cret"), "{why}");
    }
}

#[tokio::test]
async fn a_command_gets_the_notice_on_its_input() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("notice");
    let script = format!("cat > {}", file.display());
    let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let failing = receiver(Way::Command(vec!["false".to_owned()]));
    let mut bench = bench(vec![("file", receiver(Way::Command(argv))), ("bad", failing)]);
    bench.notifier.offer(&name("file"), notice("p", "x")).unwrap();
    bench.notifier.offer(&name("bad"), notice("p", "x")).unwrap();
    assert!(failure(&mut bench).await.1.contains("exit code 1"));
    bench.notifier.close().await;
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["rule"], "p");
}

#[tokio::test]
async fn grouped_notices_arrive_as_one_when_closed() {
    let mut server = Server::start(&[Manner::Status(200)]).await;
    let mut grouped = webhook(&server.url);
    grouped.group = Duration::from_hours(1);
    let bench = bench(vec![("ops", grouped)]);
    for _ in 0..4 {
        bench.notifier.offer(&name("ops"), notice("p", "x")).unwrap();
    }
    assert!(server.next().await.contains("\"count\":1"));
    bench.notifier.close().await;
    assert!(server.next().await.contains("\"count\":3"));
}
