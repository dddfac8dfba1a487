//! Accepts connections and gives them to the threads.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::client::Client;
use super::driver::drive;
use super::hub::Hub;
use super::record::Record;
use super::workers::Workers;

/// What strangers from other machines are told.
const PROTECTED: &[u8] = b"-DENIED This server is in protected mode: it has no password, so only this machine may \
    connect. Set one (--requirepass, CONFIG SET requirepass), or switch the mode off (--protected-mode no) if the \
    network is trusted.\r\n";
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";
/// How long to wait when no connection could be accepted, for want of descriptors for instance.
const RETRY: Duration = Duration::from_millis(50);

/// Accepts TCP connections until the server stops.
pub(super) async fn accept_tcp(
    listener: std::net::TcpListener,
    hub: Arc<Hub>,
    workers: Arc<Workers>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Some(accepted) = until_stopped(&hub, listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => welcome_tcp(stream, peer, &hub, &workers),
            Err(_exhausted) => tokio::time::sleep(RETRY).await,
        }
    }
}

async fn until_stopped<T>(hub: &Hub, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut stopped = std::pin::pin!(hub.stopped());
    std::future::poll_fn(|context| {
        if stopped.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Lets the system ask after so many silent seconds whether the other side is still there, three times.
#[cfg(target_os = "linux")]
fn keep_alive(stream: &TcpStream, seconds: u64) {
    use rustix::net::sockopt::{
        set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
    };
    /// What the system takes at most.
    const SECONDS_MAX: u64 = 32_767;
    if seconds == 0 {
        return;
    }
    let idle = Duration::from_secs(seconds.min(SECONDS_MAX));
    let between = Duration::from_secs((idle.as_secs() / 3).max(1));
    // Without, one that is gone is found out later.
    let _kept = set_socket_keepalive(stream, true)
        .and_then(|()| set_tcp_keepidle(stream, idle))
        .and_then(|()| set_tcp_keepintvl(stream, between))
        .and_then(|()| set_tcp_keepcnt(stream, 3));
}

fn is_this_machine(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

fn welcome_tcp(stream: TcpStream, peer: SocketAddr, hub: &Arc<Hub>, workers: &Workers) {
    // Answers go out at once; that one cannot say so changes nothing else.
    let _slower = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    keep_alive(
        &stream,
        hub.settings.tcp_keepalive_s.load(Ordering::Relaxed),
    );
    let local = stream
        .local_addr()
        .map_or_else(|_gone| String::new(), |local| local.to_string());
    let is_protected =
        hub.settings.protected_mode.load(Ordering::Relaxed) && !hub.settings.has_password();
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let refusal = (is_protected && !is_this_machine(peer.ip())).then_some(PROTECTED);
    let welcome = Welcome {
        refusal,
        address: peer.to_string(),
        local,
    };
    welcome.spawn(hub, workers, move || TcpStream::from_std(stream));
}

/// Accepts connections of a Unix socket until the server stops.
#[cfg(unix)]
pub(super) async fn accept_unix(
    listener: std::os::unix::net::UnixListener,
    path: String,
    hub: Arc<Hub>,
    workers: Arc<Workers>,
) {
    let Ok(listener) = UnixListener::from_std(listener) else {
        return;
    };
    while let Some(accepted) = until_stopped(&hub, listener.accept()).await {
        let Ok(stream) = accepted.and_then(|(stream, _)| stream.into_std()) else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let welcome = Welcome {
            refusal: None,
            address: format!("{path}:0"),
            local: format!("{path}:0"),
        };
        welcome.spawn(&hub, &workers, move || UnixStream::from_std(stream));
    }
}

/// Serves one end of a pipe within the process.
pub(super) fn welcome_pipe(stream: tokio::io::DuplexStream, hub: &Arc<Hub>, workers: &Workers) {
    let welcome = Welcome {
        refusal: None,
        address: "pipe:0".to_owned(),
        local: "pipe:0".to_owned(),
    };
    welcome.spawn(hub, workers, move || Ok(stream));
}

/// How a connection is received.
struct Welcome {
    /// What it is told instead of being served.
    refusal: Option<&'static [u8]>,
    address: String,
    local: String,
}

impl Welcome {
    fn spawn<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        hub: &Arc<Hub>,
        workers: &Workers,
        stream: impl FnOnce() -> io::Result<S> + Send + 'static,
    ) {
        let admitted: Result<Arc<Record>, &'static [u8]> = match self.refusal {
            Some(refusal) => Err(refusal),
            None => hub.admit(self.address, self.local).ok_or(TOO_MANY),
        };
        let client = admitted.map(|record| Client::new(Arc::clone(hub), record, false));
        workers.next().spawn(async move {
            let Ok(mut stream) = stream() else {
                return;
            };
            match client {
                Ok(client) => drive(stream, client).await,
                Err(refusal) => {
                    // It is gone either way.
                    let _sent = stream.write_all(refusal).await;
                    let _ended = stream.shutdown().await;
                }
            }
        });
    }
}
