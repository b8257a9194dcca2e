//! Tiers in expressions: `attention.active`, `attention.ineffective(2)`, `tier["drop-feed"].active`.

use super::ast::{Expr, Link, Literal, Shape, Step};
use super::compile::{Compiler, Typed};
use super::condition::Place;
use super::node::Flag;
use super::report::did_you_mean;
use super::signals::row_of;
use super::tree::Shown;
use crate::model::name::Name;

/// The most outcomes in a row that `ineffective(..)` can ask for.
const INEFFECTIVE_MAX: f64 = 1_000.0;
const FIELDS: &[&str] = &["active", "ineffective"];

impl Compiler<'_, '_> {
    /// The tier that a chain is about, and its place in what follows: `attention.active`,
    /// `tier["drop-feed"].active`.
    pub(super) fn tier_of<'s>(&self, steps: &'s [Step]) -> Option<(&'s str, &'s [Step])> {
        match steps {
            [Step { link: Link::Word(word), .. }, Step { link: Link::Index(index), .. }, fields @ ..]
                if word == "tier" =>
            {
                match index.as_slice() {
                    [Expr { shape: Shape::Literal(Literal::Text(name)), .. }] => Some((name, fields)),
                    _ => None,
                }
            }
            [Step { link: Link::Word(name), .. }, fields @ ..] => {
                let field = fields.first().map(|step| &step.link);
                let of_tiers = matches!(field, Some(Link::Word(word)) if FIELDS.contains(&word.as_str()));
                let known = self.scope.tiers.iter().any(|tier| tier.as_str() == name);
                let signal = row_of(steps).is_some();
                (!signal && !fields.is_empty() && (of_tiers || known)).then_some((name, fields))
            }
            _ => None,
        }
    }

    pub(super) fn tier(&mut self, expr: &Expr, name: &str, fields: &[Step]) -> Option<Typed> {
        let at = expr.span.clone();
        if self.scope.place == Place::Expect {
            let message = "an expectation is about signals, not about tiers";
            self.report.error("out-of-place", at, message);
            return None;
        }
        let Some(tier) = self.scope.tiers.iter().find(|tier| tier.as_str() == name).cloned() else {
            self.no_tier(expr, name);
            return None;
        };
        match fields {
            [Step { link: Link::Word(field), .. }] if field == "active" => {
                Some(Typed::Flag(Flag::Active(tier)))
            }
            [Step { link: Link::Word(field), .. }, Step { link: Link::Call(arguments), .. }]
                if field == "ineffective" =>
            {
                self.ineffective(expr, tier, arguments)
            }
            [Step { link: Link::Word(field), span }, ..] if !FIELDS.contains(&field.as_str()) => {
                let message = format!("a tier has no `{field}`");
                self.report.error_with("unknown-field", span.clone(), message, did_you_mean(field, FIELDS));
                None
            }
            _ => self.wants(expr, &format!("write `{name}.active` or `{name}.ineffective(2)`")),
        }
    }

    fn ineffective(&mut self, expr: &Expr, tier: Name, arguments: &[Expr]) -> Option<Typed> {
        let count = match arguments {
            [Expr { shape: Shape::Literal(Literal::Number(count)), .. }] => *count,
            _ => 0.0,
        };
        if count.fract() != 0.0 || !(1.0..=INEFFECTIVE_MAX).contains(&count) {
            return self.wants(expr, "`ineffective` takes a whole number from 1 to 1000: ineffective(2)");
        }
        self.show(expr, Shown::Ineffective(tier.clone()));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number up to INEFFECTIVE_MAX"
        )]
        Some(Typed::Flag(Flag::Ineffective(tier, count as u32)))
    }

    fn no_tier(&mut self, expr: &Expr, name: &str) {
        let tail = |tier: &&Name| tier.as_str().ends_with(&format!("-{name}"));
        let help = if let Some(tier) = self.scope.tiers.iter().find(tail) {
            format!("a name with other signs is written `tier[\"{tier}\"].active`")
        } else {
            let known: Vec<&str> = self.scope.tiers.iter().map(Name::as_str).collect();
            did_you_mean(name, &known)
        };
        let message = format!("this ladder has no tier `{name}`");
        self.report.error_with("unknown-tier", expr.span.clone(), message, help);
    }
}
