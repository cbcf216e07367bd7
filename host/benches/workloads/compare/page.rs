//! BENCHMARKS.md: what stands between a pair of marks is replaced, the rest is written by hand.

use std::fs;
use std::path::Path;

pub(super) fn write(parts: &[(&str, String)], svg: &str) -> Result<(), String> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = host.parent().expect("the package lies in the checkout").join("BENCHMARKS.md");
    let said = |error| format!("{} cannot be rewritten: {error}", path.display());
    let mut page = fs::read_to_string(&path).map_err(said)?;
    for (name, text) in parts {
        page = replaced(&page, name, text).ok_or_else(|| format!("{} has no marks of {name}", path.display()))?;
    }
    fs::write(&path, page).map_err(said)?;
    fs::write(host.join("benches/figures.svg"), svg).map_err(said)
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (open, close) = (format!("<!-- figures: {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    Some(format!("{before}{open}\n{}\n\n{close}{after}", text.trim()))
}
