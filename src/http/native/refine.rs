//! What the types of the code cannot say of themselves in the `OpenAPI` document: bounds, the few
//! words or the form that a text has, what an event of a stream looks like, and where an answer has
//! what another call needs.
//!
//! It stands in `refinements.json`: of parameters by their place and name (of one call alone, behind
//! its `operationId`), of bodies by the pointer below the schemas, of links by the call and status
//! that they begin with. `{segment}` in a pattern is the pattern of that name. Tests hold that each
//! of them is there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problems::KINDS;

const REFINEMENTS: &str = include_str!("refinements.json");
/// What bodies of bytes are of.
const BYTES: [&str; 3] = ["application/octet-stream", "application/offset+octet-stream", "*/*"];

/// All of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refinements {
    patterns: BTreeMap<String, String>,
    /// By place and name.
    pub parameters: BTreeMap<String, Value>,
    /// The same behind the name of the call.
    pub calls: BTreeMap<String, Value>,
    /// By pointer.
    pub schemas: BTreeMap<String, Value>,
    /// Bodies whose members are left out or have a value, and are never `null`.
    pub without_null: Vec<String>,
    /// From answers to calls.
    pub links: Vec<Link>,
}

/// Where an answer has what another call needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The first call, and its status.
    pub from: String,
    /// The other call.
    pub to: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(rename = "requestBody")]
    body: Option<Value>,
}

impl Refinements {
    /// Reads it, with its patterns written out.
    pub fn read() -> Self {
        let mut read: Self = serde_json::from_str(REFINEMENTS).expect("it was read by every test");
        let Self { patterns, parameters, calls, schemas, .. } = &mut read;
        let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        calls.insert("get_problems_type path type".to_owned(), json!({ "enum": kinds }));
        for more in parameters.values_mut().chain(calls.values_mut()).chain(schemas.values_mut()) {
            write_out(more, patterns);
        }
        read
    }
}

/// Adds all of it to a document.
pub fn refine(document: &mut Value) {
    let refinements = Refinements::read();
    for (pointer, more) in &refinements.schemas {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas{pointer}")) {
            merge(schema, more.clone());
        }
    }
    for name in &refinements.without_null {
        let place = format!("/components/schemas/{name}/properties");
        let members = document.pointer_mut(&place).and_then(Value::as_object_mut);
        members.into_iter().flat_map(|members| members.values_mut()).for_each(drop_null);
    }
    let items = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    for (path, item) in items.into_iter().flatten() {
        for call in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            if takes_organization(path) && call.get("security").is_none() {
                add_organization(call);
            }
            refine_call(call, &refinements);
        }
    }
}

/// Calls on organizations name theirs in the path.
fn takes_organization(path: &str) -> bool {
    let own = path.strip_prefix(super::PREFIX);
    own.is_some_and(|own| !own.starts_with("/organizations"))
}

fn add_organization(call: &mut Value) {
    let Some(call) = call.as_object_mut() else { return };
    let parameters = call.entry("parameters").or_insert_with(|| json!([])).as_array_mut();
    let Some(parameters) = parameters else { return };
    if parameters.iter().all(|parameter| parameter["name"] != "organization") {
        parameters.push(json!({
            "name": "organization",
            "in": "query",
            "description": "The organization that an operator means",
            "schema": { "type": "string" },
        }));
    }
}

fn refine_call(call: &mut Value, refinements: &Refinements) {
    let id = call["operationId"].as_str().unwrap_or_default().to_owned();
    let parameters = call.pointer_mut("/parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        refine_parameter(parameter, &id, refinements);
    }
    if let Some(body) = call.get_mut("requestBody") {
        refine_bytes(body);
    }
    let answers = call.pointer_mut("/responses").and_then(Value::as_object_mut);
    for (status, answer) in answers.into_iter().flatten() {
        refine_bytes(answer);
        refine_stream(answer);
        let from = format!("{id} {status}");
        let links = refinements.links.iter().filter(|link| link.from == from);
        let links: Map<String, Value> =
            links.map(|link| (link.to.clone(), rendered(link))).collect();
        if !links.is_empty() {
            merge(answer, json!({ "links": links }));
        }
    }
}

fn rendered(link: &Link) -> Value {
    let mut rendered = json!({ "operationId": link.to });
    if !link.parameters.is_empty() {
        merge(&mut rendered, json!({ "parameters": link.parameters }));
    }
    if let Some(body) = &link.body {
        merge(&mut rendered, json!({ "requestBody": body }));
    }
    rendered
}

fn refine_parameter(parameter: &mut Value, call: &str, refinements: &Refinements) {
    let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
    let (place, name) = (text("in"), text("name"));
    let Some(schema) = parameter.get_mut("schema") else { return };
    if place == "header" {
        drop_null(schema);
    }
    let of_all = refinements.parameters.get(&format!("{place} {name}"));
    let of_one = refinements.calls.get(&format!("{call} {place} {name}"));
    for more in of_all.into_iter().chain(of_one) {
        merge(schema, more.clone());
    }
}

/// Bytes are not a list of numbers.
fn refine_bytes(body: &mut Value) {
    let contents = body.pointer_mut("/content").and_then(Value::as_object_mut);
    for (media_type, content) in contents.into_iter().flatten() {
        if BYTES.contains(&media_type.as_str()) {
            merge(content, json!({ "schema": { "type": "string", "format": "binary" } }));
        }
    }
}

/// A stream is of events, and what is told stands in their data, as a text.
fn refine_stream(answer: &mut Value) {
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

/// Writes the named patterns out in every text below.
fn write_out(value: &mut Value, patterns: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            for (name, pattern) in patterns {
                *text = text.replace(&format!("{{{name}}}"), pattern);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| write_out(item, patterns)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| write_out(member, patterns));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
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
