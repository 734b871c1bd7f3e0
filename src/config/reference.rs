//! The reference of all settings for people, `docs/configuration.md`, and the settings that are in
//! force, as a file that says the same.

use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Settings;
use crate::domain::declared::Declared;
use crate::domain::plans::PlanLimits;

const HEAD: &str = "\
# Configuration

<!-- Printed by `delenda config --markdown`; a test holds this page equal to it. -->

A flag goes before the environment, that before the file, that before the default. In the environment a setting is called
`DELENDA_` and its name in capitals. The file is TOML with the names below, and is named by `--config` or
`DELENDA_CONFIG`; none is read where none is named. An unknown name in the file, a value of another type or out of its
range is an error that names it, and nothing starts. `delenda config` prints what is in force, `delenda doctor` looks
whether it can work.

Settings are read once, at the start. TLS belongs to a proxy in front, which should pass requests on as they are.

";

const PLANS: &str = "
## Plans

An organization has a plan by name (`delenda org create NAME --plan gold`), and the file says what the name allows. What a
plan does not say is not limited, but for the two of batches. The plan `default` exists without being written down;
writing `[plans.default]` limits it. A plan that no section defines is refused by `org create`, and keeps a server from
starting while an active organization has it.

```toml
[plans.gold]
requests_per_minute = 600
quota_bytes = 100_000_000_000
media_types = [\"image/*\", \"application/pdf\"]
```

";

const TAIL: &str = "
Names are of 1 to 64 lower-case letters, digits, `-` and `_`. The quotas hold in the transaction that stores, so that
uploads at the same time cannot exceed them together. What the plan has no room for is refused before its bytes are read
where its length is announced, and with the first byte too many where it is not. Nothing of a plan ever keeps anything
from being deleted, but that the guard wants a large number confirmed first. `GET /delenda/v1/limits` tells a client the
plan and what is left of it.
";

/// The page of all settings, in Markdown.
pub fn page() -> String {
    let defaults = fields(&Settings::default());
    let settings = Settings::declared();
    let settings = settings.iter().map(|Declared { key, unit, range, meaning }| {
        let (default, range) = (plain(&defaults[*key]), range_text(range.as_ref()));
        format!("| `{key}` | {unit} | {default} | {range} | {meaning} |\n")
    });
    let limits = PlanLimits::declared();
    let limits = limits.iter().map(|Declared { key, unit, range, meaning }| {
        let range = range_text(range.as_ref());
        format!("| `{key}` | {unit} | {range} | {meaning} |\n")
    });
    let settings_head = "| key | unit | default | range | what it is |\n|---|---|---|---|---|\n";
    let limits_head = "| key of `[plans.NAME]` | unit | range | what it is |\n|---|---|---|---|\n";
    let parts = [HEAD, settings_head].map(str::to_owned).into_iter().chain(settings);
    let parts = parts.chain([PLANS, limits_head].map(str::to_owned)).chain(limits);
    parts.chain([TAIL.to_owned()]).collect()
}

/// What is in force, as a file of settings.
pub fn in_force(settings: &Settings) -> String {
    let mut lines = lines_of(&fields(settings), &Settings::declared());
    for (name, limits) in &settings.plans {
        lines.push(format!("\n[plans.{name}]\n"));
        lines.extend(lines_of(&fields(limits), &PlanLimits::declared()));
    }
    lines.concat()
}

/// A line for each value that is said. JSON's form of these values is TOML's as well.
fn lines_of(values: &Map<String, Value>, declared: &[Declared]) -> Vec<String> {
    let said = declared.iter().filter(|Declared { key, .. }| !values[*key].is_null());
    said.map(|Declared { key, .. }| format!("{key} = {}\n", values[*key])).collect()
}

fn fields(values: &impl Serialize) -> Map<String, Value> {
    let values = serde_json::to_value(values).expect("plain fields can be written");
    values.as_object().expect("a struct has fields").clone()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("`{value}`")
        }
    }
}

fn range_text(range: Option<&RangeInclusive<u64>>) -> String {
    let Some(range) = range else { return String::new() };
    let (least, most) = (range.start(), range.end());
    if *most >= i64::MAX.unsigned_abs() {
        return format!("from {least} on");
    }
    format!("{least} to {most}")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Flags;

    #[test]
    fn the_page_of_settings_is_what_the_code_says() {
        expect_test::expect_file!["../../docs/configuration.md"].assert_eq(&page());
    }

    #[test]
    fn what_is_in_force_can_be_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("delenda.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let flags = Flags { config: Some(file.clone()), ..Flags::default() };
            Settings::load(flags, std::iter::empty()).unwrap()
        };
        let text = "data = '/a \"quoted\" \\ path'\nlog = 'warn'\nmetrics_public = true\n\
                    [plans.gold]\nquota_files = 3\nmedia_types = ['image/*', 'a/b']\n[plans.none]";
        let settings = load(text);
        assert_eq!(settings.data, PathBuf::from("/a \"quoted\" \\ path"));
        assert_eq!(load(&in_force(&settings)), settings);
        assert_eq!(load(&in_force(&Settings::default())), Settings::default());
    }
}
