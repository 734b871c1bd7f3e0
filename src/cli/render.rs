//! Answers as lines for people, or as one line of JSON for programs.

use serde_json::{Value, json};

use crate::deletion::verify::Verification;
use crate::domain::organization::Scope;
use crate::jobs::admin::{AdminAnswer, KeyLine, OrganizationLine};

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// An answer, with its last line's end.
pub fn answer(answer: &AdminAnswer, json: bool) -> String {
    if json { format!("{}\n", answer_json(answer)) } else { answer_lines(answer) }
}

fn answer_json(answer: &AdminAnswer) -> Value {
    match answer {
        AdminAnswer::OrganizationCreated { id, name } => json!({ "id": id, "name": name }),
        AdminAnswer::Organizations { organizations } => json!(organizations),
        AdminAnswer::OrganizationDisabled { id } => json!({ "id": id, "disabled": true }),
        AdminAnswer::OrganizationEnabled { id } => json!({ "id": id, "disabled": false }),
        AdminAnswer::OrganizationRemoved { id, files, bytes, remaining, settled } => json!({
            "id": id, "files": files, "bytes": bytes, "remaining": remaining, "settled": settled,
        }),
        AdminAnswer::PlanSet { id, plan } => json!({ "id": id, "plan": plan }),
        AdminAnswer::KeyCreated { id, key, organization, scopes } => {
            json!({ "id": id, "key": key, "organization": organization, "scopes": scopes })
        }
        AdminAnswer::Keys { keys } => json!(keys),
        AdminAnswer::KeyRevoked { id } => json!({ "id": id, "revoked": true }),
        AdminAnswer::Swept { condemned, purged, dry_run } => {
            json!({ "condemned": condemned, "purged": purged, "dry_run": dry_run })
        }
        AdminAnswer::Refused { reason } | AdminAnswer::Failed { reason } => {
            json!({ "error": reason })
        }
    }
}

fn answer_lines(answer: &AdminAnswer) -> String {
    match answer {
        AdminAnswer::OrganizationCreated { id, name } => {
            format!("organization {id} made: {name}\n")
        }
        AdminAnswer::Organizations { organizations } => {
            organizations.iter().map(organization_line).collect()
        }
        AdminAnswer::OrganizationDisabled { id } => format!("organization {id} disabled\n"),
        AdminAnswer::OrganizationEnabled { id } => format!("organization {id} enabled\n"),
        AdminAnswer::OrganizationRemoved { id, files, bytes, remaining, settled } => {
            let rest = match settled {
                true => "nothing is left of it".to_owned(),
                false => format!("files whose bytes are not gone yet: {remaining}"),
            };
            format!("organization {id} removed with {files} files ({bytes} bytes)\n{rest}\n")
        }
        AdminAnswer::PlanSet { id, plan } => format!("organization {id} has the plan {plan}\n"),
        AdminAnswer::KeyCreated { id, key, organization, scopes } => {
            let owner = organization.as_deref().unwrap_or("the operator");
            let scopes = words(scopes);
            format!("id: {id}\nkey: {}\nof: {owner}\nscopes: {scopes}\n", key.0)
        }
        AdminAnswer::Keys { keys } => keys.iter().map(key_line).collect(),
        AdminAnswer::KeyRevoked { id } => format!("key {id} revoked\n"),
        AdminAnswer::Swept { condemned, dry_run: true, .. } => {
            format!("would condemn: {condemned}\n")
        }
        AdminAnswer::Swept { condemned, purged, dry_run: false } => match purged {
            Some(purged) => format!("condemned: {condemned}\npurged: {purged}\n"),
            None => format!("condemned: {condemned}\npurged by the running server\n"),
        },
        AdminAnswer::Refused { reason } | AdminAnswer::Failed { reason } => format!("{reason}\n"),
    }
}

fn organization_line(line: &OrganizationLine) -> String {
    let disabled = line.disabled_at.as_deref().unwrap_or(NOTHING);
    let OrganizationLine { id, name, plan, created_at, disabled_at: _ } = line;
    format!("{id}\t{created_at}\t{disabled}\t{plan}\t{name}\n")
}

fn key_line(line: &KeyLine) -> String {
    let organization = line.organization.as_deref().unwrap_or("operator");
    let expires = line.expires_at.as_deref().unwrap_or(NOTHING);
    let revoked = line.revoked_at.as_deref().unwrap_or(NOTHING);
    let (id, scopes, prefix, made) =
        (&line.id, words(&line.scopes), &line.prefix, &line.created_at);
    format!("{id}\t{organization}\t{scopes}\t{made}\t{expires}\t{revoked}\t{prefix}\n")
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
}

/// What `verify` found: the counts, and each disagreement.
pub fn verification(found: &Verification, json: bool) -> String {
    let kinds = [
        ("missing_blobs", &found.missing_blobs),
        ("wrong_sizes", &found.wrong_sizes),
        ("unknown_blobs", &found.unknown_blobs),
        ("disagreements", &found.disagreements),
    ];
    if json {
        let counts: serde_json::Map<String, Value> =
            kinds.iter().map(|(kind, found)| ((*kind).to_owned(), json!(found.len()))).collect();
        let mut object = json!(found);
        object["clean"] = json!(found.is_clean());
        object["counts"] = Value::Object(counts);
        return format!("{object}\n");
    }
    let known = [
        ("stored_blobs", found.stored_blobs),
        ("condemned_blobs", found.condemned_blobs),
        ("open_intents", found.open_intents),
    ];
    let counts = kinds.iter().map(|(kind, found)| (*kind, found.len() as u64)).chain(known);
    let counts = counts.map(|(kind, count)| format!("{kind}: {count}\n"));
    let each = kinds.iter().flat_map(|(kind, found)| found.iter().map(move |item| (kind, item)));
    let each = each.map(|(kind, item)| format!("{kind}\t{item}\n"));
    counts.chain(each).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::jobs::admin::ShownKey;

    #[test]
    fn a_made_organization_and_a_made_key_have_the_promised_json() {
        let made = AdminAnswer::OrganizationCreated { id: "1".into(), name: "a \"b\"".into() };
        expect![[r#"
            {"id":"1","name":"a \"b\""}
        "#]]
        .assert_eq(&answer(&made, true));
        let mut made = AdminAnswer::KeyCreated {
            id: "2".into(),
            key: ShownKey("ffsk_3".into()),
            organization: Some("1".into()),
            scopes: vec![Scope::Read, Scope::Delete],
        };
        expect![[r#"
            {"id":"2","key":"ffsk_3","organization":"1","scopes":["read","delete"]}
        "#]]
        .assert_eq(&answer(&made, true));
        assert!(answer(&made, false).contains("key: ffsk_3\n"));
        assert!(!format!("{made:?}").contains("ffsk_3"));
        if let AdminAnswer::KeyCreated { organization, .. } = &mut made {
            *organization = None;
        }
        assert!(answer(&made, true).contains(r#""organization":null"#));
    }

    #[test]
    fn agreement_is_written_as_zero_counts() {
        let found = Verification { stored_blobs: 3, ..Verification::default() };
        let json: Value = serde_json::from_str(&verification(&found, true)).unwrap();
        assert_eq!(json["clean"], true);
        for kind in ["missing_blobs", "wrong_sizes", "unknown_blobs", "disagreements"] {
            assert_eq!(json["counts"][kind], 0);
            assert_eq!(json[kind], json!([]));
        }
        assert_eq!(json["stored_blobs"], 3);
        let lines = verification(&found, false);
        assert_eq!(lines.lines().count(), 7, "{lines}");
        assert_eq!(lines.lines().filter(|line| line.ends_with(": 0")).count(), 6, "{lines}");
        assert!(lines.contains("stored_blobs: 3\n"), "{lines}");
    }

    #[test]
    fn each_disagreement_is_written() {
        let found = Verification {
            missing_blobs: vec!["0/a".into()],
            disagreements: vec!["a sum is wrong".into()],
            ..Verification::default()
        };
        let json: Value = serde_json::from_str(&verification(&found, true)).unwrap();
        assert_eq!(json["clean"], false);
        assert_eq!(json["counts"]["missing_blobs"], 1);
        assert_eq!(json["missing_blobs"], json!(["0/a"]));
        let lines = verification(&found, false);
        assert!(lines.contains("missing_blobs\t0/a\n"), "{lines}");
        assert!(lines.contains("disagreements\ta sum is wrong\n"), "{lines}");
    }
}
