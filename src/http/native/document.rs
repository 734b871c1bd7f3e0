//! The `OpenAPI` document of the native API, made from the handlers that serve it: at
//! `GET /openapi.json`, without a key.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemSchema;

/// What the document says beside its calls.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "delenda, native API",
        description = "Files, and their deletion as a resource: what goes, what went, and how far it is.",
    ),
    components(schemas(ProblemSchema)),
    modifiers(&Bearer, &UsualProblems),
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
const USUAL: [(&str, &str); 8] = [
    ("400", "The request cannot be understood"),
    ("401", "Missing or invalid API key"),
    ("403", "The key may not do this, or belongs to another organization"),
    ("408", "The request took too long to arrive"),
    ("429", "Too many requests"),
    ("500", "Internal server error"),
    ("503", "Not available for the moment"),
    ("431", "The head of the request is too long"),
];

struct UsualProblems;

impl Modify for UsualProblems {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let calls = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            let others = [&mut item.head, &mut item.patch, &mut item.options];
            for call in calls.into_iter().chain(others).flatten() {
                for (status, text) in USUAL {
                    let responses = &mut call.responses.responses;
                    responses.entry(status.to_owned()).or_insert_with(|| problem(text));
                }
            }
        }
    }
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

/// The document with its paths as clients fill them in: for them the rest of a url is a parameter
/// like any other.
pub(super) fn finished(mut document: Document) -> Document {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}
