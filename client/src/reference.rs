//! Random ids of builds and sessions.

/// A new id for a build, in the form that BuildKit's own clients use: 25 digits in base 36.
#[must_use]
pub fn new_reference() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system has random numbers once it runs programs like this one");
    let mut rest = u128::from_le_bytes(random);
    let digits = std::iter::from_fn(|| {
        let digit = (rest % 36) as u32;
        rest /= 36;
        char::from_digit(digit, 36)
    });
    digits.take(25).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_differ_and_have_the_form() {
        let (one, two) = (new_reference(), new_reference());
        assert_ne!(one, two);
        for reference in [one, two] {
            assert_eq!(reference.len(), 25);
            assert!(reference.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{reference}");
        }
    }
}
