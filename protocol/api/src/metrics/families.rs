//! A struct of handles and their registration, from one table.

/// Defines a struct of metric families that are filled in when somebody asks. `reset` takes out what was filled in
/// before.
#[macro_export]
macro_rules! families {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($field:ident: $kind:ident $metric:literal [$($label:literal),*] $help:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[allow(clippy::doc_markdown, reason = "what operators read has bare names in it")]
        $visibility struct $name {
            $(#[doc = $help] $visibility $field: $crate::metrics::prometheus::$kind,)+
        }

        impl $name {
            /// Creates and registers them.
            #[must_use]
            $visibility fn register(registry: &$crate::metrics::prometheus::Registry) -> Self {
                Self { $($field: {
                    let opts = $crate::metrics::prometheus::Opts::new($metric, $help);
                    let family = $crate::metrics::prometheus::$kind::new(opts, &[$($label),*]);
                    let family = family.expect("names and labels are valid");
                    registry.register(Box::new(family.clone())).expect("no two have one name");
                    family
                },)+ }
            }

            /// Takes every series out.
            $visibility fn reset(&self) {
                $(self.$field.reset();)+
            }
        }
    };
}
