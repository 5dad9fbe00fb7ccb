//! Formulas and their derivatives in readable form.
