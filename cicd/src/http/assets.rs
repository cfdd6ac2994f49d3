//! The stylesheet, the script and the icons: embedded, named by their content, kept by browsers for a year.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::error::Failure;
use super::page::Tone;

/// One file that browsers fetch.
struct Asset {
    /// Its address.
    address: String,
    media_type: &'static str,
    text: String,
}

impl Asset {
    fn new(name: &str, ending: &str, media_type: &'static str, text: String) -> Self {
        let hash = hex::encode(&Sha256::digest(&text)[..6]);
        Self { address: format!("/assets/{name}.{hash}.{ending}"), media_type, text }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css").to_owned())
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("assets/live.js").to_owned())
});
static ICONS: LazyLock<Vec<(Tone, Asset)>> = LazyLock::new(|| {
    let drawing = include_str!("assets/icon.svg");
    let icon =
        |tone: Tone| Asset::new(tone.as_str(), "svg", "image/svg+xml", drawing.replace("#64748b", tone.colour()));
    Tone::ALL.into_iter().map(|tone| (tone, icon(tone))).collect()
});

/// Where the stylesheet is.
pub(super) fn style() -> &'static str {
    &STYLE.address
}

/// Where the script is.
pub(super) fn script() -> &'static str {
    &SCRIPT.address
}

/// Where the icon of a state is.
pub(super) fn icon(tone: Tone) -> &'static str {
    ICONS.iter().find(|(other, _)| *other == tone).map_or("", |(_, icon)| &icon.address)
}

/// Describes what programs may ask. It is held to the router's real answers by `tests/openapi.rs`.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("assets/openapi.json"))
}

/// Gives one of them.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, Failure> {
    let all = [&*STYLE, &*SCRIPT].into_iter().chain(ICONS.iter().map(|(_, icon)| icon));
    let asset = all.into_iter().find(|asset| asset.address.strip_prefix("/assets/") == Some(name.as_str()));
    let asset = asset.ok_or_else(|| Failure::not_found("file"))?;
    let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text.as_str()).into_response())
}
