//! Reads an answer over HTTP as the default probe does: `read-answer FILE`; tells how many links and routes it has. A
//! process of its own, so that its memory can be measured.

use anyhow::{Context, Result};
use minifier::probe::{links, openapi_routes};
use url::Url;

fn main() -> Result<()> {
    let file = std::env::args().nth(1).context("FILE")?;
    let body = std::fs::read(file)?;
    let url = Url::parse("http://127.0.0.1/")?;
    let found =
        links(&url, Some("text/html"), &body).len() + links(&url, Some("text/css"), &body).len();
    println!("{found} {}", openapi_routes(&url, &body).len());
    Ok(())
}
