//! What signs messages, in the way of Standard Webhooks.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::clock::Timestamp;
use crate::domain::id::MessageId;

/// What a secret begins with as a text.
const SECRET_PREFIX: &str = "whsec_";
/// The version of the way to sign.
const SIGNATURE_VERSION: &str = "v1";

/// What signs the messages of a webhook. Kept as it is, since signing needs it; never shown by
/// `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WebhookSecret(pub [u8; 32]);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl WebhookSecret {
    /// As it is shown, once.
    pub fn text(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(self.0))
    }

    /// The signature of a message that is sent now.
    pub fn sign(&self, message: MessageId, now: Timestamp, body: &str) -> String {
        signature(&self.0, &message.to_string(), now.seconds(), body)
    }
}

fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("{SIGNATURE_VERSION},{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret, message and signature that the specification's own libraries are tested with.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(&key, id, 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_shown_by_its_text_alone() {
        let secret = WebhookSecret([0; 32]);
        assert_eq!(secret.text(), format!("whsec_{}=", "A".repeat(43)));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
    }
}
