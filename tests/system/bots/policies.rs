//! The policies of these tests are fit to be shown: no fault, no doubt but one.

use std::fs;

use fdguard::document::Faults;
use fdguard::policy;

use super::course::policy_file;

#[test]
fn policies_of_these_tests_have_neither_fault_nor_doubt() {
    let folder = policy_file("x").with_file_name("");
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut faults = Faults::default();
        let read = policy::load(&fs::read_to_string(&path).unwrap(), &mut faults);
        let read = read.unwrap_or_else(|| panic!("{}: {faults:?}", path.display()));
        let said = faults.into_sorted();
        assert!(said.is_empty(), "{}: {said:?}", path.display());
        let mut doubts = policy::lint::lint(&read, None);
        // An attention that has helped may stay and leave the rest to the tier above it: that is what is tried here.
        doubts.retain(|doubt| doubt.code != "no-every");
        assert!(doubts.is_empty(), "{}: {doubts:?}", path.display());
        checked += 1;
    }
    assert!(checked > 0);
}
