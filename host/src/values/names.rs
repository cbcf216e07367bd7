//! Names: WIT's are `kebab-case`, those of the caller's types as his language has them.

/// Whether a field or a case of a caller's type is this one of WIT: `first-name` is `first_name`, `FirstName` and `firstName`.
pub(super) fn is_same(wit: &str, given: &str) -> bool {
    let letters = |name: &str| {
        name.chars()
            .filter(|letter| !matches!(letter, '-' | '_'))
            .map(|letter| letter.to_ascii_lowercase())
            .collect::<String>()
    };
    wit == given || letters(wit) == letters(given)
}

/// The place of a name of the caller's among names of WIT: one that is written alike goes before one that is meant alike.
pub(super) fn position<'a>(mut wit: impl Iterator<Item = &'a str> + Clone, given: &str) -> Option<usize> {
    wit.clone()
        .position(|name| name == given)
        .or_else(|| wit.clone().position(|name| name.replace('-', "_") == given))
        .or_else(|| wit.position(|name| is_same(name, given)))
}

/// `a, b and c`, or a part of them.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.collect();
    match names.split_at_checked(SHOWN) {
        Some((shown, rest)) if !rest.is_empty() => format!("{}, …", shown.join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_sides_meet() {
        for given in ["first-name", "first_name", "FirstName", "firstName"] {
            assert!(is_same("first-name", given), "{given}");
        }
        assert!(!is_same("first-name", "last_name"));
        let wit = ["ab", "a-b", "c"];
        assert_eq!(position(wit.into_iter(), "ab"), Some(0));
        assert_eq!(position(wit.into_iter(), "a_b"), Some(1));
        assert_eq!(position(wit.into_iter(), "C"), Some(2));
        assert_eq!(position(wit.into_iter(), "d"), None);
    }
}
