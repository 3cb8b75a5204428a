//! What a household may rely on, in virtual time, and what the dashboards ask for.

mod common;
mod dashboards;
mod simulated_day;
mod simulated_house;
mod simulated_links;
