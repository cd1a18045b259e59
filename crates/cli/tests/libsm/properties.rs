//! SetProperties, DeleteProperties and GetProperties with its reply.

use endsession_testkit::xsmp::{LibSmClient, Property};
use serde_json::json;

use crate::desk::Desk;

/// What the manager keeps of a client, by name.
#[track_caller]
fn kept(client: &LibSmClient) -> Vec<Property> {
    let mut list = client.properties();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

#[test]
fn properties_come_back_as_they_were_set() {
    let desk = Desk::new();
    let client = desk.client();
    assert_eq!(kept(&client), []);
    let large = "ä".repeat(50 << 10);
    // In the order of their names.
    let list = |name, values: &[&str]| Property::new(name, "LISTofARRAY8", values);
    let all = [
        Property::new("CurrentDirectory", "ARRAY8", &[""]),
        list("DiscardCommand", &[]),
        Property::new("Document", "ARRAY8", &[&large]),
        list("Environment", &["", "EMPTY", "", "LANG=de_DE.UTF-8"]),
        Property::new("Program", "ARRAY8", &["probe"]),
        list("RestartCommand", &["probe", "--again", &large]),
        Property::new("RestartStyleHint", "CARD8", &["3"]),
        Property::new("_PRIVATE", "CARD8", &["255"]),
    ];
    client.set(&all);
    assert_eq!(kept(&client), all);
    let shown = &desk.status()["applications"][0]["xsmp"][0]["properties"];
    assert_eq!(shown["Program"], json!(["probe"]));
    assert_eq!(shown["RestartStyleHint"], json!(["3"]));

    // One that is set again is replaced, of whatever type it is then; the others stay.
    let again = Property::new("Document", "ARRAY8", &["small"]);
    let retyped = list("Program", &["probe", "2"]);
    client.set(&[retyped.clone(), again.clone()]);
    client.set(&[]);
    let mut now = all;
    (now[2], now[4]) = (again, retyped);
    assert_eq!(kept(&client), now);

    client.delete(&["Environment", "NeverSet", "DiscardCommand"]);
    client.delete(&[]);
    let left = now
        .into_iter()
        .filter(|p| !["Environment", "DiscardCommand"].contains(&p.name.as_str()));
    assert_eq!(kept(&client), left.collect::<Vec<_>>());
    desk.nobody_complained(&[&client]);
}

#[test]
fn each_client_has_properties_of_its_own() {
    let desk = Desk::new();
    let [one, other] = &desk.clients();
    let program = |name| [Property::new("Program", "ARRAY8", &[name])];
    one.set(&program("one"));
    other.set(&program("other"));
    other.delete(&["RestartCommand"]);
    assert_eq!(kept(one), program("one"));
    assert_eq!(kept(other), program("other"));
    desk.nobody_complained(&[one, other]);
}
