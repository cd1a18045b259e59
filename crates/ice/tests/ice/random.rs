//! Nothing that comes in makes either side panic, whatever the commands in between. Every target of
//! the fuzzer, with input that knows a little of what it should look like.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::harness;

proptest! {
    #[test]
    fn a_stream_means_the_same_however_it_is_chopped(data in vec(any::<u8>(), 0..400)) {
        harness::frames(&data);
    }

    #[test]
    fn a_manager_bears_any_input_and_commands(data in vec(byte(), 0..600)) {
        harness::server(&data);
    }

    #[test]
    fn an_application_bears_any_input_and_commands(data in vec(byte(), 0..600)) {
        harness::client(&data);
    }

    #[test]
    fn any_body_of_properties_is_taken_whole_or_refused(data in vec(byte(), 0..600)) {
        harness::properties(&data);
    }

    #[test]
    fn properties_come_back_as_they_were_set(list in vec(property(), 0..8), msb in any::<bool>()) {
        let mut body = vec![u8::from(msb)];
        let number = |n: usize| match msb {
            true => u32::try_from(n).unwrap().to_be_bytes(),
            false => u32::try_from(n).unwrap().to_le_bytes(),
        };
        let array8 = |to: &mut Vec<u8>, of: &[u8]| {
            to.extend(number(of.len()));
            to.extend(of);
            to.resize((to.len() - 1).next_multiple_of(8) + 1, 0);
        };
        body.extend(number(list.len()));
        body.extend([0; 4]);
        for (name, kind, values) in &list {
            array8(&mut body, name);
            array8(&mut body, kind);
            body.extend(number(values.len()));
            body.extend([0; 4]);
            values.iter().for_each(|value| array8(&mut body, value));
        }
        harness::properties(&body);
    }

    #[test]
    fn any_authority_file_is_read_whole_or_refused(data in vec(byte(), 0..400)) {
        harness::authority(&data);
    }

    #[test]
    fn an_authority_file_comes_out_as_it_went_in(fields in vec(vec(any::<u8>(), 0..40), 0..40)) {
        let mut file = Vec::new();
        for field in &fields {
            file.extend(u16::try_from(field.len()).unwrap().to_be_bytes());
            file.extend(field);
        }
        harness::authority(&file);
    }
}

/// Small numbers are lengths, opcodes and kinds; they are what leads anywhere.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0_u8..20, 1 => any::<u8>()]
}

type Property = (Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

fn property() -> impl Strategy<Value = Property> {
    let bytes = |most| vec(any::<u8>(), 0..most);
    (bytes(20), bytes(14), vec(bytes(40), 0..6))
}
