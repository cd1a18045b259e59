//! Properties come back as they were set, or not at all, and never pass the limits.

use endsession_ice::property::{
    MAX_PROPERTIES, MAX_PROPERTIES_BYTES, MAX_PROPERTY_NAME, MAX_PROPERTY_VALUE,
    MAX_PROPERTY_VALUES,
};
use endsession_ice::{ByteOrder, Properties, Property, client};

use super::ops::Ops;
use super::pair::Pair;

/// The first byte has the order; the rest is the body of a `SetProperties`.
pub(crate) fn properties(data: &[u8]) {
    let mut ops = Ops(data);
    let order = match ops.bool() {
        false => ByteOrder::LsbFirst,
        true => ByteOrder::MsbFirst,
    };
    let mut pair = Pair::registered_with(super::pair::wire(order, 1));
    let mut message = vec![1, 12, 0, 0, 0, 0, 0, 0];
    message.extend(ops.0);
    message.resize(message.len().next_multiple_of(8), 0);
    let Ok(units) = u32::try_from(message.len() / 8 - 1) else {
        return;
    };
    message[4..8].copy_from_slice(&match order {
        ByteOrder::LsbFirst => units.to_le_bytes(),
        ByteOrder::MsbFirst => units.to_be_bytes(),
    });
    if pair.server.handle_input(&message).is_err() {
        assert!(pair.server.is_closed());
        assert!(pair.server.properties().is_empty());
        return;
    }
    within_limits(pair.server.properties());

    let set: Vec<Property> = pair.server.properties().iter().cloned().collect();
    pair.server_events();
    pair.drive();
    pair.client_events();
    pair.client.get_properties().expect("registered");
    pair.drive();
    let answered = pair.client_events();
    assert_eq!(answered, [client::Event::Properties(set.clone())]);

    // A set of its own takes what the other had, and sends it as it came.
    let mut again = Properties::new();
    again.set(set.clone()).expect("within the limits");
    assert_eq!(&again, pair.server.properties());
    for property in &set {
        assert!(again.remove(&property.name));
    }
    assert_eq!(again, Properties::new());

    // The well-known ones can be asked for, whatever was set.
    let of = pair.server.properties();
    let _ = (of.program(), of.process_id(), of.restart_style());
    let _ = of.environment().count();
}

/// What a connection keeps of its client, whatever it sent.
pub(crate) fn within_limits(properties: &Properties) {
    assert!(properties.len() <= MAX_PROPERTIES);
    assert!(properties.encoded_len() <= MAX_PROPERTIES_BYTES);
    for property in properties.iter() {
        assert!(property.name.len() <= MAX_PROPERTY_NAME);
        assert!(property.kind.len() <= MAX_PROPERTY_NAME);
        assert!(property.values.len() <= MAX_PROPERTY_VALUES);
        assert!(
            property
                .values
                .iter()
                .all(|v| v.len() <= MAX_PROPERTY_VALUE)
        );
    }
}
