//! The five dialects.
