//! Templated's table, row by row.

use http::Method;
use serde_json::json;

use super::app::{Answer, NOW, Part, TestApp};

const UPLOADS: &str = "/v1/uploads";
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

async fn delete(app: &TestApp, query: &str) -> Answer {
    app.bearer(Method::DELETE, &format!("{UPLOADS}?{query}")).await
}

fn list(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(",")
}

fn deleted(ids: &[&str]) -> String {
    format!(
        "{{\"deleted\":[{}],\"message\":\"Successfully deleted {} upload(s)\"}}",
        list(ids),
        ids.len()
    )
}

fn refused(not_found: &[&str], unauthorized: &[&str]) -> String {
    format!(
        "{{\"not_found\":[{}],\"unauthorized\":[{}],\"error\":\"Cannot delete uploads: some \
         uploads were not found or you don't have permission to delete them\"}}",
        list(not_found),
        list(unauthorized)
    )
}

#[tokio::test]
async fn every_form_of_the_ids_deletes_all_of_them_in_order() {
    let app = TestApp::new().await;
    for form in
        ["ids=A&ids=B&ids=A", "ids[]=A&ids[]=B", "ids%5B0%5D=A&ids%5B1%5D=B", "ids[9]=A&ids[0]=B"]
    {
        let (a, b) = (app.upload("a.png").await, app.upload("b.png").await);
        let answer = delete(&app, &form.replace('A', &a).replace("=B", &format!("={b}"))).await;
        assert_eq!(answer.both(), (200, deleted(&[&a, &b]).as_str()), "{form}");
    }
    app.drained().await;
    app.stored_blobs_become(0).await;
}

#[tokio::test]
async fn no_ids_or_only_blank_ones_are_a_400() {
    let app = TestApp::new().await;
    let expected = "{\"error\":\"At least one upload ID must be provided\"}";
    for query in ["", "ids=", "ids=%20&ids=+", "ids[]="] {
        assert_eq!(delete(&app, query).await.both(), (400, expected), "{query}");
    }
    let answer = app.bearer(Method::DELETE, UPLOADS).await;
    assert_eq!(answer.both(), (400, expected));
}

#[tokio::test]
async fn one_id_that_is_missing_spares_all_the_others() {
    let app = TestApp::new().await;
    let own = app.upload("a.png").await;
    let upper = own.to_uppercase();
    let query = format!("ids={own}&ids={UNKNOWN}&ids=a,b&ids={upper}&ids=x'--");
    let answer = delete(&app, &query).await;
    let expected = refused(&[UNKNOWN, "a,b", &upper, "x'--"], &[]);
    assert_eq!(answer.both(), (400, expected.as_str()));
    assert_eq!(app.usage().await.live.files, 1);
    assert_eq!(app.stored.keys().len(), 1);
}

#[tokio::test]
async fn a_foreign_id_is_unauthorized_unless_isolation_is_strict() {
    for strict in [false, true] {
        let app = TestApp::with(|settings| settings.strict_isolation = strict).await;
        let (_, their_key) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
        let foreign = app.upload_as(&their_key, &[Part::File("a.png", "", "theirs")]).await;
        let own = app.upload("a.png").await;
        let answer = delete(&app, &format!("ids={own}&ids={foreign}&ids={UNKNOWN}")).await;
        let expected = match strict {
            false => refused(&[UNKNOWN], &[&foreign]),
            true => refused(&[&foreign, UNKNOWN], &[]),
        };
        assert_eq!(answer.both(), (400, expected.as_str()));
        assert_eq!(app.stored.keys().len(), 2);
    }
}

#[tokio::test]
async fn what_is_locked_or_outside_the_prefix_is_unauthorized_also_under_strict_isolation() {
    let app = TestApp::with(|settings| settings.strict_isolation = true).await;
    let outside = app.upload("a.png").await;
    let locked = app.upload_to("/team/locked.png").await;
    let free = app.upload_to("/team/free.png").await;
    app.lock("/team/locked.png", true).await;
    let (_, key) = app.new_key(Some(app.ours.id), "delete", "/team").await;
    let target = format!("{UPLOADS}?ids={locked}&ids={UNKNOWN}&ids={free}&ids={outside}");
    let answer = app.as_bearer(Method::DELETE, &target, &key).await;
    let expected = refused(&[UNKNOWN], &[&locked, &outside]);
    assert_eq!(answer.both(), (400, expected.as_str()));
    assert_eq!(app.usage().await.live.files, 3);
}

#[tokio::test]
async fn a_key_that_may_not_delete_has_every_id_unauthorized() {
    let app = TestApp::new().await;
    let own = app.upload("a.png").await;
    let (_, key) = app.new_key(Some(app.ours.id), "read,write", "/").await;
    let target = format!("{UPLOADS}?ids={own}&ids=nothing");
    let answer = app.as_bearer(Method::DELETE, &target, &key).await;
    assert_eq!(answer.both(), (400, refused(&[], &[&own, "nothing"]).as_str()));
    let blank = app.as_bearer(Method::DELETE, UPLOADS, &key).await;
    assert_eq!(blank.both().1, "{\"error\":\"At least one upload ID must be provided\"}");
}

#[tokio::test]
async fn ambiguous_and_unknown_parameters_are_a_400_and_delete_nothing() {
    let app = TestApp::new().await;
    let own = app.upload("a.png").await;
    for (query, expected) in [
        (format!("ids={own}&ids[]={own}"), "'ids', 'ids[]' and 'ids[n]' cannot be mixed"),
        (format!("ids={own}&dry_run=true"), "unknown query parameter 'dry_run'"),
        (format!("IDS={own}"), "unknown query parameter 'IDS'"),
        (format!("ids={own}&x=%f"), "the query has a malformed percent escape"),
        (format!("ids={own}&ids=%ff"), "the query is not valid UTF-8"),
    ] {
        let answer = delete(&app, &query).await;
        assert_eq!(answer.both(), (400, format!("{{\"error\":\"{expected}\"}}").as_str()));
    }
    assert_eq!(app.usage().await.live.files, 1);
}

#[tokio::test]
async fn a_thousand_ids_in_the_longest_form_are_taken() {
    let app = TestApp::new().await;
    let ids: Vec<String> =
        (0..1001).map(|number| format!("01890000-0000-7000-8000-{number:012}")).collect();
    let query = |count: usize| {
        let pairs = ids.iter().take(count).enumerate();
        pairs.map(|(index, id)| format!("ids[{index}]={id}")).collect::<Vec<_>>().join("&")
    };
    let answer = delete(&app, &query(1000)).await;
    let all: Vec<&str> = ids.iter().take(1000).map(String::as_str).collect();
    assert_eq!(answer.both(), (400, refused(&all, &[]).as_str()));
    let expected = "{\"error\":\"At most 1000 uploads can be deleted at once\"}";
    assert_eq!(delete(&app, &query(1001)).await.both(), (400, expected));
}

#[tokio::test]
async fn one_upload_is_deleted_by_its_path() {
    let app = TestApp::new().await;
    let own = app.upload("a.png").await;
    let target = format!("/v1/upload/{own}");
    let answer = app.bearer(Method::DELETE, &format!("{target}?x=1")).await;
    assert_eq!(answer.both(), (400, "{\"error\":\"unknown query parameter 'x'\"}"));
    let answer = app.bearer(Method::DELETE, &target).await;
    assert_eq!(answer.both(), (200, deleted(&[&own]).as_str()));
    let answer = app.bearer(Method::DELETE, &target).await;
    assert_eq!(answer.both(), (400, refused(&[&own], &[]).as_str()));
    let answer = app.bearer(Method::DELETE, "/v1/upload/%ff").await;
    assert_eq!(answer.both(), (404, "{\"error\":\"Not found\"}"));
}

#[tokio::test]
async fn no_key_is_a_401_and_a_key_without_its_organization_a_404() {
    let app = TestApp::new().await;
    let unauthorized = (401, "{\"error\":\"Not authorized\"}");
    let answer = app.call(Method::DELETE, "/v1/uploads?ids=a", &[], "").await;
    assert_eq!(answer.both(), unauthorized);
    let (_, operator) = app.new_key(None, "read,write,delete", "/").await;
    let target = format!("{UPLOADS}?ids=a&organization={}", app.ours.id);
    assert_eq!(app.as_bearer(Method::DELETE, &target, &operator).await.both(), unauthorized);
    app.service.ledger.disable_organization(app.ours.id, NOW).await.unwrap();
    let gone = (404, "{\"error\":\"User not found\"}");
    assert_eq!(delete(&app, "ids=a").await.both(), gone);
    assert_eq!(app.bearer(Method::GET, UPLOADS).await.both(), gone);
}

#[tokio::test]
async fn an_upload_answers_the_whole_upload() {
    let app = TestApp::new().await;
    let parts = [
        Part::Text("tags", "one, two"),
        Part::File("a.bin", "video/mp4", "1234"),
        Part::Text("tags", "three"),
        Part::Text("externalId", "their-7"),
    ];
    let answer = app.post_form("/v1/upload", &app.key, &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut upload = answer.json();
    let url = upload["url"].take().as_str().unwrap().to_owned();
    let expected = json!({
        "id": upload["id"], "name": "a.bin", "url": null, "size": 4, "contentType": "video/mp4",
        "tags": ["one, two", "three"], "externalId": "their-7",
        "createdAt": "2023-11-14T22:13:20.000Z",
    });
    assert_eq!(upload, expected);
    let fetched = app.call(Method::GET, url.strip_prefix("https://files.test").unwrap(), &[], "");
    assert_eq!(fetched.await.text(), "1234");
    let missing = app.post_form("/v1/upload", &app.key, &[]).await;
    assert_eq!(missing.both(), (400, "{\"error\":\"field 'file' is missing\"}"));
}

#[tokio::test]
async fn a_list_is_a_bare_array_by_pages() {
    let app = TestApp::new().await;
    for (name, tag) in [("one.png", "red"), ("two.png", "blue"), ("three.png", "red")] {
        app.clock.advance(std::time::Duration::from_secs(1));
        let parts = [Part::File(name, "", "1"), Part::Text("tags", tag)];
        assert_eq!(app.post_form("/v1/upload", &app.key, &parts).await.status, 200);
    }
    let names = async |query: &str| {
        let answer = app.bearer(Method::GET, &format!("{UPLOADS}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let uploads = answer.json();
        let names = uploads.as_array().unwrap().iter().map(|upload| upload["name"].as_str());
        names.map(Option::unwrap).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("").await, "three.png two.png one.png");
    assert_eq!(names("limit=2").await, "three.png two.png");
    assert_eq!(names("limit=2&page=1").await, "one.png");
    assert_eq!(names("limit=2&page=2").await, "");
    assert_eq!(names("query=TW").await, "two.png");
    assert_eq!(names("query=red").await, "three.png one.png");
    assert_eq!(names("tags=blue").await, "two.png");
    for wrong in ["limit=0", "limit=101", "page=-1", "page=1&page=1"] {
        let answer = app.bearer(Method::GET, &format!("{UPLOADS}?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_this_shape() {
    let app = TestApp::new().await;
    let answer = app.bearer(Method::GET, "/v1/nothing").await;
    assert_eq!(answer.both(), (404, "{\"error\":\"Not found\"}"));
    let answer = app.bearer(Method::PUT, UPLOADS).await;
    assert_eq!(answer.both(), (405, "{\"error\":\"Method not allowed\"}"));
    assert_eq!(answer.header("allow"), "GET,HEAD,DELETE");
}
