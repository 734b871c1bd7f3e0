//! Media types, and what is said of several at once: `image/png`, `image/*`.

/// Whether a text names a media type, or all of one kind: `image/png` or `image/*`, without
/// parameters.
pub fn is_media_range(text: &str) -> bool {
    let word = |text: &str| !text.is_empty() && !text.contains(['/', ' ', ';', '*']);
    text.split_once('/').is_some_and(|(kind, rest)| word(kind) && (rest == "*" || word(rest)))
}

/// Whether a content type, its parameters aside, is the one that `range` names, or one of them.
pub fn media_range_takes(range: &str, content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let kind = essence.split('/').next().unwrap_or_default();
    match range.strip_suffix("/*") {
        Some(taken) => taken.eq_ignore_ascii_case(kind),
        None => range.eq_ignore_ascii_case(essence),
    }
}
