//! Lists of files and of commands.

use super::*;

/// The ids that a list gives, and the `limit` and `offset` that it repeats.
async fn listed(app: &TestApp, target: &str) -> (Vec<String>, u64, u64) {
    let answer = call(app, Method::GET, target).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let (list, id) = match answer.get("files") {
        Some(files) => (files, "file_id"),
        None => (&answer["commands"], "command_id"),
    };
    let ids = list.as_array().unwrap().iter().map(|thing| thing[id].as_str().unwrap().to_owned());
    (ids.collect(), answer["limit"].as_u64().unwrap(), answer["offset"].as_u64().unwrap())
}

async fn upload(app: &TestApp) -> String {
    let media_type = "multipart/form-data; boundary=boundary-of-the-form";
    let headers = [("x-api-key", app.key.as_str()), ("content-type", media_type)];
    let form = app::form(&[Part::File("cat.png", "image/png", "0123456789")]);
    let answer = app.call(Method::POST, "/api/v1/files/upload", &headers, form).await;
    answer.json()["file_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn files_are_listed_newest_first_in_full_pages_with_what_is_deleted() {
    let app = TestApp::new().await;
    assert_eq!(listed(&app, "/api/v1/files").await, (vec![], 50, 0));
    let mut expected = Vec::new();
    for number in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        expected.insert(0, upload(&app).await);
        let ordinary = app.upload("a.png").await;
        app.clock.advance(Duration::from_secs(1));
        // What leaves nothing leaves no gap in a page.
        if number % 2 == 0 {
            expected.insert(0, ordinary);
        } else {
            let target = format!("/api/v1/files/{ordinary}");
            assert_eq!(call(&app, Method::DELETE, &target).await.status, 200);
        }
    }
    for deleted in [&expected[1], &expected[2]] {
        let target = format!("/api/v1/files/{deleted}");
        assert_eq!(call(&app, Method::DELETE, &target).await.status, 200);
    }
    expected.remove(0);
    let newest = format!("/v1/uploads?ids={}", listed(&app, "/api/v1/files?limit=1").await.0[0]);
    assert_eq!(app.bearer(Method::DELETE, &newest).await.status, 200);
    assert_eq!(listed(&app, "/api/v1/files").await, (expected.clone(), 50, 0));
    for (offset, length) in [(0, 3), (3, 3), (6, 1), (7, 0), (4_294_967_295, 0)] {
        let (page, limit, told) =
            listed(&app, &format!("/api/v1/files?limit=3&offset={offset}")).await;
        let from = usize::try_from(offset).unwrap().min(expected.len());
        assert_eq!((page.as_slice(), limit, told), (&expected[from..from + length], 3, offset));
    }
    let files = call(&app, Method::GET, "/api/v1/files?limit=2").await.json();
    let deleted: Vec<&Value> =
        files["files"].as_array().unwrap().iter().map(|file| &file["is_deleted"]).collect();
    assert_eq!(deleted, [&json!(true), &json!(true)]);
}

#[tokio::test]
async fn commands_are_listed_newest_first_and_by_status() {
    let app = TestApp::new().await;
    assert_eq!(listed(&app, "/api/v1/commands").await, (vec![], 50, 0));
    let bearer = format!("Bearer {}", app.key);
    let mut made = Vec::new();
    for status in ["QUEUED", "PROCESSING", "SUCCESS", "FAILED", "SUCCESS"] {
        app.clock.advance(Duration::from_secs(1));
        let body = json!({ "status": status }).to_string();
        let headers = [("authorization", bearer.as_str())];
        let answer = app.call(Method::POST, "/delenda/v1/commands", &headers, body).await.json();
        made.insert(0, answer["command_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(put_output(&app, &made[0], "out.mp4").await.status, 201);
    assert_eq!(delete(&app, &made[0]).await.status, 200);
    assert_eq!(listed(&app, "/api/v1/commands").await, (made.clone(), 50, 0));
    let page = listed(&app, "/api/v1/commands?limit=2&offset=1").await;
    assert_eq!(page, (made[1..3].to_vec(), 2, 1));
    for (status, expected) in [
        ("QUEUED", vec![&made[4]]),
        ("PROCESSING", vec![&made[3]]),
        ("FAILED", vec![&made[1]]),
        ("SUCCESS", vec![&made[0], &made[2]]),
    ] {
        let (page, _, _) = listed(&app, &format!("/api/v1/commands?status={status}")).await;
        assert_eq!(page.iter().collect::<Vec<_>>(), expected, "{status}");
    }
    let list = call(&app, Method::GET, "/api/v1/commands?limit=1").await.json();
    assert_eq!(list["commands"][0], show(&app, &made[0]).await.json());
    assert_eq!(list["commands"][0]["output_files"]["out.mp4"]["is_deleted"], json!(true));
}

#[tokio::test]
async fn a_page_that_means_nothing_is_a_400() {
    let app = TestApp::new().await;
    for list in ["/api/v1/files", "/api/v1/commands"] {
        for wrong in ["limit=0", "limit=101", "limit=-1", "limit=a", "offset=-1", "limit=1&limit=2"]
        {
            let answer = call(&app, Method::GET, &format!("{list}?{wrong}")).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["error"]),
                (400, &json!("INVALID_REQUEST"))
            );
        }
        assert_eq!(call(&app, Method::GET, &format!("{list}?limit=100&extra=1")).await.status, 200);
    }
    let expected = "{\"error\":\"INVALID_REQUEST\",\"message\":\"status must be QUEUED, \
                    PROCESSING, SUCCESS or FAILED\"}";
    for wrong in ["done", "success"] {
        let answer = call(&app, Method::GET, &format!("/api/v1/commands?status={wrong}")).await;
        assert_eq!(answer.both(), (400, expected));
    }
}
