//! The page in a real browser.

use crate::support::wait::wait_for;
use crate::support::{Agent, COMMAND, Guards, LOOK, MARKUP, PATIENCE, python};

#[test]
fn the_page_shows_what_the_agent_sees_and_nothing_else() {
    let agent = Agent::start(Guards::Leaking);
    let warned = || {
        let status = agent.get("/v1/status");
        let targets = status["targets"].as_array()?;
        let bot = targets.iter().find(|target| target["name"] == "bot")?;
        (bot["processes"][0]["tiers"]["plain/descriptors"] == "warning").then_some(())
    };
    wait_for("the bot leaks into a tier", PATIENCE, warned, || agent.log());
    let shots = std::env::var("FDGUARD_SHOTS").unwrap_or_default();
    python("page.py", &[&agent.url(), LOOK, COMMAND, MARKUP, &shots]);
}
