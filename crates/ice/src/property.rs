//! What a client tells of itself: named, typed lists of values (xsmp.xml, "Predefined
//! Properties"). Plain data. Nothing here is ever executed.
//!
//! Names, types and values are bytes, because clients send file names; a round trip loses nothing.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::wire::{Reader, Writer, pad};

/// The most properties that are kept of one client. Toolkits set a dozen.
pub const MAX_PROPERTIES: usize = 256;
/// The most bytes of a property's name or type. The longest predefined one has 16.
pub const MAX_PROPERTY_NAME: usize = 256;
/// The most values of one property. `Environment` has two a variable, `RestartCommand` one an
/// argument.
pub const MAX_PROPERTY_VALUES: usize = 4096;
/// The most bytes of one value: what Linux takes as one argument of a command (128 KiB).
pub const MAX_PROPERTY_VALUE: usize = 128 << 10;
/// The most bytes of all properties of one client, as they are sent. Half of what a message may
/// have, so that the reply to `GetProperties` always fits.
pub const MAX_PROPERTIES_BYTES: usize = 512 << 10;

/// The type of a property with one byte.
pub const CARD8: &[u8] = b"CARD8";
/// The type of a property with one string of bytes.
pub const ARRAY8: &[u8] = b"ARRAY8";
/// The type of a property with a list of strings of bytes.
pub const LIST_OF_ARRAY8: &[u8] = b"LISTofARRAY8";

/// One property.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Property {
    /// Its name; case matters.
    pub name: Vec<u8>,
    /// The name of its type: [`CARD8`], [`ARRAY8`], [`LIST_OF_ARRAY8`] or the client's own.
    pub kind: Vec<u8>,
    /// Its values; of the first two types there is one.
    pub values: Vec<Vec<u8>>,
}

impl Property {
    /// A property of type [`ARRAY8`].
    #[must_use]
    pub fn array8(name: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            kind: ARRAY8.into(),
            values: vec![value.into()],
        }
    }

    /// A property of type [`LIST_OF_ARRAY8`].
    #[must_use]
    pub fn list<V: Into<Vec<u8>>>(name: &str, values: impl IntoIterator<Item = V>) -> Self {
        Self {
            name: name.into(),
            kind: LIST_OF_ARRAY8.into(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }

    /// A property of type [`CARD8`].
    #[must_use]
    pub fn card8(name: &str, value: u8) -> Self {
        Self {
            name: name.into(),
            kind: CARD8.into(),
            values: vec![vec![value]],
        }
    }

    /// The bytes that it takes in a message.
    fn encoded(&self) -> usize {
        let array8 = |bytes: &Vec<u8>| 4 + bytes.len() + pad(4 + bytes.len(), 8);
        8 + array8(&self.name) + array8(&self.kind) + self.values.iter().map(array8).sum::<usize>()
    }

    fn write(&self, to: &mut Writer) {
        to.array8(&self.name)
            .array8(&self.kind)
            .count(self.values.len());
        for value in &self.values {
            to.array8(value);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let name = limited(from, "property name", MAX_PROPERTY_NAME)?;
        let kind = limited(from, "property type", MAX_PROPERTY_NAME)?;
        // An empty ARRAY8 takes 8 bytes.
        let count = from.count("number of values", 8)?;
        if count > MAX_PROPERTY_VALUES {
            return Err(too_much(
                from,
                "number of values",
                MAX_PROPERTY_VALUES,
                count,
            ));
        }
        let values = (0..count)
            .map(|_| limited(from, "property value", MAX_PROPERTY_VALUE))
            .collect::<Result<_, _>>()?;
        Ok(Self { name, kind, values })
    }
}

fn too_much(from: &Reader<'_>, field: &'static str, limit: usize, got: usize) -> Error {
    Error::TooMuch {
        opcode: from.opcode(),
        field,
        limit,
        got,
    }
}

fn limited(from: &mut Reader<'_>, field: &'static str, limit: usize) -> Result<Vec<u8>, Error> {
    let bytes = from.array8(field)?;
    if bytes.len() > limit {
        return Err(too_much(from, field, limit, bytes.len()));
    }
    Ok(bytes.to_vec())
}

/// Reads a `LISTofPROPERTY`.
pub(crate) fn read_list(from: &mut Reader<'_>) -> Result<Vec<Property>, Error> {
    // Two empty strings and an empty list take 24 bytes.
    let count = from.count("number of properties", 24)?;
    if count > MAX_PROPERTIES {
        return Err(too_much(
            from,
            "number of properties",
            MAX_PROPERTIES,
            count,
        ));
    }
    (0..count).map(|_| Property::read(from)).collect()
}

/// Reads the names that `DeleteProperties` has. The document's table says `LISTofPROPERTY` there;
/// its text and every client say names.
pub(crate) fn read_names(from: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let count = from.count("number of names", 8)?;
    if count > MAX_PROPERTIES {
        return Err(too_much(from, "number of names", MAX_PROPERTIES, count));
    }
    (0..count)
        .map(|_| limited(from, "property name", MAX_PROPERTY_NAME))
        .collect()
}

/// Writes a `LISTofPROPERTY`.
pub(crate) fn write_list<'a>(
    to: &mut Writer,
    properties: impl ExactSizeIterator<Item = &'a Property>,
) {
    to.count(properties.len());
    for property in properties {
        property.write(to);
    }
}

/// Which limit a set of properties does not keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// What there is too much of.
    pub field: &'static str,
    /// The most.
    pub limit: usize,
    /// What there would be.
    pub got: usize,
}

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, at most {}", self.field, self.got, self.limit)
    }
}

impl std::error::Error for TooMuch {}

/// All properties of one client, in the order of their names, within the limits above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Properties {
    of: BTreeMap<Vec<u8>, Property>,
    bytes: usize,
}

impl Properties {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The bytes of all of them as they are sent.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.bytes
    }

    /// The property of this name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&Property> {
        self.of.get(name.as_ref())
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Property> {
        self.of.values()
    }

    /// Sets some; those of the same names are replaced. Either all of them or none.
    ///
    /// # Errors
    /// When a limit of this module would be passed.
    pub fn set(&mut self, properties: Vec<Property>) -> Result<(), TooMuch> {
        // The last of a name counts, as if each had been set by itself.
        let mut new = BTreeMap::new();
        for property in properties {
            check(&property)?;
            new.insert(property.name.clone(), property);
        }
        let mut count = self.of.len();
        let mut bytes = self.bytes;
        for (name, property) in &new {
            bytes += property.encoded();
            match self.of.get(name) {
                Some(old) => bytes -= old.encoded(),
                None => count += 1,
            }
        }
        within("number of properties", MAX_PROPERTIES, count)?;
        within("bytes of properties", MAX_PROPERTIES_BYTES, bytes)?;
        self.of.append(&mut new);
        self.bytes = bytes;
        Ok(())
    }

    /// Removes the property of this name, and says whether there was one.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> bool {
        let removed = self.of.remove(name.as_ref());
        self.bytes -= removed.as_ref().map_or(0, Property::encoded);
        removed.is_some()
    }
}

fn within(field: &'static str, limit: usize, got: usize) -> Result<(), TooMuch> {
    if got <= limit {
        return Ok(());
    }
    Err(TooMuch { field, limit, got })
}

fn check(property: &Property) -> Result<(), TooMuch> {
    within("property name", MAX_PROPERTY_NAME, property.name.len())?;
    within("property type", MAX_PROPERTY_NAME, property.kind.len())?;
    within(
        "number of values",
        MAX_PROPERTY_VALUES,
        property.values.len(),
    )?;
    property
        .values
        .iter()
        .try_for_each(|value| within("property value", MAX_PROPERTY_VALUE, value.len()))
}

#[cfg(test)]
mod tests;
