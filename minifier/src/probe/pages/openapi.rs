//! The routes in an OpenAPI document that can be asked without further knowledge: `GET` without a required parameter.
//!
//! Specifications: OpenAPI 3.0 and 3.1 (`servers`, `paths`), Swagger 2.0 (`basePath`, `paths`).

use serde_json::Value;
use url::Url;

use super::origin::same_origin;

/// Most routes of one document.
const ROUTES: usize = 50;

/// URLs of the routes of a document from `url`, in its order; empty if it is no OpenAPI document.
pub fn routes(url: &Url, body: &[u8]) -> Vec<Url> {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    // Any JSON may be at that path; only these members make it one.
    let is_one = document["openapi"].is_string() || document["swagger"].is_string();
    let Some(paths) = document["paths"].as_object().filter(|_| is_one) else {
        return Vec::new();
    };
    let base = base(url, &document);
    paths
        .iter()
        .filter(|(path, item)| path.starts_with('/') && is_free(&document, path, item))
        .filter_map(|(path, _)| same_origin(url, &format!("{base}{path}")))
        .take(ROUTES)
        .collect()
}

/// The prefix of each path, without a slash at its end.
fn base(url: &Url, document: &Value) -> String {
    let written = match &document["basePath"] {
        Value::String(base) => base.as_str(),
        _ => document["servers"][0]["url"].as_str().unwrap_or_default(),
    };
    // A server on another host, or a template with variables, does not lead to the container.
    let base = same_origin(url, written).filter(|_| !written.is_empty() && !written.contains('{'));
    let path = base.map(|base| base.path().to_owned()).unwrap_or_default();
    path.trim_end_matches('/').to_owned()
}

/// Whether this path can be asked by `GET` without further knowledge.
fn is_free(document: &Value, path: &str, item: &Value) -> bool {
    let of = |value: &Value| value["parameters"].as_array().cloned().unwrap_or_default();
    let parameters = [of(item), of(&item["get"])].concat();
    item["get"].is_object()
        && !path.contains('{')
        && !parameters.iter().any(|p| is_required(document, p))
}

fn is_required(document: &Value, parameter: &Value) -> bool {
    let parameter = match parameter["$ref"].as_str() {
        Some(reference) => reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
            .unwrap_or(parameter),
        None => parameter,
    };
    // A reference that leads nowhere may stand for a required parameter.
    parameter["required"].as_bool().unwrap_or(false) || parameter.get("$ref").is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(document: &Value) -> Vec<String> {
        let url = Url::parse("http://127.0.0.1:8000/openapi.json").unwrap();
        routes(&url, &serde_json::to_vec(document).unwrap())
            .iter()
            .map(|route| route.path().to_owned())
            .collect()
    }

    #[test]
    fn routes_without_required_parameters_are_found_in_their_order() {
        let document = serde_json::json!({
            "openapi": "3.1.0",
            "servers": [{"url": "/api/"}],
            "paths": {
                "/z": {"get": {}},
                "/items/{id}": {"get": {}},
                "/search": {"get": {"parameters": [{"name": "q", "in": "query", "required": true}]}},
                "/shared": {"parameters": [{"$ref": "#/components/parameters/tenant"}], "get": {}},
                "/unknown": {"get": {"parameters": [{"$ref": "other.json#/x"}]}},
                "/list": {"get": {"parameters": [{"name": "page", "in": "query"}, {"$ref": "#/components/parameters/size"}]}},
                "/post": {"post": {}},
            },
            "components": {"parameters": {
                "tenant": {"name": "tenant", "in": "header", "required": true},
                "size": {"name": "size", "in": "query"},
            }},
        });
        assert_eq!(found(&document), ["/api/z", "/api/list"]);
    }

    #[test]
    fn swagger_2_has_a_base_path_and_other_hosts_are_left_out() {
        let mut document =
            serde_json::json!({"swagger": "2.0", "basePath": "/v1", "paths": {"/a": {"get": {}}}});
        assert_eq!(found(&document), ["/v1/a"]);
        document = serde_json::json!({
            "openapi": "3.0.0", "servers": [{"url": "https://example.org/x"}], "paths": {"/a": {"get": {}}},
        });
        assert_eq!(found(&document), ["/a"]);
        document["servers"][0]["url"] = "{scheme}://x/".into();
        assert_eq!(found(&document), ["/a"]);
    }

    #[test]
    fn what_is_no_such_document_declares_nothing() {
        for document in [
            serde_json::json!({"paths": {"/a": {"get": {}}}}),
            serde_json::json!({"openapi": "3.0.0", "paths": []}),
            serde_json::json!({"openapi": "3.0.0", "paths": {"a": {"get": {}}, "/b": null, "/c": {"get": 1}}}),
            serde_json::json!([]),
        ] {
            assert_eq!(found(&document), Vec::<String>::new(), "{document}");
        }
    }

    #[test]
    fn routes_are_bounded() {
        let paths: serde_json::Map<String, Value> = (0..200)
            .map(|i| (format!("/{i}"), serde_json::json!({"get": {}})))
            .collect();
        let document = serde_json::json!({"openapi": "3.0.0", "paths": paths});
        assert_eq!(found(&document).len(), ROUTES);
    }

    proptest! {
        #[test]
        fn any_document_is_read_without_panic(text in r#"[\[\]{}:,"a-z/#$~0-9]{0,200}"#) {
            let url = Url::parse("http://[::1]/").unwrap();
            routes(&url, text.as_bytes());
        }
    }
}
