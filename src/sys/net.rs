//! What sockets need of the system beyond the standard library.

use std::io;
use std::net::TcpListener;

/// How many connections may wait to be accepted; the system may have a lower limit.
#[cfg(unix)]
const WAITING_MAX: i32 = 4096;

/// Lets as many connections as the system allows wait to be accepted. The standard library's 128 are soon full when
/// many clients come at once, and each that finds no room tries again only after a second.
pub(crate) fn widen_queue(listener: &TcpListener) -> io::Result<()> {
    #[cfg(unix)]
    rustix::net::listen(listener, WAITING_MAX)?;
    #[cfg(not(unix))]
    let _has_its_own_way = listener;
    Ok(())
}
