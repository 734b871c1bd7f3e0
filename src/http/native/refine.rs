//! What the types of the code cannot say of themselves in the `OpenAPI` document: bounds, the few
//! words that a text may be, and what an event of a stream looks like.

use serde_json::{Value, json};

/// Schemas of bodies, by their names and members, with what holds for them beside their type.
/// Tests hold that each of them is there.
pub const MEMBERS: [(&str, &str, &str); 7] = [
    ("NewCommand", "status", r#"{"enum":["QUEUED","PROCESSING","SUCCESS","FAILED",null]}"#),
    (
        "NewCommand",
        "command_type",
        r#"{"enum":["FFMPEG_COMMAND","CHAINED_COMMAND","MULTIPLE_COMMAND",null]}"#,
    ),
    ("CommandChange", "status", r#"{"enum":["QUEUED","PROCESSING","SUCCESS","FAILED"]}"#),
    ("CommandChange", "total_processing_seconds", r#"{"minimum":0}"#),
    ("CommandChange", "ffmpeg_command_run_seconds", r#"{"minimum":0}"#),
    ("NewFolder", "path", r#"{"minLength":1}"#),
    ("Problem", "status", r#"{"minimum":400,"maximum":599}"#),
];

/// Bodies whose members are left out or have a value, and are never `null`.
pub const WITHOUT_NULL: [&str; 1] = ["EntryChange"];

/// Adds all of it to a document.
pub fn refine(document: &mut Value) {
    for (name, member, more) in MEMBERS {
        let place = format!("/components/schemas/{name}/properties/{member}");
        if let Some(schema) = document.pointer_mut(&place) {
            merge(schema, serde_json::from_str(more).unwrap_or_default());
        }
    }
    for name in WITHOUT_NULL {
        let place = format!("/components/schemas/{name}/properties");
        let members = document.pointer_mut(&place).and_then(Value::as_object_mut);
        members.into_iter().flat_map(|members| members.values_mut()).for_each(drop_null);
    }
    let items = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    let items = items.into_iter().flat_map(|items| items.values_mut());
    let calls = items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    for call in calls {
        let parameters = call.pointer_mut("/parameters").and_then(Value::as_array_mut);
        parameters.into_iter().flatten().for_each(refine_parameter);
        let answers = call.pointer_mut("/responses").and_then(Value::as_object_mut);
        answers.into_iter().flat_map(|answers| answers.values_mut()).for_each(refine_answer);
    }
}

fn refine_parameter(parameter: &mut Value) {
    let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
    let more = match (text("in").as_str(), text("name").as_str()) {
        ("query", "limit") => json!({ "minimum": 1, "maximum": 1000 }),
        ("query", "path" | "organization") => json!({ "minLength": 1 }),
        ("header", "Tus-Resumable") => json!({ "enum": ["1.0.0"] }),
        _ => Value::Null,
    };
    let is_header = text("in") == "header";
    let Some(schema) = parameter.get_mut("schema") else { return };
    if is_header {
        drop_null(schema);
    }
    merge(schema, more);
}

/// A stream is of events, and what is told stands in their data, as a text.
fn refine_answer(answer: &mut Value) {
    if let Some(stream) = answer.pointer_mut("/content/text~1event-stream/schema") {
        let told = stream.take();
        *stream = json!({
            "type": "object",
            "description": "An event of the stream",
            "properties": {
                "id": { "type": "string" },
                "event": { "type": "string" },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": told,
                },
            },
        });
    }
}

fn merge(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

/// Takes the type `null` away where there is another one.
fn drop_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            merge(schema, json!({ "type": only }));
        }
    } else if let Some(either) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        either.retain(|one| one["type"] != "null");
        if let [only] = either.as_slice() {
            let only = only.clone();
            *schema = only;
        }
    }
}
