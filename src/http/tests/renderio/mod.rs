//! RenderIO's table, row by row.

mod files;
mod lists;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::app::{self, Answer, NOW, Part, TestApp};
use crate::blobs::faulty::{Call, Failing};

const NOT_FOUND: (u16, &str) = (404, "{\"error\":\"NOT_FOUND\",\"message\":\"Not found\"}");

/// A command with one output for each of these names.
async fn command(app: &TestApp, outputs: &[&str]) -> String {
    let created = app.bearer(Method::POST, "/delenda/v1/commands").await;
    assert_eq!(created.status, 201, "{}", created.text());
    let command = created.json()["command_id"].as_str().unwrap().to_owned();
    for name in outputs {
        let stored = put_output(app, &command, name).await;
        assert_eq!(stored.status, 201, "{}", stored.text());
    }
    command
}

async fn put_output(app: &TestApp, command: &str, name: &str) -> Answer {
    let target = format!("/delenda/v1/commands/{command}/outputs/{name}");
    let bearer = format!("Bearer {}", app.key);
    app.call(Method::PUT, &target, &[("authorization", &bearer)], "0123456789").await
}

async fn call(app: &TestApp, method: Method, target: &str) -> Answer {
    app.call(method, target, &[("x-api-key", &app.key)], "").await
}

async fn delete(app: &TestApp, command: &str) -> Answer {
    call(app, Method::DELETE, &format!("/api/v1/commands/{command}/files")).await
}

async fn show(app: &TestApp, command: &str) -> Answer {
    call(app, Method::GET, &format!("/api/v1/commands/{command}")).await
}

fn output(file: &Value, url: &Value, name: &str, media_type: &str) -> Value {
    json!({
        "file_id": file, "storage_url": url, "status": "STORED", "rendi_store_type": "OUTPUT",
        "is_deleted": url.is_null(), "filename": name, "size_mbytes": 0.000_01,
        "duration": null, "file_type": null, "file_format": null, "codec": null,
        "pixel_format": null, "mime_type": media_type, "width": null, "height": null,
        "frame_rate": null, "bitrate_video_kb": null, "bitrate_audio_kb": null,
    })
}

#[tokio::test]
async fn all_outputs_go_and_the_command_stays() {
    let app = TestApp::new().await;
    let command = command(&app, &["out.mp4", "thumb.png"]).await;
    let shown = show(&app, &command).await.json();
    let outputs = &shown["output_files"];
    let (video, thumb) = (&outputs["out.mp4"], &outputs["thumb.png"]);
    let expected = |video_url: &Value, thumb_url: &Value| {
        json!({
            "command_id": command, "status": "SUCCESS", "command_type": "FFMPEG_COMMAND",
            "output_files": {
                "out.mp4": output(&video["file_id"], video_url, "out.mp4", "video/mp4"),
                "thumb.png": output(&thumb["file_id"], thumb_url, "thumb.png", "image/png"),
            },
            "original_request": { "input_files": {}, "output_files": {} },
        })
    };
    assert_eq!(shown, expected(&video["storage_url"], &thumb["storage_url"]));
    let answer = delete(&app, &command).await;
    assert_eq!(answer.both(), (200, "{\"deleted\":true,\"files_deleted\":2}"));
    assert!(app.stored.keys().is_empty());
    let after = show(&app, &command).await;
    assert_eq!((after.status.as_u16(), after.json()), (200, expected(&json!(null), &json!(null))));
    let again = delete(&app, &command).await;
    assert_eq!(again.both(), (200, "{\"deleted\":true,\"files_deleted\":0}"));
    assert_eq!(put_output(&app, &command, "late.mp4").await.status, 409);
}

#[tokio::test]
async fn a_command_without_outputs_has_none_to_delete() {
    let app = TestApp::new().await;
    let command = command(&app, &[]).await;
    let answer = delete(&app, &command).await;
    assert_eq!(answer.both(), (200, "{\"deleted\":true,\"files_deleted\":0}"));
}

#[tokio::test]
async fn bytes_that_remain_are_a_500_and_the_repeat_gets_the_number_once() {
    let app = TestApp::with(|settings| settings.bytes_gone_wait = Duration::from_millis(50)).await;
    let command = command(&app, &["a.mp4", "b.mp4"]).await;
    app.faults.fail(Call::Remove, Failing::Always);
    let failed = "{\"error\":\"INTERNAL_ERROR\",\"message\":\"The files are deleted, but their \
                  bytes could not be removed in time\"}";
    assert_eq!(delete(&app, &command).await.both(), (500, failed));
    app.faults.heal();
    app.clock.advance(Duration::from_secs(600));
    app.drained().await;
    let answer = delete(&app, &command).await;
    assert_eq!(answer.both(), (200, "{\"deleted\":true,\"files_deleted\":2}"));
    let answer = delete(&app, &command).await;
    assert_eq!(answer.both(), (200, "{\"deleted\":true,\"files_deleted\":0}"));
}

#[tokio::test]
async fn what_is_no_command_of_ours_is_not_found() {
    let app = TestApp::new().await;
    let file = app.upload("a.png").await;
    let command = command(&app, &["a.mp4"]).await;
    let upper = command.to_uppercase();
    for id in ["01890000-0000-7000-8000-000000000000", &file, &upper, "%ff", "%2e%2e", "a%2fb", "*"]
    {
        assert_eq!(delete(&app, id).await.both(), NOT_FOUND, "{id}");
        assert_eq!(show(&app, id).await.both(), NOT_FOUND, "{id}");
    }
    let (_, their_key) = app.new_key(Some(app.theirs.id), "read,write,delete", "/").await;
    let (_, prefixed) = app.new_key(Some(app.ours.id), "read,write,delete", "/team").await;
    for key in [their_key, prefixed] {
        let headers = [("x-api-key", key.as_str())];
        let target = format!("/api/v1/commands/{command}/files");
        assert_eq!(app.call(Method::DELETE, &target, &headers, "").await.both(), NOT_FOUND);
        let target = format!("/api/v1/commands/{command}");
        assert_eq!(app.call(Method::GET, &target, &headers, "").await.both(), NOT_FOUND);
    }
    assert_eq!(app.usage().await.live.files, 2);
}

#[tokio::test]
async fn a_locked_output_is_a_409_and_all_stay() {
    let app = TestApp::new().await;
    let command = command(&app, &["a.mp4", "b.mp4"]).await;
    app.lock(&format!("/commands/2023-11-14/{command}-a.mp4"), true).await;
    let expected = "{\"error\":\"CONFLICT\",\"message\":\"A file is locked\"}";
    assert_eq!(delete(&app, &command).await.both(), (409, expected));
    assert_eq!(app.usage().await.live.files, 2);
}

#[tokio::test]
async fn keys_scopes_and_parameters_are_checked_in_that_order() {
    let app = TestApp::new().await;
    let command = command(&app, &["a.mp4"]).await;
    let target = format!("/api/v1/commands/{command}/files");
    let unauthorized =
        (401, "{\"error\":\"UNAUTHORIZED\",\"message\":\"Missing or invalid API key\"}");
    let bearer = format!("Bearer {}", app.key);
    let (_, operator) = app.new_key(None, "read,write,delete", "/").await;
    for headers in [
        vec![],
        vec![("authorization", bearer.as_str())],
        vec![("x-api-key", "")],
        vec![("x-api-key", bearer.as_str())],
        vec![("x-api-key", operator.as_str())],
        vec![("x-api-key", app.key.as_str()), ("x-api-key", app.key.as_str())],
    ] {
        let answer = app.call(Method::DELETE, &format!("{target}?x=%"), &headers, "").await;
        assert_eq!(answer.both(), unauthorized, "{headers:?}");
    }
    let (_, reader) = app.new_key(Some(app.ours.id), "read", "/").await;
    let headers = [("x-api-key", reader.as_str())];
    let answer = app.call(Method::DELETE, &format!("{target}?force=1"), &headers, "").await;
    let unknown = "{\"error\":\"INVALID_REQUEST\",\"message\":\"unknown query parameter 'force'\"}";
    assert_eq!(answer.both(), (400, unknown));
    let answer = app.call(Method::DELETE, &target, &headers, "").await;
    let forbidden =
        "{\"error\":\"FORBIDDEN\",\"message\":\"The API key lacks the scope 'delete'\"}";
    assert_eq!(answer.both(), (403, forbidden));
    app.service.ledger.disable_organization(app.ours.id, NOW).await.unwrap();
    assert_eq!(delete(&app, &command).await.both(), unauthorized);
}

#[tokio::test]
async fn routes_that_run_commands_are_not_implemented() {
    let app = TestApp::new().await;
    let expected = "{\"error\":\"NOT_IMPLEMENTED\",\"message\":\"Not implemented\"}";
    for (method, route) in [
        (Method::POST, "run-ffmpeg-command"),
        (Method::POST, "run-chained-ffmpeg-commands"),
        (Method::POST, "run-multiple-ffmpeg-commands"),
        (Method::POST, "files/store-file"),
        (Method::GET, "presets"),
        (Method::POST, "presets"),
        (Method::DELETE, "presets/one"),
        (Method::POST, "presets/one/execute"),
        (Method::PUT, "webhook-config"),
    ] {
        let target = format!("/api/v1/{route}");
        assert_eq!(call(&app, method.clone(), &target).await.both(), (501, expected), "{route}");
        let keyless = app.call(method, &target, &[], "").await;
        assert_eq!(keyless.status, 401, "{route}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_this_shape() {
    let app = TestApp::new().await;
    assert_eq!(call(&app, Method::GET, "/api/v1/nothing").await.both(), NOT_FOUND);
    for target in ["/api/v1/commands//files", "/api/v1/commands/a/files/"] {
        assert_eq!(call(&app, Method::DELETE, target).await.both(), NOT_FOUND, "{target}");
    }
    let answer = call(&app, Method::GET, "/api/v1/commands/a/files").await;
    let expected = "{\"error\":\"METHOD_NOT_ALLOWED\",\"message\":\"Method not allowed\"}";
    assert_eq!(answer.both(), (405, expected));
    assert_eq!(answer.header("allow"), "DELETE");
}
