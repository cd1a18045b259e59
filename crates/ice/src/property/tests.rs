//! Sets of properties and every limit on them.

use super::*;
use crate::opcode::Opcode;
use crate::wire::ByteOrder;

fn named(name: &str) -> Property {
    Property::array8(name, "")
}

fn read(properties: &[Property]) -> Result<Vec<Property>, Error> {
    let mut to = Writer::new(ByteOrder::LsbFirst, 1, 12, [0, 0]);
    write_list(&mut to, properties.iter());
    let message = to.finish();
    let mut from = Reader::new(Opcode::xsmp(12), ByteOrder::LsbFirst, &message);
    let list = read_list(&mut from)?;
    from.finish()?;
    Ok(list)
}

#[track_caller]
fn too_much(properties: Vec<Property>, expected: &str, most: usize, found: usize) {
    match read(&properties) {
        Err(Error::TooMuch {
            field, limit, got, ..
        }) => {
            assert_eq!((field, limit, got), (expected, most, found));
        }
        other => panic!("{:?}", other.map(|list| list.len())),
    }
    match Properties::new().set(properties) {
        Err(TooMuch { field, limit, got }) => {
            assert_eq!((field, limit, got), (expected, most, found));
        }
        Ok(()) => panic!("taken"),
    }
}

#[test]
fn a_property_is_replaced_by_name_and_others_stay() {
    let mut properties = Properties::new();
    properties.set(vec![named("a"), named("b")]).unwrap();
    properties.set(vec![Property::card8("a", 1)]).unwrap();
    assert_eq!(properties.len(), 2);
    assert_eq!(properties.get("a"), Some(&Property::card8("a", 1)));
    assert!(properties.remove("a"));
    assert!(!properties.remove("a"));
    let names: Vec<_> = properties.iter().map(|p| &p.name[..]).collect();
    assert_eq!(names, [b"b"]);
}

#[test]
fn of_one_name_the_last_counts() {
    let mut properties = Properties::new();
    let both = vec![Property::card8("a", 1), Property::card8("a", 2)];
    properties.set(both).unwrap();
    assert_eq!(properties.len(), 1);
    assert_eq!(properties.get("a"), Some(&Property::card8("a", 2)));
}

#[test]
fn their_size_is_that_of_what_is_sent() {
    let mut properties = Properties::new();
    for value in ["", "1234", "12345", "a longer one than that"] {
        properties
            .set(vec![
                Property::array8("a", value),
                Property::list("b", [value; 3]),
            ])
            .unwrap();
        let mut to = Writer::new(ByteOrder::LsbFirst, 1, 15, [0, 0]);
        write_list(&mut to, properties.iter());
        assert_eq!(to.finish().len(), 16 + properties.encoded_len());
    }
    properties.remove("a");
    properties.remove("b");
    assert_eq!(properties.encoded_len(), 0);
}

#[test]
fn a_set_that_passes_a_limit_changes_nothing() {
    let mut properties = Properties::new();
    properties.set(vec![named("a")]).unwrap();
    let before = properties.clone();
    let mut more: Vec<_> = (0..MAX_PROPERTIES).map(|n| named(&n.to_string())).collect();
    assert_eq!(
        properties.set(more.clone()),
        Err(TooMuch {
            field: "number of properties",
            limit: MAX_PROPERTIES,
            got: MAX_PROPERTIES + 1
        })
    );
    assert_eq!(properties, before);
    more.pop();
    assert_eq!(properties.set(more), Ok(()));
}

#[test]
fn the_number_of_properties_is_limited() {
    let list: Vec<_> = (0..=MAX_PROPERTIES)
        .map(|n| named(&n.to_string()))
        .collect();
    assert_eq!(read(&list[1..]).unwrap().len(), MAX_PROPERTIES);
    too_much(
        list,
        "number of properties",
        MAX_PROPERTIES,
        MAX_PROPERTIES + 1,
    );
}

#[test]
fn names_and_types_are_limited() {
    let long = "x".repeat(MAX_PROPERTY_NAME);
    let mut property = named(&long);
    property.kind = long.clone().into();
    assert_eq!(
        read(std::slice::from_ref(&property)).unwrap(),
        [property.clone()]
    );
    let longer = named(&(long + "x"));
    too_much(
        vec![longer],
        "property name",
        MAX_PROPERTY_NAME,
        MAX_PROPERTY_NAME + 1,
    );
    property.kind.push(b'x');
    too_much(
        vec![property],
        "property type",
        MAX_PROPERTY_NAME,
        MAX_PROPERTY_NAME + 1,
    );
}

#[test]
fn the_number_of_values_is_limited() {
    let list = Property::list("a", vec![""; MAX_PROPERTY_VALUES]);
    assert_eq!(read(std::slice::from_ref(&list)).unwrap(), [list]);
    let list = Property::list("a", vec![""; MAX_PROPERTY_VALUES + 1]);
    too_much(
        vec![list],
        "number of values",
        MAX_PROPERTY_VALUES,
        MAX_PROPERTY_VALUES + 1,
    );
}

#[test]
fn a_value_is_limited() {
    let most = Property::array8("a", vec![0; MAX_PROPERTY_VALUE]);
    assert_eq!(read(std::slice::from_ref(&most)).unwrap(), [most]);
    let more = Property::array8("a", vec![0; MAX_PROPERTY_VALUE + 1]);
    too_much(
        vec![more],
        "property value",
        MAX_PROPERTY_VALUE,
        MAX_PROPERTY_VALUE + 1,
    );
}

#[test]
fn all_together_are_limited() {
    let mut properties = Properties::new();
    for name in ["a", "b", "c"] {
        let big = Property::array8(name, vec![0; MAX_PROPERTY_VALUE]);
        properties.set(vec![big]).unwrap();
    }
    let big = Property::array8("d", vec![0; MAX_PROPERTY_VALUE]);
    let refused = properties.set(vec![big]).unwrap_err();
    assert_eq!(refused.field, "bytes of properties");
    assert_eq!(properties.len(), 3);
    // What takes the place of as much fits.
    let big = Property::array8("a", vec![1; MAX_PROPERTY_VALUE]);
    assert_eq!(properties.set(vec![big]), Ok(()));
}

#[test]
fn a_count_that_cannot_fit_is_refused_before_anything_is_read() {
    let mut message = vec![1, 12, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let mut from = Reader::new(Opcode::xsmp(12), ByteOrder::LsbFirst, &message);
    assert!(matches!(
        read_list(&mut from),
        Err(Error::BadLength {
            field: "number of properties",
            got: 0,
            ..
        })
    ));
    message[8..12].copy_from_slice(&[1, 0, 0, 0]);
    let mut from = Reader::new(Opcode::xsmp(12), ByteOrder::LsbFirst, &message);
    assert!(read_list(&mut from).is_err());
    let mut from = Reader::new(Opcode::xsmp(13), ByteOrder::LsbFirst, &message);
    assert!(matches!(
        read_names(&mut from),
        Err(Error::BadLength {
            field: "number of names",
            ..
        })
    ));
}
