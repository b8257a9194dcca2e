//! The source tree as data: per file its room, its paths with their lines, and its production length.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::{self, Visit};

/// One path that a file names: an import or a path in code.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// One source file, test modules cut off.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Path below `src`, as `policy/engine.rs`.
    pub(crate) path: String,
    pub(crate) paths: Vec<Named>,
    pub(crate) unsafe_lines: Vec<usize>,
    pub(crate) production_lines: usize,
}

/// The whole tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    pub(crate) fn read(root: &str) -> Result<Self, String> {
        let mut tree = Self::default();
        walk(Path::new(root), Path::new(root), &mut tree)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    pub(crate) fn add(&mut self, path: &str, source: &str) -> Result<(), String> {
        let parsed = syn::parse_file(source).map_err(|error| format!("{path}: {error}"))?;
        let mut visitor = Visitor::default();
        visitor.visit_file(&parsed);
        self.files.push(File {
            path: path.to_owned(),
            paths: visitor.paths,
            unsafe_lines: visitor.unsafe_lines,
            production_lines: production_lines(source),
        });
        Ok(())
    }
}

impl File {
    /// The room it belongs to: the first part of its path.
    pub(crate) fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

fn walk(root: &Path, folder: &Path, tree: &mut Tree) -> Result<(), String> {
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            walk(root, &path, tree)?;
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let below = path.strip_prefix(root).map_err(|error| error.to_string())?;
            let is_test = below
                .components()
                .any(|part| Path::new(&part).file_stem().is_some_and(|stem| stem == "tests"));
            let source = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            if !is_test {
                tree.add(&below.to_string_lossy(), &source)?;
            }
        }
    }
    Ok(())
}

/// Lines before the first `#[cfg(test)]` that opens a test module at the left margin.
fn production_lines(source: &str) -> usize {
    source.lines().position(|line| line == "#[cfg(test)]").unwrap_or_else(|| source.lines().count())
}

#[derive(Default)]
struct Visitor {
    paths: Vec<Named>,
    unsafe_lines: Vec<usize>,
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|inner| inner.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test_only(&item.attrs) {
            flatten(&item.tree, &mut Vec::new(), &mut self.paths);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments: Vec<String> =
                path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.paths.push(Named { segments, line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.unsafe_lines.push(block.unsafe_token.span.start().line);
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.unsafe_lines.push(token.span.start().line);
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let syn::Safety::Unsafe(token) = &signature.safety {
            self.unsafe_lines.push(token.span.start().line);
        }
        visit::visit_signature(self, signature);
    }
}

impl Visitor {
    /// Paths inside macro bodies, which syn leaves as tokens: `a::b::c` runs.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let mut run: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.close(&mut run, line);
                        line = ident.span().start().line;
                    }
                    run.push(ident.to_string());
                    colons = 0;
                }
                proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                proc_macro2::TokenTree::Group(group) => {
                    self.close(&mut run, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
                proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => {
                    self.close(&mut run, line);
                    colons = 0;
                }
            }
        }
        self.close(&mut run, line);
    }

    fn close(&mut self, run: &mut Vec<String>, line: usize) {
        if run.len() > 1 {
            self.paths.push(Named { segments: std::mem::take(run), line });
        } else {
            run.clear();
        }
    }
}

fn flatten(tree: &syn::UseTree, prefix: &mut Vec<String>, out: &mut Vec<Named>) {
    match tree {
        syn::UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, out);
            prefix.pop();
        }
        syn::UseTree::Name(name) => leaf(&name.ident, prefix, out),
        syn::UseTree::Rename(rename) => leaf(&rename.ident, prefix, out),
        syn::UseTree::Glob(glob) => {
            out.push(Named { segments: prefix.clone(), line: glob.star_token.span.start().line });
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, prefix, out)),
    }
}

fn leaf(ident: &syn::Ident, prefix: &[String], out: &mut Vec<Named>) {
    let mut segments = prefix.to_vec();
    segments.push(ident.to_string());
    out.push(Named { segments, line: ident.span().start().line });
}

/// The distinct first segments of paths in a file, for the rules on crates.
pub(crate) fn crates_named(file: &File) -> BTreeSet<&str> {
    file.paths.iter().filter_map(|named| named.segments.first().map(String::as_str)).collect()
}
