//! Every form of both reports.

use minifier::report::xray::{DEFAULT_WIDTH, Details, Form, Settings};
use minifier_tests::xray_sample;

const SETTINGS: Settings = Settings {
    width: DEFAULT_WIDTH,
    details: Details::Full,
    layer: None,
    created: jiff::Timestamp::UNIX_EPOCH,
};

#[test]
fn every_form_is_the_same_every_time_and_has_a_name() {
    for (name, form) in Form::ALL {
        assert_eq!(name.parse(), Ok(form));
        assert_eq!(form.to_string(), name);
        let render = || form.render(&xray_sample::xray(), &SETTINGS);
        let text = render();
        assert!(text.ends_with('\n'), "{name}");
        assert_eq!(text, render(), "{name}");
    }
    assert!("yaml".parse::<Form>().is_err());
}

#[test]
fn forms_of_one_image_refuse_comparisons_by_name() {
    for (name, form) in Form::ALL {
        let found = form.of_comparison();
        match form {
            Form::Sarif | Form::Spdx | Form::Cyclonedx => {
                let error = found.expect_err("it is refused").to_string();
                assert!(error.contains(name), "{error}");
            }
            _ => {
                let comparison = found.expect("a form of comparisons");
                let text = comparison.render(&xray_sample::comparison(), &SETTINGS);
                assert!(text.ends_with('\n'), "{name}");
            }
        }
    }
}
