//! Rows 33 to 54: ids, single and in lists.

use serde_json::json;

use super::*;

/// Texts that are no id of a file of ours, as they stand in a path.
fn no_ids(hostile: &Hostile) -> Vec<(u32, String)> {
    let own = &hostile.files[0];
    let mut cases: Vec<(u32, String)> = [
        (33, ".."),
        (33, "%2e%2e"),
        (33, "."),
        (34, "a%2fb"),
        (34, "%2e%2e%2fcommands"),
        (38, "x'--"),
        (38, "1%20OR%201=1"),
        (38, "%7B%22$ne%22:1%7D"),
        (38, "*"),
        (38, "%25"),
        (38, "%ff"),
        (39, "%00"),
        (40, UNKNOWN),
    ]
    .map(|(row, text)| (row, text.to_owned()))
    .to_vec();
    cases.extend([
        (34, format!("{own}%2f")),
        (35, format!("{own}/")),
        (36, "i".repeat(8 << 10)),
        (36, "i".repeat(60 << 10)),
        (39, format!("{own}%00")),
        (42, own.to_uppercase()),
        (42, format!("%7B{own}%7D")),
        (42, format!("urn:uuid:{own}")),
        (42, own.replace('-', "")),
        (42, format!("%20{own}")),
        (105, hostile.foreign.clone()),
    ]);
    cases
}

#[tokio::test]
async fn an_id_that_is_none_of_ours_is_one_that_does_not_exist() {
    let hostile = Hostile::new().await;
    let command = hostile.ask(Method::POST, "/delenda/v1/commands").await.json();
    let command = command["command_id"].as_str().unwrap().to_owned();
    let mut of_files = no_ids(&hostile);
    of_files.push((40, command));
    let mut of_commands = no_ids(&hostile);
    of_commands.push((40, hostile.files[0].clone()));
    let on = |ids: &[(u32, String)], before: &str, after: &str| -> Vec<(u32, String, u16)> {
        let targets = ids.iter();
        targets.map(|(row, id)| (*row, format!("{before}{id}{after}"), 404)).collect()
    };
    for method in [Method::DELETE, Method::GET] {
        hostile.refuse_all(&method, &on(&of_files, "/api/uploads/files/", "")).await;
    }
    hostile.refuse_all(&Method::DELETE, &on(&of_commands, "/api/v1/commands/", "/files")).await;
    hostile.refuse_all(&Method::GET, &on(&of_commands, "/api/v1/commands/", "")).await;
    let outputs = on(&of_commands, "/delenda/v1/commands/", "/outputs/a");
    hostile.refuse_all(&Method::PUT, &outputs).await;
    hostile
        .refuse_all(&Method::GET, &on(&of_commands, "/v2/files/batch/delete?id=", "")[..3])
        .await;
}

/// How often the ledger is asked for anything while this request is answered.
async fn looked_up(hostile: &Hostile, method: &Method, target: &str) -> u64 {
    let before = hostile.app.model.calls();
    hostile.ask(method.clone(), target).await;
    hostile.app.model.calls() - before
}

/// Nothing in the background asks the ledger for anything any more.
async fn silence(hostile: &Hostile) {
    hostile.app.stop.cancel();
    let mut calls = 0;
    while calls != hostile.app.model.calls() {
        calls = hostile.app.model.calls();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_never_looked_up() {
    let hostile = Hostile::new().await;
    silence(&hostile).await;
    // The key is looked up, and nothing else: the query is refused next.
    let key_alone = looked_up(&hostile, &Method::GET, "/api/uploads/files?a=%zz").await;
    let own = &hostile.files[0];
    let impossible =
        [(36, "i".repeat(8 << 10)), (36, "i".repeat(60 << 10)), (39, format!("{own}%00"))];
    for (method, before, after) in [
        (Method::DELETE, "/api/uploads/files/", ""),
        (Method::GET, "/api/uploads/files/", ""),
        (Method::DELETE, "/api/v1/files/", ""),
        (Method::GET, "/api/v1/files/", ""),
        (Method::DELETE, "/api/v1/commands/", "/files"),
        (Method::GET, "/api/v1/commands/", ""),
    ] {
        let unknown = looked_up(&hostile, &method, &format!("{before}{UNKNOWN}{after}")).await;
        assert!(unknown > key_alone, "{method} {before}: nothing is counted");
        for (row, id) in &impossible {
            let calls = looked_up(&hostile, &method, &format!("{before}{id}{after}")).await;
            assert_eq!(calls, key_alone, "row {row}: {method} {before}");
        }
    }
}

/// Row 107, as far as it does not take a clock: what is foreign costs as many look-ups as what
/// never was.
#[tokio::test]
async fn what_is_foreign_is_looked_up_as_often_as_what_never_was() {
    let hostile = Hostile::new().await;
    silence(&hostile).await;
    for (method, before, after) in [
        (Method::GET, "/api/uploads/files/", ""),
        (Method::GET, "/api/v1/files/", ""),
        (Method::DELETE, "/api/uploads/files/", ""),
        (Method::DELETE, "/api/v1/files/", ""),
        (Method::DELETE, "/v1/upload/", ""),
        (Method::DELETE, "/v1/uploads?ids=", ""),
        (Method::GET, "/api/v1/commands/", ""),
        (Method::DELETE, "/api/v1/commands/", "/files"),
    ] {
        let [foreign, never] =
            [hostile.foreign.as_str(), UNKNOWN].map(|id| format!("{before}{id}{after}"));
        let foreign = looked_up(&hostile, &method, &foreign).await;
        let never = looked_up(&hostile, &method, &never).await;
        assert_eq!(foreign, never, "{method} {before}");
    }
}

#[tokio::test]
async fn one_upload_that_is_none_of_ours_is_listed_and_spares_all() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    for (row, id) in no_ids(&hostile) {
        let answer = hostile.ask(Method::DELETE, &format!("/v1/upload/{id}")).await;
        // A path that is no route, or no text, is not found; anything else is a list.
        let status = if answer.json().get("not_found").is_some() { 400 } else { 404 };
        assert_refused(&answer, status, &format!("row {row}: {id:.60}"));
        hostile.assert_unchanged(&before, &format!("row {row}: {id:.60}")).await;
    }
}

#[tokio::test]
async fn a_thousand_guesses_learn_nothing() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let own = &hostile.files[0];
    let mut bodies = std::collections::HashSet::new();
    for guess in 0..1000 {
        let id = format!("{}{guess:012x}", &own[..24]);
        let answer = hostile.ask(Method::DELETE, &format!("/api/uploads/files/{id}")).await;
        assert_refused(&answer, 404, "row 41");
        bodies.insert(answer.text().to_owned());
    }
    // Row 41. The default plan has no general limit, so that there is no 429.
    assert_eq!(bodies.len(), 1);
    hostile.assert_unchanged(&before, "row 41").await;
}

#[tokio::test]
async fn a_list_of_ids_means_one_thing_or_is_refused() {
    let hostile = Hostile::new().await;
    let (a, b) = (&hostile.files[0], &hostile.files[1]);
    let before = hostile.state().await;
    let none = json!({ "error": "At least one upload ID must be provided" });
    for query in ["", "ids=", "ids=%20", "ids[]=", "ids[0]=+"] {
        let answer = hostile.ask(Method::DELETE, &format!("/v1/uploads?{query}")).await;
        assert_refused(&answer, 400, query);
        assert_eq!(answer.json(), none, "row 43: {query}");
    }
    for (row, query, not_found) in [
        (45, format!("ids={a},{b}"), format!("{a},{b}")),
        (49, format!("ids={a}%26ids%3D{b}"), format!("{a}&ids={b}")),
        (42, format!("ids={a}&ids={}", b.to_uppercase()), b.to_uppercase()),
        (38, format!("ids={a}&ids=*"), "*".to_owned()),
        (39, format!("ids={a}&ids=%00"), "\0".to_owned()),
    ] {
        let answer = hostile.ask(Method::DELETE, &format!("/v1/uploads?{query}")).await;
        assert_refused(&answer, 400, &query);
        assert_eq!(answer.json()["not_found"], json!([not_found]), "row {row}: {query}");
        hostile.assert_unchanged(&before, &query).await;
    }
    let many: Vec<String> = (0..1001).map(|id| format!("ids[]={id}")).collect();
    let cases = [
        (47, format!("ids={a}&ids[]={b}")),
        (47, format!("ids[]={a}&ids[0]={b}")),
        (48, format!("IDS={a}")),
        (48, format!("id={a}")),
        (48, format!("ids={a}&dry_run=true")),
        (51, many.join("&")),
        (13, format!("ids={a}&ids=%zz")),
        (12, format!("ids={a}&ids=%ff")),
    ]
    .map(|(row, query)| (row, format!("/v1/uploads?{query}"), 400));
    hostile.refuse_all(&Method::DELETE, &cases).await;
}

#[tokio::test]
async fn lists_that_mean_the_same_delete_the_same() {
    let hostile = Hostile::new().await;
    for (row, form) in [(44, "ids=A&ids=A"), (46, "ids[]=A"), (46, "ids[0]=A"), (46, "ids%5B%5D=A")]
    {
        let id = hostile.app.upload("a.png").await;
        let target = format!("/v1/uploads?{}", form.replace('A', &id));
        let answer = hostile.ask(Method::DELETE, &target).await;
        assert_eq!(answer.status, 200, "row {row}: {form}");
        assert_eq!(answer.json()["deleted"], json!([id]), "row {row}: {form}");
    }
}

#[tokio::test]
async fn one_foreign_or_locked_id_among_own_ones_spares_all() {
    let hostile = Hostile::new().await;
    let before = hostile.state().await;
    let locked = hostile.files.last().unwrap();
    let own: Vec<String> = hostile.files[..7].iter().map(|id| format!("ids={id}")).collect();
    // Row 50. Row 53: a lock is `unauthorized` by the contract, and no 409.
    for (row, other) in [(50, &hostile.foreign), (53, locked)] {
        let target = format!("/v1/uploads?{}&ids={other}", own.join("&"));
        let answer = hostile.ask(Method::DELETE, &target).await;
        assert_refused(&answer, 400, "a list");
        let body = answer.json();
        assert_eq!((&body["not_found"], &body["unauthorized"]), (&json!([]), &json!([other])));
        hostile.assert_unchanged(&before, &format!("row {row}")).await;
    }
    let target = format!("/api/uploads/files/{locked}");
    hostile.refuse_all(&Method::DELETE, &[(53, target, 403)]).await;
    hostile.refuse_all(&Method::DELETE, &[(53, "/fso?path=/locked/file".to_owned(), 409)]).await;
}

#[tokio::test]
async fn a_body_on_a_delete_selects_nothing() {
    let hostile = Hostile::new().await;
    let (a, b) = (&hostile.files[0], &hostile.files[1]);
    let body = json!({ "ids": [b], "filenames": ["/ab"], "path": "/ab" }).to_string();
    for target in [format!("/v1/uploads?ids={a}"), "/fso?path=/a.txt".to_owned()] {
        let asked = (Method::DELETE, target.as_str());
        let answer = hostile.ask_as(&hostile.ours, asked, &[], body.clone()).await;
        assert_eq!(answer.status, 200, "row 52: {target}");
    }
    assert_eq!(hostile.state().await.files.len(), OURS.len() - 2);
    let target = format!("/api/uploads/files/{b}");
    assert_eq!(hostile.ask(Method::GET, &target).await.status, 200, "row 52");
}

#[tokio::test]
async fn a_command_that_still_runs_loses_what_it_had_and_takes_no_more() {
    let hostile = Hostile::new().await;
    let asked = (Method::POST, "/delenda/v1/commands");
    let made =
        hostile.ask_as(&hostile.ours, asked, &[], "{\"status\":\"PROCESSING\"}").await.json();
    let command = made["command_id"].as_str().unwrap().to_owned();
    let output = |name: &str| format!("/delenda/v1/commands/{command}/outputs/{name}");
    for name in ["a", "b"] {
        assert_eq!(hostile.ask(Method::PUT, &output(name)).await.status, 201);
    }
    let target = format!("/api/v1/commands/{command}/files");
    let asked = (Method::DELETE, target.as_str());
    let foreign = hostile.ask_as(&hostile.theirs, asked.clone(), &[], "").await;
    assert_refused(&foreign, 404, "row 54");
    let answer = hostile.ask_as(&hostile.ours, asked, &[], "").await;
    assert_eq!(answer.json(), json!({ "deleted": true, "files_deleted": 2 }), "row 54");
    let before = hostile.state().await;
    let late = hostile.ask(Method::PUT, &output("c")).await;
    assert_refused(&late, 409, "row 54");
    hostile.assert_unchanged(&before, "row 54").await;
}
