//! `unisono doctor`: what is wrong, and what to do about it.

use unisono_api::bluetooth::FindingView;

use crate::{client::Client, out::Out};

/// Asks, and prints what was found.
pub(crate) fn print(client: &Client, out: Out, path: &[&str]) -> anyhow::Result<()> {
    out.print(&client.get_from::<Vec<FindingView>>(path)?, |findings| findings.iter().map(line).collect())
}

fn line(found: &FindingView) -> String {
    let mark = match &found.level[..] {
        "fine" => "ok     ",
        "note" => "note   ",
        "warning" => "warning",
        _ => "PROBLEM",
    };
    let remedy = found.remedy.as_ref().map(|remedy| format!("\n         {remedy}")).unwrap_or_default();
    format!("{mark}  {}: {}{remedy}\n", found.what, found.finding)
}
