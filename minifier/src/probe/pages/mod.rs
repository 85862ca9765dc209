//! Reading the answers of websites: the links in HTML and CSS, the routes in OpenAPI documents.
//!
//! The bytes are untrusted: time and memory grow with their number only.

mod html;
mod links;
mod openapi;
mod origin;

pub use links::links;
pub use openapi::routes as openapi_routes;
#[cfg(feature = "engines")]
pub(crate) use origin::same_origin;
