//! Model files to start from; they are those of the folder `models`.

/// The models by name.
pub(crate) const TEMPLATES: [(&str, &str); 17] = [
    ("peaks", include_str!("../../models/peaks.ron")),
    ("digits", include_str!("../../models/digits.ron")),
    ("formula", include_str!("../../models/formula.ron")),
    ("ellipses", include_str!("../../models/ellipses.ron")),
    ("swiss_roll", include_str!("../../models/swiss_roll.ron")),
    ("spirals", include_str!("../../models/spirals.ron")),
    ("rings", include_str!("../../models/rings.ron")),
    ("regression", include_str!("../../models/regression.ron")),
    ("nested_rings", include_str!("../../models/nested_rings.ron")),
    ("ott_rings", include_str!("../../models/ott_rings.ron")),
    ("flip", include_str!("../../models/flip.ron")),
    ("benning", include_str!("../../models/benning.ron")),
    ("tableau", include_str!("../../models/tableau.ron")),
    ("van_der_pol", include_str!("../../models/van_der_pol.ron")),
    ("pendulum", include_str!("../../models/pendulum.ron")),
    ("lorenz", include_str!("../../models/lorenz.ron")),
    ("arenstorf", include_str!("../../models/arenstorf.ron")),
];

/// The commented model file of that name, or `None` if there is none.
pub fn template(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|&(_, source)| source)
}

/// The names that [`template`] knows.
pub fn template_names() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|&(name, _)| name)
}
