#![allow(missing_docs)]
#[derive(Clone, Debug, Default)]
pub struct Facts {}
