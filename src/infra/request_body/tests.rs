use std::convert::Infallible;

use futures::stream;
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::mpsc;

use super::*;
use crate::core::ids::UserId;
use crate::core::viewer::ClientIp;

const MIB: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);

fn bodies() -> (Arc<Bodies>, Arc<Metrics>) {
    let metrics = Metrics::new(Histogram::new([1.0]));
    (Arc::new(Bodies::new(TIMEOUT, 96 * MIB, 24 * MIB, 0)), Arc::new(metrics))
}

fn user(id: i64) -> Limits {
    Limits { bytes: 20 * MIB, owner: BodyOwner::User(UserId(id)), address: None }
}

fn full(bytes: usize) -> Full<Bytes> {
    Full::new(vec![b'x'; bytes].into())
}

/// A body that arrives as the test sends it, with this declared length if any.
struct Sent(mpsc::UnboundedReceiver<Bytes>, Option<usize>);

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.1.map(|length| hyper::body::SizeHint::with_exact(length as u64)).unwrap_or_default()
    }
}

/// Lets all other tasks run until they wait.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// Begins a body: returns its sender, and the task that receives it.
fn begin(
    (bodies, metrics): &(Arc<Bodies>, Arc<Metrics>),
    limits: Limits,
    length: Option<usize>,
) -> (mpsc::UnboundedSender<Bytes>, tokio::task::JoinHandle<Result<Bytes, Error>>) {
    let (send, receive) = mpsc::unbounded_channel();
    let (bodies, metrics) = (bodies.clone(), metrics.clone());
    let reading = async move { bodies.read(&metrics, Sent(receive, length), limits).await };
    (send, tokio_util::task::TaskTracker::new().spawn(reading))
}

#[tokio::test]
async fn a_large_body_holds_its_bytes_for_as_long_as_any_of_it_is_there() {
    let (bodies, metrics) = bodies();
    let small = bodies.read(&metrics, full(SMALL), user(1)).await.unwrap();
    assert_eq!((small.len(), bodies.in_use()), (SMALL, (0, 0)), "a small one reserves nothing");
    let large = bodies.read(&metrics, full(20 * MIB), user(1)).await.unwrap();
    assert_eq!(bodies.in_use(), (0, 20 * MIB));
    let rejected = bodies.read(&metrics, full(5 * MIB), user(1)).await.unwrap_err();
    assert_eq!((rejected.code, rejected.retry_after), (Code::RateLimited, Some(1)));
    let other = bodies.read(&metrics, full(20 * MIB), user(2)).await.unwrap();
    let part = large.slice(5..6);
    drop(large);
    assert_eq!(bodies.in_use(), (0, 40 * MIB), "a slice keeps the reservation");
    drop((part, other));
    assert_eq!(bodies.in_use(), (0, 0));
    let too_large = bodies.read(&metrics, full(20 * MIB + 1), user(1)).await.unwrap_err();
    assert_eq!(too_large.code, Code::PayloadTooLarge);
    let page = metrics.page(&[]).unwrap();
    assert!(page.contains("jeton_rate_limited_total{kind=\"request_bodies_of_client\"} 1\n"), "{page}");
}

#[tokio::test]
async fn large_bodies_have_a_rate_by_user_and_by_address_and_small_ones_have_none() {
    let (_, metrics) = bodies();
    let bodies = Bodies::new(TIMEOUT, 96 * MIB, 24 * MIB, MIB);
    let at = |id, last| Limits { address: Some(std::net::IpAddr::from([192, 0, 2, last]).into()), ..user(id) };
    for _ in 0..6 {
        assert!(bodies.read(&metrics, full(4 * MIB), at(1, 1)).await.is_ok(), "a burst of one share");
    }
    let rejected = bodies.read(&metrics, full(4 * MIB), at(1, 1)).await.unwrap_err();
    assert_eq!((rejected.code, rejected.retry_after), (Code::RateLimited, Some(4)));
    let elsewhere = bodies.read(&metrics, full(4 * MIB), at(1, 2)).await.unwrap_err();
    assert_eq!(elsewhere.code, Code::RateLimited, "from any address of the user");
    let another = bodies.read(&metrics, full(4 * MIB), at(2, 1)).await.unwrap_err();
    assert_eq!(another.code, Code::RateLimited, "for any user of the address");
    let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(vec![b'x'; MIB].into())));
    let chunked = bodies.read(&metrics, StreamBody::new(chunks), at(1, 1)).await.unwrap_err();
    assert_eq!((chunked.code, bodies.in_use()), (Code::RateLimited, (0, 0)), "also without a length");
    assert!(bodies.read(&metrics, full(SMALL), at(1, 1)).await.is_ok());
    assert!(bodies.read(&metrics, full(4 * MIB), at(3, 3)).await.is_ok());
}

#[tokio::test]
async fn sixty_half_sent_bodies_take_no_more_than_the_budget_and_block_no_usual_message() {
    let all = bodies();
    let addresses: Vec<ClientIp> =
        (0..60u8).map(|last| ClientIp::from(std::net::IpAddr::from([192, 0, 2, last]))).collect();
    let mut under_way = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let limits = Limits { address: Some(*address), ..user(number as i64) };
        let (send, reading) = begin(&all, limits, Some(18 * MIB));
        send.send(vec![b'x'; 100].into()).ok();
        under_way.push((send, reading));
    }
    settle().await;
    let (arriving, held) = all.0.in_use();
    assert!(held <= 96 * MIB && arriving <= 96 * MIB, "{arriving} {held}");
    let rejected = under_way.iter().filter(|(_, reading)| reading.is_finished()).count();
    assert!((56..60).contains(&rejected), "{rejected} are rejected before they are read");
    let large = all.0.read(&all.1, full(18 * MIB), user(99)).await.unwrap_err();
    assert_eq!((large.code, large.retry_after), (Code::Unavailable, Some(1)));
    // Usual messages pass, also in two chunks, and so does an image.
    let (send, reading) = begin(&all, user(99), Some(2000));
    send.send(vec![b'x'; 1000].into()).unwrap();
    settle().await;
    send.send(vec![b'y'; 1000].into()).unwrap();
    drop(send);
    assert_eq!(reading.await.unwrap().unwrap().len(), 2000);
    assert!(all.0.read(&all.1, full(MIB), user(99)).await.is_ok());
    for (send, reading) in under_way {
        drop(send);
        reading.await.unwrap().ok();
    }
    assert_eq!(all.0.in_use(), (0, 0));
}

#[tokio::test]
async fn who_says_no_more_loses_its_place_in_time() {
    let (_, metrics) = bodies();
    let bodies = Bodies::new(Duration::from_millis(20), 96 * MIB, 24 * MIB, 0);
    let (send, receive) = mpsc::unbounded_channel();
    send.send(vec![b'x'; 100].into()).unwrap();
    let cut_off = bodies.read(&metrics, Sent(receive, Some(18 * MIB)), user(1)).await.unwrap_err();
    assert_eq!((cut_off.code, bodies.in_use()), (Code::RequestTimeout, (0, 0)));
}

#[tokio::test]
async fn one_address_gets_its_share_however_many_users_and_small_bodies_it_has() {
    let all = bodies();
    let mut under_way = Vec::new();
    for number in 0..2000 {
        under_way.push(begin(&all, user(number), Some(SMALL)));
    }
    for number in 0..20 {
        under_way.push(begin(&all, user(number), Some(18 * MIB)));
    }
    settle().await;
    let (arriving, _) = all.0.in_use();
    assert!((23 * MIB..=24 * MIB).contains(&arriving), "{arriving}");
    let elsewhere = ClientIp::from(std::net::IpAddr::from([192, 0, 2, 1]));
    let (send, reading) = begin(&all, Limits { address: Some(elsewhere), ..user(1) }, Some(1));
    settle().await;
    send.send(Bytes::from_static(b"x")).unwrap();
    drop(send);
    assert!(reading.await.unwrap().is_ok());
    drop(under_way.into_iter().map(|(send, _)| send).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_body_in_chunks_takes_what_it_needs_as_it_grows() {
    let all = bodies();
    let (send, reading) = begin(&all, user(1), None);
    for _ in 0..300 {
        send.send(vec![b'x'; 1000].into()).unwrap();
    }
    while all.0.in_use().1 == 0 {
        tokio::task::yield_now().await;
    }
    drop(send);
    let body = reading.await.unwrap().unwrap();
    let (arriving, held) = all.0.in_use();
    assert_eq!((body.len(), arriving), (300_000, 0));
    assert!((300_000..=600_000).contains(&held), "{held}");
    // Endless: received up to the limit, and then rejected.
    let endless = StreamBody::new(stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(vec![b'x'; MIB].into()))));
    let rejected = all.0.read(&all.1, endless, user(2)).await.unwrap_err();
    assert_eq!(rejected.code, Code::PayloadTooLarge);
    drop(body);
    assert_eq!(all.0.in_use(), (0, 0));
    // Byte by byte, it becomes one buffer.
    let bytes = stream::iter((0..200_000).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))));
    assert_eq!(all.0.read(&all.1, StreamBody::new(bytes), user(1)).await.unwrap().len(), 200_000);
}

#[tokio::test]
async fn large_work_is_done_by_few_threads_and_small_work_at_once() {
    let (bodies, _) = bodies();
    let here = std::thread::current().id();
    assert_eq!(bodies.work(SMALL, || std::thread::current().id()).await.unwrap(), here);
    let running = Arc::new(std::sync::Mutex::new((0, 0)));
    let all = (0..8).map(|_| {
        let running = running.clone();
        bodies.work(SMALL + 1, move || {
            {
                let mut running = running.lock().unwrap();
                running.0 += 1;
                running.1 = running.0.max(running.1);
            }
            std::thread::sleep(Duration::from_millis(5));
            running.lock().unwrap().0 -= 1;
            std::thread::current().id()
        })
    });
    for done in futures::future::join_all(all).await {
        assert_ne!(done.unwrap(), here);
    }
    assert!(running.lock().unwrap().1 <= WORKERS);
    let panicked = bodies.work(SMALL + 1, || panic!("a panic")).await.unwrap_err();
    assert_eq!(panicked.code, Code::Internal);
}

#[test]
fn the_reason_is_found_in_the_errors_of_libraries() {
    #[derive(Debug, thiserror::Error)]
    #[error("a body")]
    struct Wrapped(#[source] Error);
    let error = Error { retry_after: Some(7), ..Error::new(Code::Unavailable, "full") };
    let found = reason(&Wrapped(error));
    assert_eq!((found.code, found.message.as_str(), found.retry_after), (Code::Unavailable, "full", Some(7)));
    assert_eq!(reason(&std::io::Error::other("x")).code, Code::InvalidInput);
}
