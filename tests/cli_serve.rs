//! `nacre serve`: the tool as a server, from start to end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nacredb::{Db, prelude::*};

/// The tool at work; killed if a test ends early.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn nacre(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
    command.arg("serve").args(words);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts it on a free port.
fn serve(words: &[&str]) -> (Serving, u16) {
    let mut process = nacre(words)
        .args(["--port", "any"])
        .spawn()
        .expect("the tool was built");
    let output = process.stdout.take().expect("piped");
    let serving = Serving(process);
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it speaks");
    (serving, line.trim().parse().expect("it says its port"))
}

fn ask(socket: &mut TcpStream, line: &str) -> String {
    socket
        .write_all(format!("{line}\r\n").as_bytes())
        .expect("it reads");
    let mut answer = [0; 4096];
    let read = socket.read(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[test]
fn what_clients_wrote_is_in_the_file_when_the_tool_is_terminated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("served.nacre");
    let name = path.to_str().unwrap();
    let (mut serving, port) = serve(&[name]);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(ask(&mut socket, "SET k v"), "+OK\r\n");

    // Nobody else may have the file meanwhile.
    assert!(Db::open(&path).is_err());
    let id = serving.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(serving.0.wait().unwrap().success());
    let mut end = Vec::new();
    assert_eq!(socket.read_to_end(&mut end).unwrap(), 0);
    let db = Db::open(&path).unwrap();
    assert_eq!(db.get("k").unwrap(), Some(b"v".to_vec()));
    assert_eq!(db.open_report().unwrap().cut_bytes, 0);
}

#[test]
fn a_client_may_end_the_tool() {
    let (mut serving, port) = serve(&["--memory"]);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(ask(&mut socket, "PING"), "+PONG\r\n");
    assert_eq!(ask(&mut socket, "SHUTDOWN NOSAVE"), "");
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn a_password_is_asked_for() {
    let (_serving, port) = serve(&["--memory", "--requirepass", "secret"]);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(
        ask(&mut socket, "GET k"),
        "-NOAUTH Authentication required.\r\n"
    );
    assert_eq!(ask(&mut socket, "AUTH secret"), "+OK\r\n");
    assert_eq!(ask(&mut socket, "GET k"), "$-1\r\n");
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    for (words, text) in [
        (&[][..], "say which FILE"),
        (&["a.nacre", "--memory"], "either FILE or --memory"),
        (&["--memory", "--port", "0"], "needs --unixsocket"),
        (&["--memory", "--port", "70000"], "70000"),
        (
            &["--memory", "--appendfsync", "often"],
            "always, everysec or no",
        ),
        (&["--memory", "--maxmemory", "1x"], "takes bytes"),
        (&["--memory", "--maxmemory-policy", "mine"], "no policy"),
        (&["--memory", "--slaveof", "x"], "slaveof"),
    ] {
        let output = nacre(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{words:?}: {said}");
        assert!(
            said.contains(text) && said.contains("nacre serve --help"),
            "{words:?}: {said}"
        );
    }
}

#[test]
fn a_pytest_fixture_starts_it() {
    let python = std::env::var_os("NACRE_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = Command::new(&python)
        .args(["-c", "import pytest, redis"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        let is_required = std::env::var_os("NACRE_REQUIRE_CLIENTS").is_some();
        assert!(!is_required, "pytest and redis-py are not installed");
        eprintln!("skipped: pytest and redis-py are not installed");
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pytest");
    let output = Command::new(&python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder])
        .env("NACRE", env!("CARGO_BIN_EXE_nacre"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("3 passed"),
        "{said}"
    );
}
