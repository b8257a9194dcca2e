//! From tokens to a tree: a Pratt parser that goes on after a fault.
//!
//! ```text
//! or < and < not < comparison (does not chain) < + - < * / < - (sign) < signal, call, literal, (…)
//! ```
//!
//! Bounded in length and depth; no text makes it panic.

use std::ops::Range;

use super::ast::{Comparator, Expr, Link, Literal, Operator, Shape, Step, power};
use super::report::Report;
use super::token::{Lexeme, Token, tokens};

/// The longest expression, in bytes.
pub(super) const LENGTH_MAX: usize = 4_096;
/// The deepest expression, in levels.
pub(super) const DEPTH_MAX: usize = 48;

/// Parses the text of `report`. Parts that could not be read are [`Shape::Broken`] and told.
pub(super) fn parse(report: &mut Report<'_>) -> Expr {
    let length = report.source().len();
    if length > LENGTH_MAX {
        report.error("too-long", 0..length, format!("an expression has at most {LENGTH_MAX} bytes"));
        return Expr::new(0..length, Shape::Broken);
    }
    let tokens = tokens(report);
    let mut parser = Parser { tokens, at: 0, level: 0, given_up: false, report };
    parser.whole()
}

struct Parser<'r, 'a> {
    tokens: Vec<Token>,
    at: usize,
    level: usize,
    given_up: bool,
    report: &'r mut Report<'a>,
}

/// What may stand between two expressions.
#[derive(Clone, Copy)]
enum Infix {
    And,
    Or,
    Compare(Comparator),
    Arithmetic(Operator),
}

impl Infix {
    fn of(lexeme: &Lexeme) -> Option<Self> {
        match lexeme {
            Lexeme::And => Some(Self::And),
            Lexeme::Or => Some(Self::Or),
            Lexeme::Compare(comparator) => Some(Self::Compare(*comparator)),
            Lexeme::Arithmetic(operator) => Some(Self::Arithmetic(*operator)),
            Lexeme::Word(_)
            | Lexeme::Literal(_)
            | Lexeme::Not
            | Lexeme::Open
            | Lexeme::Close
            | Lexeme::OpenIndex
            | Lexeme::CloseIndex
            | Lexeme::Comma
            | Lexeme::Dot
            | Lexeme::Bad
            | Lexeme::End => None,
        }
    }

    const fn power(self) -> u8 {
        match self {
            Self::Or => power::OR,
            Self::And => power::AND,
            Self::Compare(_) => power::COMPARE,
            Self::Arithmetic(operator) => operator.power(),
        }
    }
}

impl Parser<'_, '_> {
    fn whole(&mut self) -> Expr {
        if self.tokens.len() == 1 {
            self.report.error("empty", 0..0, "an expression is missing here");
            return self.broken();
        }
        let mut parts = vec![self.expression(0)];
        while self.peek() != &Lexeme::End {
            self.unexpected("join two conditions by `and` or `or`");
            // A lone word is no expression to go on with: `3 parsecs`.
            let lone = matches!(self.peek(), Lexeme::Word(_))
                && !matches!(self.tokens[self.at + 1].lexeme, Lexeme::Dot | Lexeme::Open | Lexeme::OpenIndex);
            if lone {
                self.at += 1;
            }
            while !self.starts() && self.peek() != &Lexeme::End {
                self.at += 1;
            }
            if self.starts() {
                parts.push(self.expression(0));
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { joined(parts, Shape::Any) }
    }

    /// Tells that the next token does not belong, unless one that could not be read explains it.
    fn unexpected(&mut self, help: &str) {
        let after_bad = self.at > 0 && self.tokens[self.at - 1].lexeme == Lexeme::Bad;
        if self.given_up || after_bad || self.peek() == &Lexeme::Bad {
            return;
        }
        let span = self.span();
        let message = format!("`{}` is not expected here", &self.report.source()[span.clone()]);
        let help = if self.peek() == &Lexeme::Close { "no `(` before it is open" } else { help };
        self.report.error_with("syntax", span, message, help);
    }

    fn starts(&self) -> bool {
        matches!(self.peek(), Lexeme::Word(_) | Lexeme::Literal(_) | Lexeme::Not | Lexeme::Open)
    }

    fn expression(&mut self, least: u8) -> Expr {
        let mut left = self.prefix();
        let mut compared = None;
        while let Some(infix) = Infix::of(self.peek()) {
            if infix.power() < least {
                break;
            }
            self.at += 1;
            left = match infix {
                Infix::And => self.join(left, power::AND),
                Infix::Or => self.join(left, power::OR),
                Infix::Arithmetic(operator) => {
                    let right = self.expression(operator.power() + 1);
                    self.pair(left, right, |sides| Shape::Arithmetic(operator, sides))
                }
                Infix::Compare(comparator) => {
                    let right = self.expression(power::COMPARE + 1);
                    let shape = |sides| Shape::Compare(comparator, sides);
                    match compared.replace(comparator) {
                        Some(earlier) => self.chained(&left, earlier, comparator, &right),
                        None => self.pair(left, right, shape),
                    }
                }
            };
            if !matches!(infix, Infix::Compare(_)) {
                compared = None;
            }
        }
        left
    }

    fn pair(&mut self, left: Expr, right: Expr, shape: impl FnOnce(Box<[Expr; 2]>) -> Shape) -> Expr {
        let span = left.span.start..right.span.end;
        self.bounded(Expr::new(span, shape(Box::new([left, right]))))
    }

    /// Reads the rest of `left and … and …` into one list; so with `or`.
    fn join(&mut self, left: Expr, power: u8) -> Expr {
        let word = if power == power::AND { Lexeme::And } else { Lexeme::Or };
        let shape = if power == power::AND { Shape::All } else { Shape::Any };
        let mut parts = vec![left];
        loop {
            let part = self.expression(power + 1);
            parts.push(part);
            if self.peek() != &word {
                break;
            }
            self.at += 1;
        }
        let joined = joined(parts, shape);
        self.bounded(joined)
    }

    fn chained(&mut self, left: &Expr, first: Comparator, second: Comparator, right: &Expr) -> Expr {
        let span = left.span.start..right.span.end;
        if let Shape::Compare(_, sides) = &left.shape {
            let source = self.report.source();
            let [low, middle] = [&sides[0], &sides[1]].map(|side| &source[side.span.clone()]);
            let high = &source[right.span.clone()];
            let help =
                format!("write `{low} {} {middle} and {middle} {} {high}`", first.sign(), second.sign());
            self.report.error_with("chained", span.clone(), "comparisons can't be chained", help);
        }
        Expr::new(span, Shape::Broken)
    }

    fn prefix(&mut self) -> Expr {
        if self.level >= DEPTH_MAX {
            return self.too_deep();
        }
        self.level += 1;
        let expression = self.operand();
        self.level -= 1;
        self.bounded(expression)
    }

    fn operand(&mut self) -> Expr {
        let span = self.span();
        match self.peek().clone() {
            Lexeme::Literal(literal) => {
                self.at += 1;
                Expr::new(span, Shape::Literal(literal))
            }
            Lexeme::Word(word) => {
                self.at += 1;
                self.chain(Step { span, link: Link::Word(word) })
            }
            Lexeme::Not => {
                self.at += 1;
                let inner = self.expression(power::NOT);
                Expr::new(span.start..inner.span.end, Shape::Not(Box::new(inner)))
            }
            Lexeme::Arithmetic(Operator::Subtract) => {
                self.at += 1;
                let inner = self.expression(power::NEGATE);
                Expr::new(span.start..inner.span.end, Shape::Negate(Box::new(inner)))
            }
            Lexeme::Open => {
                self.at += 1;
                let mut inner = self.expression(0);
                if self.close(&Lexeme::Close, span.clone()).is_some() {
                    inner.span = span.start..self.tokens[self.at - 1].span.end;
                }
                inner
            }
            Lexeme::Bad => {
                self.at += 1;
                Expr::new(span, Shape::Broken)
            }
            Lexeme::And
            | Lexeme::Or
            | Lexeme::Compare(_)
            | Lexeme::Arithmetic(_)
            | Lexeme::Close
            | Lexeme::OpenIndex
            | Lexeme::CloseIndex
            | Lexeme::Comma
            | Lexeme::Dot
            | Lexeme::End => self.missing(span),
        }
    }

    fn missing(&mut self, span: Range<usize>) -> Expr {
        if !self.given_up {
            self.report.error("syntax", span.clone(), "a signal or a value is missing here");
        }
        Expr::new(span.start..span.start, Shape::Broken)
    }

    fn chain(&mut self, first: Step) -> Expr {
        let mut end = first.span.end;
        let start = first.span.start;
        let mut steps = vec![first];
        loop {
            let span = self.span();
            let link = match self.peek() {
                Lexeme::Dot => {
                    self.at += 1;
                    let Some(word) = self.word_after_dot(&span) else {
                        return Expr::new(start..span.end, Shape::Broken);
                    };
                    Link::Word(word)
                }
                Lexeme::Open => match self.arguments(&Lexeme::Close) {
                    Some(arguments) => Link::Call(arguments),
                    None => return Expr::new(start..span.end, Shape::Broken),
                },
                Lexeme::OpenIndex => match self.arguments(&Lexeme::CloseIndex) {
                    Some(arguments) => Link::Index(arguments),
                    None => return Expr::new(start..span.end, Shape::Broken),
                },
                _ => return Expr::new(start..end, Shape::Chain(steps)),
            };
            end = self.tokens[self.at - 1].span.end;
            let from =
                if matches!(link, Link::Word(_)) { self.tokens[self.at - 1].span.start } else { span.start };
            steps.push(Step { span: from..end, link });
        }
    }

    fn word_after_dot(&mut self, dot: &Range<usize>) -> Option<String> {
        let span = self.span();
        let source = self.report.source();
        let written = &source[span.clone()];
        match self.peek() {
            Lexeme::Word(_) | Lexeme::And | Lexeme::Or | Lexeme::Not | Lexeme::Literal(Literal::Flag(_)) => {
                self.at += 1;
                Some(written.to_owned())
            }
            _ => {
                self.report.error("syntax", dot.clone(), "a word is missing after the dot");
                None
            }
        }
    }

    /// Reads `(a, b)` or `[a]`, both brackets included.
    fn arguments(&mut self, closing: &Lexeme) -> Option<Vec<Expr>> {
        let opened = self.span();
        self.at += 1;
        let mut arguments = Vec::new();
        if self.peek() == closing {
            self.at += 1;
            return Some(arguments);
        }
        loop {
            arguments.push(self.expression(0));
            if self.peek() != &Lexeme::Comma {
                break;
            }
            self.at += 1;
        }
        self.close(closing, opened)?;
        Some(arguments)
    }

    /// Goes past the closing bracket, over what does not belong; `None` where there is none.
    fn close(&mut self, closing: &Lexeme, opened: Range<usize>) -> Option<()> {
        let source = self.report.source();
        let bracket = &source[opened.clone()];
        if self.peek() != closing && self.peek() != &Lexeme::End {
            self.unexpected(&format!("the `{bracket}` before it is not closed yet"));
            while self.peek() != closing && self.peek() != &Lexeme::End {
                self.at += 1;
            }
        }
        if self.peek() == closing {
            self.at += 1;
            return Some(());
        }
        let explained = self.tokens[self.at - 1].lexeme == Lexeme::Bad;
        if !self.given_up && !explained {
            self.report.error("unclosed", opened, format!("`{bracket}` is not closed"));
        }
        None
    }

    fn bounded(&mut self, expression: Expr) -> Expr {
        if expression.depth > DEPTH_MAX { self.too_deep() } else { expression }
    }

    /// Tells it once and gives the rest of the text up.
    fn too_deep(&mut self) -> Expr {
        if !self.given_up {
            self.given_up = true;
            let message = format!("an expression has at most {DEPTH_MAX} levels");
            self.report.error("too-deep", self.span(), message);
            self.at = self.tokens.len() - 1;
        }
        self.broken()
    }

    fn broken(&self) -> Expr {
        Expr::new(self.span(), Shape::Broken)
    }

    fn peek(&self) -> &Lexeme {
        &self.tokens[self.at].lexeme
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }
}

/// One flat list of the parts, those of the same shape dissolved into it.
fn joined(parts: Vec<Expr>, shape: impl Fn(Vec<Expr>) -> Shape) -> Expr {
    let start = parts.first().map_or(0, |part| part.span.start);
    let end = parts.last().map_or(start, |part| part.span.end);
    let all = matches!(shape(Vec::new()), Shape::All(_));
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match (part.shape, all) {
            (Shape::All(inner), true) | (Shape::Any(inner), false) => flat.extend(inner),
            (shape, _) => flat.push(Expr { span: part.span, shape, depth: part.depth }),
        }
    }
    Expr::new(start..end, shape(flat))
}
