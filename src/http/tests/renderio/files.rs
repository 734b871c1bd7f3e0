//! Files: uploaded, shown, deleted, and remembered whatever deleted them.

use super::*;

const FILES: &str = "/api/v1/files";

/// Uploads these parts with this key.
async fn upload_as(app: &TestApp, key: &str, parts: &[Part<'_>]) -> Answer {
    let media_type = "multipart/form-data; boundary=boundary-of-the-form";
    let headers = [("x-api-key", key), ("content-type", media_type)];
    app.call(Method::POST, &format!("{FILES}/upload"), &headers, app::form(parts)).await
}

/// Uploads a picture of ten bytes; its id.
async fn upload(app: &TestApp) -> String {
    let parts = [Part::File("cat.png", "image/png", "0123456789")];
    let answer = upload_as(app, &app.key, &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["file_id"].as_str().unwrap().to_owned()
}

async fn show(app: &TestApp, file: &str) -> Answer {
    call(app, Method::GET, &format!("{FILES}/{file}")).await
}

async fn delete(app: &TestApp, file: &str) -> Answer {
    call(app, Method::DELETE, &format!("{FILES}/{file}")).await
}

/// A file of ten bytes as this dialect shows it.
fn stored(file: &str, url: &Value, store_type: &str) -> Value {
    json!({
        "file_id": file, "storage_url": url, "status": "STORED", "rendi_store_type": store_type,
        "is_deleted": url.is_null(), "size_mbytes": 0.000_01, "duration": null,
        "file_type": null, "file_format": null, "codec": null, "pixel_format": null,
        "mime_type": "image/png", "width": null, "height": null, "frame_rate": null,
        "bitrate_video_kb": null, "bitrate_audio_kb": null, "sample_rate": null,
        "channels": null, "created_at": "2023-11-14T22:13:20.000Z",
    })
}

/// The answer for an upload that is deleted, whatever deleted it.
async fn check_remembered(app: &TestApp, file: &str) {
    let shown = show(app, file).await;
    assert_eq!((shown.status.as_u16(), shown.json()), (200, stored(file, &json!(null), "UPLOAD")));
}

#[tokio::test]
async fn an_upload_answers_its_id_and_is_seen_through_every_door() {
    let app = TestApp::new().await;
    let parts = [Part::File("cat.png", "image/png", "0123456789"), Part::Text("more", "ignored")];
    let answer = upload_as(&app, &app.key, &parts).await;
    let id = answer.json()["file_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.both(), (200, format!("{{\"file_id\":\"{id}\"}}").as_str()));
    let shown = show(&app, &id).await.json();
    assert_eq!(shown, stored(&id, &shown["storage_url"], "UPLOAD"));
    let url = shown["storage_url"].as_str().unwrap().strip_prefix("https://files.test").unwrap();
    assert_eq!(app.call(Method::GET, url, &[], "").await.text(), "0123456789");
    let swiftia = app.bearer(Method::GET, &format!("/api/uploads/files/{id}")).await.json();
    assert_eq!((&swiftia["name"], &swiftia["type"]), (&json!("cat.png"), &json!("image")));
    assert_eq!(app.bearer(Method::GET, "/v1/uploads").await.json()[0]["id"], json!(id));
    let path = format!("/fso?path=/uploads/2023-11-14/{id}-cat.png");
    let merple = app.call(Method::GET, &path, &[("x-user-api-key", &app.key)], "").await;
    assert_eq!(merple.text(), "0123456789");
}

#[tokio::test]
async fn a_body_that_is_no_form_with_a_file_is_a_422_and_leaves_nothing() {
    let app = TestApp::new().await;
    let refused =
        |text: &str| (422, format!("{{\"error\":\"VALIDATION_ERROR\",\"message\":\"{text}\"}}"));
    for parts in [vec![], vec![Part::Text("files", "a")]] {
        let answer = upload_as(&app, &app.key, &parts).await;
        let (status, text) = refused("field 'file' is missing");
        assert_eq!(answer.both(), (status, text.as_str()));
    }
    let target = format!("{FILES}/upload");
    let whole = app::form(&[Part::File("a", "", "b")]);
    let form = "multipart/form-data; boundary=boundary-of-the-form";
    for (media_type, body) in [
        (None, "{}"),
        (Some("application/json"), "{}"),
        (Some("multipart/form-data"), whole.as_str()),
        (Some(form), ""),
    ] {
        let mut headers = vec![("x-api-key", app.key.as_str())];
        headers.extend(media_type.map(|media_type| ("content-type", media_type)));
        let answer = app.call(Method::POST, &target, &headers, body.to_owned()).await;
        assert_eq!(answer.status, 422, "{media_type:?} {}", answer.text());
        assert_eq!(answer.json()["error"], "VALIDATION_ERROR");
    }
    let headers = [("x-api-key", app.key.as_str()), ("content-type", form)];
    let cut = whole[..whole.len() - 10].to_owned();
    let answer = app.call(Method::POST, &target, &headers, cut).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!("INVALID_REQUEST")));
    app.stored_blobs_become(0).await;
    assert_eq!(app.usage().await.live.files, 0);
}

#[tokio::test]
async fn a_deleted_file_has_no_bytes_at_the_answer_and_stays_readable() {
    let app = TestApp::new().await;
    let file = upload(&app).await;
    let url = show(&app, &file).await.json()["storage_url"].as_str().unwrap().to_owned();
    let answer = delete(&app, &file).await;
    let expected = format!("{{\"deleted\":true,\"file_id\":\"{file}\"}}");
    assert_eq!(answer.both(), (200, expected.as_str()));
    assert!(app.stored.keys().is_empty());
    check_remembered(&app, &file).await;
    let url = url.strip_prefix("https://files.test").unwrap();
    assert_eq!(app.call(Method::GET, url, &[], "").await.status, 404);
    assert_eq!(delete(&app, &file).await.both(), NOT_FOUND);
    check_remembered(&app, &file).await;
}

#[tokio::test]
async fn any_file_is_deleted_by_its_id_and_only_what_is_remembered_stays() {
    let app = TestApp::new().await;
    let ordinary = app.upload("a.png").await;
    let shown = show(&app, &ordinary).await.json();
    assert_eq!(
        (&shown["rendi_store_type"], &shown["is_deleted"]),
        (&json!("STORED_FILE"), &json!(false))
    );
    assert_eq!(delete(&app, &ordinary).await.status, 200);
    assert_eq!(show(&app, &ordinary).await.both(), NOT_FOUND);
    let command = command(&app, &["out.png"]).await;
    let shown = super::show(&app, &command).await.json();
    let output = shown["output_files"]["out.png"]["file_id"].as_str().unwrap().to_owned();
    assert_eq!(delete(&app, &output).await.status, 200);
    let shown = show(&app, &output).await.json();
    assert_eq!(shown, stored(&output, &json!(null), "OUTPUT"));
    let command = super::show(&app, &command).await.json();
    assert_eq!(command["output_files"]["out.png"]["is_deleted"], json!(true));
}

#[tokio::test]
async fn bytes_of_a_file_that_remain_are_a_500_and_the_repeat_gets_the_missed_success_once() {
    let app = TestApp::with(|settings| settings.bytes_gone_wait = Duration::from_millis(50)).await;
    let file = upload(&app).await;
    app.faults.fail(Call::Remove, Failing::Always);
    let failed = "{\"error\":\"INTERNAL_ERROR\",\"message\":\"The files are deleted, but their \
                  bytes could not be removed in time\"}";
    assert_eq!(delete(&app, &file).await.both(), (500, failed));
    check_remembered(&app, &file).await;
    app.faults.heal();
    app.clock.advance(Duration::from_secs(600));
    app.drained().await;
    let expected = format!("{{\"deleted\":true,\"file_id\":\"{file}\"}}");
    assert_eq!(delete(&app, &file).await.both(), (200, expected.as_str()));
    assert_eq!(delete(&app, &file).await.both(), NOT_FOUND);
}

#[tokio::test]
async fn a_locked_file_is_a_409_and_stays() {
    let app = TestApp::new().await;
    let file = upload(&app).await;
    app.lock(&format!("/uploads/2023-11-14/{file}-cat.png"), true).await;
    let expected = "{\"error\":\"CONFLICT\",\"message\":\"A file is locked\"}";
    assert_eq!(delete(&app, &file).await.both(), (409, expected));
    assert_eq!(show(&app, &file).await.json()["is_deleted"], json!(false));
}

#[tokio::test]
async fn the_record_of_an_upload_outlives_its_deletion_through_every_door() {
    let app = TestApp::new().await;
    let mut files = Vec::new();
    for _ in 0..7 {
        files.push(upload(&app).await);
    }
    let path = |file: &str| format!("/uploads/2023-11-14/{file}-cat.png");
    let merple = [("x-user-api-key", app.key.as_str())];
    let swiftia = format!("/api/uploads/files/{}", files[0]);
    assert_eq!(app.bearer(Method::DELETE, &swiftia).await.status, 200);
    let templated = format!("/v1/uploads?ids={}&ids={}", files[1], files[2]);
    assert_eq!(app.bearer(Method::DELETE, &templated).await.status, 200);
    let target = format!("/fso?path={}", path(&files[3]));
    assert_eq!(app.call(Method::DELETE, &target, &merple, "").await.status, 200);
    // Overwritten by another route, and that deleted in its turn.
    let target = format!("/fso?path={}&overwrite=true", path(&files[4]));
    assert_eq!(app.call(Method::POST, &target, &merple, "longer than before").await.status, 201);
    let over = show(&app, &files[4]).await.json();
    assert_eq!(
        (&over["rendi_store_type"], &over["is_deleted"]),
        (&json!("STORED_FILE"), &json!(false))
    );
    assert_eq!(delete(&app, &files[4]).await.status, 200);
    // The others with their folder, before and after it is expanded.
    let target = "/fso?path=/uploads/2023-11-14";
    assert_eq!(app.call(Method::DELETE, target, &merple, "").await.status, 200);
    for file in &files {
        check_remembered(&app, file).await;
    }
    app.drained().await;
    for file in &files {
        check_remembered(&app, file).await;
        assert_eq!(delete(&app, file).await.both(), NOT_FOUND);
    }
    assert_eq!(app.usage().await.live.files, 0);
}

#[tokio::test]
async fn what_is_remembered_appears_in_answers_of_this_dialect_alone() {
    let app = TestApp::new().await;
    let file = upload(&app).await;
    delete(&app, &file).await;
    let swiftia = app.bearer(Method::GET, "/api/uploads/files").await.json();
    assert_eq!((&swiftia["total"], &swiftia["files"]), (&json!(0), &json!([])));
    let one = app.bearer(Method::GET, &format!("/api/uploads/files/{file}")).await;
    assert_eq!(one.status, 404);
    assert_eq!(app.bearer(Method::GET, "/v1/uploads").await.json(), json!([]));
    let templated = app.bearer(Method::DELETE, &format!("/v1/uploads?ids={file}")).await;
    assert_eq!(templated.json()["not_found"], json!([file]));
    let path = format!("/fso?path=/uploads/2023-11-14/{file}-cat.png");
    let merple = app.call(Method::GET, &path, &[("x-user-api-key", &app.key)], "").await;
    assert_eq!(merple.status, 404);
    let (_, theirs) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
    let target = format!("{FILES}/{file}");
    let foreign = app.call(Method::GET, &target, &[("x-api-key", &theirs)], "").await;
    assert_eq!(foreign.both(), NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_found() {
    let app = TestApp::new().await;
    let file = upload(&app).await;
    let command = command(&app, &[]).await;
    let upper = file.to_uppercase();
    for id in ["01890000-0000-7000-8000-000000000000", &command, &upper, "%ff", "%2e%2e", "a%2fb"] {
        assert_eq!(delete(&app, id).await.both(), NOT_FOUND, "{id}");
        assert_eq!(show(&app, id).await.both(), NOT_FOUND, "{id}");
    }
    let (_, theirs) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
    let (_, prefixed) = app.new_key(Some(app.ours.id), "read,write,delete", "/team").await;
    let target = format!("{FILES}/{file}");
    for key in [theirs, prefixed] {
        let headers = [("x-api-key", key.as_str())];
        assert_eq!(app.call(Method::DELETE, &target, &headers, "").await.both(), NOT_FOUND);
        assert_eq!(app.call(Method::GET, &target, &headers, "").await.both(), NOT_FOUND);
    }
    let answer = call(&app, Method::DELETE, &format!("{target}?force=1")).await;
    let unknown = "{\"error\":\"INVALID_REQUEST\",\"message\":\"unknown query parameter 'force'\"}";
    assert_eq!(answer.both(), (400, unknown));
    assert_eq!(app.usage().await.live.files, 1);
}

#[tokio::test]
async fn a_key_with_a_prefix_remembers_what_it_stored() {
    let app = TestApp::new().await;
    let (_, key) = app.new_key(Some(app.ours.id), "read,write,delete", "/team").await;
    let parts = [Part::File("cat.png", "image/png", "0123456789")];
    let answer = upload_as(&app, &key, &parts).await.json();
    let file = answer["file_id"].as_str().unwrap();
    let path = format!("/fso?path=/team/uploads/2023-11-14/{file}-cat.png");
    let there = app.call(Method::GET, &path, &[("x-user-api-key", &app.key)], "").await;
    assert_eq!(there.status, 200);
    let other = upload(&app).await;
    delete(&app, file).await;
    delete(&app, &other).await;
    let headers = [("x-api-key", key.as_str())];
    for (id, status) in [(file, 200), (&other, 404)] {
        let answer = app.call(Method::GET, &format!("{FILES}/{id}"), &headers, "").await;
        assert_eq!(answer.status, status);
        check_remembered(&app, id).await;
    }
    let list = app.call(Method::GET, FILES, &headers, "").await.json();
    assert_eq!(list["files"], json!([stored(file, &json!(null), "UPLOAD")]));
}

#[tokio::test]
async fn each_call_on_files_needs_its_scope() {
    let app = TestApp::new().await;
    let file = format!("{FILES}/{}", upload(&app).await);
    let upload = format!("{FILES}/upload");
    for (method, target, scope) in [
        (Method::POST, upload.as_str(), "write"),
        (Method::GET, FILES, "read"),
        (Method::GET, &file, "read"),
        (Method::DELETE, &file, "delete"),
        (Method::GET, "/api/v1/commands", "read"),
    ] {
        let others = ["read", "write", "delete", "admin"].into_iter();
        let others: Vec<&str> = others.filter(|other| *other != scope).collect();
        let (_, key) = app.new_key(Some(app.ours.id), &others.join(","), "/").await;
        let form = ("content-type", "multipart/form-data; boundary=b");
        let answer = app.call(method, target, &[("x-api-key", &key), form], "").await;
        let text = format!(
            "{{\"error\":\"FORBIDDEN\",\"message\":\"The API key lacks the scope '{scope}'\"}}"
        );
        assert_eq!(answer.both(), (403, text.as_str()), "{target}");
    }
    assert_eq!(app.usage().await.live.files, 1);
}
