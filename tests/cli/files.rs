//! `config` and `policy check` on files that are good and on files that are not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fdguard::{fdguard, file};

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(file(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no file");
    files
}

#[test]
fn broken_agent_files_exit_2_with_their_place() {
    // Those with settings beside them are broken by these, not by the file.
    let beside = ["flags", "env", "conf.d"];
    let alone = |path: &PathBuf| !beside.iter().any(|ext| path.with_extension(ext).exists());
    for path in files("tests/policies/agent/rejected").into_iter().filter(alone) {
        for verb in ["check", "show"] {
            let ran = fdguard(["config".as_ref(), verb.as_ref(), path.as_os_str()]);
            assert_eq!(ran.code, Some(2), "{verb} {}: {ran:?}", path.display());
            assert!(ran.err.contains("error["), "{}", ran.err);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(ran.err.contains(&format!("{name}:")), "no place: {}", ran.err);
            assert!(!ran.err.contains('\x1b'), "colours without a terminal");
        }
    }
}

#[test]
fn good_agent_files_show_each_value_with_its_origin() {
    for path in files("tests/policies/agent/accepted") {
        let ran = fdguard(["config".as_ref(), "show".as_ref(), path.as_os_str()]);
        assert_eq!(ran.code, Some(0), "{}: {ran:?}", path.display());
        assert!(ran.out.lines().count() > 10 && ran.out.contains("default"), "{}", ran.out);
    }
}

#[test]
fn a_setting_on_the_command_line_wins_and_a_wrong_one_is_refused() {
    let minimal = file("tests/policies/agent/accepted/minimal.toml");
    let minimal = minimal.to_str().unwrap();
    let ran = fdguard(["config", "show", minimal, "--set", "agent.dry_run=true"]);
    let line = ran.out.lines().find(|line| line.contains("agent.dry_run")).unwrap();
    assert!(line.contains("true") && line.contains("--set"), "{line}");
    let ran = fdguard(["config", "show", minimal, "--set", "agent.dry_rnu=true"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("dry_run"), "{}", ran.err);
}

#[test]
fn secret_files_that_are_open_or_missing_are_told_all_at_once_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("url");
    std::fs::write(&url, "https://hooks.example/s3cret\n").unwrap();
    std::fs::set_permissions(&url, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let agent = folder.path().join("agent.toml");
    let lines = [
        "schema = 1",
        "notify.ops = { url_file = \"url\" }",
        "notify.off = { url_env = \"FDGUARD_NOT_SET\" }",
        "[proxy.db]",
        "protocol = \"postgres\"",
        "listen = \"127.0.0.1:6432\"",
        "upstream = \"db1.internal\"",
        "pool = { login = { user = \"bot\", password_file = \"none\" } }",
    ];
    std::fs::write(&agent, lines.join("\n")).unwrap();
    let ran = fdguard(["config".as_ref(), "check".as_ref(), agent.as_os_str()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let (agent, url) = (agent.display(), url.display());
    for part in [
        format!("{agent}:2: `notify.ops.url_file`: {url} holds a secret and is open to others (mode 0644"),
        format!("`chmod o= {url}`"),
        format!("{agent}:8: `proxy.db.pool.login.password_file`: "),
        "does not exist".to_owned(),
        "FDGUARD_NOT_SET".to_owned(),
    ] {
        assert!(ran.err.contains(&part), "{part}: {}", ran.err);
    }
    assert_eq!(ran.err.matches("error: ").count(), 3, "each once: {}", ran.err);
}

#[test]
fn schemas_are_json() {
    for room in ["config", "policy"] {
        let schema = fdguard([room, "schema"]);
        assert_eq!((schema.code, schema.err.as_str()), (Some(0), ""), "{room}");
        assert!(schema.json()["properties"].is_object(), "{room}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for arguments in [
        &["config", "check", "/no/such.toml"][..],
        &["config", "show", "/no/such.toml"],
        &["policy", "check", "/no/such.toml"],
        &["run", "-c", "/no/such.toml"],
    ] {
        let ran = fdguard(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("/no/such.toml"), "{}", ran.err);
    }
}

#[test]
fn shipped_policies_pass_and_broken_ones_exit_2() {
    for path in ["policies/longport.toml", "policies/default.toml", "policies/aggressive.toml"] {
        let ran = fdguard(["policy".as_ref(), "check".as_ref(), "--strict".as_ref(), file(path).as_os_str()]);
        assert_eq!(ran.code, Some(0), "{path}: {ran:?}");
    }
    for path in files("tests/policies/rejected").into_iter().take(8) {
        let ran = fdguard(["policy".as_ref(), "check".as_ref(), path.as_os_str()]);
        assert_eq!(ran.code, Some(2), "{}: {ran:?}", path.display());
        assert!(ran.err.contains("error["), "{}", ran.err);
    }
}

/// The file within the pod's manifest, with its token where this test may write one.
#[test]
fn the_file_of_the_kubernetes_pod_is_good() {
    let manifest = std::fs::read_to_string(file("deploy/kubernetes/sidecar.yaml")).unwrap();
    let (_, rest) = manifest.split_once("  fdguard.toml: |\n").unwrap();
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: String = lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("metrics-token");
    std::fs::write(&token, "a-token-of-twenty-letters\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o400)).unwrap();
    let named = "/run/secrets/fdguard/metrics-token";
    assert!(text.contains(named), "{text}");
    std::os::unix::fs::symlink(file("policies"), folder.path().join("policies")).unwrap();
    let agent = folder.path().join("fdguard.toml");
    std::fs::write(&agent, text.replace(named, token.to_str().unwrap())).unwrap();
    let checked = fdguard([Path::new("config"), Path::new("check"), &agent, Path::new("--strict")]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{checked:?}");
}

/// The metrics want a token, and so does their /healthz, which a kubelet does not have; and the bot's last words pass through
/// proxies, so the guard ends after the bot.
#[test]
fn the_kubernetes_pod_is_ready_without_a_token_and_its_guard_outlives_the_bot() {
    let manifest = std::fs::read_to_string(file("deploy/kubernetes/sidecar.yaml")).unwrap();
    assert!(manifest.contains("token_file") && !manifest.contains("httpGet"), "{manifest}");
    let (before, bot) = manifest.split_once("\n  containers:\n").unwrap();
    let (_, guard) = before.split_once("\n  initContainers:\n").unwrap();
    assert!(guard.contains("name: fdguard") && guard.contains("restartPolicy: Always"), "{guard}");
    assert!(guard.contains("startupProbe:") && bot.contains("name: bot"), "{manifest}");
}
