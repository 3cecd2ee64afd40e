//! The real binary: SIGHUP, `jeton config reload` and the log filter.

use std::fs;
use std::time::Duration;

use rstest_reuse::apply;
use serde_json::json;

use crate::support::installation::Installation;
use crate::support::{On, on_both_databases};

const BASE: &str = "[models.smollm2]\npath = 'missing.gguf'\n";

#[apply(on_both_databases)]
async fn operators_reload_a_running_server(on: On) {
    let installation = Installation::new(on, &[]).await;
    let file = installation.data.path().join("jeton.toml");
    let write = |settings: &str| fs::write(&file, format!("{BASE}{settings}")).unwrap();
    write("");
    let none = installation.run(&["config", "reload"], "");
    let why = String::from_utf8(none.stderr).unwrap();
    assert!(!none.status.success() && why.contains("no server answers at") && why.contains("control-0.sock"), "{why}");

    let log = installation.data.path().join("log");
    let server = installation.serve_with_log(fs::File::create(&log).unwrap().into());
    let lines = || fs::read_to_string(&log).unwrap();
    let socket = installation.data.path().join("control-0.sock");
    let until = async |what: &str, is_so: &dyn Fn() -> bool| {
        for _ in 0..2000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}: {}", lines());
    };
    until("the control socket", &|| socket.exists()).await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(installation.ok(&["config", "reload"]), "nothing has changed\n");

    let price = "[models.other]\nprovider = 'echo'\nprice = { per_message = 7 }\n";
    write(&format!("{price}[log]\nfilter = 'debug'\nformat = 'json'\n[database]\nmax_connections = 3\n"));
    assert!(!lines().contains("DEBUG"), "{}", lines());
    let shown = installation.ok(&["config", "show"]);
    for line in ["max_connections = 3  # jeton.toml", "dir = \"", "default_model = \"echo\"  # JETON_DEFAULT_MODEL"] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}\n{shown}");
    }
    assert!(shown.lines().any(|line| line == "acquire_timeout = \"5s\""), "{shown}");
    let report = installation.ok(&["config", "reload"]);
    let expected = "applied: log.filter\napplied: models.other\nneeds a restart: database.max_connections\n\
                    needs a restart: log.format\n";
    assert_eq!(report, expected);
    assert!(lines().contains("database.max_connections, log.format"), "{}", lines());
    let access = server.register("mia").await;
    let ask =
        r#"mutation { sendMessage(input: {message: "Hi", model: "other"}) { chat { cost } errors { message } } }"#;
    assert_eq!(server.data(Some(&access), ask).await["sendMessage"]["chat"], json!({ "cost": 7 }));
    until("lines of the new filter", &|| lines().contains("DEBUG")).await;

    // A file with an error: the command says it, and so does the log after a signal.
    write(&format!("{price}[limits]\nmesages = 5\n"));
    let failed = installation.run(&["config", "reload"], "");
    let why = String::from_utf8(failed.stderr).unwrap();
    assert!(!failed.status.success() && why.contains("limits.mesages: no such key"), "{why}");
    server.hang_up();
    until("the error of the file", &|| lines().contains("limits.mesages: no such key")).await;
    assert_eq!(server.data(Some(&access), ask).await["sendMessage"]["chat"], json!({ "cost": 7 }));
    // A fault that only the server has: its environment has no such key.
    let unknown = "[models.x]\nprovider = 'responses'\nupstream_model = 'x'\napi_key_env = 'NO_SUCH_KEY'\nprice = {}\n";
    write(&format!("{price}{unknown}"));
    let failed = installation.run(&["config", "reload"], "");
    let why = String::from_utf8(failed.stderr).unwrap();
    assert!(why.contains("nothing has changed") && why.contains("NO_SUCH_KEY is not set"), "{why}");

    write(&format!("{}[limits]\nmessages_per_minute_per_user = 9\n", price.replace('7', "8")));
    server.hang_up();
    until("the signal", &|| lines().contains("limits.messages_per_minute_per_user")).await;
    assert_eq!(server.data(Some(&access), ask).await["sendMessage"]["chat"], json!({ "cost": 8 }));
    assert!(server.terminate());
    assert!(!socket.exists());
    assert!(installation.ok(&["verify"]).contains("clean"));
}
