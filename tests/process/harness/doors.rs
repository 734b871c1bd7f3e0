//! The verbs of the five dialects and of the native API. Each gives the answer as it is, or the
//! transport's error where none came: a killed server answers nothing.

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Result};
use serde_json::{Value, json};

use super::client::{Answer, Client, Proof, answer};

/// A text as it stands in a query.
pub fn encoded(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}

/// The ids as a query: `ids=a&ids=b`.
pub fn ids_query(ids: &[String]) -> String {
    ids.iter().map(|id| format!("ids={id}")).collect::<Vec<_>>().join("&")
}

/// Merple: one namespace of paths.
impl Client {
    pub async fn merple_put(&self, path: &str, body: Bytes) -> Result<Answer> {
        let target = format!("/fso?path={}&overwrite=true", encoded(path));
        self.send_bytes(Method::POST, &target, Proof::Merple, body).await
    }

    pub async fn merple_get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/fso?path={}", encoded(path)), Proof::Merple).await
    }

    pub async fn merple_delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, &format!("/fso?path={}", encoded(path)), Proof::Merple).await
    }
}

/// Swiftia: files by id.
impl Client {
    /// Uploads; `path` where the file shall lie somewhere else than the server chooses.
    pub async fn swiftia_put(&self, name: &str, path: Option<&str>, body: Bytes) -> Result<Answer> {
        let mut form = Form::new();
        if let Some(path) = path {
            form = form.text("path", path.to_owned());
        }
        self.form("/api/uploads/files", form, name, body).await
    }

    pub async fn swiftia_get(&self, id: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/api/uploads/files/{id}"), Proof::Bearer).await
    }

    pub async fn swiftia_delete(&self, id: &str) -> Result<Answer> {
        self.send(Method::DELETE, &format!("/api/uploads/files/{id}"), Proof::Bearer).await
    }

    /// The first page of files, with what the organization uses.
    pub async fn swiftia_list(&self) -> Result<Answer> {
        self.send(Method::GET, "/api/uploads/files", Proof::Bearer).await
    }

    /// Every file of the organization, newest first, by pages of 100.
    pub async fn swiftia_all(&self) -> Result<Vec<Value>> {
        let mut files = Vec::new();
        loop {
            let target = format!("/api/uploads/files?limit=100&offset={}", files.len());
            let page = self.send(Method::GET, &target, Proof::Bearer).await?.expect(200).json();
            let page = page["files"].as_array().unwrap().clone();
            if page.is_empty() {
                return Ok(files);
            }
            files.extend(page);
        }
    }
}

/// Templated: many ids, all or none.
impl Client {
    pub async fn templated_put(&self, name: &str, body: Bytes) -> Result<Answer> {
        self.form("/v1/upload", Form::new(), name, body).await
    }

    pub async fn templated_account(&self) -> Result<Answer> {
        self.send(Method::GET, "/v1/account", Proof::Bearer).await
    }

    pub async fn templated_delete(&self, ids: &[String]) -> Result<Answer> {
        self.templated_delete_query(&ids_query(ids)).await
    }

    pub async fn templated_delete_query(&self, query: &str) -> Result<Answer> {
        self.send(Method::DELETE, &format!("/v1/uploads?{query}"), Proof::Bearer).await
    }

    /// Every file of the organization, by pages of 100.
    pub async fn templated_all(&self) -> Result<Vec<Value>> {
        let mut files = Vec::new();
        for page in 0.. {
            let target = format!("/v1/uploads?limit=100&page={page}");
            let list = self.send(Method::GET, &target, Proof::Bearer).await?.expect(200).json();
            let list = list.as_array().unwrap().clone();
            if list.is_empty() {
                break;
            }
            files.extend(list);
        }
        Ok(files)
    }
}

/// RenderIO: outputs of commands, and files.
impl Client {
    /// Uploads; its id.
    pub async fn renderio_put(&self, name: &str, body: Bytes) -> Result<String> {
        let part = Part::bytes(body.to_vec()).file_name(name.to_owned());
        let request = self.request(Method::POST, "/api/v1/files/upload", Proof::Renderio).await?;
        let stored = answer(request.multipart(Form::new().part("file", part))).await?.expect(200);
        Ok(stored.json()["file_id"].as_str().unwrap().to_owned())
    }

    pub async fn renderio_file(&self, id: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/api/v1/files/{id}"), Proof::Renderio).await
    }

    pub async fn renderio_delete_file(&self, id: &str) -> Result<Answer> {
        self.send(Method::DELETE, &format!("/api/v1/files/{id}"), Proof::Renderio).await
    }

    pub async fn renderio_command(&self, id: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/api/v1/commands/{id}"), Proof::Renderio).await
    }

    pub async fn renderio_delete(&self, command: &str) -> Result<Answer> {
        let target = format!("/api/v1/commands/{command}/files");
        self.send(Method::DELETE, &target, Proof::Renderio).await
    }
}

/// Sirv: batches of paths.
impl Client {
    pub async fn sirv_put(&self, path: &str, body: Bytes) -> Result<Answer> {
        let target = format!("/v2/files/upload?filename={}", encoded(path));
        self.send_bytes(Method::POST, &target, Proof::Sirv, body).await
    }

    pub async fn sirv_get(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/download?filename={}", encoded(path));
        self.send(Method::GET, &target, Proof::Sirv).await
    }

    pub async fn sirv_stat(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/stat?filename={}", encoded(path));
        self.send(Method::GET, &target, Proof::Sirv).await
    }

    pub async fn sirv_copy(&self, from: &str, to: &str) -> Result<Answer> {
        let target = format!("/v2/files/copy?from={}&to={}", encoded(from), encoded(to));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_lock(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/lock?filename={}", encoded(path));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_unlock(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/unlock?filename={}", encoded(path));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_mkdir(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/mkdir?dirname={}", encoded(path));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_rename(&self, from: &str, to: &str) -> Result<Answer> {
        let target = format!("/v2/files/rename?from={}&to={}", encoded(from), encoded(to));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_readdir(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/readdir?dirname={}", encoded(path));
        self.send(Method::GET, &target, Proof::Sirv).await
    }

    /// Deletes one file or one empty folder.
    pub async fn sirv_delete_one(&self, path: &str) -> Result<Answer> {
        let target = format!("/v2/files/delete?filename={}", encoded(path));
        self.send(Method::POST, &target, Proof::Sirv).await
    }

    pub async fn sirv_delete(&self, paths: &[&str]) -> Result<Answer> {
        let body = json!({ "filenames": paths });
        self.send_json(Method::POST, "/v2/files/batch/delete", Proof::Sirv, &body).await
    }

    /// A page of the account: none, `/storage` or `/limits`.
    pub async fn sirv_account(&self, page: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/v2/account{page}"), Proof::Sirv).await
    }

    pub async fn sirv_progress(&self, job: &str) -> Result<Answer> {
        let target = format!("/v2/files/batch/delete?id={job}");
        self.send(Method::GET, &target, Proof::Sirv).await
    }
}

/// The native API.
impl Client {
    pub async fn usage(&self) -> Result<Answer> {
        self.send(Method::GET, "/delenda/v1/usage", Proof::Bearer).await
    }

    pub async fn limits(&self) -> Result<Answer> {
        self.send(Method::GET, "/delenda/v1/limits", Proof::Bearer).await
    }

    /// Makes a finished command.
    pub async fn command_create(&self) -> Result<Answer> {
        let body = json!({ "status": "SUCCESS", "command_type": "FFMPEG_COMMAND" });
        self.send_json(Method::POST, "/delenda/v1/commands", Proof::Bearer, &body).await
    }

    /// Stores an output of a command.
    pub async fn command_output(&self, command: &str, name: &str, body: Bytes) -> Result<Answer> {
        let target = format!("/delenda/v1/commands/{command}/outputs/{name}");
        self.send_bytes(Method::PUT, &target, Proof::Bearer, body).await
    }
}

impl Client {
    /// Uploads as a form does.
    async fn form(&self, target: &str, form: Form, name: &str, body: Bytes) -> Result<Answer> {
        let part = Part::bytes(body.to_vec()).file_name(name.to_owned());
        let request = self.request(Method::POST, target, Proof::Bearer).await?;
        answer(request.multipart(form.part("file", part))).await
    }
}
