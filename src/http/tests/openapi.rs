//! The documents of the dialects: served without a key, and true of the routes that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::Value;

use super::app::TestApp;
use crate::http::openapi::DOCUMENTS;

/// Methods by path; the names of a path's parameters left out, since both sides choose their own.
type Routes = BTreeMap<String, BTreeSet<String>>;

fn parsed(document: &str) -> Value {
    serde_json::from_str(document).unwrap()
}

fn without_names(path: &str) -> String {
    let mut pieces = path.split('{');
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |path, piece| path + "{}" + piece.split_once('}').unwrap().1)
}

fn documented(document: &Value) -> Routes {
    let methods = |operations: &Value| -> BTreeSet<String> {
        operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect()
    };
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, operations)| (without_names(path), methods(operations))).collect()
}

/// The texts that stand first in the calls of `route` in the sources of a dialect.
fn paths_in_sources(dialect: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dialects").join(dialect);
    let mut open: Vec<PathBuf> = vec![folder];
    let mut paths = BTreeSet::new();
    while let Some(place) = open.pop() {
        if place.is_dir() {
            open.extend(std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(place).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for call in text.split(".route(").skip(1) {
            let path = call.trim_start().strip_prefix('"').expect("a route begins with its path");
            paths.insert(path.split('"').next().unwrap().to_owned());
        }
    }
    assert!(!paths.is_empty(), "{dialect} has no routes");
    paths
}

/// What a document has for a route that takes any method.
const ANY_METHOD: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// What the router itself says of each path. `HEAD` is wherever `GET` is.
async fn served(app: &TestApp, dialect: &str) -> Routes {
    let mut routes = Routes::new();
    for path in paths_in_sources(dialect) {
        let target = without_names(&path).replace("{}", "x");
        let answer = app.call(Method::TRACE, &target, &[], "").await;
        if answer.status.as_u16() == 401 {
            routes.insert(without_names(&path), ANY_METHOD.map(str::to_owned).into());
            continue;
        }
        let mut methods: BTreeSet<String> =
            answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
        assert_eq!(methods.remove("HEAD"), methods.contains("GET"), "{target}");
        // Pages of other origins ask first; the document says once that every route answers that.
        assert_eq!(methods.remove("OPTIONS"), dialect == "sirv", "{target}");
        routes.insert(without_names(&path), methods);
    }
    routes
}

#[tokio::test]
async fn each_dialect_serves_its_document_without_a_key() {
    let app = TestApp::new().await;
    for (dialect, document) in DOCUMENTS {
        let answer = app.call(Method::GET, &format!("/openapi/{dialect}.json"), &[], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{dialect}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(answer.text(), document);
        assert_eq!(parsed(document)["openapi"], "3.1.0");
        assert_eq!(parsed(document)["info"]["version"], env!("CARGO_PKG_VERSION"), "{dialect}");
    }
    let other = app.call(Method::GET, "/openapi/nobody.json", &[], "").await;
    assert_eq!(other.status.as_u16(), 404);
}

#[tokio::test]
async fn a_document_has_the_routes_of_its_dialect_and_no_others() {
    let app = TestApp::new().await;
    for (dialect, document) in DOCUMENTS {
        assert_eq!(documented(&parsed(document)), served(&app, dialect).await, "{dialect}");
    }
}

/// Every reference in a document, as a pointer into it.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => {
                        found.push(text.strip_prefix('#').expect("references stay inside"));
                    }
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_document_refers_to_what_it_has_and_has_nothing_idle() {
    for (dialect, document) in DOCUMENTS {
        let document = parsed(document);
        let mut found = Vec::new();
        references(&document, &mut found);
        let found: BTreeSet<&str> = found.into_iter().collect();
        for pointer in &found {
            assert!(document.pointer(pointer).is_some(), "{dialect} has no {pointer}");
        }
        for kind in ["headers", "parameters", "responses", "schemas"] {
            let Some(components) = document["components"][kind].as_object() else { continue };
            for name in components.keys() {
                let pointer = format!("/components/{kind}/{name}");
                assert!(found.contains(pointer.as_str()), "{dialect} never uses {pointer}");
            }
        }
    }
}

#[test]
fn every_call_says_what_may_go_wrong_and_how_that_looks() {
    for (dialect, document) in DOCUMENTS {
        let document = parsed(document);
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, call) in operations.as_object().unwrap() {
                let responses = call["responses"].as_object().unwrap();
                for status in ["400", "401", "429", "500", "503"] {
                    assert!(responses.contains_key(status), "{dialect}: {method} {path}: {status}");
                }
                for (status, response) in
                    responses.iter().filter(|(status, _)| status.as_str() >= "400")
                {
                    let pointer = response["$ref"].as_str().unwrap().trim_start_matches('#');
                    let body = &document.pointer(pointer).unwrap()["content"]["application/json"];
                    let shown = body.get("example").or(body.get("examples"));
                    assert!(shown.is_some(), "{dialect}: {method} {path}: {status} has no example");
                }
            }
        }
    }
}
