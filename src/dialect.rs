//! How RON is read: model files, tableau files and both catalogues alike.

use std::sync::LazyLock;

use ron::extensions::Extensions;

/// `field: Formula(state: ..)` without doubled parentheses, and `batch: 250` for an optional key.
pub static RON: LazyLock<ron::Options> = LazyLock::new(|| {
    ron::Options::default()
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES | Extensions::IMPLICIT_SOME)
});
