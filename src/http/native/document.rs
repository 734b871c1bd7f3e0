//! The `OpenAPI` document of the native API, made from the handlers that serve it: at
//! `GET /openapi.json`, without a key.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, OpenApi as Document, Ref, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemSchema;
use super::problems::{self, KINDS};

/// What the document says beside its calls.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "delenda, native API",
        description = "Files, and their deletion as a resource: what goes, what went, and how far it is.",
    ),
    components(schemas(ProblemSchema)),
    modifiers(&Bearer),
    security(("key" = []))
)]
pub(super) struct Api;

/// The one way to prove who asks.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key. An operator key names its organization by `?organization=`.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(key));
    }
}

/// Refusals that every call may give, whatever it is for.
const USUAL: [(&str, &str); 7] = [
    ("400", "The request cannot be understood"),
    ("408", "The request took too long to arrive"),
    ("413", "The body is announced to be larger than any that is taken"),
    ("414", "The target of the request is too long"),
    ("431", "The head of the request is too long"),
    ("500", "Internal server error"),
    ("503", "Not available for the moment"),
];

/// Refusals that every call with a key may give beside those.
const USUAL_WITH_KEY: [(&str, &str); 4] = [
    ("401", "Missing or invalid API key"),
    ("403", "The key may not do this, or belongs to another organization"),
    ("415", "The body is in an encoding that is not taken"),
    ("429", "Too many requests"),
];

/// Adds what is the same for every call, once all calls are there: the usual refusals, the shape
/// of every refusal, and the types of problems.
pub(super) fn complete(document: &mut Document) {
    // For clients the rest of a url is a parameter like any other.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    for (path, item) in &mut document.paths.paths {
        let calls = [
            ("get", &mut item.get),
            ("head", &mut item.head),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
            ("options", &mut item.options),
        ];
        for (method, call) in calls {
            if let Some(call) = call {
                call.operation_id = Some(operation_id(method, path));
                complete_call(call);
            }
        }
    }
    let description = document.info.description.get_or_insert_default();
    description
        .push_str("\n\nErrors are problem documents (RFC 9457). Their types are stable:\n\n");
    description.push_str(&problems::table());
    if let Some(RefOr::T(Schema::Object(problem))) =
        document.components.as_mut().and_then(|components| components.schemas.get_mut("Problem"))
        && let Some(RefOr::T(Schema::Object(kind))) = problem.properties.get_mut("type")
    {
        let types = KINDS.iter().map(|kind| Some(format!("/problems/{}", kind.name).into()));
        kind.enum_values = Some(types.flatten().collect());
    }
}

/// A name that no other call has: `post_commands`, `put_commands_id_outputs_name`.
fn operation_id(method: &str, path: &str) -> String {
    let own = path.strip_prefix(super::PREFIX).unwrap_or(path);
    let words = own.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}

fn complete_call(call: &mut Operation) {
    // Calls without a key say so, by an empty list of what they need.
    let needs_key = call.security.is_none();
    let with_key = USUAL_WITH_KEY.iter().filter(|_| needs_key);
    if let Some(RefOr::T(body)) = &mut call.request_body {
        let contents = body.content.values_mut();
        let optional = contents.map(without_null).fold(false, |any, one| any | one);
        if optional {
            body.required = Some(Required::False);
        }
    }
    let responses = &mut call.responses.responses;
    for (status, text) in USUAL.iter().chain(with_key) {
        responses.entry((*status).to_owned()).or_insert_with(|| problem(text));
    }
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(refusal) = response
            && status.as_str() >= "400"
            && refusal.content.is_empty()
        {
            *response = problem(&refusal.description);
        }
    }
}

/// A body that may be left out may still not be `null`; whether this is one.
fn without_null(content: &mut RefOr<Content>) -> bool {
    let RefOr::T(content) = content else { return false };
    let Some(RefOr::T(Schema::OneOf(either))) = &mut content.schema else { return false };
    let is_null = |one: &RefOr<Schema>| {
        matches!(one, RefOr::T(Schema::Object(object))
            if object.schema_type == SchemaType::Type(Type::Null))
    };
    let before = either.items.len();
    either.items.retain(|one| !is_null(one));
    let had_null = either.items.len() < before;
    if let [only] = either.items.as_slice() {
        content.schema = Some(only.clone());
    }
    had_null
}

fn problem(text: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(text)
        .content("application/problem+json", content)
        .build()
        .into()
}
