//! Signed urls, which work without a key, and the tokens of the one dialect that has some.
//!
//! A signature proves who was allowed to see a version; that the version still exists is looked
//! up at every use, so that a deletion ends every url at once.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::HOST;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::state::Service;
use crate::domain::clock::Timestamp;
use crate::domain::entry::FileRecord;
use crate::domain::id::{BlobId, EntryId, KeyId, OrganizationId};
use crate::domain::organization::{Scopes, SecretMark};

/// Where signed urls begin; no dialect has a route there.
pub const SIGNED_FILES: &str = "/files";
/// Bytes of a token at most; those that are issued have about 300.
const TOKEN_BYTES_MAX: usize = 1024;
/// Bytes of the signature with which a sealed text begins.
const SEAL_BYTES: usize = 16;
/// How far the clock that issued a token may be ahead of the one that checks it.
const ISSUED_AHEAD_SECONDS_MAX: i64 = 60;

/// Signs urls and tokens, each with a secret of its own.
pub struct Signer {
    urls: [u8; 32],
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// What a signed url gives access to: one version of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose file.
    pub organization: OrganizationId,
    /// Which file.
    pub entry: EntryId,
    /// Which version of it.
    pub blob: BlobId,
    /// Unix seconds; from then on the url does not work.
    pub expires: i64,
}

/// What a token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The key that it was issued for, and with which it dies.
    pub key: KeyId,
    /// The key's organization.
    pub organization: OrganizationId,
    /// What the key was allowed then.
    pub scopes: Scopes,
    /// Which secret of the key it was issued for, and with which it dies too.
    pub secret: SecretMark,
}

#[derive(Serialize, Deserialize)]
struct WireClaims {
    sub: String,
    org: String,
    scope: String,
    sec: String,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// A signer with these secrets.
    pub fn new(secret: [u8; 32], token_secret: [u8; 32]) -> Self {
        Self {
            urls: secret,
            encoding: EncodingKey::from_secret(&token_secret),
            decoding: DecodingKey::from_secret(&token_secret),
        }
    }

    /// Path and query of the url that is this grant.
    pub fn url(&self, grant: &Grant) -> String {
        let Grant { organization, entry, blob, expires } = grant;
        let signature = hex::encode(self.mac(grant).finalize().into_bytes());
        format!(
            "{SIGNED_FILES}/{organization}/{entry}/{blob}?expires={expires}&signature={signature}"
        )
    }

    /// Whether `signature`, in hexadecimal, is this grant's, expired or not.
    pub fn signed(&self, grant: &Grant, signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else { return false };
        self.mac(grant).verify_slice(&signature).is_ok()
    }

    /// Whether `signature` is this grant's, and the grant has not expired.
    pub fn allows(&self, grant: &Grant, signature: &str, now: Timestamp) -> bool {
        self.signed(grant, signature) && now.seconds() < grant.expires
    }

    fn mac(&self, grant: &Grant) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.urls).expect("any length is a key");
        // All but the last part are of fixed length: no two grants give the same text.
        mac.update(b"file");
        mac.update(grant.organization.as_bytes());
        mac.update(grant.entry.as_bytes());
        mac.update(grant.blob.as_bytes());
        mac.update(&grant.expires.to_be_bytes());
        mac
    }

    /// `content`, readable by anybody and good for nothing but `binding`: as letters, digits, `-`
    /// and `_`.
    pub fn seal(&self, binding: &[&[u8]], content: &[u8]) -> String {
        let signature = self.seal_mac(binding, content).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&signature[..SEAL_BYTES], content].concat())
    }

    /// What was sealed with this very binding; `None` for any other text.
    pub fn unseal(&self, binding: &[&[u8]], text: &str) -> Option<Vec<u8>> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        if sealed.len() < SEAL_BYTES {
            return None;
        }
        let content = sealed.split_off(SEAL_BYTES);
        self.seal_mac(binding, &content).verify_truncated_left(&sealed).ok()?;
        Some(content)
    }

    /// A secret that nobody can know who does not know both `presented` and the installation's own.
    /// Always the same for the same context, whose parts say what it is for.
    pub fn derive(&self, presented: &SecretString, context: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.urls).expect("any length is a key");
        mac.update(b"derive");
        mac.update(presented.expose_secret().as_bytes());
        let between = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let mut mac =
            Hmac::<Sha256>::new_from_slice(between.as_slice()).expect("any length is a key");
        for part in context {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn seal_mac(&self, binding: &[&[u8]], content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.urls).expect("any length is a key");
        // Each part says how long it is: no two bindings give the same text, and none gives that
        // of a url.
        mac.update(b"seal");
        mac.update(&(binding.len() as u64).to_be_bytes());
        for part in binding.iter().chain([&content]) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    /// A token for these claims that works for `lifetime`, in whole seconds. `None` where the
    /// library cannot sign, which no input brings about.
    pub fn issue_token(
        &self,
        claims: Claims,
        lifetime: Duration,
        now: Timestamp,
    ) -> Option<SecretString> {
        let wire = WireClaims {
            sub: claims.key.to_string(),
            org: claims.organization.to_string(),
            scope: claims.scopes.to_string(),
            sec: hex::encode(claims.secret.0),
            iat: now.seconds(),
            exp: now.plus(lifetime).seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire, &self.encoding)
            .ok()
            .map(SecretString::from)
    }

    /// What a token proves at `now`; `None` where it proves nothing. Says nothing of the key. A
    /// token that another clock issued may be [`ISSUED_AHEAD_SECONDS_MAX`] ahead of this one; its
    /// end is exact.
    pub fn check_token(&self, text: &str, now: Timestamp) -> Option<Claims> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would read a clock of its own.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let decoded = jsonwebtoken::decode::<WireClaims>(text, &self.decoding, &validation).ok()?;
        let wire = decoded.claims;
        let ahead = wire.iat.saturating_sub(now.seconds());
        if now.seconds() >= wire.exp || ahead > ISSUED_AHEAD_SECONDS_MAX {
            return None;
        }
        Some(Claims {
            key: KeyId::parse(&wire.sub)?,
            organization: OrganizationId::parse(&wire.org)?,
            scopes: match wire.scope.as_str() {
                "" => Scopes::default(),
                words => Scopes::parse(words)?,
            },
            secret: SecretMark(hex::decode(&wire.sec).ok()?.try_into().ok()?),
        })
    }
}

/// An absolute signed url of a file's present version, from the configured public url, else from
/// the request's `Host`.
pub fn absolute_url(
    service: &Service,
    headers: &HeaderMap,
    organization: OrganizationId,
    file: &FileRecord,
) -> String {
    absolute_blob_url(service, headers, (organization, file.id, file.blob.id))
}

/// The same, for a version that is known by its identities.
pub fn absolute_blob_url(
    service: &Service,
    headers: &HeaderMap,
    (organization, entry, blob): (OrganizationId, EntryId, BlobId),
) -> String {
    let expires = service.clock.now().plus(service.settings.signed_url_lifetime).seconds();
    let path = service.signer.url(&Grant { organization, entry, blob, expires });
    if let Some(base) = &service.settings.public_url {
        return format!("{}{path}", base.trim_end_matches('/'));
    }
    format!("http://{}{path}", public_host(service, headers))
}

/// Host and port that absolute urls have.
pub fn public_host<'a>(service: &'a Service, headers: &'a HeaderMap) -> &'a str {
    let configured = service.settings.public_url.as_deref();
    let configured = configured.and_then(|url| url.split_once("://")).map(|(_, host)| host);
    let asked = || headers.get(HOST).and_then(|host| host.to_str().ok());
    configured.or_else(asked).unwrap_or("localhost").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::clock::ManualClock;
    use crate::domain::id::IdSource;
    use crate::domain::organization::Scope;
    use crate::domain::random::SeededRandom;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn ids(seed: u64) -> IdSource {
        IdSource::new(Arc::new(ManualClock::at(NOW)), Arc::new(SeededRandom::new(seed)))
    }

    fn grant() -> Grant {
        let ids = ids(5);
        let expires = NOW.seconds() + 60;
        Grant { organization: ids.next(), entry: ids.next(), blob: ids.next(), expires }
    }

    fn signature(url: &str) -> String {
        url.rsplit_once("signature=").unwrap().1.to_owned()
    }

    #[test]
    fn a_signature_is_good_for_its_grant_alone_and_until_it_expires() {
        let signer = Signer::new([1; 32], [2; 32]);
        let grant = grant();
        let signature = signature(&signer.url(&grant));
        assert!(signer.allows(&grant, &signature, NOW));
        assert!(signer.allows(&grant, &signature, NOW.plus(Duration::from_millis(59_999))));
        assert!(!signer.allows(&grant, &signature, NOW.plus(Duration::from_secs(60))));
        let other = ids(6);
        for forged in [
            Grant { organization: other.next(), ..grant },
            Grant { entry: other.next(), ..grant },
            Grant { blob: other.next(), ..grant },
            Grant { expires: grant.expires + 1, ..grant },
        ] {
            assert!(!signer.allows(&forged, &signature, NOW), "{forged:?}");
        }
        for wrong in ["", "zz", &signature[2..], &format!("{signature}00")] {
            assert!(!signer.allows(&grant, wrong, NOW), "{wrong}");
        }
        assert!(!Signer::new([3; 32], [2; 32]).allows(&grant, &signature, NOW));
    }

    fn claims() -> Claims {
        let ids = ids(7);
        let secret = SecretMark([4; 8]);
        Claims { key: ids.next(), organization: ids.next(), scopes: Scopes::usual(), secret }
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let signer = Signer::new([1; 32], [2; 32]);
        let none = Claims { scopes: Scopes::default(), ..claims() };
        let one = Claims { scopes: [Scope::Read].into_iter().collect(), ..claims() };
        for claims in [claims(), one, none] {
            let token = signer.issue_token(claims, Duration::from_secs(5), NOW).unwrap();
            let text = token.expose_secret();
            assert_eq!(signer.check_token(text, NOW), Some(claims));
            assert_eq!(signer.check_token(text, NOW.plus(Duration::from_secs(5))), None);
            assert_eq!(Signer::new([1; 32], [3; 32]).check_token(text, NOW), None);
        }
    }

    fn wire(iat: i64, exp: i64) -> WireClaims {
        WireClaims {
            sub: claims().key.to_string(),
            org: claims().organization.to_string(),
            scope: "read".to_owned(),
            sec: "00".repeat(8),
            iat: NOW.seconds() + iat,
            exp: NOW.seconds() + exp,
        }
    }

    fn signed_token(wire: &impl Serialize) -> String {
        let key = EncodingKey::from_secret(&[2; 32]);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), wire, &key).unwrap()
    }

    #[test]
    fn a_token_ends_at_its_very_second_and_may_begin_a_minute_ahead() {
        let signer = Signer::new([1; 32], [2; 32]);
        for (iat, exp, good) in [
            (0, 1, true),
            (0, 0, false),
            (0, -1, false),
            (-604_800, 1, true),
            (60, 100, true),
            (61, 100, false),
            (i64::MAX / 2, 100, false),
        ] {
            let token = signed_token(&wire(iat, exp));
            assert_eq!(signer.check_token(&token, NOW).is_some(), good, "{iat} {exp}");
        }
        let token = signed_token(&wire(0, 10));
        let last = NOW.plus(Duration::from_millis(9_999));
        assert!(signer.check_token(&token, last).is_some());
        assert!(signer.check_token(&token, last.plus(Duration::from_millis(1))).is_none());
    }

    #[test]
    fn a_token_that_lacks_a_claim_or_is_longer_than_any_of_ours_proves_nothing() {
        let signer = Signer::new([1; 32], [2; 32]);
        let whole = serde_json::to_value(wire(0, 60)).unwrap();
        assert!(signer.check_token(&signed_token(&whole), NOW).is_some());
        for claim in ["sub", "org", "scope", "sec", "iat", "exp"] {
            let mut lacking = whole.clone();
            lacking.as_object_mut().unwrap().remove(claim);
            assert_eq!(signer.check_token(&signed_token(&lacking), NOW), None, "{claim}");
        }
        let mut long = whole.clone();
        long["padding"] = "p".repeat(TOKEN_BYTES_MAX).into();
        assert_eq!(signer.check_token(&signed_token(&long), NOW), None);
        assert_eq!(signer.check_token(&"e".repeat(1 << 20), NOW), None);
    }

    #[test]
    fn only_one_algorithm_is_taken() {
        let signer = Signer::new([1; 32], [2; 32]);
        let wire = wire(0, 60);
        let key = EncodingKey::from_secret(&[2; 32]);
        let right = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire, &key).unwrap();
        assert!(signer.check_token(&right, NOW).is_some());
        let wrong = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &wire, &key).unwrap();
        assert_eq!(signer.check_token(&wrong, NOW), None);
        // {"alg":"none","typ":"JWT"}
        let body = right.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        for hostile in [unsigned.as_str(), "", ".", "..", "a.b.c"] {
            assert_eq!(signer.check_token(hostile, NOW), None, "{hostile}");
        }
    }
}
