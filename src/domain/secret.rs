//! The text of API keys: made once, shown once, kept only as a hash.

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::organization::KeyHash;
use super::random::Random;

/// What every key begins with, so that a leaked one can be recognised.
pub const KEY_PREFIX: &str = "ffsk_";
/// Hexadecimal digits that follow the prefix: 32 random bytes.
const KEY_DIGITS: usize = 64;

/// A fresh key. Whoever shows it does so once; a ledger keeps [`hash_key`] of it.
pub fn generate_key(random: &dyn Random) -> SecretString {
    key_text(random.secret())
}

/// The key of these bytes, which nobody else may know.
pub fn key_text(secret: [u8; 32]) -> SecretString {
    let secret = Zeroizing::new(secret);
    let digits = Zeroizing::new(hex::encode(secret.as_slice()));
    SecretString::from(format!("{KEY_PREFIX}{}", digits.as_str()))
}

/// What a ledger keeps of a key. A key has 256 random bits, so that a fast hash is enough.
pub fn hash_key(text: &str) -> KeyHash {
    KeyHash(Sha256::digest(text.as_bytes()).into())
}

/// Whether a text has the form of a key: the prefix, then 64 lower-case hexadecimal digits.
/// Anything else is refused before the ledger is asked.
pub fn is_key_shaped(text: &str) -> bool {
    text.strip_prefix(KEY_PREFIX).is_some_and(|digits| {
        digits.len() == KEY_DIGITS
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::random::SeededRandom;
    use super::*;

    #[test]
    fn a_fresh_key_has_the_form_of_a_key_and_no_two_are_alike() {
        let random = SeededRandom::new(1);
        let (one, other) = (generate_key(&random), generate_key(&random));
        assert!(is_key_shaped(one.expose_secret()));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_ne!(hash_key(one.expose_secret()), hash_key(other.expose_secret()));
    }

    #[test]
    fn the_hash_is_sha_256_of_the_whole_text() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(hash_key("abc").0), expected);
    }

    #[test]
    fn nothing_else_has_the_form_of_a_key() {
        let digits = "0123456789abcdef".repeat(4);
        assert!(is_key_shaped(&format!("ffsk_{digits}")));
        for wrong in [
            String::new(),
            digits.clone(),
            format!("ffsk_{}", &digits[1..]),
            format!("ffsk_{digits}0"),
            format!("ffsk_{}", digits.to_uppercase()),
            format!("FFSK_{digits}"),
            format!(" ffsk_{digits}"),
            format!("ffsk_{digits} "),
            format!("ffsk_{}é", &digits[2..]),
        ] {
            assert!(!is_key_shaped(&wrong), "{wrong:?}");
        }
    }
}
