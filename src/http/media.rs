//! Which media type a file gets: the client's word, else a guess by its name.

/// What is known of bytes of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";
/// The longest media type that is kept, in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// The media type that a client gave, where it says something; else the one that files of this
/// name usually have.
pub fn media_type(given: Option<&str>, name: &str) -> String {
    let given = given.map(str::trim).filter(|text| says_something(text));
    given.map_or_else(
        || mime_guess::from_path(name).first_or_octet_stream().essence_str().to_owned(),
        str::to_owned,
    )
}

fn says_something(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let known = essence
        .split_once('/')
        .is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty() && !essence.contains(' '));
    known
        && !essence.eq_ignore_ascii_case(UNKNOWN)
        && text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_word_comes_before_a_guess() {
        assert_eq!(media_type(Some("text/csv; charset=utf-8"), "a.png"), "text/csv; charset=utf-8");
        assert_eq!(media_type(Some("application/octet-stream"), "a.png"), "image/png");
        assert_eq!(media_type(None, "a.png"), "image/png");
        assert_eq!(media_type(None, "a"), UNKNOWN);
    }

    #[test]
    fn what_is_no_media_type_is_not_kept() {
        let long = format!("text/{}", "a".repeat(300));
        for wrong in ["", "text", "/", "text/", "/plain", "a b/c", "text/é", "text/a\tb", &long] {
            assert_eq!(media_type(Some(wrong), "a.png"), "image/png", "{wrong:.20}");
        }
    }
}
