//! Laws of names, for any text.
//!
//! What the names mean to others is not checked here but in `vectors.rs`.

use oci_names::{ImageReference, Platform};
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in any::<String>()) {
        let problems = (
            Platform::parse(&text).map_err(|error| text.get(error.range()).is_some()),
            ImageReference::parse(&text).map_err(|error| text.get(error.range()).is_some()),
        );
        prop_assert!(!matches!(problems.0, Err(false)) && !matches!(problems.1, Err(false)), "a range is outside of the text");
    }

    #[test]
    fn ids_of_platforms_are_parsed_back(text in "[a-zA-Z0-9_-]{1,8}(\\([0-9.]{0,4}(\\+[a-z]{1,3}){0,3}\\))?(/[a-zA-Z0-9_]{1,6}){1,2}") {
        let platform = Platform::parse(&text).expect("it is in the grammar");
        prop_assert_eq!(Platform::parse(&platform.to_string()), Ok(platform.clone()));
        prop_assert_eq!(platform.clone().normalized(), platform);
    }

    #[test]
    fn full_references_are_parsed_back(text in "([a-zA-Z0-9-]{1,5}(\\.[a-z]{1,3}|:[0-9]{1,5})?/)?[a-z0-9._/-]{1,12}(:[A-Za-z0-9_.-]{0,4})?") {
        if let Ok(image) = ImageReference::parse(&text) {
            prop_assert_eq!(ImageReference::parse(&image.to_string()), Ok(image));
        }
    }

    #[test]
    fn json_of_platforms_can_be_read(parts in prop::array::uniform4(".{0,6}"), os_features in prop::collection::vec(".{0,4}", 0..3)) {
        let [os, architecture, variant, os_version] = parts;
        let platform = Platform { architecture, os, os_version, os_features, variant };
        let json = serde_json::to_string(&platform).expect("texts");
        prop_assert_eq!(serde_json::from_str::<Platform>(&json).expect("what was written"), platform);
    }
}
