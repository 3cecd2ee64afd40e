//! A fault-injecting proxy for PostgreSQL: a test breaks all connections, or one transaction at an exact moment.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Place;

/// The moment at which the connection of the next transaction is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After BEGIN: its first statement does not arrive.
    Midway,
    /// Before COMMIT, which does not arrive: it is rolled back.
    BeforeCommit,
    /// After COMMIT: it is committed, but the response does not arrive.
    AfterCommit,
}

/// The state of the whole proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Existing and new connections are closed.
    Down,
    /// Nothing is forwarded, and connections stay open.
    Hanging,
}

pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    plan: Arc<Mutex<Option<Moment>>>,
}

impl Proxy {
    pub async fn to(place: &Place) -> Self {
        let target = reqwest::Url::parse(&place.url()).unwrap();
        let target = format!("{}:{}", target.host_str().unwrap(), target.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, watched) = watch::channel(Way::Open);
        let plan = Arc::new(Mutex::new(None));
        let plans = plan.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Way::Down {
                    let server = TcpStream::connect(&target).await.unwrap();
                    let (watched, plans) = (watched.clone(), plans.clone());
                    tokio::spawn(async move { carry(client, server, watched, plans).await.ok() });
                }
            }
        });
        Self { address, way, plan }
    }

    /// Returns the URL of the database through this proxy.
    pub fn url(&self, place: &Place) -> String {
        let mut url = reqwest::Url::parse(&place.url()).unwrap();
        url.set_host(Some(&self.address.ip().to_string())).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    /// Cuts the connection of the next transaction at this moment.
    pub fn cut(&self, moment: Moment) {
        *self.plan.lock().unwrap() = Some(moment);
    }

    /// Returns whether it has been cut.
    pub fn has_cut(&self) -> bool {
        self.plan.lock().unwrap().is_none()
    }

    pub fn go_down(&self) {
        self.way.send_replace(Way::Down);
    }

    pub fn hang(&self) {
        self.way.send_replace(Way::Hanging);
    }

    pub fn come_back(&self) {
        self.way.send_replace(Way::Open);
    }
}

/// Forwards messages in both directions until one side closes or the connection is cut.
async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    mut way: watch::Receiver<Way>,
    plan: Arc<Mutex<Option<Moment>>>,
) -> std::io::Result<()> {
    let mut greeting = body(&mut client).await?;
    if greeting == TLS_WANTED.to_be_bytes() {
        client.write_all(b"N").await?;
        greeting = body(&mut client).await?;
    }
    say(&mut server, None, &greeting).await?;
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let swallowing = AtomicBool::new(false);
    let asking = ask(client_reads, server_writes, way.clone(), &plan, &swallowing);
    let answering = answer(server_reads, client_writes, way.clone(), &swallowing);
    tokio::select! {
        _ = asking => {}
        _ = answering => {}
        _ = way.wait_for(|way| *way == Way::Down) => {}
    }
    Ok(())
}

/// The code of an SSLRequest, which precedes the startup message.
const TLS_WANTED: u32 = 80_877_103;

/// Returns the body of a message, after its type byte.
async fn body(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let size = from.read_u32().await?;
    let mut body = vec![0; usize::try_from(size).unwrap() - 4];
    from.read_exact(&mut body).await?;
    Ok(body)
}

async fn say(to: &mut (impl AsyncWrite + Unpin), letter: Option<u8>, body: &[u8]) -> std::io::Result<()> {
    let mut message = Vec::from_iter(letter);
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(body);
    to.write_all(&message).await
}

/// Forwards the client's messages; returns where the connection is to be cut.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    plan: &Mutex<Option<Moment>>,
    swallowing: &AtomicBool,
) -> std::io::Result<()> {
    let mut has_begun = false;
    loop {
        let letter = from.read_u8().await?;
        let body = body(&mut from).await?;
        way.wait_for(|way| *way != Way::Hanging).await.ok();
        let commits = letter == b'Q' && body.starts_with(b"COMMIT");
        let strike = |moment| {
            let mut plan = plan.lock().unwrap();
            let is_now = *plan == Some(moment);
            if is_now {
                *plan = None;
            }
            is_now
        };
        if (has_begun && strike(Moment::Midway)) || (commits && strike(Moment::BeforeCommit)) {
            return Ok(());
        }
        if commits && strike(Moment::AfterCommit) {
            swallowing.store(true, Ordering::SeqCst);
        }
        has_begun = letter == b'Q' && body.starts_with(b"BEGIN");
        say(&mut to, Some(letter), &body).await?;
    }
}

/// Forwards the server's messages; returns at the response to the COMMIT that is to be dropped.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    swallowing: &AtomicBool,
) -> std::io::Result<()> {
    loop {
        let letter = from.read_u8().await?;
        let body = body(&mut from).await?;
        way.wait_for(|way| *way != Way::Hanging).await.ok();
        if letter == b'C' && body.starts_with(b"COMMIT") && swallowing.load(Ordering::SeqCst) {
            return Ok(());
        }
        say(&mut to, Some(letter), &body).await?;
    }
}
