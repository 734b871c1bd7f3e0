//! The types of problems: one list, in the program, on the page and in the document.

use std::collections::BTreeSet;

use axum::response::IntoResponse;
use http_body_util::BodyExt;
use serde_json::Value;

use super::super::app::TestApp;
use super::super::errors::one_of_each;
use super::get;
use crate::http::dialect::DialectError;
use crate::http::native::Native;
use crate::http::native::problems::{KINDS, table};
use crate::http::native::refine::Refinements;

/// The types that stand in the source of whatever renders problems.
fn rendered() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../../native/problem.rs"),
        include_str!("../../native/deletions/refusal.rs"),
    ];
    let quoted = sources.into_iter().flat_map(|source| source.split("\"/problems/").skip(1));
    quoted.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_type_of_problem_is_explained_and_no_other() {
    let explained: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(explained, rendered());
    assert_eq!(explained.len(), KINDS.len(), "each once");
    assert!(KINDS.is_sorted_by_key(|kind| kind.name), "by name");
}

#[tokio::test]
async fn a_type_of_problem_comes_with_the_statuses_that_it_says() {
    for error in one_of_each() {
        let response = DialectError::<Native>::from(error).into_response();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        let name = problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap();
        let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
        let status = u16::try_from(problem["status"].as_u64().unwrap()).unwrap();
        assert!(kind.statuses.contains(&status), "{name} comes with {status}");
    }
}

#[test]
fn the_page_of_problems_is_made_of_the_list() {
    let page = include_str!("../../../../docs/problems.md");
    assert!(page.ends_with(&table()), "docs/problems.md must end with:\n{}", table());
}

#[tokio::test]
async fn a_type_of_problem_is_a_path_to_its_explanation() {
    let app = TestApp::new().await;
    for kind in KINDS {
        let answer = get(&app, &format!("/problems/{}", kind.name)).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(answer.text().contains(kind.meaning) && answer.text().contains(kind.remedy));
    }
    for other in ["/problems/", "/problems/nothing", "/problems/%2e%2e", "/problems/a/b"] {
        assert_eq!(get(&app, other).await.status.as_u16(), 404, "{other}");
    }
}

#[tokio::test]
async fn the_document_names_every_type_of_problem() {
    let app = TestApp::new().await;
    let document = get(&app, "/openapi.json").await.json();
    let types = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let types: Vec<&str> =
        types.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let expected: Vec<String> =
        KINDS.iter().map(|kind| format!("/problems/{}", kind.name)).collect();
    assert_eq!(types, expected);
    let described = document["info"]["description"].as_str().unwrap();
    for kind in KINDS {
        assert!(described.contains(kind.meaning), "{}", kind.name);
    }
}

#[tokio::test]
async fn what_is_said_beside_the_types_is_said_of_what_is_there() {
    let app = TestApp::new().await;
    let document = get(&app, "/openapi.json").await.json();
    let has = |there: &Value, more: &Value, name: &str| {
        for (word, value) in more.as_object().unwrap() {
            assert_eq!(&there[word], value, "{name}");
        }
    };
    let refinements = Refinements::read();
    for (pointer, more) in &refinements.schemas {
        let there = document.pointer(&format!("/components/schemas{pointer}"));
        has(there.unwrap_or_else(|| panic!("no {pointer}")), more, pointer);
    }
    for name in &refinements.without_null {
        let members = document["components"]["schemas"][name]["properties"].as_object().unwrap();
        assert!(members.values().all(|member| !member.to_string().contains("\"null\"")), "{name}");
    }
    let (mut parameters, mut ofs) = (BTreeSet::new(), BTreeSet::new());
    for call in calls(&document) {
        let id = call["operationId"].as_str().unwrap();
        for parameter in call["parameters"].as_array().into_iter().flatten() {
            let text = |member: &str| parameter[member].as_str().unwrap();
            let name = format!("{} {}", text("in"), text("name"));
            let (of_one, of_all) = (format!("{id} {name}"), name);
            if let Some(more) = refinements.calls.get(&of_one) {
                has(&parameter["schema"], more, &of_one);
            } else if let Some(more) = refinements.parameters.get(&of_all) {
                has(&parameter["schema"], more, &of_all);
            }
            parameters.insert(of_all);
            ofs.insert(of_one);
        }
    }
    assert!(refinements.parameters.keys().all(|name| parameters.contains(name)));
    assert!(refinements.calls.keys().all(|name| ofs.contains(name)), "{ofs:?}");
    assert!(!document.to_string().contains("{segment}"), "every pattern is written out");
}

/// All calls of a document.
fn calls(document: &Value) -> impl Iterator<Item = &Value> {
    let items = document["paths"].as_object().unwrap().values();
    items.flat_map(|item| item.as_object().unwrap().values())
}

/// What a key may say of itself stands in every call, so that an operator's client can name whom it
/// means.
#[tokio::test]
async fn every_call_with_a_key_names_the_organization_or_is_about_one() {
    let app = TestApp::new().await;
    let document = get(&app, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for call in item.as_object().unwrap().values() {
            let mut parameters = call["parameters"].as_array().into_iter().flatten();
            let names = parameters.any(|parameter| parameter["name"] == "organization");
            let wanted =
                call.get("security").is_none() && !path.starts_with("/delenda/v1/organizations");
            assert_eq!(names, wanted, "{path}");
        }
    }
}

fn links_in<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "links" => found.extend(member.as_object().unwrap().values()),
            _ => links_in(member, found),
        }
    }
}

#[tokio::test]
async fn every_call_of_the_document_has_a_name_of_its_own() {
    let app = TestApp::new().await;
    let document = get(&app, "/openapi.json").await.json();
    let names: Vec<&str> =
        calls(&document).map(|call| call["operationId"].as_str().unwrap()).collect();
    let apart: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(apart.len(), names.len());
    assert!(apart.contains("put_commands_id_outputs_name"), "{apart:?}");
    let mut links = Vec::new();
    links_in(&document["paths"], &mut links);
    assert_eq!(links.len(), Refinements::read().links.len(), "each of them is there");
    for link in links {
        assert!(apart.contains(link["operationId"].as_str().unwrap()), "{link}");
    }
}

#[tokio::test]
async fn every_call_of_the_document_says_how_each_refusal_looks() {
    let app = TestApp::new().await;
    let document = get(&app, "/openapi.json").await.json();
    let calls = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, call)| (path, method, call))
    });
    let mut refusals = 0;
    for (path, method, call) in calls {
        let responses = call["responses"].as_object().unwrap();
        for status in ["400", "408", "500", "503"] {
            assert!(responses.contains_key(status), "{method} {path}: {status}");
        }
        let is_open = call["security"] == serde_json::json!([{}]);
        assert_eq!(responses.contains_key("401"), !is_open, "{method} {path}");
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            let shapes =
                ["Problem", "DeletionRefused"].map(|it| format!("#/components/schemas/{it}"));
            assert!(shapes.iter().any(|shape| schema == shape), "{method} {path}: {status}");
            refusals += 1;
        }
    }
    assert!(refusals > 50, "{refusals} refusals");
}
