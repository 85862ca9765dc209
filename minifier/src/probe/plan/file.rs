//! `--http-probe-file`: HTTP probes in JSON.
//!
//! A list of objects; only `path` is needed:
//!
//! ```json
//! [
//!   {"path": "/health"},
//!   {"method": "POST", "path": "/login", "headers": {"X-Token": "t"}, "body": "user=a", "expect": "200,302"},
//!   {"method": "PUT", "path": "/items/1", "json": {"name": "x"}, "expect": 201, "port": 8443, "scheme": "https"}
//! ]
//! ```
//!
//! `body` is sent as it is; `json` is sent as JSON, with its `Content-Type` unless `headers` has one. `expect` is a
//! number or what `--http-probe-expect` takes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::error::ProbeFileError;
use super::request::{HttpProbe, Scheme, valid_header};

#[derive(Deserialize)]
// A misspelt field would otherwise be a probe that tests less than it says.
#[serde(deny_unknown_fields)]
struct ProbeEntry {
    #[serde(default)]
    method: Option<String>,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    expect: Option<Expect>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    scheme: Option<EntryScheme>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expect {
    Number(u16),
    Text(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryScheme {
    Http,
    Https,
}

/// Reads a probe file.
pub fn parse_probe_file(bytes: &[u8]) -> Result<Vec<HttpProbe>, ProbeFileError> {
    let entries: Vec<ProbeEntry> = serde_json::from_slice(bytes)?;
    entries
        .into_iter()
        .zip(1..)
        .map(|(entry, number)| probe(entry, number))
        .collect()
}

fn probe(entry: ProbeEntry, number: usize) -> Result<HttpProbe, ProbeFileError> {
    let method = entry.method.as_deref().unwrap_or("GET");
    let mut probe = HttpProbe::new(method, &entry.path).ok_or(ProbeFileError::Request(number))?;
    for (name, value) in entry.headers {
        let Some(header) = valid_header(&name, &value) else {
            return Err(ProbeFileError::Header { number, name });
        };
        probe.headers.push(header);
    }
    probe.body = match (entry.body, entry.json) {
        (Some(_), Some(_)) => return Err(ProbeFileError::TwoBodies(number)),
        (body, None) => body.map(String::into_bytes),
        (None, Some(json)) => {
            // The user's own type wins, such as `application/vnd.api+json`.
            if !probe
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                probe
                    .headers
                    .push(("content-type".into(), "application/json".into()));
            }
            Some(json.to_string().into_bytes())
        }
    };
    let expect = entry.expect.map(|expect| match expect {
        Expect::Number(number) => number.to_string(),
        Expect::Text(text) => text,
    });
    probe.expect = expect
        .map(|text| {
            text.parse()
                .map_err(|source| ProbeFileError::Expect { number, source })
        })
        .transpose()?;
    probe.port = entry.port;
    probe.scheme = entry.scheme.map(|scheme| match scheme {
        EntryScheme::Http => Scheme::Http,
        EntryScheme::Https => Scheme::Https,
    });
    Ok(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_whole_requests() {
        let probes = parse_probe_file(
            br#"[{"path": "/health"},
                 {"method": "put", "path": "/i", "json": {"n": 1}, "expect": 201, "port": 8443, "scheme": "https"},
                 {"path": "/x", "headers": {"A": "1"}, "body": "b", "expect": "2xx,404"}]"#,
        )
        .unwrap();
        assert_eq!(probes[0], HttpProbe::new("GET", "/health").unwrap());
        assert_eq!(probes[1].method, "PUT");
        assert_eq!(probes[1].body.as_deref(), Some(&br#"{"n":1}"#[..]));
        assert_eq!(
            probes[1].headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
        assert_eq!(
            (probes[1].port, probes[1].scheme),
            (Some(8443), Some(Scheme::Https))
        );
        assert!(probes[2].expect.as_ref().unwrap().contains(404));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("{}", "parse the probe file"),
            (r#"[{"path":"/","methud":"GET"}]"#, "unknown field `methud`"),
            (
                r#"[{"path":"/"},{"path":"x"}]"#,
                "read probe 2 of the probe file: the method or the path",
            ),
            (
                r#"[{"path":"/","headers":{"a b":"c"}}]"#,
                "header \"a b\" is not valid",
            ),
            (r#"[{"path":"/","body":"","json":1}]"#, "both body and json"),
            (
                r#"[{"path":"/","expect":"no"}]"#,
                "read expected status \"no\"",
            ),
            (r#"[{"path":"/","port":70000}]"#, "parse the probe file"),
        ] {
            let error = parse_probe_file(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
