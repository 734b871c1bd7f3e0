//! Archives of all kinds, read and written, beside another implementation of the format.

pub(crate) mod crafted;
mod reading;
mod writing;
mod yard;
