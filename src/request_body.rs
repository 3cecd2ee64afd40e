//! Request bodies: received whole, in time, and within budgets of bytes.
//!
//! The order is length, then rate, then budget, then bytes. A large body takes its bytes from a budget before it is read, as its
//! `Content-Length` says or, in chunks, as it grows; they are given back when the last copy of the returned [`Bytes`] is
//! dropped, so whoever keeps the body keeps the reservation. A small body takes none while it comes without waiting, which
//! is how nearly all of them come. What large bodies one user and one address may send in a second is limited before they
//! are read too, however they are answered: bodies that are refused cost their sender nothing. While a body is waited for, its bytes also count for the client's address: no address
//! can keep others from sending by sending slowly itself, however many users it has.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::byte_budget::{ByteBudget, Exhausted, Reservation};
use crate::error::{Code, Error};
use crate::metrics::Metrics;
use crate::rate_limit::Rate;
use crate::viewer::Address;

/// Bodies up to this many bytes count as small: any usual message. They are read where they arrive.
pub const SMALL: usize = 64 << 10;
/// Large bodies that are worked on at once.
const WORKERS: usize = 2;
/// When to come again after a budget was exhausted, in seconds.
const RETRY_AFTER: u64 = 1;

/// The budgets of request bodies.
pub struct Bodies {
    timeout: Duration,
    /// Bodies that are waited for, by the client's address.
    arriving: ByteBudget<Option<Address>>,
    /// Large bodies in memory, by owner.
    held: ByteBudget<Owner>,
    /// KiB of large bodies, by owner and by the client's address.
    rate: Rate<Owner>,
    workers: Arc<Semaphore>,
}

/// Whose share of the budget a body counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user who proved who they are.
    User(i64),
    /// The client's address, where it is known.
    Address(Option<Address>),
}

/// What bounds one body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes at most.
    pub bytes: usize,
    /// Whose share it counts for, for as long as it is in memory.
    pub owner: Owner,
    /// The address whose share it counts for while it is waited for.
    pub address: Option<Address>,
}

impl Bodies {
    /// A body takes at most `timeout`; all large ones together at most `total` bytes, and those of one client `share`, of
    /// which it may send `per_second` bytes in a second once it has sent a share at once; 0 for as many as it likes.
    pub fn new(timeout: Duration, total: usize, share: usize, per_second: usize) -> Self {
        Self {
            timeout,
            arriving: ByteBudget::new(total, share),
            held: ByteBudget::new(total, share),
            rate: Rate::per_second(kib(per_second), kib(share)),
            workers: Arc::new(Semaphore::new(WORKERS)),
        }
    }

    /// Bytes of bodies that are waited for, and of large ones in memory.
    pub fn in_use(&self) -> (usize, usize) {
        (self.arriving.in_use(), self.held.in_use())
    }

    /// Forgets those who have sent no large bodies for a while.
    pub fn forget_idle(&self) {
        self.rate.forget_idle();
    }

    /// Whether a body is a large one, as far as it says before it is read: one in chunks may be.
    ///
    /// # Errors
    /// PAYLOAD_TOO_LARGE.
    pub fn is_large(&self, body: &impl Body, limits: Limits) -> Result<bool, Error> {
        let size = body.size_hint();
        if size.lower() > limits.bytes as u64 {
            return Err(too_large());
        }
        Ok(size.upper().is_none_or(|most| most > SMALL as u64))
    }

    /// Receives a body.
    ///
    /// # Errors
    /// PAYLOAD_TOO_LARGE; RATE_LIMITED where the client's share is exhausted, UNAVAILABLE where the budget is, both with
    /// the seconds to wait; REQUEST_TIMEOUT where the
    /// body takes too long; INVALID_INPUT where it is cut off.
    pub async fn read<B>(&self, metrics: &Metrics, body: B, limits: Limits) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.is_large(&body, limits)?;
        let received = timeout(self.timeout, self.receive(metrics, body, limits)).await;
        received.unwrap_or_else(|_| Err(Error::new(Code::RequestTimeout, "The request body came too slowly.")))
    }

    async fn receive<B>(&self, metrics: &Metrics, body: B, limits: Limits) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let mut body = pin!(body);
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let mut reserved = Reserved { bodies: self, metrics, limits, held: None, arriving: None };
        if let Some(length) = length.filter(|length| *length > SMALL) {
            reserved.hold(length)?;
        }
        let mut received = Received { expected: length.unwrap_or_default(), first: None, more: Vec::new() };
        loop {
            let frame = match poll!(pin!(body.frame())) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    reserved.wait(length.unwrap_or(SMALL))?;
                    body.frame().await
                }
            };
            let Some(frame) = frame else { break };
            let cut_off =
                |error: B::Error| Error::new(Code::InvalidInput, "The request body broke off.").with_source(error);
            let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
            let bytes = received.len() + data.len();
            if bytes > limits.bytes {
                return Err(too_large());
            }
            if bytes > SMALL && length.is_none() {
                // As a list grows that doubles.
                reserved.hold(bytes.next_power_of_two().min(limits.bytes))?;
            }
            received.push(data);
        }
        Ok(match reserved.held {
            Some(reservation) => Bytes::from_owner(Held { bytes: received.whole(), _reservation: reservation }),
            None => received.whole(),
        })
    }

    /// Runs what takes time in proportion to a body of this length: at once for a small one, else on one of a few threads.
    /// Those that wait are bounded by the budget, which their bodies are taken from.
    ///
    /// # Errors
    /// INTERNAL where it panics.
    pub async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if bytes <= SMALL {
            return Ok(work());
        }
        let permit = self.workers.clone().acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            // The permit goes with the work: a client that goes away does not let more of it start.
            let _permit = permit;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

/// What a body has taken so far.
struct Reserved<'a> {
    bodies: &'a Bodies,
    metrics: &'a Metrics,
    limits: Limits,
    held: Option<Reservation<Owner>>,
    arriving: Option<Reservation<Option<Address>>>,
}

impl Reserved<'_> {
    /// Reserves this many bytes in all, in both budgets.
    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.count(bytes.saturating_sub(self.held.as_ref().map_or(0, Reservation::bytes)))?;
        let held = reserve(&self.bodies.held, &mut self.held, self.limits.owner, bytes);
        self.told(held)?;
        self.wait(bytes)
    }

    /// Counts bytes for the rates of the owner and of the address.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let address = Owner::Address(self.limits.address);
        let both = if self.limits.owner == address { None } else { Some(address) };
        for owner in std::iter::once(self.limits.owner).chain(both) {
            let words = "Your requests bring too many bytes in too short a time. Try again in a moment.";
            let counted = self.bodies.rate.check_many(&owner, kib(bytes), words);
            self.metrics.limited("request_bytes_of_client", counted)?;
        }
        Ok(())
    }

    /// Reserves this many bytes in all for as long as the body is waited for.
    fn wait(&mut self, bytes: usize) -> Result<(), Error> {
        let waiting = reserve(&self.bodies.arriving, &mut self.arriving, self.limits.address, bytes);
        self.told(waiting)
    }

    fn told(&self, outcome: Result<(), Exhausted>) -> Result<(), Error> {
        let (kind, error): (_, fn() -> Error) = match outcome {
            Ok(()) => return Ok(()),
            Err(Exhausted::Owner) => ("request_bodies_of_client", || {
                Error::rate_limited("Too many bytes of your requests are in flight. Wait for one of them.", RETRY_AFTER)
            }),
            Err(Exhausted::Total) => ("request_bodies", || Error {
                retry_after: Some(RETRY_AFTER),
                ..Error::new(Code::Unavailable, "Too many bytes of requests are in flight. Try again in a moment.")
            }),
        };
        self.metrics.limited(kind, outcome).map_err(|_| error())
    }
}

fn reserve<K: Copy + Eq + std::hash::Hash>(
    budget: &ByteBudget<K>,
    reservation: &mut Option<Reservation<K>>,
    owner: K,
    bytes: usize,
) -> Result<(), Exhausted> {
    match reservation {
        Some(reservation) if reservation.bytes() >= bytes => Ok(()),
        Some(reservation) => reservation.grow(bytes - reservation.bytes()),
        none => {
            *none = Some(budget.reserve(owner, bytes)?);
            Ok(())
        }
    }
}

/// What has come of a body. Each part is copied behind the one before: a list of parts would take more memory than they,
/// where a client sends a byte at a time. A body that comes in one part is not copied.
struct Received {
    expected: usize,
    first: Option<Bytes>,
    more: Vec<u8>,
}

impl Received {
    fn len(&self) -> usize {
        self.first.as_ref().map_or(self.more.len(), Bytes::len)
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            self.more.reserve_exact(self.expected);
            self.more.extend_from_slice(&first);
        }
        self.more.extend_from_slice(&data);
    }

    fn whole(self) -> Bytes {
        self.first.unwrap_or_else(|| self.more.into())
    }
}

/// A body with the bytes that it has taken from the budget.
struct Held {
    bytes: Bytes,
    _reservation: Reservation<Owner>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes as KiB, of which a part counts as a whole one.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

fn too_large() -> Error {
    Error::new(Code::PayloadTooLarge, "The request body is too large.")
}

/// Why a body could not be read, as [`Bodies::read`] said it, from an error of a library that has it as its cause.
pub fn reason(error: &(dyn StdError + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(Error { code, message, retry_after, .. }) = error.downcast_ref() {
            return Error { retry_after: *retry_after, ..Error::new(*code, message) };
        }
        cause = error.source();
    }
    Error::new(Code::InvalidInput, "The request body broke off.")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use prometheus_client::metrics::histogram::Histogram;
    use tokio::sync::mpsc;

    use super::*;

    const MIB: usize = 1 << 20;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn bodies() -> (Arc<Bodies>, Arc<Metrics>) {
        let metrics = Metrics::new(Histogram::new([1.0]));
        (Arc::new(Bodies::new(PATIENCE, 96 * MIB, 24 * MIB, 0)), Arc::new(metrics))
    }

    fn user(id: i64) -> Limits {
        Limits { bytes: 20 * MIB, owner: Owner::User(id), address: None }
    }

    fn full(bytes: usize) -> Full<Bytes> {
        Full::new(vec![b'x'; bytes].into())
    }

    /// A body that comes as the test sends it: of this length, where it says so.
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

    /// Lets all others do what they can.
    async fn settle() {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }

    /// A body under way: what sends it, and what receives it.
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
        assert_eq!((small.len(), bodies.in_use()), (SMALL, (0, 0)), "none for a small one");
        let large = bodies.read(&metrics, full(20 * MIB), user(1)).await.unwrap();
        assert_eq!(bodies.in_use(), (0, 20 * MIB));
        let refused = bodies.read(&metrics, full(5 * MIB), user(1)).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(1)));
        let other = bodies.read(&metrics, full(20 * MIB), user(2)).await.unwrap();
        let part = large.slice(5..6);
        drop(large);
        assert_eq!(bodies.in_use(), (0, 40 * MIB), "a part of it keeps it");
        drop((part, other));
        assert_eq!(bodies.in_use(), (0, 0));
        let too_large = bodies.read(&metrics, full(20 * MIB + 1), user(1)).await.unwrap_err();
        assert_eq!(too_large.code, Code::PayloadTooLarge);
        let page = metrics.page(&[]).unwrap();
        assert!(page.contains("jeton_limited_total{kind=\"request_bodies_of_client\"} 1\n"), "{page}");
    }

    #[tokio::test]
    async fn large_bodies_have_a_rate_by_user_and_by_address_and_small_ones_have_none() {
        let (_, metrics) = bodies();
        let bodies = Bodies::new(PATIENCE, 96 * MIB, 24 * MIB, MIB);
        let at = |id, last| Limits { address: Some(std::net::IpAddr::from([192, 0, 2, last]).into()), ..user(id) };
        for _ in 0..6 {
            assert!(bodies.read(&metrics, full(4 * MIB), at(1, 1)).await.is_ok(), "a share at once");
        }
        let refused = bodies.read(&metrics, full(4 * MIB), at(1, 1)).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(4)));
        let elsewhere = bodies.read(&metrics, full(4 * MIB), at(1, 2)).await.unwrap_err();
        assert_eq!(elsewhere.code, Code::RateLimited, "wherever the user is");
        let another = bodies.read(&metrics, full(4 * MIB), at(2, 1)).await.unwrap_err();
        assert_eq!(another.code, Code::RateLimited, "and whoever is at the address");
        let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(vec![b'x'; MIB].into())));
        let chunked = bodies.read(&metrics, StreamBody::new(chunks), at(1, 1)).await.unwrap_err();
        assert_eq!((chunked.code, bodies.in_use()), (Code::RateLimited, (0, 0)), "also without a length");
        assert!(bodies.read(&metrics, full(SMALL), at(1, 1)).await.is_ok());
        assert!(bodies.read(&metrics, full(4 * MIB), at(3, 3)).await.is_ok());
    }

    #[tokio::test]
    async fn sixty_half_sent_bodies_take_no_more_than_the_budget_and_block_no_usual_message() {
        let all = bodies();
        let addresses: Vec<Address> =
            (0..60u8).map(|last| Address::from(std::net::IpAddr::from([192, 0, 2, last]))).collect();
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
        let refused = under_way.iter().filter(|(_, reading)| reading.is_finished()).count();
        assert!((56..60).contains(&refused), "{refused} are refused before they are read");
        let large = all.0.read(&all.1, full(18 * MIB), user(99)).await.unwrap_err();
        assert_eq!((large.code, large.retry_after), (Code::Unavailable, Some(1)));
        // Usual messages pass, also in two parts, and so does a picture.
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
        let elsewhere = Address::from(std::net::IpAddr::from([192, 0, 2, 1]));
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
        // Without end: as much as there may be, and then refused.
        let endless = StreamBody::new(stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(vec![b'x'; MIB].into()))));
        let refused = all.0.read(&all.1, endless, user(2)).await.unwrap_err();
        assert_eq!(refused.code, Code::PayloadTooLarge);
        drop(body);
        assert_eq!(all.0.in_use(), (0, 0));
        // Byte by byte, it is one piece of memory.
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
}
