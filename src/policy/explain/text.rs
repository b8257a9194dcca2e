//! Explanations as text: a line for each ladder, then its tiers with their trees and timers.

use std::fmt;

use super::{Explanation, LadderExplanation, TierExplanation};
use crate::model::name::Name;
use crate::policy::tree::Branch;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.gone {
            writeln!(f, "the process has ended")?;
        }
        if self.human_hold {
            writeln!(f, "on hold by a person: nothing that the bot can notice is begun")?;
        }
        if let Some(flight) = &self.in_flight {
            writeln!(f, "{} is under way for {}", flight.word, flight.running)?;
        }
        for ladder in &self.ladders {
            write!(f, "{ladder}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LadderExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = &self.standing;
        let shadow = if standing.shadow { " (shadow)" } else { "" };
        let active = standing.active.as_ref().map_or("normal", Name::as_str);
        writeln!(f, "{}/{}{shadow}: {active}; {}", standing.policy, standing.ladder, self.next)?;
        for tier in &self.tiers {
            write!(f, "{tier}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TierExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.active { "*" } else { " " };
        writeln!(f, "{mark} {}", self.tier)?;
        write_tree(f, &format!("raise, held {}", self.held), &self.raise)?;
        if let Some(clear) = &self.clear {
            write_tree(f, "clear", clear)?;
        }
        if let Some(guard) = &self.guard {
            write_tree(f, "guard", guard)?;
        }
        if let Some((expect, left)) = &self.trial {
            write_tree(f, &format!("expect, {left} left"), expect)?;
        }
        let facts = [
            self.dwell_left.as_ref().map(|left| format!("dwell {left} left")),
            self.cooldown_left.as_ref().map(|left| format!("cooldown {left} left")),
            self.budget_left.as_ref().map(|left| format!("budget {left} left")),
            self.latched.then(|| "latched: waits for `fdguard ctl release`".to_owned()),
            (self.ineffective > 0).then(|| format!("{} ineffective in a row", self.ineffective)),
            self.run.clone(),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if facts.is_empty() { Ok(()) } else { writeln!(f, "    {}", facts.join("; ")) }
    }
}

fn write_tree(f: &mut fmt::Formatter<'_>, what: &str, tree: &Branch) -> fmt::Result {
    writeln!(f, "    {what}")?;
    for line in tree.to_string().lines() {
        writeln!(f, "      {line}")?;
    }
    Ok(())
}
