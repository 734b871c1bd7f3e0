//! Which server, and with which key: a flag before the environment, the environment before the
//! profile.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use secrecy::SecretString;
use serde::Deserialize;

use super::arguments::Server;
use super::talk::note;
use crate::client::Access;

/// The profile that is meant where none is named.
const DEFAULT_PROFILE: &str = "default";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfilesFile {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    url: Option<String>,
    key: Option<SecretString>,
    organization: Option<String>,
}

/// The access that is meant.
pub(super) fn access(server: &Server) -> anyhow::Result<Access> {
    let complete = server.url.is_some() && server.key.is_some() && server.profile.is_none();
    let profile = match complete {
        true => Profile::default(),
        false => read(file().as_deref(), server.profile.as_deref())?,
    };
    let Some(url) = server.url.clone().or(profile.url) else {
        bail!("which server? give --url, DELENDA_URL, or a profile with `url`");
    };
    let Some(key) = server.key.clone().or(profile.key) else {
        bail!("which key? give DELENDA_KEY, a profile with `key`, or --key");
    };
    let organization = server.organization.clone().or(profile.organization);
    Ok(Access::new(&url, key, organization)?)
}

/// Where profiles are.
fn file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    base.map(|base| base.join("delenda").join("config.toml"))
}

/// The profile of that name. That it is absent is an error only where it was named.
fn read(file: Option<&Path>, name: Option<&str>) -> anyhow::Result<Profile> {
    let found = match file {
        Some(file) if file.exists() => {
            if is_open(file) {
                let file = file.display();
                note(&format!("{file} can be read by others: chmod 600 {file}"));
            }
            let text = std::fs::read_to_string(file);
            let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
            // What the parser quotes of the file might be a key.
            let profiles = parse(&text).with_context(|| {
                format!("{} is no file of profiles: [profiles.NAME] url, key", file.display())
            })?;
            profiles.get(name.unwrap_or(DEFAULT_PROFILE)).cloned()
        }
        Some(_) | None => None,
    };
    match (found, name) {
        (Some(profile), _) => Ok(profile),
        (None, None) => Ok(Profile::default()),
        (None, Some(name)) => bail!("there is no profile '{name}'"),
    }
}

/// Whether somebody else than its owner may read or write it.
fn is_open(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.mode() & 0o077 != 0)
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<String, Profile>> {
    let source = config::File::from_str(text, config::FileFormat::Toml);
    let read = config::Config::builder().add_source(source).build();
    let read = read.map_err(|_| anyhow::anyhow!("it is not TOML"))?;
    let file: ProfilesFile =
        read.try_deserialize().map_err(|_| anyhow::anyhow!("it has other keys or types"))?;
    Ok(file.profiles)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const FILE: &str = "[profiles.default]\nurl = 'http://a'\nkey = 'k1'\n\
                        [profiles.other]\nurl = 'http://b'\nkey = 'k2'\norganization = 'o'\n";

    #[test]
    fn a_profile_is_taken_by_its_name_and_default_without_one() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("config.toml");
        std::fs::write(&file, FILE).unwrap();
        let url = |name| read(Some(&file), name).ok().and_then(|profile| profile.url);
        assert_eq!(url(None).as_deref(), Some("http://a"));
        assert_eq!(url(Some("other")).as_deref(), Some("http://b"));
        assert!(read(Some(&file), Some("none")).is_err());
        assert!(read(None, None).unwrap().url.is_none());
        let key = read(Some(&file), Some("other")).unwrap().key.unwrap();
        assert_eq!(key.expose_secret(), "k2");
    }

    #[test]
    fn a_wrong_file_is_an_error_that_shows_nothing_of_it() {
        for text in ["profiles = 1", "[profiles.a]\nurl = 1\nsecret = 'x'", "key 'secret'"] {
            let error = format!("{:#}", parse(text).map(|_| ()).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn flags_and_environment_come_before_the_profile() {
        let server = |url: &str| Server {
            url: Some(url.to_owned()),
            key: Some(SecretString::from("k")),
            profile: None,
            organization: None,
            json: false,
        };
        assert_eq!(access(&server("http://c/")).unwrap().url(), "http://c");
        assert!(access(&server("c")).is_err());
    }
}
