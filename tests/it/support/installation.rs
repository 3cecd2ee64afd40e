//! An installation of the real binary: its commands, and its server.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::{On, PASSWORD, Place};

/// An installation: its data directory and settings.
pub struct Installation {
    pub place: Place,
    pub data: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
}

/// A running server, which is killed on drop.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Installation {
    pub async fn new(on: On, settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { place: Place::make(on).await, data: tempfile::tempdir().unwrap(), settings }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command
            .args(arguments)
            .current_dir(self.data.path())
            .env("JETON_DATABASE__URL", self.place.url())
            .env("JETON_DATA__DIR", self.data.path())
            .env("JETON_HTTP__LISTEN", "127.0.0.1:0")
            .env("JETON_DEFAULT_MODEL", "echo")
            // Not one that runs on this machine.
            .env("JETON_OLLAMA__DETECT", "false")
            .envs(self.settings.iter().cloned());
        command
    }

    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed. Returns its output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn serve(&self) -> Server {
        self.serve_with_log(Stdio::null())
    }

    pub fn serve_with_log(&self, log: Stdio) -> Server {
        let mut command = self.command(&["serve"]);
        command.stderr(log);
        Server::start(command)
    }

    /// Serves with a limit on the size of files, to simulate a full disk.
    pub fn serve_with_small_files(&self, kib: u64) -> Server {
        let command = self.command(&[]);
        let program = command.get_program().to_owned();
        let mut shell = Command::new("sh");
        // In units of 512 bytes; and without the signal (SIGXFSZ), which would end the process.
        let script = format!("trap '' 25; ulimit -S -f {}; exec \"$0\" serve", kib * 2);
        shell.args(["-c", &script]).arg(program).current_dir(self.data.path());
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap());
        }
        shell.stderr(Stdio::null());
        Server::start(shell)
    }
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        // The banner contains the address.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| {
            let line = line.unwrap();
            let is_base = |word: &&str| word.starts_with("http://127.0.0.1:") || word.starts_with("https://127.0.0.1:");
            line.split_whitespace().find(is_base).map(str::to_owned)
        });
        // Keeps reading, so that the server never blocks on its output.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: url.expect("the banner names the address").trim_end_matches('/').to_owned() }
    }

    /// Removes the limit on the size of files.
    pub fn allow_large_files(&self) {
        let pid = self.child.id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        assert!(lifted.expect("prlimit, of util-linux").success());
    }

    /// Returns the peak memory so far in bytes.
    #[cfg(target_os = "linux")]
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() << 10
    }

    /// Returns the HTTP status of a page.
    pub async fn status(&self, path: &str) -> u16 {
        client().get(format!("{}{path}", self.url)).send().await.unwrap().status().as_u16()
    }

    pub async fn post(&self, path: &str, access: Option<&str>, body: Value) -> (u16, Value) {
        let mut request = client().post(format!("{}{path}", self.url)).json(&body);
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn data(&self, access: Option<&str>, query: &str) -> Value {
        let (status, mut answer) = self.post("/graphql", access, json!({ "query": query })).await;
        assert_eq!((status, answer.get("errors")), (200, None), "{query}");
        answer["data"].take()
    }

    /// Registers a user. Returns the access token.
    pub async fn register(&self, name: &str) -> String {
        let query = format!(
            r#"mutation {{ register(input: {{username: "{name}", password: "{PASSWORD}"}}) {{ accessToken }} }}"#
        );
        self.data(None, &query).await["register"]["accessToken"].as_str().unwrap().to_owned()
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Shuts the server down with a signal. Returns whether it exited successfully.
    pub fn terminate(mut self) -> bool {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
