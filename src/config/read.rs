//! Settings out of flags, environment and file, and the check of what they say.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};

use super::{Flags, Settings, SettingsError};
use crate::domain::declared::Declared;
use crate::domain::plans::PlanLimits;
use crate::domain::webhooks::Schedule;
use crate::http::cors::Origins;
use crate::webhooks::egress::Egress;

/// What the names in the environment begin with.
const ENVIRONMENT_PREFIX: &str = "DELENDA";

impl Settings {
    /// Reads flags, `environment` and file, and checks what they say.
    pub fn load(
        flags: Flags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        if let Some(file) = &flags.config {
            builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
        }
        let said = builder
            .add_source(Environment::default().try_parsing(true).source(Some(known(environment)?)))
            .build()
            .map_err(|error| unreadable(&error))?;
        check_whole_numbers(&said)?;
        let read = said.try_deserialize::<Self>();
        let mut settings = read.map_err(|error| unreadable(&error))?;
        if let Some(data) = flags.data {
            settings.data = data;
        }
        if let Some(listen) = flags.listen {
            settings.listen = listen;
        }
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SettingsError> {
        if let Some((key, problem)) = self.out_of_range() {
            return Err(SettingsError::out_of_range(key, problem));
        }
        if self.data == Path::new("") {
            return Err(SettingsError::out_of_range("data", "must not be empty"));
        }
        for (name, plan) in &self.plans {
            let checked = plan.check(name);
            checked.map_err(|(key, problem)| SettingsError::OutOfRange { key, problem })?;
        }
        if let Err(wrong) = Origins::parse(&self.cors_origins) {
            let problem = format!("has `{wrong}`, which is no origin such as https://a.example");
            return Err(SettingsError::out_of_range("cors_origins", problem));
        }
        if let Err(wrong) = Egress::parse(&self.webhook_networks) {
            let problem = format!("has `{wrong}`, which is no network such as 10.0.0.0/8");
            return Err(SettingsError::out_of_range("webhook_networks", problem));
        }
        if let Err(wrong) = Schedule::parse(&self.webhook_retry_seconds) {
            let problem = format!("has `{wrong}`, which is no pause in seconds");
            return Err(SettingsError::out_of_range("webhook_retry_seconds", problem));
        }
        check_public_url(&self.public_url)
    }
}

fn check_public_url(url: &str) -> Result<(), SettingsError> {
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = authority.map(|rest| rest.trim_end_matches('/'));
    let plain = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    if url.is_empty() || authority.is_some_and(plain) {
        return Ok(());
    }
    let problem = "must be http:// or https://, a host, and perhaps a port";
    Err(SettingsError::out_of_range("public_url", problem))
}

/// The parser would round 0.5 to 1, and take `yes` for 1.
fn check_whole_numbers(said: &Config) -> Result<(), SettingsError> {
    let ValueKind::Table(table) = &said.cache.kind else { return Ok(()) };
    whole_numbers(table, "", &Settings::declared())?;
    let Some(ValueKind::Table(plans)) = table.get("plans").map(|value| &value.kind) else {
        return Ok(());
    };
    for (name, plan) in plans {
        if let ValueKind::Table(plan) = &plan.kind {
            whole_numbers(plan, &format!("plans.{name}."), &PlanLimits::declared())?;
        }
    }
    Ok(())
}

fn whole_numbers(
    table: &Map<String, Value>,
    place: &str,
    declared: &[Declared],
) -> Result<(), SettingsError> {
    let numbers = declared.iter().filter(|declared| declared.range.is_some());
    for Declared { key, .. } in numbers {
        let Some(value) = table.get(*key) else { continue };
        let is_whole = match &value.kind {
            ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => true,
            ValueKind::String(text) => text.parse::<i64>().is_ok(),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::Float(_)
            | ValueKind::Table(_)
            | ValueKind::Array(_) => false,
        };
        if !is_whole {
            let problem = format!("is {value}, and must be a whole number");
            return Err(SettingsError::out_of_range(format!("{place}{key}"), problem));
        }
    }
    Ok(())
}

/// The variables that name a setting, under the setting's own name.
fn known(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, String>, SettingsError> {
    let declared = Settings::declared();
    let mut found = HashMap::new();
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX).and_then(|n| n.strip_prefix('_'))
        else {
            continue;
        };
        // A table, such as that of the plans, has no form in the environment.
        let Some(known) = declared.iter().find(|known| known.key.to_ascii_uppercase() == key)
        else {
            continue;
        };
        let value = value.into_string().map_err(|_| {
            SettingsError::Unreadable(format!("the variable {name} is not valid UTF-8"))
        })?;
        found.insert(known.key.to_owned(), value);
    }
    Ok(found)
}

fn unreadable(error: &config::ConfigError) -> SettingsError {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.trim_matches('|').is_empty());
    SettingsError::Unreadable(lines.collect::<Vec<_>>().join(" "))
}
