//! `GET /docs`: a page that is whole in itself.

use super::super::app::TestApp;
use super::get;
use crate::http::openapi::DOCUMENTS;

#[tokio::test]
async fn the_page_of_documents_needs_nobody_else() {
    let app = TestApp::new().await;
    let page = get(&app, "/docs").await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    for foreign in ["://", "\"//", "'//", "`//", "@import", "url(", "import(", "eval(", "innerHTML"]
    {
        assert!(!text.contains(foreign), "the page has {foreign}");
    }
    for loading in ["<link", "<img", "<iframe", " src=", "<object", "<embed", "<base"] {
        assert!(!text.contains(loading), "the page has {loading}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"));
    assert_eq!(policy.matches("'sha256-").count(), 2);
}

#[tokio::test]
async fn the_page_of_documents_runs_what_it_holds_and_nothing_else() {
    use base64::Engine;
    use sha2::Digest;
    let app = TestApp::new().await;
    let page = get(&app, "/docs").await;
    for (element, directive) in [("script", "script-src"), ("style", "style-src")] {
        let parts: Vec<&str> = page.text().split(&format!("<{element}>")).collect();
        let [_, rest] = parts.as_slice() else { panic!("one {element}") };
        let inner = rest.split(&format!("</{element}>")).next().unwrap();
        assert!(inner.len() > 500, "{element} is all there");
        let digest = sha2::Sha256::digest(inner.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        let allowed = format!("{directive} 'sha256-{hash}';");
        assert!(page.header("content-security-policy").contains(&allowed), "{allowed}");
    }
    // Attributes that run or style something are not covered by any hash.
    for attribute in [" onclick=", " onload=", " style="] {
        assert!(!page.text().contains(attribute), "{attribute}");
    }
}

#[tokio::test]
async fn the_page_of_documents_shows_every_document_that_there_is() {
    let app = TestApp::new().await;
    let page = get(&app, "/docs").await;
    let mut addresses: Vec<String> =
        DOCUMENTS.iter().map(|(dialect, _)| format!("/openapi/{dialect}.json")).collect();
    addresses.push("/openapi.json".to_owned());
    for address in addresses {
        assert!(page.text().contains(&format!("\"{address}\"")), "{address}");
        assert_eq!(get(&app, &address).await.status.as_u16(), 200, "{address}");
    }
}
