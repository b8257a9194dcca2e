//! What the pages say to type and to write: commands are parsed, files are loaded as they stand there, and what can be run
//! in a clean clone is run.

use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use fdguard::cli::args::Cli;

use crate::fdguard::{Ran, command, fdguard, file, ran};

/// The pages with commands.
const PAGES: [&str; 14] = [
    "README.md",
    "docs/agent-file.md",
    "docs/fleet.md",
    "docs/incidents/README.md",
    "docs/incidents/close-wait.md",
    "docs/incidents/descriptors.md",
    "docs/incidents/feed.md",
    "docs/incidents/pool.md",
    "docs/incidents/restarted.md",
    "docs/proxies.md",
    "docs/tuning.md",
    "policies/README.md",
    "policies/TESTS.md",
    "systemd/README.md",
];

fn page(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

/// The commands of this program in a page: indented lines and lines of code blocks, and what stands between backticks.
fn commands(page: &str) -> Vec<String> {
    let line = |line: &str| line.trim().split(" #").next().unwrap_or_default().trim().to_owned();
    let lines =
        page.lines().map(line).flat_map(|line| line.split(" && ").map(str::to_owned).collect::<Vec<_>>());
    let quoted = page.split('`').skip(1).step_by(2).map(str::to_owned);
    let all = lines.chain(quoted).filter_map(|text| {
        let text = text.split([';', '|']).next().unwrap_or_default().trim().to_owned();
        text.starts_with("fdguard ").then_some(text)
    });
    all.collect()
}

#[test]
fn every_command_of_the_pages_is_one() {
    let mut seen = 0;
    for path in PAGES {
        for text in commands(&page(path)) {
            // What stands for something else, or in place of the rest of it.
            if text.contains('…') || text.contains("...") || text.contains('*') {
                continue;
            }
            seen += 1;
            if let Err(fault) = Cli::try_parse_from(text.split_whitespace()) {
                // Half a command is how prose names one: `fdguard run`, `fdguard ctl`.
                let half = fault.kind() == clap::error::ErrorKind::MissingRequiredArgument
                    || fault.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    || fault.kind() == clap::error::ErrorKind::MissingSubcommand;
                assert!(half, "{path}: {text}\n{fault}");
            }
        }
    }
    assert!(seen > 30, "{seen} commands");
}

/// A folder as the install step leaves /etc/fdguard.
fn installed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-rL").arg(file("etc/.")).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    assert!(!folder.path().join("policies").is_symlink());
    folder
}

fn strictly(file: &Path) -> Ran {
    fdguard(["config".as_ref(), "check".as_ref(), "--strict".as_ref(), file.as_os_str()])
}

#[test]
fn the_shipped_agent_files_pass_strictly_as_they_are_installed() {
    let folder = installed();
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    for name in ["fdguard", "longport", "aggressive"] {
        if name == "aggressive" && !root {
            // It destroys sockets, which takes a capability.
            continue;
        }
        let ran = strictly(&folder.path().join(format!("{name}.toml")));
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert_eq!(ran.err, "", "{name}: {ran:?}");
    }
    // The check can fail: it does with a doubt.
    let doubtful = std::fs::read_to_string(folder.path().join("longport.toml")).unwrap();
    let doubtful = doubtful.replace("allow   = [\"stop\"]", "allow   = []");
    std::fs::write(folder.path().join("longport.toml"), doubtful).unwrap();
    assert_eq!(strictly(&folder.path().join("longport.toml")).code, Some(1));
}

#[test]
fn the_files_of_the_readme_work_as_they_stand() {
    let readme = page("README.md");
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 4, "a target, a pool, a gate and metrics");
    let folder = installed();
    let agent = folder.path().join("fdguard.toml");
    std::fs::write(&agent, blocks[0]).unwrap();
    let ran = strictly(&agent);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    std::fs::write(&agent, blocks.concat()).unwrap();
    let ran = strictly(&agent);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn what_the_pages_say_to_run_in_a_clone_runs() {
    let folder = tempfile::tempdir().unwrap();
    let clone = file(".");
    let policies = ["policies/default.toml", "policies/default.test.toml"];
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    for policy in policies {
        std::fs::copy(clone.join(policy), folder.path().join(policy)).unwrap();
    }
    let readme = page("README.md");
    for start in ["cp policies/default.toml ", "sed s/default.toml/"] {
        let line = readme.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap();
        let done = Command::new("sh").args(["-c", line]).current_dir(folder.path()).status().unwrap();
        assert!(done.success(), "{line}");
    }
    for text in [
        "fdguard policy words",
        "fdguard policy schema",
        "fdguard policy check mine.toml --strict",
        "fdguard policy check policies/default.toml --strict",
        "fdguard policy test mine.test.toml",
        "fdguard policy test policies/default.toml",
        "fdguard config schema",
        "fdguard completions bash",
        "fdguard man --out target/man",
    ] {
        let told = PAGES.iter().any(|path| commands(&page(path)).iter().any(|one| one == text));
        assert!(told, "no page says `{text}` any more");
        let arguments = text.split_whitespace().skip(1);
        let ran = ran(command(arguments).current_dir(folder.path()).output().unwrap());
        assert_eq!(ran.code, Some(0), "{text}: {ran:?}");
    }
    assert!(folder.path().join("target/man/fdguard-ctl-stop.1").exists());
}
