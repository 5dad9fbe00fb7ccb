//! Model files to start from; they are those of the folder `models`.

/// The models by name.
pub(crate) const TEMPLATES: [(&str, &str); 3] = [
    ("peaks", include_str!("../../models/peaks.ron")),
    ("digits", include_str!("../../models/digits.ron")),
    ("formula", include_str!("../../models/formula.ron")),
];

/// The commented model file of that name, or `None` if there is none.
pub fn template(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|&(_, source)| source)
}

/// The names that [`template`] knows.
pub fn template_names() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|&(name, _)| name)
}
