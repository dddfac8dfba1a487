//! `nacre serve`: a file, or a database in memory, for clients of Redis.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt as _};
use nacredb::server::Server;
use nacredb::{Ack, Db, EvictionPolicy};

use crate::arguments::Database;
use crate::{Failure, progress, say, say_repairs};

pub(crate) const HELP: &str = "\
nacre serve FILE|--memory: a server that speaks Redis's protocol

  --bind ADDRESS            listen on this address; more than once for several  [127.0.0.1]
  --port PORT|any           its port; 0 listens on no TCP port, `any` takes a free one and prints it  [6379]
  --unixsocket PATH         listen on this Unix socket
  --threads N               threads that run commands  [cores, at most 4]
  --requirepass PASSWORD    ask every connection for it; `-` reads it from the first line of standard input
  --protected-mode yes|no   without a password, refuse connections from other machines  [yes]
  --maxclients N            connections at once  [10000]
  --timeout SECONDS         end silent connections; 0 never does  [0]
  --appendfsync always|everysec|no   when a write counts as done  [everysec]
  --maxmemory BYTES         how much keys and values may take, e.g. 100mb; 0 for any  [0]
  --maxmemory-policy NAME   what goes then, e.g. allkeys-lru  [noeviction]
  --enable-debug-command yes|no      answer DEBUG, for tests  [no]

It runs until it is interrupted or terminated, or a client says SHUTDOWN; what was written is then on disk.
";

/// How to serve what.
#[derive(Debug)]
pub(crate) struct ServeTask {
    database: Database,
    addresses: Vec<String>,
    /// `None` for any that is free.
    port: Option<u16>,
    unix_socket: Option<PathBuf>,
    threads: Option<usize>,
    password: Option<String>,
    protected_mode: bool,
    clients_max: Option<u64>,
    timeout_s: u64,
    ack: Ack,
    memory: (u64, EvictionPolicy),
    debug: bool,
}

fn usage(text: impl Into<String>) -> Failure {
    Failure::UsageOf("serve", text.into())
}

fn yes(option: &str, parser: &mut Parser) -> Result<bool, Failure> {
    match parser.value()?.string()?.as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(usage(format!("--{option} takes yes or no"))),
    }
}

/// A number of bytes, with Redis's units: `k` is 1000 and `kb` is 1024.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn policy(name: &str) -> Option<EvictionPolicy> {
    Some(match name.to_ascii_lowercase().as_str() {
        "noeviction" => EvictionPolicy::NoEviction,
        "allkeys-lru" => EvictionPolicy::AllKeysLru,
        "allkeys-lfu" => EvictionPolicy::AllKeysLfu,
        "allkeys-random" => EvictionPolicy::AllKeysRandom,
        "volatile-lru" => EvictionPolicy::VolatileLru,
        "volatile-lfu" => EvictionPolicy::VolatileLfu,
        "volatile-random" => EvictionPolicy::VolatileRandom,
        "volatile-ttl" => EvictionPolicy::VolatileTtl,
        _ => return None,
    })
}

/// The rest of the command line; `None` if it asks for help.
pub(crate) fn parse(parser: &mut Parser) -> Result<Option<ServeTask>, Failure> {
    let mut task = ServeTask {
        database: Database::Memory,
        addresses: Vec::new(),
        port: Some(6379),
        unix_socket: None,
        threads: None,
        password: None,
        protected_mode: true,
        clients_max: None,
        timeout_s: 0,
        ack: Ack::EverySec,
        memory: (0, EvictionPolicy::NoEviction),
        debug: false,
    };
    let (mut path, mut in_memory) = (None, false);
    while let Some(argument) = parser.next()? {
        match &argument {
            Short('h') | Long("help") => return Ok(None),
            Long("memory") => in_memory = true,
            Long("bind") => task.addresses.push(parser.value()?.string()?),
            Long("port") => {
                let value = parser.value()?;
                task.port = match value.to_str() {
                    Some("any") => None,
                    Some(_) | None => Some(value.parse()?),
                };
            }
            Long("unixsocket") => task.unix_socket = Some(parser.value()?.into()),
            Long("threads") => task.threads = Some(parser.value()?.parse()?),
            Long("requirepass") => task.password = Some(parser.value()?.string()?),
            Long("protected-mode") => task.protected_mode = yes("protected-mode", parser)?,
            Long("maxclients") => task.clients_max = Some(parser.value()?.parse()?),
            Long("timeout") => task.timeout_s = parser.value()?.parse()?,
            Long("appendfsync") => {
                task.ack = match parser.value()?.string()?.as_str() {
                    "always" => Ack::Always,
                    "everysec" => Ack::EverySec,
                    "no" => Ack::No,
                    _ => return Err(usage("--appendfsync takes always, everysec or no")),
                }
            }
            Long("maxmemory") => {
                let text = parser.value()?.string()?;
                task.memory.0 =
                    bytes(&text).ok_or_else(|| usage("--maxmemory takes bytes, e.g. 100mb"))?;
            }
            Long("maxmemory-policy") => {
                let name = parser.value()?.string()?;
                task.memory.1 =
                    policy(&name).ok_or_else(|| usage(format!("there is no policy `{name}`")))?;
            }
            Long("enable-debug-command") => task.debug = yes("enable-debug-command", parser)?,
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            Short(_) | Long(_) | Value(_) => {
                return Err(usage(argument.unexpected().to_string()));
            }
        }
    }
    task.database = match (path, in_memory) {
        (Some(path), false) => Database::File(path),
        (None, true) => Database::Memory,
        (Some(_), true) => return Err(usage("either FILE or --memory")),
        (None, false) => return Err(usage("say which FILE, or --memory")),
    };
    if task.addresses.is_empty() {
        task.addresses.push("127.0.0.1".to_owned());
    }
    if task.port == Some(0) && task.unix_socket.is_none() {
        return Err(usage("--port 0 needs --unixsocket"));
    }
    Ok(Some(task))
}

/// The password, from standard input if it is not to stand on the command line.
fn password(given: String) -> io::Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks the server to end when the process is interrupted or terminated.
fn end_on_signals(server: &Arc<Server>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = Arc::downgrade(server);
    #[expect(
        clippy::disallowed_methods,
        reason = "the tool has no threads but this one"
    )]
    std::thread::spawn(move || {
        runtime.block_on(async {
            #[cfg(unix)]
            {
                use tokio::signal::unix::{SignalKind, signal};
                let Ok(mut terminated) = signal(SignalKind::terminate()) else {
                    return;
                };
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminated.recv() => {}
                }
            }
            #[cfg(not(unix))]
            let _interrupted = tokio::signal::ctrl_c().await;
        });
        if let Some(server) = server.upgrade() {
            server.stop();
        }
    });
    Ok(())
}

pub(crate) fn run(task: ServeTask) -> Result<u8, Failure> {
    let builder = Db::builder()
        .ack(task.ack)
        .max_memory(task.memory.0, task.memory.1);
    let (db, name) = match &task.database {
        Database::Memory => (builder.open_in_memory(), "memory".to_owned()),
        Database::File(path) => {
            let db = progress::open(builder, path).map_err(Failure::at(path))?;
            say_repairs(path, &db);
            (db, path.display().to_string())
        }
    };
    let at = |error| Failure::Database(name.clone(), error);
    let mut server = Server::builder()
        .protected_mode(task.protected_mode)
        .timeout(std::time::Duration::from_secs(task.timeout_s))
        .allow_debug(task.debug);
    if task.port != Some(0) {
        for address in &task.addresses {
            let is_v6 = address.contains(':') && !address.starts_with('[');
            let host = if is_v6 {
                format!("[{address}]")
            } else {
                address.clone()
            };
            server = server.bind(format!("{host}:{}", task.port.unwrap_or(0)));
        }
    }
    if let Some(path) = &task.unix_socket {
        server = server.unix_socket(path);
    }
    if let Some(threads) = task.threads {
        server = server.threads(threads);
    }
    if let Some(clients) = task.clients_max {
        server = server.clients_max(clients);
    }
    if let Some(given) = task.password {
        server = server.password(password(given)?);
    }
    let server = Arc::new(server.start(db.clone()).map_err(&at)?);
    end_on_signals(&server)?;
    for address in server.addresses() {
        say(&format!("{name}: ready on {address}"));
    }
    if let Some(path) = server.unix_socket() {
        say(&format!("{name}: ready on {}", path.display()));
    }
    if task.port.is_none()
        && let Some(address) = server.addresses().first()
    {
        let mut out = io::stdout();
        writeln!(out, "{}", address.port())?;
        out.flush()?;
    }
    server.wait().map_err(&at)?;
    drop(server);
    db.close().map_err(&at)?;
    say(&format!("{name}: closed"));
    Ok(0)
}
