use isopool_guest::task;

#[task]
pub fn length(text: &str, more: Option<&[u8]>) -> usize {
    text.len() + more.map_or(0, <[u8]>::len)
}

#[task]
pub fn first(_text: String) -> &'static str {
    "x"
}

fn main() {}
