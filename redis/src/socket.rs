//! A way into the server that only this process's user knows: a Unix socket in a directory of its own, or a port of
//! this machine where there are no such sockets.

use nacredb::server::Server;
use redis::{ConnectionAddr, RedisResult};

/// A place the server listens at. Dropping it removes its files.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) address: ConnectionAddr,
    #[cfg(unix)]
    _directory: unix::Directory,
}

impl Socket {
    #[cfg(unix)]
    pub(crate) fn open(server: &Server) -> RedisResult<Self> {
        let directory = unix::Directory::create()?;
        let path = directory.path().join("redis.sock");
        server
            .listen_unix(&path)
            .map_err(crate::answer::not_served)?;
        Ok(Self {
            address: ConnectionAddr::Unix(path),
            _directory: directory,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn open(server: &Server) -> RedisResult<Self> {
        let address = server
            .listen("127.0.0.1:0")
            .map_err(crate::answer::not_served)?;
        Ok(Self {
            address: ConnectionAddr::Tcp(address.ip().to_string(), address.port()),
        })
    }
}

#[cfg(unix)]
mod unix {
    use std::hash::{BuildHasher as _, RandomState};
    use std::io;
    use std::os::unix::fs::DirBuilderExt as _;
    use std::path::{Path, PathBuf};

    /// A directory that only the user may look into, and that was not there before.
    #[derive(Debug)]
    pub(super) struct Directory(PathBuf);

    impl Directory {
        pub(super) fn create() -> io::Result<Self> {
            let mut builder = std::fs::DirBuilder::new();
            builder.mode(0o700);
            let mut attempts = 0;
            loop {
                // Nobody can guess it and be there first, again and again.
                let name = RandomState::new().hash_one(std::process::id());
                let path = std::env::temp_dir().join(format!("nacredb-{name:016x}"));
                match builder.create(&path) {
                    Ok(()) => return Ok(Self(path)),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 16 => {
                        attempts += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            // It may be gone already.
            let _removed = std::fs::remove_dir_all(&self.0);
        }
    }
}
