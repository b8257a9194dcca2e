//! The description of the API: good by itself, and true of a real agent's answers.

use crate::support::wait::wait_for;
use crate::support::{Agent, COMMAND, Guards, LOOK, PATIENCE, python};

#[test]
fn the_description_is_good_and_the_answers_are_as_it_says() {
    let agent = Agent::start(Guards::Leaking);
    let acted = || {
        let found = agent.get("/v1/history/events?last=1h&limit=2000");
        let kinds = found["events"].as_array()?.iter().map(|event| event["kind"].as_str());
        kinds.flatten().any(|kind| kind == "finished").then_some(())
    };
    wait_for("the history tells of an action", PATIENCE, acted, || agent.log());
    let seen = || {
        let found = agent.get("/v1/history/series?signal=fd.open");
        (!found["series"].as_array()?.is_empty()).then_some(())
    };
    wait_for("the history tells what was seen", PATIENCE, seen, || agent.log());
    python("document.py", &[&agent.url(), LOOK, COMMAND]);
}
