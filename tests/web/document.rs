//! The description of the API: good by itself, and true of a real agent's answers.

use crate::support::wait::wait_for;
use crate::support::{Agent, COMMAND, Guards, LOOK, PATIENCE, bearer, python};

#[test]
fn the_description_is_good_and_the_answers_are_as_it_says() {
    let agent = Agent::start(Guards::Leaking);
    let acted = || {
        let found = agent.recall("/v1/history/events?last=1h&limit=2000")?;
        let kinds = found["events"].as_array()?.iter().map(|event| event["kind"].as_str());
        kinds.flatten().any(|kind| kind == "finished").then_some(())
    };
    wait_for("the history tells of an action", PATIENCE, acted, || agent.log());
    let seen = || {
        let found = agent.recall("/v1/history/series?signal=fd.open")?;
        (!found["series"].as_array()?.is_empty()).then_some(())
    };
    wait_for("the history tells what was seen", PATIENCE, seen, || agent.log());
    python("document.py", &[&agent.url(), LOOK, COMMAND]);
}

/// So a page that was open when the agent started asks again, and does not say that none is kept.
#[test]
fn a_history_that_is_not_there_yet_is_no_history_that_is_not_kept() {
    let agent = Agent::start(Guards::Sleeping);
    let path = "/v1/history/events?last=1h";
    wait_for("there is a history", PATIENCE, || agent.recall(path), || agent.log());
    let (kept, away) = (agent.file("history.db"), agent.file("away.db"));
    std::fs::rename(&kept, &away).unwrap();
    let (code, head, body) = agent.send("GET", path, &bearer(LOOK), "");
    assert!(code == 503 && head.contains("retry-after"), "{head}\n{body}");
    std::fs::rename(&away, &kept).unwrap();
    assert!(agent.recall(path).is_some());
}
