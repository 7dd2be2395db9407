//! CUDA and cuDNN releases as a spec names them.
//!
//! Which releases exist is not known here.

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;

/// `MAJOR.MINOR[.PATCH]`.
pub(crate) fn cuda(value: &str) -> Result<String, Fault> {
    match numbers(value, "a valid CUDA release")?.as_slice() {
        [_, _] | [_, _, _] => Ok(value.to_owned()),
        _ => Err(refuse(value, "a valid CUDA release").help("write the minor version too, such as `cuda: \"12.4\"`")),
    }
}

/// `MAJOR[.MINOR[.PATCH]]`.
pub(crate) fn cudnn(value: &str) -> Result<String, Fault> {
    match numbers(value, "a valid cuDNN release")?.as_slice() {
        [_] | [_, _] | [_, _, _] => Ok(value.to_owned()),
        _ => Err(refuse(value, "a valid cuDNN release").help("for example `cudnn: \"9\"` or `cudnn: \"8.9\"`")),
    }
}

fn numbers(value: &str, noun: &str) -> Result<Vec<u32>, Fault> {
    one_line(value)?;
    let is_digits = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let numbers = value.split('.').map(|part| part.parse().ok().filter(|_| is_digits(part))).collect();
    let numbers: Option<Vec<u32>> = numbers;
    numbers.ok_or_else(|| refuse(value, noun).help("write only numbers and dots"))
}

fn refuse(value: &str, noun: &str) -> Fault {
    Fault::new(&rules::CUDA, format!("{} is not {noun}", quote(value))).label("expected numbers with dots")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for good in ["11.8", "12.4", "12.4.1"] {
            assert_eq!(cuda(good).as_deref(), Ok(good));
        }
        for bad in ["", "12", "12.", "v12.4", ">=12.4", "12.4.1.2", "12.+4", "12.x"] {
            assert!(cuda(bad).is_err(), "{bad}");
        }
        for good in ["8", "8.9", "9.1.0"] {
            assert_eq!(cudnn(good).as_deref(), Ok(good));
        }
        for bad in ["", "8.x", "9.1.0.70", "cudnn8"] {
            assert!(cudnn(bad).is_err(), "{bad}");
        }
    }
}
