//! Every parser of bytes from outside, in one program: it links once.

mod corpus;
mod properties;
